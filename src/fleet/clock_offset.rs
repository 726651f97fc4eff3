//! The leader's clock as a follower knows it, from the times of questions and answers: what NTP does, on monotonic
//! clocks. Nobody's wall time is asked, so that a machine whose clock is an hour off starts with the others.

use std::time::Duration;

use crate::clock::Instant;

/// How far two monotonic clocks may drift apart, as a share of the time between: NTP slews by at most 500 ppm.
const DRIFT: f64 = 500e-6;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockOffset(Option<Sample>);

/// The best answer so far.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// When the other clock was 0.
    epoch: Instant,
    taken: Instant,
    /// The answer was given at some moment between question and arrival, so half of that time either way.
    error: Duration,
}

impl ClockOffset {
    /// An answer that says `theirs` (nanoseconds of their clock), asked for at `sent`.
    pub fn note(&mut self, sent: Instant, received: Instant, theirs: u64) {
        let error = received.since(sent) / 2;
        let epoch = sent + error - Duration::from_nanos(theirs);
        // Further apart than both may be off: it is another clock, of a leader that was started anew.
        let is_another = |best: Sample, known| best.epoch.since(epoch).max(epoch.since(best.epoch)) > known + error;
        let is_better = match (self.0, self.error(received)) {
            (Some(best), Some(known)) => error <= known || is_another(best, known),
            _ => true,
        };
        if is_better {
            self.0 = Some(Sample { epoch, taken: received, error });
        }
    }

    /// When their clock is `theirs`, on ours; none before the first answer.
    #[must_use]
    pub fn instant(&self, theirs: u64) -> Option<Instant> {
        self.0.map(|best| best.epoch + Duration::from_nanos(theirs))
    }

    /// How far that may be off at `now`, either way.
    #[must_use]
    pub fn error(&self, now: Instant) -> Option<Duration> {
        self.0.map(|best| best.error + now.since(best.taken).mul_f64(DRIFT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    proptest! {
        #[test]
        fn the_true_instant_is_within_the_error(
            exchanges in prop::collection::vec((0u64..5_000, 0u64..5_000), 1..20), epoch in 0u64..100_000,
        ) {
            let start = Instant::now();
            let theirs_began = start - Duration::from_micros(epoch);
            let (mut offset, mut now) = (ClockOffset::default(), start);
            for (there, back) in exchanges {
                let answered = now + Duration::from_micros(there);
                let received = answered + Duration::from_micros(back);
                offset.note(now, received, answered.nanos_since(theirs_began));
                let wanted = theirs_began + MS * 10_000;
                let told = offset.instant(10_000_000_000).unwrap();
                let off = told.since(wanted).max(wanted.since(told));
                prop_assert!(off <= offset.error(received).unwrap() + Duration::from_nanos(1), "{off:?}");
                now = received + MS;
            }
        }
    }

    #[test]
    fn a_leader_that_was_started_anew_has_another_clock() {
        let start = Instant::now();
        let mut offset = ClockOffset::default();
        offset.note(start, start + MS * 2, 60_000_000_000);
        // Its clock begins at 0 again, and its answer takes longer.
        let later = start + MS * 5_000;
        offset.note(later, later + MS * 20, 0);
        assert_eq!(offset.instant(0), Some(later + MS * 10));
        assert_eq!(offset.error(later + MS * 20), Some(MS * 10));
    }

    #[test]
    fn the_quickest_answer_counts_until_drift_has_made_it_worse_than_a_new_one() {
        let start = Instant::now();
        let mut offset = ClockOffset::default();
        offset.note(start, start + MS * 2, 0);
        offset.note(start, start + MS * 20, 0);
        assert_eq!(offset.instant(0), Some(start + MS), "of the first one");
        // 100 s later the first answer may be 50 ms off.
        let later = start + MS * 100_000;
        offset.note(later, later + MS * 20, 100_000_000_000);
        assert_eq!(offset.instant(100_000_000_000), Some(later + MS * 10));
    }
}
