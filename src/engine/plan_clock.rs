//! The plan's own time: it begins with the load and stands still while the run is paused, so that what is left of the plan
//! comes later by the length of each pause. A value: whoever keeps one is told of pauses, and all are told the same instants.

use std::time::Duration;

use crate::clock::Instant;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanClock {
    /// Where the plan would have begun if there had been no pause.
    origin: Instant,
    paused_at: Option<Instant>,
}

impl PlanClock {
    /// Of a plan that begins at `start`, without pauses so far.
    #[must_use]
    pub const fn new(start: Instant) -> Self {
        Self { origin: start, paused_at: None }
    }

    /// Whether it stands still, or is about to at an instant that is known.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }

    /// Time of the plan at `now`; zero before its start.
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> Duration {
        self.paused_at.map_or(now, |paused| now.min(paused)).since(self.origin)
    }

    /// When the plan comes to `at`; none if that waits for the end of a pause.
    #[must_use]
    pub fn when(&self, at: Duration) -> Option<Instant> {
        let instant = self.origin + at;
        self.paused_at.is_none_or(|paused| instant <= paused).then_some(instant)
    }

    /// It stands still from `at` on. Again is the same as once.
    pub fn pause(&mut self, at: Instant) {
        self.paused_at.get_or_insert(at);
    }

    /// It goes on at `at`.
    pub fn resume(&mut self, at: Instant) {
        if let Some(paused) = self.paused_at.take() {
            // A pause before the start takes nothing from the plan before it was to begin.
            self.origin = self.origin + at.since(paused.max(self.origin));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_pause_before_the_start_delays_it_only_if_it_lasts_until_then() {
        let now = Instant::now();
        for (start, resume, begins) in [(100, 50, 100), (100, 100, 100), (100, 130, 130)] {
            let mut clock = PlanClock::new(now + millis(start));
            clock.pause(now + millis(10));
            assert_eq!((clock.elapsed(now + millis(200)), clock.when(Duration::ZERO)), (Duration::ZERO, None));
            clock.resume(now + millis(resume));
            assert_eq!(clock.when(Duration::ZERO), Some(now + millis(begins)));
        }
    }

    #[test]
    fn what_is_before_a_pause_stays_where_it_was() {
        let start = Instant::now();
        let mut clock = PlanClock::new(start);
        clock.pause(start + millis(500));
        assert_eq!(clock.elapsed(start + millis(400)), millis(400), "it has still to come");
        assert_eq!(clock.when(millis(500)), Some(start + millis(500)));
        assert_eq!(clock.when(millis(501)), None);
    }

    proptest! {
        /// Counted out millisecond by millisecond.
        #[test]
        fn the_plan_has_had_each_moment_at_which_it_was_not_paused(
            turns in prop::collection::vec(1u64..200, 0..12), later in 0u64..200,
        ) {
            let start = Instant::now();
            let (mut clock, mut now, mut counted, mut paused) = (PlanClock::new(start), 0, 0, false);
            let last = [later];
            for (turn, length) in turns.iter().chain(&last).enumerate() {
                for _ in 0..*length {
                    now += 1;
                    counted += u64::from(!paused);
                    prop_assert_eq!(clock.elapsed(start + millis(now)), millis(counted));
                    if !paused {
                        prop_assert_eq!(clock.when(millis(counted)), Some(start + millis(now)));
                    }
                }
                if turn < turns.len() {
                    paused = !paused;
                    if paused { clock.pause(start + millis(now)) } else { clock.resume(start + millis(now)) }
                    prop_assert_eq!(clock.is_paused(), paused);
                }
            }
        }
    }
}
