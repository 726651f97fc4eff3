//! Our pings on one connection and what becomes of them. A pong has the payload of its ping; RFC
//! 6455 §5.5.3 lets a peer answer the latest ping only, so a pong also settles those before it.

use std::{collections::VecDeque, time::Duration};

use crate::{
    clock::Instant,
    engine::instruments::{PingResult, SiteSlots},
    metrics::recorder::Recorder,
};

/// Most pings that wait for a pong; the oldest then counts as skipped.
const MOST: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Ping {
    number: u64,
    intended: Instant,
    /// Sent by a step, which the end of the steps waits for, and not to keep the connection alive.
    by_step: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Pings {
    waiting: VecDeque<Ping>,
    next: u64,
}

impl Pings {
    /// A ping is queued; returns its number, whose digits are its payload (as k6 has it).
    pub fn ping(&mut self, intended: Instant, by_step: bool, recorder: &Recorder, slots: &SiteSlots) -> u64 {
        if self.waiting.len() == MOST {
            self.waiting.pop_front();
            recorder.add(slots.ping(PingResult::Skipped), 1);
        }
        self.waiting.push_back(Ping { number: self.next, intended, by_step });
        self.next += 1;
        self.next - 1
    }

    /// A pong has come; one that answers no ping of ours is allowed and means nothing.
    pub fn pong(&mut self, payload: &[u8], arrived: Instant, recorder: &Recorder, slots: &SiteSlots) {
        let number = std::str::from_utf8(payload).ok().and_then(|text| text.parse::<u64>().ok());
        let Some(place) = self.waiting.iter().position(|ping| Some(ping.number) == number) else { return };
        recorder.add(slots.ping(PingResult::Skipped), place as u64);
        recorder.add(slots.ping(PingResult::Answered), 1);
        let intended = self.waiting.get(place).map_or(arrived, |ping| ping.intended);
        recorder.record(slots.ping_rtt, arrived.nanos_since(intended), arrived);
        self.waiting.drain(..=place);
    }

    /// Whether the pong of a step's ping may still come.
    #[must_use]
    pub fn are_awaited(&self) -> bool {
        self.waiting.iter().any(|ping| ping.by_step)
    }

    /// When the next ping is given up.
    #[must_use]
    pub fn deadline(&self, timeout: Duration) -> Option<Instant> {
        self.waiting.front().map(|ping| ping.intended + timeout)
    }

    /// Gives up pings that are due; returns whether there were any.
    pub fn expire(&mut self, now: Instant, timeout: Duration, recorder: &Recorder, slots: &SiteSlots) -> bool {
        let expired = self.waiting.iter().take_while(|ping| ping.intended + timeout <= now).count();
        self.waiting.drain(..expired);
        recorder.add(slots.ping(PingResult::TimedOut), expired as u64);
        expired > 0
    }

    /// The connection is over.
    pub fn lose(&mut self, recorder: &Recorder, slots: &SiteSlots) {
        recorder.add(slots.ping(PingResult::Lost), self.waiting.len() as u64);
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::instruments::test_site;

    struct Bed {
        pings: Pings,
        recorder: Recorder,
        slots: SiteSlots,
        start: Instant,
    }

    impl Bed {
        fn new() -> Self {
            let (recorder, slots) = test_site();
            Self { pings: Pings::default(), recorder, slots, start: Instant::now() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn ping(&mut self, millis: u64) -> u64 {
            self.pings.ping(self.at(millis), true, &self.recorder, &self.slots)
        }

        fn pong(&mut self, payload: &str, millis: u64) {
            self.pings.pong(payload.as_bytes(), self.at(millis), &self.recorder, &self.slots);
        }

        /// Answered, skipped, timed out, lost; and how many round trips are recorded.
        fn results(&self) -> ([u64; 4], u64) {
            use PingResult::{Answered, Lost, Skipped, TimedOut};
            let snapshot = self.recorder.snapshot();
            let counts = [Answered, Skipped, TimedOut, Lost].map(|result| snapshot.counter(self.slots.ping(result)));
            (counts, snapshot.trend(self.slots.ping_rtt).unwrap().count())
        }
    }

    #[test]
    fn a_pong_answers_its_ping_and_settles_those_before_it() {
        let mut bed = Bed::new();
        assert_eq!([bed.ping(0), bed.ping(1), bed.ping(2), bed.ping(3)], [0, 1, 2, 3]);
        bed.pong("", 4);
        bed.pong("4", 4);
        bed.pong("hello", 4);
        assert_eq!(bed.results(), ([0; 4], 0), "pongs that answer nothing");
        bed.pong("2", 5);
        assert_eq!(bed.results(), ([1, 2, 0, 0], 1));
        bed.pong("1", 6);
        assert_eq!(bed.results(), ([1, 2, 0, 0], 1), "settled already");
        assert!(bed.pings.are_awaited());
        bed.pong("3", 7);
        assert!(!bed.pings.are_awaited());
        assert_eq!(bed.results(), ([2, 2, 0, 0], 2));
    }

    #[test]
    fn pings_without_a_pong_are_given_up_and_never_pile_up() {
        let mut bed = Bed::new();
        let timeout = Duration::from_millis(100);
        for millis in 0..=MOST as u64 {
            bed.ping(millis);
        }
        assert_eq!(bed.results(), ([0, 1, 0, 0], 0), "the oldest makes room");
        assert_eq!(bed.pings.deadline(timeout), Some(bed.at(101)));
        let now = bed.at(110);
        assert!(bed.pings.expire(now, timeout, &bed.recorder, &bed.slots));
        assert!(!bed.pings.expire(now, timeout, &bed.recorder, &bed.slots));
        assert_eq!(bed.results(), ([0, 1, 10, 0], 0));
        bed.pings.lose(&bed.recorder, &bed.slots);
        assert_eq!(bed.results(), ([0, 1, 10, MOST as u64 - 10], 0));
        assert_eq!(bed.pings.deadline(timeout), None);
    }
}
