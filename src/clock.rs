//! The one clock: monotonic nanoseconds. Wall time exists for labels and time stamps only, taken
//! once and extended by the monotonic clock, so that a clock step cannot move a measurement.

use std::time::Duration;

/// A monotonic instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// The present.
    #[must_use]
    pub fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
        Self(std::time::Instant::now())
    }

    /// Nanoseconds from `earlier` to here, 0 if `earlier` is later.
    #[must_use]
    pub fn nanos_since(self, earlier: Self) -> u64 {
        // 2^64 ns are 584 years.
        self.0.saturating_duration_since(earlier.0).as_nanos() as u64
    }

    /// Time from `earlier` to here, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The standard library's form, for timers.
    #[must_use]
    pub fn to_std(self) -> std::time::Instant {
        self.0
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl std::ops::Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.checked_sub(duration).unwrap_or(self.0))
    }
}

/// Both clocks, read one right after the other.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Monotonic.
    pub instant: Instant,
    /// Nanoseconds since 1970.
    pub unix_nanos: i128,
}

impl Reading {
    /// Reads both: 50 ns.
    #[must_use]
    pub fn now() -> Self {
        let wall = WallClock::now();
        Self { instant: wall.epoch, unix_nanos: wall.nanos }
    }
}

/// Turns the kernel's time stamps, which are wall time, into monotonic instants. The wall clock may
/// be stepped; a stamp from around a step is not used.
#[derive(Debug, Default)]
pub struct StampClock {
    /// The last reading, whose distance between the clocks the next one must have too.
    last: std::cell::Cell<Option<Reading>>,
    steps: std::cell::Cell<u64>,
}

impl StampClock {
    /// The clocks' distance may drift so far between two readings, besides a thousandth of the time
    /// between them: NTP slews by at most 500 ppm.
    const TOLERANCE: i128 = 1_000_000;
    /// Between the kernel's stamp and ours lies at least a system call; a stamp may be ahead by the two readings' distance.
    const AHEAD: i128 = 1_000;

    /// The instant of `stamp` (nanoseconds since 1970) as of a reading after it; none around a clock step.
    pub fn instant(&self, stamp: i128, now: Reading) -> Option<Instant> {
        let steady = self.last.replace(Some(now)).is_none_or(|last| {
            let monotonic = i128::from(now.instant.nanos_since(last.instant));
            let moved = (now.unix_nanos - last.unix_nanos - monotonic).abs();
            moved <= Self::TOLERANCE + monotonic / 1000
        });
        if !steady {
            self.steps.set(self.steps.get() + 1);
            return None;
        }
        let ago = now.unix_nanos - stamp;
        if ago < -Self::AHEAD {
            self.steps.set(self.steps.get() + 1);
            return None;
        }
        Some(now.instant - Duration::from_nanos(ago.max(0) as u64))
    }

    /// Clock steps met so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }
}

/// Wall time in nanoseconds since 1970, tied to a monotonic instant.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    epoch: Instant,
    nanos: i128,
}

impl WallClock {
    /// Reads both clocks now.
    #[must_use]
    pub fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self { epoch: Instant::now(), nanos: since_1970.as_nanos() as i128 }
    }

    /// The monotonic instant at which both were read.
    #[must_use]
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Whole seconds since 1970 at the epoch.
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        (self.nanos / 1_000_000_000) as i64
    }

    /// Nanoseconds since 1970 at `instant`.
    #[must_use]
    pub fn unix_nanos(&self, instant: Instant) -> i128 {
        if instant >= self.epoch {
            self.nanos + i128::from(instant.nanos_since(self.epoch))
        } else {
            self.nanos - i128::from(self.epoch.nanos_since(instant))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn reading(start: Instant, after: Duration, step: i128) -> Reading {
        Reading { instant: start + after, unix_nanos: 1_000_000_000_000 + after.as_nanos() as i128 + step }
    }

    #[test]
    fn a_stamp_lies_as_far_back_as_the_wall_clock_says() {
        let (clock, start) = (StampClock::default(), Instant::now());
        let now = reading(start, SECOND, 0);
        let arrived = clock.instant(now.unix_nanos - 40_000, now).unwrap();
        assert_eq!(now.instant.nanos_since(arrived), 40_000);
    }

    #[test]
    fn a_stamp_from_around_a_clock_step_is_not_used_and_the_next_one_is() {
        for step in [3_600_000_000_000, -3_600_000_000_000, 5_000_000] {
            let (clock, start) = (StampClock::default(), Instant::now());
            let before = reading(start, SECOND, 0);
            assert!(clock.instant(before.unix_nanos - 10, before).is_some());
            let after = reading(start, SECOND * 2, step);
            // Stamped before the step, read after it.
            assert_eq!(clock.instant(after.unix_nanos - step - 10, after), None, "{step}");
            let later = reading(start, SECOND * 3, step);
            assert!(clock.instant(later.unix_nanos - 10, later).is_some());
            assert_eq!(clock.steps(), 1);
        }
    }

    #[test]
    fn slewing_is_no_step() {
        let (clock, start) = (StampClock::default(), Instant::now());
        let before = reading(start, SECOND, 0);
        assert!(clock.instant(before.unix_nanos, before).is_some());
        // 100 s at 500 ppm.
        let after = reading(start, SECOND * 101, 50_000_000);
        assert!(clock.instant(after.unix_nanos, after).is_some());
        assert_eq!(clock.steps(), 0);
    }
}
