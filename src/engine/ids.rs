//! Awaited replies of one connection, matched by an id that both messages have, in whatever order
//! they come. An id is known by its hash (64 bits of SipHash): with the most ids that can be
//! awaited at one time, two of them are alike once in 10^10 connections.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, DefaultHasher, Hasher},
    time::Duration,
};

use regex::bytes::CaptureLocations;

use crate::{
    clock::Instant,
    config::profile::socket::{IdSource, ReplyIds},
    engine::replies::Arrival,
};

/// Most replies of one connection that are awaited at one time; a flow that sends more waits for some.
pub const MOST_AWAITED: u64 = 1 << 16;
/// Answered ids, and given up ones, that are remembered to tell duplicates and late replies from unknown ids.
const REMEMBERED: usize = 256;
/// Room kept when nothing is awaited.
const KEPT: usize = 256;
/// Answered messages among the awaited ones that are kept before the rest closes up.
const FEW: usize = 64;

/// Reads the ids of one place in a message.
#[derive(Debug)]
struct Reader {
    source: IdSource,
    room: Option<RefCell<CaptureLocations>>,
}

impl Reader {
    fn new(source: &IdSource) -> Self {
        Self { source: source.clone(), room: source.room().map(RefCell::new) }
    }

    fn read(&self, message: &[u8]) -> Option<u64> {
        let mut room = self.room.as_ref().map(RefCell::borrow_mut);
        self.source.read(message, room.as_deref_mut(), |id| {
            let mut hasher = DefaultHasher::new();
            hasher.write(id);
            hasher.finish()
        })
    }
}

/// Reads the ids of one site's messages; a worker's own.
#[derive(Debug)]
pub struct IdReaders {
    sent: Vec<Reader>,
    received: Reader,
}

impl IdReaders {
    /// For the places that a profile says.
    #[must_use]
    pub fn new(ids: &ReplyIds) -> Self {
        Self { sent: ids.sent.iter().map(Reader::new).collect(), received: Reader::new(&ids.received) }
    }

    /// The id of a message to send; `place` is that of [`crate::config::profile::Reply::Id`].
    #[must_use]
    pub fn of_sent(&self, place: usize, message: &[u8]) -> Option<u64> {
        self.sent.get(place)?.read(message)
    }

    /// The id of a message that has come.
    #[must_use]
    pub fn of_received(&self, message: &[u8]) -> Option<u64> {
        self.received.read(message)
    }
}

/// The ids are hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Debug, Clone, Copy)]
struct Message {
    id: u64,
    intended: Instant,
    /// When the kernel had accepted it; unset while it is queued.
    sent: Option<Instant>,
    /// Its reply has come.
    is_answered: bool,
}

/// Awaited replies by id.
#[derive(Debug, Default)]
pub struct Ids {
    /// In the order of sending; the first one is awaited.
    messages: VecDeque<Message>,
    /// Number of the first of `messages`; each has the next number.
    first: u64,
    /// How many of `messages` are queued: the last ones.
    queued: usize,
    /// How many are answered.
    answered: usize,
    /// Numbers of awaited messages, of those with one id the oldest.
    numbers: HashMap<u64, u64, BuildHasherDefault<Hashed>>,
    /// Awaited messages that `numbers` leaves out, because an older one has their id.
    again: usize,
    /// Ids that are answered, the newest last.
    answered_ids: Remembered,
    /// Ids that were given up, the newest last.
    given_up_ids: Remembered,
}

impl Ids {
    /// Awaits the reply of a message that has just been queued.
    pub fn expect(&mut self, id: u64, intended: Instant) {
        let number = self.first + self.messages.len() as u64;
        self.messages.push_back(Message { id, intended, sent: None, is_answered: false });
        self.queued += 1;
        let oldest = *self.numbers.entry(id).or_insert(number);
        self.again += usize::from(oldest != number);
    }

    /// The oldest `count` queued messages have been accepted at `at`.
    pub fn sent(&mut self, count: u64, at: Instant) {
        let begin = self.messages.len() - self.queued;
        let count = self.queued.min(count as usize);
        self.messages.range_mut(begin..begin + count).for_each(|message| message.sent = Some(at));
        self.queued -= count;
    }

    /// Takes back the newest `count` messages: they were never sent.
    pub fn retract(&mut self, count: u64) {
        for _ in 0..count {
            let Some(message) = self.messages.pop_back() else { return };
            self.queued = self.queued.saturating_sub(1);
            let number = self.first + self.messages.len() as u64;
            if message.is_answered {
                self.answered -= 1;
            } else if self.numbers.get(&message.id) == Some(&number) {
                self.numbers.remove(&message.id);
            } else {
                self.again -= 1;
            }
        }
    }

