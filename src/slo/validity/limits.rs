//! From where on a signal speaks against a run. Passing a limit means more than it.

use std::time::Duration;

/// A signal's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits<T> {
    /// More than this is suspect.
    pub suspect: Option<T>,
    /// More than this is invalid.
    pub invalid: Option<T>,
}

/// The 99th percentile of send lag, read lag, start lag and loop lag.
///
/// An idle core gives 0.2 ms with a timerfd and 2 ms with tokio's timer, so that 10 ms is a core
/// that is not idle, and a twentieth of the 200 ms that tests of interactive services allow. At
/// 100 ms the generator has used up half of that alone.
pub const LAG: Limits<Duration> =
    Limits { suspect: Some(Duration::from_millis(10)), invalid: Some(Duration::from_millis(100)) };

/// With fewer samples than this the 99th percentile is the maximum: one hiccup, which makes a run
/// suspect but does not condemn it.
pub const TELLING_SAMPLES: u64 = 100;

/// Share of a window that the average worker waited for a core.
///
/// Locust warns when a core is 90 % busy; a worker that waits a tenth of the time has as little
/// left. One that waits more than half of the time waits longer than it can run. Between them the
/// lags decide: many waits of a scheduler's slice (3 ms) do no harm to a percentile of 200 ms.
pub const RUN_QUEUE: Limits<f64> = Limits { suspect: Some(0.1), invalid: Some(0.5) };

/// Share of a window in which any task of the container (or else of the machine) waited for a
/// core. Never condemns: it does not say that it was this process.
pub const CPU_PRESSURE: Limits<f64> = Limits { suspect: Some(0.5), invalid: None };

/// Share of the CPU quota's periods (100 ms each by default) in which the quota was used up and
/// every thread stood still.
///
/// A 99th percentile is touched as soon as 1 % of the time is. 25 % is where the Kubernetes mixin's
/// alert `CPUThrottlingHigh` begins.
pub const THROTTLED: Limits<f64> = Limits { suspect: Some(0.01), invalid: Some(0.25) };

/// Iterations that could not be started because the generator came to their slots late, when all VUs
/// were busy with those before. Each is a sample that is missing, and it is missing because of the
/// generator; how late it was, and whether that condemns it, the lags say. Iterations dropped on
/// time are the profile's affair: it has asked for more than its VUs can do.
pub const DROPPED_SLOTS: Limits<u64> = Limits { suspect: Some(0), invalid: None };

/// Share of the connection attempts and requests that failed by a limit of this machine.
///
/// Each is a failure in the figures that is not the target's. 1 % is what the thresholds of k6's documentation allow
/// to fail in all (`http_req_failed: rate<0.01`): with more, the generator alone decides such a threshold.
pub const OWN_LIMITS: Limits<f64> = Limits { suspect: Some(0.0), invalid: Some(0.01) };

/// Times that the whole process stood still, see [`CLOCK_GAP`]. What that did to the figures, the
/// lags say.
pub const CLOCK_GAPS: Limits<u64> = Limits { suspect: Some(0), invalid: None };

/// The control thread woke so much too late: not a busy core (a scheduler's slice is 3 ms, a quota's
/// period 100 ms) but a stopped process or a paused machine.
pub const CLOCK_GAP: Duration = Duration::from_millis(250);

/// Steps of the wall clock, see [`CLOCK_STEP`]. Latencies are safe, kernel stamps around a step are
/// not used; time stamps and the dashboard's time axis are not safe.
pub const CLOCK_STEPS: Limits<u64> = Limits { suspect: Some(0), invalid: None };

/// The wall clock and the monotonic clock moved apart by so much between two readings. Slewing
/// moves both alike, so that only a step can; reading the two takes less than 0.1 ms.
pub const CLOCK_STEP: Duration = Duration::from_millis(5);

/// Samples missing from the JSON output; all metrics have them.
pub const SAMPLES_DROPPED: Limits<u64> = Limits { suspect: Some(0), invalid: None };

/// Workers that ended without their last counts: a part of the load and of the figures is missing.
pub const WORKERS_LOST: Limits<u64> = Limits { suspect: None, invalid: Some(0) };

/// Agents of a fleet that handed in nothing or ended early: their part of the load and of the figures is missing.
pub const AGENTS_LOST: Limits<u64> = Limits { suspect: None, invalid: Some(0) };

/// Shares of a shorter time are noise: a tick is a second, and a quota's period a tenth of that.
pub const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
