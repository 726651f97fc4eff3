//! Awaited replies of one connection, matched in order. Messages queued at the same instant are
//! one entry, so a burst of 100 costs one.

use std::{collections::VecDeque, time::Duration};

use crate::clock::Instant;

/// Room kept when nothing is awaited.
const KEPT_BURSTS: usize = 4;

/// Messages that were to be sent at one instant and were accepted at one instant.
#[derive(Debug, Clone, Copy)]
struct Burst {
    intended: Instant,
    /// When the kernel had accepted them; unset while they are queued.
    sent: Option<Instant>,
    count: u32,
    /// Their replies did not come in time: a later one is late, not matched.
    timed_out: bool,
}

/// What an arriving message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The reply to a message.
    Matched {
        /// When it was to be sent.
        intended: Instant,
        /// When the kernel had accepted it; the intention if the reply came before we knew.
        sent: Instant,
    },
    /// The reply to a message that had timed out.
    Late,
    /// A further reply to a message that has had one; for replies with ids.
    Duplicate,
    /// A reply with an id that no message had, or one too long ago; for replies with ids.
    UnknownId,
    /// No reply is awaited, or it has no id.
    Unsolicited,
}

/// Awaited replies in the order of their messages.
#[derive(Debug, Default)]
pub struct Replies {
    bursts: VecDeque<Burst>,
    awaited: u64,
}

impl Replies {
    /// Awaits the reply of a message.
    pub fn expect(&mut self, intended: Instant) {
        self.awaited += 1;
        match self.bursts.back_mut() {
            Some(last)
                if last.intended == intended && last.sent.is_none() && !last.timed_out && last.count < u32::MAX =>
            {
                last.count += 1;
            }
            _ => self.bursts.push_back(Burst { intended, sent: None, count: 1, timed_out: false }),
        }
    }

    /// The oldest `count` queued messages have been accepted at `at`.
    pub fn sent(&mut self, mut count: u64, at: Instant) {
        let mut place = self.bursts.iter().position(|burst| burst.sent.is_none()).unwrap_or(self.bursts.len());
        while count > 0 {
            let Some(burst) = self.bursts.get_mut(place) else { return };
            let whole = u64::from(burst.count);
            if whole > count {
                let queued = Burst { count: burst.count - count as u32, ..*burst };
                *burst = Burst { sent: Some(at), count: count as u32, ..*burst };
                self.bursts.insert(place + 1, queued);
                return;
            }
            burst.sent = Some(at);
            count -= whole;
            place += 1;
        }
    }

    /// Takes back the newest `count` messages: they were never sent.
    pub fn retract(&mut self, mut count: u64) {
        while count > 0 {
            let Some(last) = self.bursts.back_mut() else { return };
            let taken = u64::from(last.count).min(count);
            if !last.timed_out {
                self.awaited -= taken;
            }
            count -= taken;
            last.count -= taken as u32;
            if last.count == 0 {
                self.bursts.pop_back();
            }
        }
    }

    /// Whether the message that the next reply is for is not known to be sent.
    #[must_use]
    pub fn next_is_queued(&self) -> bool {
        self.bursts.front().is_some_and(|first| first.sent.is_none())
    }

    /// Matches an arriving message.
    pub fn arrive(&mut self) -> Arrival {
        let Some(first) = self.bursts.front_mut() else { return Arrival::Unsolicited };
        let Burst { intended, sent, timed_out, .. } = *first;
        first.count -= 1;
        if first.count == 0 {
            self.bursts.pop_front();
            if self.bursts.is_empty() && self.bursts.capacity() > KEPT_BURSTS {
                // A connection that is only held from now on needs no room for replies.
                self.bursts.shrink_to(KEPT_BURSTS);
            }
        }
        if timed_out {
            return Arrival::Late;
        }
        self.awaited -= 1;
        Arrival::Matched { intended, sent: sent.unwrap_or(intended) }
    }

    /// Replies that may still be matched.
    #[must_use]
    pub fn awaited(&self) -> u64 {
        self.awaited
    }

    /// When the next reply times out.
    #[must_use]
    pub fn deadline(&self, timeout: Duration) -> Option<Instant> {
        if self.awaited == 0 {
            return None;
        }
        let next = self.bursts.iter().find(|burst| !burst.timed_out)?;
        // What the kernel has not taken yet waits for timeouts.write.
        next.sent.map(|_| next.intended + timeout)
    }

    /// Gives up replies of sent messages due before `now`; returns how many.
    pub fn expire(&mut self, now: Instant, timeout: Duration) -> u64 {
        let (mut expired, mut given_up) = (0, 0);
        let due = |burst: &&mut Burst| burst.sent.is_some() && burst.intended + timeout <= now;
        for burst in self.bursts.iter_mut().take_while(due) {
            if !burst.timed_out {
                burst.timed_out = true;
                expired += u64::from(burst.count);
            }
            given_up += 1;
        }
        self.awaited -= expired;
        self.merge_given_up(given_up);
        expired
    }

