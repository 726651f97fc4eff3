//! Time as the control thread lives it: whether it stood still, and whether the wall clock was set.

use std::time::Duration;

use crate::{
    clock::{Instant, Reading},
    slo::validity::limits::{CLOCK_GAP, CLOCK_STEP},
};

/// Time between two beats. A standstill of [`CLOCK_GAP`] and this is always seen while the control thread waits.
const BEAT: Duration = Duration::from_millis(100);
/// Patience of the control thread for a worker's snapshot; the admin server waits 250 ms for a page. The longest that
/// the thread works without waiting for the next beat, so that more than this and [`CLOCK_GAP`] is a standstill too.
pub const SNAPSHOT_PATIENCE: Duration = Duration::from_millis(150);

/// A beat that should come every 0.1 s.
#[derive(Debug)]
pub(super) struct Pulse {
    next: Instant,
    /// None before the thread has begun to wait for the first time: starting takes as long as it takes.
    ready: Option<Instant>,
}

impl Pulse {
    #[must_use]
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now + BEAT, ready: None }
    }

    /// When the next beat is due.
    #[must_use]
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// The thread begins to wait: a beat that was due while it worked is late from here on only. Returns how much longer
    /// than any work takes it was away, if that is a gap.
    pub(super) fn ready(&mut self, now: Instant) -> Option<Duration> {
        // It had waited until the beat was due at most, and worked from there.
        let worked = now.since(self.next.max(self.ready.replace(now)?));
        let gap = worked.saturating_sub(SNAPSHOT_PATIENCE);
        (gap > CLOCK_GAP).then_some(gap)
    }

    /// The beat comes. Returns how late, if that is a gap.
    pub(super) fn beat(&mut self, now: Instant) -> Option<Duration> {
        let late = now.since(self.ready.map_or(self.next, |ready| ready.max(self.next)));
        self.next = now + BEAT;
        (late > CLOCK_GAP).then_some(late)
    }
}

/// The distance between the wall clock and the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct StepWatch {
    last: Option<Reading>,
}

impl StepWatch {
    /// Takes a reading. Returns how far the wall clock was moved since the last one, if it was.
    pub(super) fn note(&mut self, now: Reading) -> Option<Duration> {
        let last = self.last.replace(now)?;
        let monotonic = i128::from(now.instant.nanos_since(last.instant));
        let moved = (now.unix_nanos - last.unix_nanos - monotonic).unsigned_abs();
        let moved = Duration::from_nanos(u64::try_from(moved).unwrap_or(u64::MAX));
        (moved > CLOCK_STEP).then_some(moved)
    }
}

/// Reads both clocks so close to each other that a preemption in between is no step; none if the machine is too busy.
#[must_use]
pub(super) fn close_reading() -> Option<Reading> {
    const CLOSE: Duration = Duration::from_micros(100);
    (0..5).find_map(|_| {
        let before = Instant::now();
        let reading = Reading::now();
        (reading.instant.since(before) < CLOSE).then_some(reading)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_gap_is_a_beat_more_than_its_limit_late() {
        for (late, gap) in [(0, None), (250, None), (251, Some(MS * 251)), (5000, Some(MS * 5000))] {
            let start = Instant::now();
            let mut pulse = Pulse::new(start);
            let beat = pulse.next() + MS * late;
            assert_eq!(pulse.beat(beat), gap, "{late} ms");
            assert_eq!(pulse.next(), beat + BEAT, "one gap is one, without beats to make up");
        }
    }

    #[test]
    fn work_of_the_control_thread_is_no_gap_and_a_standstill_after_it_is() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.ready(start + MS * 500), None, "a snapshot with all its patience");
        assert_eq!(pulse.beat(start + MS * 501), None);
        assert_eq!(pulse.ready(start + MS * 600), None);
        assert_eq!(pulse.beat(start + MS * 1100), Some(MS * 499));
    }

    #[test]
    fn a_standstill_while_the_control_thread_works_is_a_gap_told_once() {
        for (worked, gap) in [(400, None), (401, Some(MS * 251)), (1150, Some(MS * 1000))] {
            let start = Instant::now();
            let mut pulse = Pulse::new(start);
            assert_eq!(pulse.ready(start), None);
            let back = pulse.next() + MS * worked;
            assert_eq!(pulse.ready(back), gap, "{worked} ms");
            assert_eq!(pulse.ready(back + MS), None);
            assert_eq!(pulse.beat(back + MS), None);
        }
    }

    #[test]
    fn a_step_is_a_move_of_the_wall_clock_against_the_monotonic_one() {
        let start = Instant::now();
        let reading = |seconds: u32, moved: i128| Reading {
            instant: start + Duration::from_secs(1) * seconds,
            unix_nanos: 1_700_000_000_000_000_000 + i128::from(seconds) * 1_000_000_000 + moved,
        };
        let second = 1_000_000_000;
        for (moved, step) in [
            (0, None),
            (5_000_000, None),
            (-5_000_000, None),
            (5_000_001, Some(5_000_001)),
            (-3600 * second, Some(3600 * 1_000_000_000)),
        ] {
            let mut watch = StepWatch::default();
            assert_eq!(watch.note(reading(0, 0)), None, "the first reading says nothing");
            assert_eq!(watch.note(reading(10, moved)), step.map(Duration::from_nanos), "{moved}");
            assert_eq!(watch.note(reading(20, moved)), None, "a step is told once");
        }
    }

    #[test]
    fn clocks_that_nobody_sets_do_not_step() {
        let mut watch = StepWatch::default();
        let readings = (0..100).filter_map(|_| close_reading());
        assert_eq!(readings.filter_map(|reading| watch.note(reading)).count(), 0);
    }
}
