//! Signals of a window: the difference of two states, and what happened in between.

use std::time::Duration;

use crate::{
    agent::health::{proc::Throttling, sources::KernelTotals},
    catalogue::Family,
    clock::Instant,
    engine::instruments::{DROPPED_LATE, GeneratorSlots},
    metrics::{snapshot::Snapshot, trend::Trend, view::View},
    protocol::failure::ConnectFailure,
    slo::validity::{
        limits::SHORTEST_WINDOW,
        signals::{Events, Lag, OwnLimits, Signals, Throttled},
    },
};

/// What has been counted by the run itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Iterations that were not started because the generator was late; none without arrival rates.
    pub dropped_slots: Option<u64>,
    /// Samples missing from the JSON output; none without one.
    pub samples_dropped: Option<u64>,
    /// Connections that this machine did not let open.
    pub own_limits: OwnLimits,
    /// Workers that ended without their last counts.
    pub workers_lost: u64,
}

impl Counts {
    /// What the workers have counted.
    #[must_use]
    pub fn of(view: &View<'_>, has_arrivals: bool, samples_dropped: Option<u64>, workers_lost: u64) -> Self {
        let all = |family| view.sum(family, |_| true);
        // The reasons of requests have the same names.
        let failed = |reason: ConnectFailure| -> u64 {
            let families = [Family::WsConnectFailures, Family::HttpReqFailures].into_iter();
            families.map(|family| view.sum(family, |series| series.has("reason", reason.label()))).sum()
        };
        Self {
            dropped_slots: has_arrivals
                .then(|| view.sum(Family::DroppedIterations, |series| series.has("reason", DROPPED_LATE))),
            samples_dropped,
            own_limits: OwnLimits {
                attempts: all(Family::WsSessions) + all(Family::HttpReqs),
                fd_limit: failed(ConnectFailure::FdLimit),
                no_local_port: failed(ConnectFailure::NoLocalPort),
                no_memory: failed(ConnectFailure::NoMemory),
            },
            workers_lost,
        }
    }
}

/// All that adds up, at one instant.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    pub(super) at: Instant,
    pub(super) kernel: KernelTotals,
    pub(super) counts: Counts,
    send_lag: Option<Trend>,
    read_lag: Option<Trend>,
    start_lag: Option<Trend>,
    loop_lag: Option<Trend>,
}

impl Totals {
    #[must_use]
    pub(super) fn new(
        at: Instant,
        kernel: KernelTotals,
        counts: Counts,
        slots: &GeneratorSlots,
        snapshot: &Snapshot,
    ) -> Self {
        let trend = |slot| snapshot.trend(slot).cloned();
        Self {
            at,
            kernel,
            counts,
            send_lag: trend(slots.send_lag),
            read_lag: trend(slots.read_lag),
            start_lag: slots.start_lag.and_then(trend),
            loop_lag: trend(slots.loop_lag),
        }
    }
}

/// What happened at an instant within a window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Happened {
    pub(super) gaps: Events,
    pub(super) steps: Events,
}

/// The signals between two states.
#[must_use]
pub(super) fn signals(from: &Totals, to: &Totals, happened: Happened) -> Signals {
    let elapsed = to.at.since(from.at);
    let share = |time: Duration, of: Duration| time.as_secs_f64() / of.as_secs_f64();
    let long_enough = elapsed >= SHORTEST_WINDOW;
    let grown = |from: Option<Duration>, to: Option<Duration>| {
        from.zip(to).filter(|_| long_enough).map(|(from, to)| to.saturating_sub(from))
    };
    let counted = |from: Option<u64>, to: Option<u64>| to.map(|to| to.saturating_sub(from.unwrap_or(0)));
    let workers = to.kernel.workers.max(1);
    Signals {
        send_lag: lag(from.send_lag.as_ref(), to.send_lag.as_ref()),
        read_lag: lag(from.read_lag.as_ref(), to.read_lag.as_ref()),
        start_lag: lag(from.start_lag.as_ref(), to.start_lag.as_ref()),
        loop_lag: lag(from.loop_lag.as_ref(), to.loop_lag.as_ref()),
        run_queue: grown(from.kernel.run_queue, to.kernel.run_queue).map(|waited| share(waited, elapsed * workers)),
        cpu_pressure: grown(from.kernel.cpu_pressure, to.kernel.cpu_pressure).map(|some| share(some, elapsed)),
        throttled: from.kernel.throttling.zip(to.kernel.throttling).filter(|_| long_enough).map(throttled),
        dropped_slots: counted(from.counts.dropped_slots, to.counts.dropped_slots),
        own_limits: Some(to.counts.own_limits.since(&from.counts.own_limits)),
        clock_gaps: Some(happened.gaps),
        clock_steps: Some(happened.steps),
        samples_dropped: counted(from.counts.samples_dropped, to.counts.samples_dropped),
        workers_lost: counted(Some(from.counts.workers_lost), Some(to.counts.workers_lost)),
    }
}

fn lag(from: Option<&Trend>, to: Option<&Trend>) -> Option<Lag> {
    match from {
        Some(from) if from.count() > 0 => Lag::of(&to?.since(from)?),
        _ => Lag::of(to?),
    }
}

fn throttled((from, to): (Throttling, Throttling)) -> Throttled {
    let periods = to.periods.saturating_sub(from.periods);
    let throttled = to.throttled.saturating_sub(from.throttled);
    // No period means no quota, or that nothing ran.
    let periods = if periods == 0 { 0.0 } else { throttled as f64 / periods as f64 };
    Throttled { periods, time: to.time.saturating_sub(from.time) }
}
