//! What is known of the generator in one window of time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metrics::trend::Trend;

/// See the module. `None` is not available: the kernel does not offer it, or there was no sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Intended send to the kernel's acceptance.
    pub send_lag: Option<Lag>,
    /// The kernel's receive stamp to our read.
    pub read_lag: Option<Lag>,
    /// Slots of arrival rates to the begin of their iterations.
    pub start_lag: Option<Lag>,
    /// Lateness of the workers' events.
    pub loop_lag: Option<Lag>,
    /// Share of the time that the average worker thread waited for a core.
    pub run_queue: Option<f64>,
    /// Share of the time in which any task of the container (or else of the machine) waited for a core.
    pub cpu_pressure: Option<f64>,
    /// What the container's CPU quota cost.
    pub throttled: Option<Throttled>,
    /// Iterations that were not started because the generator was late.
    pub dropped_slots: Option<u64>,
    /// Connections that this machine did not let open.
    pub own_limits: Option<OwnLimits>,
    /// Times that the process stood still.
    pub clock_gaps: Option<Events>,
    /// Steps of the wall clock.
    pub clock_steps: Option<Events>,
    /// Samples missing from the JSON output.
    pub samples_dropped: Option<u64>,
    /// Workers that ended without their last counts.
    pub workers_lost: Option<u64>,
}

/// A distribution of the generator's own delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// 99th percentile.
    pub p99: Duration,
    /// Of how many.
    pub samples: u64,
    /// The longest one; of a window it may be one before it.
    pub longest: Duration,
}

impl Lag {
    /// None if nothing was recorded.
    #[must_use]
    pub fn of(trend: &Trend) -> Option<Self> {
        let samples = trend.count();
        (samples > 0).then(|| Self {
            p99: Duration::from_nanos(trend.percentile(99.0)),
            samples,
            longest: Duration::from_nanos(trend.max()),
        })
    }
}

/// What the CPU quota cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throttled {
    /// Share of the quota's periods that ended early.
    pub periods: f64,
    /// Time that it took, added up over the cores.
    pub time: Duration,
}

/// Connection attempts and requests that failed by a limit of this machine: the target has never seen them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLimits {
    /// All attempts and requests, failed or not.
    pub attempts: u64,
    /// No file was free.
    pub fd_limit: u64,
    /// No local port was free.
    pub no_local_port: u64,
    /// The kernel had no memory or buffer.
    pub no_memory: u64,
}

impl OwnLimits {
    /// What has come since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            attempts: self.attempts.saturating_sub(earlier.attempts),
            fd_limit: self.fd_limit.saturating_sub(earlier.fd_limit),
            no_local_port: self.no_local_port.saturating_sub(earlier.no_local_port),
            no_memory: self.no_memory.saturating_sub(earlier.no_memory),
        }
    }
}

/// Events of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// How many.
    pub count: u64,
    /// The largest one.
    pub largest: Duration,
}

impl Events {
    /// Adds one.
    pub fn note(&mut self, size: Duration) {
        self.count += 1;
        self.largest = self.largest.max(size);
    }
}

/// A value with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Figure {
    /// A duration.
    Time(Duration),
    /// Of 1.
    Share(f64),
    /// A number.
    Count(u64),
}