    /// A server that never answers must not make the list grow: of the first `given_up` bursts only the number matters.
    fn merge_given_up(&mut self, given_up: usize) {
        let total = self.bursts.iter().take(given_up).try_fold(0u32, |sum, burst| sum.checked_add(burst.count));
        if let (Some(total), true) = (total, given_up > 1) {
            self.bursts.drain(..given_up - 1);
            if let Some(first) = self.bursts.front_mut() {
                first.count = total;
            }
        }
    }

    /// The connection is over; returns how many awaited replies are lost with it.
    pub fn lose(&mut self) -> u64 {
        self.bursts = VecDeque::new();
        std::mem::take(&mut self.awaited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: Duration = Duration::from_millis(50);

    #[derive(Debug, Clone)]
    enum Event {
        Send(u8),
        Unsent(u8),
        Sent(u8),
        Arrive,
        Wait(u64),
        Expire,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (1u8..5).prop_map(Event::Send),
            (1u8..3).prop_map(Event::Unsent),
            (1u8..4).prop_map(Event::Sent),
            Just(Event::Arrive),
            (1u64..40).prop_map(Event::Wait),
            Just(Event::Expire),
        ]
    }

    proptest! {
        /// The oracle keeps one entry per message.
        #[test]
        fn matching_equals_a_queue_of_single_messages(events in prop::collection::vec(event(), 1..80)) {
            let mut replies = Replies::default();
            let mut oracle: VecDeque<(Instant, bool, Option<Instant>)> = VecDeque::new();
            let (mut sent, mut matched, mut expired, mut now) = (0u64, 0u64, 0u64, Instant::now());
            for event in events {
                match event {
                    Event::Send(count) => for _ in 0..count {
                        replies.expect(now);
                        oracle.push_back((now, false, None));
                        sent += 1;
                    },
                    Event::Unsent(count) => {
                        // Only what has just been queued can be unsent, and it cannot have timed out.
                        let fresh = oracle.iter().rev().take_while(|(at, out, sent)| *at == now && !out && sent.is_none()).count();
                        let count = usize::from(count).min(fresh);
                        replies.retract(count as u64);
                        oracle.truncate(oracle.len() - count);
                        sent -= count as u64;
                    }
                    Event::Sent(count) => {
                        let queued = oracle.iter_mut().filter(|(_, _, sent)| sent.is_none());
                        let mut accepted = 0;
                        for entry in queued.take(count.into()) {
                            entry.2 = Some(now);
                            accepted += 1;
                        }
                        replies.sent(accepted, now);
                    }
                    Event::Arrive => {
                        let expected = match oracle.pop_front() {
                            None => Arrival::Unsolicited,
                            Some((_, true, _)) => Arrival::Late,
                            Some((at, false, sent)) => {
                                matched += 1;
                                Arrival::Matched { intended: at, sent: sent.unwrap_or(at) }
                            }
                        };
                        prop_assert_eq!(replies.arrive(), expected);
                    }
                    Event::Wait(millis) => now = now + Duration::from_millis(millis),
                    Event::Expire => {
                        let mut count = 0;
                        for (at, out, sent) in &mut oracle {
                            if *at + TIMEOUT <= now && !*out && sent.is_some() { *out = true; count += 1; }
                        }
                        expired += count;
                        prop_assert_eq!(replies.expire(now, TIMEOUT), count);
                    }
                }
                let waiting = oracle.iter().filter(|(_, out, _)| !out).count() as u64;
                prop_assert_eq!(replies.awaited(), waiting);
                prop_assert_eq!(sent, matched + expired + waiting);
                let next = oracle.iter().find(|(_, out, _)| !out).filter(|(.., sent)| sent.is_some());
                let next = next.map(|(at, ..)| *at + TIMEOUT);
                prop_assert_eq!(replies.deadline(TIMEOUT), next);
            }
            let waiting = replies.awaited();
            prop_assert_eq!(replies.lose(), waiting);
            prop_assert_eq!(sent, matched + expired + waiting);
        }
    }
    #[test]
    fn a_server_that_never_answers_does_not_make_the_list_grow() {
        let (mut replies, mut now) = (Replies::default(), Instant::now());
        for _ in 0..1000 {
            replies.expect(now);
            replies.sent(1, now);
            now = now + TIMEOUT;
            assert_eq!(replies.expire(now, TIMEOUT), 1);
        }
        assert_eq!(replies.bursts.len(), 1);
        for _ in 0..1000 {
            assert_eq!(replies.arrive(), Arrival::Late);
        }
        assert_eq!(replies.arrive(), Arrival::Unsolicited);
    }
}