    /// How many queued messages there are up to the one of `id`; 0 if that one is sent, or there is none.
    #[must_use]
    pub fn queued_up_to(&self, id: u64) -> u64 {
        let Some(number) = self.numbers.get(&id).filter(|_| self.queued > 0) else { return 0 };
        let place = (number - self.first) as usize;
        (place + 1).saturating_sub(self.messages.len() - self.queued) as u64
    }

    /// Matches an arriving message by its id.
    pub fn arrive(&mut self, id: Option<u64>) -> Arrival {
        let Some(id) = id else { return Arrival::Unsolicited };
        if let Some(number) = self.numbers.remove(&id) {
            let place = (number - self.first) as usize;
            self.next_with(id, place + 1);
            let Some(message) = self.messages.get_mut(place) else { return Arrival::UnknownId };
            message.is_answered = true;
            let Message { intended, sent, .. } = *message;
            self.answered += 1;
            self.answered_ids.push(id);
            self.close_up();
            return Arrival::Matched { intended, sent: sent.unwrap_or(intended) };
        }
        if self.given_up_ids.forget(id) {
            self.answered_ids.push(id);
            return Arrival::Late;
        }
        if self.answered_ids.has(id) { Arrival::Duplicate } else { Arrival::UnknownId }
    }

    /// The oldest awaited message of `id` from `place` on answers to it from now on.
    fn next_with(&mut self, id: u64, place: usize) {
        if self.again == 0 {
            return;
        }
        let next = self.messages.range(place..).position(|message| message.id == id && !message.is_answered);
        if let Some(next) = next {
            self.again -= 1;
            self.numbers.insert(id, self.first + (place + next) as u64);
        }
    }

    /// Drops answered messages: always the first ones, and all of them before they are more than the others.
    fn close_up(&mut self) {
        while self.messages.front().is_some_and(|message| message.is_answered) {
            self.drop_first();
            self.answered -= 1;
        }
        let queued = self.queued;
        if self.messages.is_empty() && self.messages.capacity() > KEPT {
            self.messages.shrink_to(KEPT);
            self.numbers.shrink_to(KEPT);
        } else if self.answered > FEW.max(self.messages.len() / 2) {
            // Queued ones are counted from the end; an answered one among them (the reply was quicker than the
            // news of its acceptance) has to stay.
            let sent = self.messages.len() - queued;
            let mut place = 0;
            self.messages.retain(|message| {
                place += 1;
                place > sent || !message.is_answered
            });
            self.answered = self.messages.iter().filter(|message| message.is_answered).count();
            self.numbers.clear();
            for (place, message) in self.messages.iter().enumerate().filter(|(_, message)| !message.is_answered) {
                self.numbers.entry(message.id).or_insert(self.first + place as u64);
            }
        }
    }

    fn drop_first(&mut self) {
        self.messages.pop_front();
        self.first += 1;
        self.queued = self.queued.min(self.messages.len());
    }

    /// Replies that may still be matched.
    #[must_use]
    pub fn awaited(&self) -> u64 {
        (self.messages.len() - self.answered) as u64
    }

    /// When the next reply times out. A message that is still queued has none to wait for.
    #[must_use]
    pub fn deadline(&self, timeout: Duration) -> Option<Instant> {
        self.messages.front().filter(|message| message.sent.is_some()).map(|message| message.intended + timeout)
    }

    /// Gives up replies due before `now`; returns how many.
    pub fn expire(&mut self, now: Instant, timeout: Duration) -> u64 {
        let mut expired = 0;
        while self.deadline(timeout).is_some_and(|deadline| deadline <= now) {
            let Some(Message { id, .. }) = self.messages.front().copied() else { break };
            self.numbers.remove(&id);
            self.next_with(id, 1);
            self.drop_first();
            self.given_up_ids.push(id);
            expired += 1;
            self.close_up();
        }
        expired
    }

    /// The connection is over; returns how many awaited replies are lost with it.
    pub fn lose(&mut self) -> u64 {
        let lost = self.awaited();
        *self = Self::default();
        lost
    }
}

/// The newest ids of some kind.
#[derive(Debug, Default)]
struct Remembered(VecDeque<u64>);

impl Remembered {
    fn push(&mut self, id: u64) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }

    /// Looks at the newest first: they are what is duplicated.
    fn has(&self, id: u64) -> bool {
        self.0.iter().rev().any(|known| *known == id)
    }

    fn forget(&mut self, id: u64) -> bool {
        let place = self.0.iter().rposition(|known| *known == id);
        place.and_then(|place| self.0.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests;
