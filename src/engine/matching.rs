//! How the replies of one connection find their messages: in order, or by an id.

use std::time::Duration;

use crate::{
    clock::Instant,
    engine::{
        ids::{Ids, MOST_AWAITED},
        replies::{Arrival, Replies},
    },
};

/// A message's reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// None is to come.
    No,
    /// It comes in the order of the messages.
    InOrder,
    /// It has this id.
    ById(u64),
}

/// The awaited replies of one connection.
#[derive(Debug)]
pub enum Matching {
    /// `reply: fifo`, or none at all.
    InOrder(Replies),
    /// `reply: { id: … }`
    ById(Box<Ids>),
}

impl Matching {
    /// Awaits the reply of a message that has just been queued.
    pub fn expect(&mut self, awaited: Awaited, intended: Instant) {
        match (self, awaited) {
            (Self::InOrder(replies), Awaited::InOrder) => replies.expect(intended),
            (Self::ById(ids), Awaited::ById(id)) => ids.expect(id, intended),
            // The configuration lets no connection have both.
            _ => {}
        }
    }

    /// Matches an arriving message with `id`, if it has one.
    pub fn arrive(&mut self, id: Option<u64>) -> Arrival {
        match self {
            Self::InOrder(replies) => replies.arrive(),
            Self::ById(ids) => ids.arrive(id),
        }
    }

    /// How many messages, of those not known to be sent, are up to the one that a message with `id` would be the reply to.
    #[must_use]
    pub fn queued_up_to(&self, id: Option<u64>) -> u64 {
        match self {
            Self::InOrder(replies) => replies.next_is_queued().into(),
            Self::ById(ids) => id.map_or(0, |id| ids.queued_up_to(id)),
        }
    }

    /// The oldest `count` queued messages have been accepted at `at`.
    pub fn sent(&mut self, count: u64, at: Instant) {
        match self {
            Self::InOrder(replies) => replies.sent(count, at),
            Self::ById(ids) => ids.sent(count, at),
        }
    }

    /// Takes back the newest `count` messages: they were never sent.
    pub fn retract(&mut self, count: u64) {
        match self {
            Self::InOrder(replies) => replies.retract(count),
            Self::ById(ids) => ids.retract(count),
        }
    }

    /// Replies that may still be matched.
    #[must_use]
    pub fn awaited(&self) -> u64 {
        match self {
            Self::InOrder(replies) => replies.awaited(),
            Self::ById(ids) => ids.awaited(),
        }
    }

    /// Whether one more can be awaited.
    #[must_use]
    pub fn has_room(&self) -> bool {
        match self {
            Self::InOrder(_) => true,
            Self::ById(ids) => ids.awaited() < MOST_AWAITED,
        }
    }

    /// When the next reply times out.
    #[must_use]
    pub fn deadline(&self, timeout: Duration) -> Option<Instant> {
        match self {
            Self::InOrder(replies) => replies.deadline(timeout),
            Self::ById(ids) => ids.deadline(timeout),
        }
    }

    /// Gives up replies due before `now`; returns how many.
    pub fn expire(&mut self, now: Instant, timeout: Duration) -> u64 {
        match self {
            Self::InOrder(replies) => replies.expire(now, timeout),
            Self::ById(ids) => ids.expire(now, timeout),
        }
    }

    /// The connection is over; returns how many awaited replies are lost with it.
    pub fn lose(&mut self) -> u64 {
        match self {
            Self::InOrder(replies) => replies.lose(),
            Self::ById(ids) => ids.lose(),
        }
    }
}
