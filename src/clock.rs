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
