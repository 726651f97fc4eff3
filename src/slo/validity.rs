//! Validity before verdict: whether a run measured its target or its own generator.
//!
//! A pure function of [`Signals`]: `valid`, `suspect` (a figure may be touched: look at the
//! reasons) or `invalid` (the generator was the limit, so the thresholds' verdict is about it and
//! not about the target). What the kernel does not offer is not judged.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub mod fleet;
pub mod limits;
pub mod reason;
pub mod run;
pub mod signals;

use crate::{
    config::profile::LatencyClock,
    slo::validity::{
        limits::{Limits, TELLING_SAMPLES},
        reason::Reason,
        signals::{Figure, Lag, OwnLimits, Signals},
    },
};

/// How far a run can be trusted, best first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Nothing speaks against it.
    #[default]
    Valid,
    /// Some figures may hold the generator's own delay.
    Suspect,
    /// The figures are the generator's.
    Invalid,
}

impl Level {
    /// Every level, best first.
    pub const ALL: [Self; 3] = [Self::Valid, Self::Suspect, Self::Invalid];

    /// One word for labels and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// One limit that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which signal.
    pub reason: Reason,
    /// Suspect or invalid.
    pub level: Level,
    /// What was measured.
    pub measured: Figure,
    /// The limit of this level; more than it was measured.
    pub limit: Figure,
    /// The stage it was found in, from and to since the start of the load; none for the whole run.
    pub within: Option<(Duration, Duration)>,
    /// The agent of a fleet that found it in itself, or is lost; none in a run of one.
    pub agent: Option<u32>,
}

/// What the signals say together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The worst of the findings.
    pub level: Level,
    /// In the order of [`Reason::ALL`].
    pub findings: Vec<Finding>,
}

impl Judgement {
    fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| (finding.reason, finding.agent));
        Self { level: findings.iter().map(|finding| finding.level).max().unwrap_or_default(), findings }
    }

    /// The level that `reason` has been found at.
    #[must_use]
    pub fn level_of(&self, reason: Reason) -> Level {
        let found = self.findings.iter().filter(|finding| finding.reason == reason);
        found.map(|finding| finding.level).max().unwrap_or_default()
    }

    /// What the level means for the figures; none for a valid run.
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        let invalid = |finding: &&Finding| finding.level == Level::Invalid;
        let is_loss = |finding: &Finding| matches!(finding.reason, Reason::WorkerLost | Reason::AgentLost);
        match self.level {
            Level::Valid => None,
            Level::Suspect => Some("some figures may be off"),
            Level::Invalid if self.findings.iter().filter(invalid).all(is_loss) => {
                Some("a part of the load and of its figures is missing")
            }
            Level::Invalid => Some("the generator was the limit; the figures are its own, not the target's"),
        }
    }

    /// One sentence for the log; none for a valid run.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let mut reasons: Vec<_> = self.findings.iter().map(|finding| finding.reason.name()).collect();
        reasons.dedup();
        Some(format!("the run is {} ({}): {}", self.level.name(), reasons.join(", "), self.meaning()?))
    }
}

/// Signals whose findings show that a late send was late in the generator. The kernel accepts a
/// message late for another reason too: a target that does not read fills the socket's buffers.
const WITNESSES: [Reason; 6] =
    [Reason::ReadLag, Reason::StartLag, Reason::LoopLag, Reason::RunQueue, Reason::CpuPressure, Reason::Throttled];

/// Judges one window, or a whole run.
#[must_use]
pub fn judge(signals: &Signals, clock: LatencyClock) -> Judgement {
    let mut findings = Vec::new();
    // With the kernel's stamps a late read costs no truth of the latencies; it may still have held the target up.
    let read = if clock == LatencyClock::Kernel { Level::Suspect } else { Level::Invalid };
    findings.extend(lag(Reason::ReadLag, signals.read_lag, read));
    // Nothing but the generator stands between a slot and its iteration: a slot without a free VU is dropped, not late.
    findings.extend(lag(Reason::StartLag, signals.start_lag, Level::Invalid));
    findings.extend(lag(Reason::LoopLag, signals.loop_lag, Level::Invalid));
    findings.extend(share(Reason::RunQueue, signals.run_queue, limits::RUN_QUEUE));
    // Says that someone waited, not who; our own wait says more where it is known.
    let pressure = signals.cpu_pressure.filter(|_| signals.run_queue.is_none());
    findings.extend(share(Reason::CpuPressure, pressure, limits::CPU_PRESSURE));
    findings.extend(share(Reason::Throttled, signals.throttled.map(|throttled| throttled.periods), limits::THROTTLED));
    findings.extend(count(Reason::ClockGap, signals.clock_gaps.map(|gaps| gaps.count), limits::CLOCK_GAPS));

    // One standstill of a worker, which its 99th percentile does not show, makes many sends late.
    let stalled = signals.loop_lag.is_some_and(|lag| limits::LAG.invalid.is_some_and(|limit| lag.longest > limit));
    let witnessed = stalled || findings.iter().any(|finding| WITNESSES.contains(&finding.reason));
    let send = if witnessed { Level::Invalid } else { Level::Suspect };
    findings.extend(lag(Reason::SendLag, signals.send_lag, send));

    findings.extend(count(Reason::DroppedSlots, signals.dropped_slots, limits::DROPPED_SLOTS));
    if let Some(OwnLimits { attempts, fd_limit, no_local_port, no_memory }) = signals.own_limits
        && attempts > 0
    {
        let of = |failed: u64| Some(failed as f64 / attempts as f64);
        findings.extend(share(Reason::FdLimit, of(fd_limit), limits::OWN_LIMITS));
        findings.extend(share(Reason::NoLocalPort, of(no_local_port), limits::OWN_LIMITS));
        findings.extend(share(Reason::NoMemory, of(no_memory), limits::OWN_LIMITS));
    }
    findings.extend(count(Reason::ClockStep, signals.clock_steps.map(|steps| steps.count), limits::CLOCK_STEPS));
    findings.extend(count(Reason::SamplesDropped, signals.samples_dropped, limits::SAMPLES_DROPPED));
    findings.extend(count(Reason::WorkerLost, signals.workers_lost, limits::WORKERS_LOST));
    Judgement::of(findings)
}

fn lag(reason: Reason, lag: Option<Lag>, worst: Level) -> Option<Finding> {
    let Lag { p99, samples, .. } = lag?;
    let worst = if samples < TELLING_SAMPLES { worst.min(Level::Suspect) } else { worst };
    found(reason, p99, limits::LAG, worst, Figure::Time)
}

fn share(reason: Reason, share: Option<f64>, limits: Limits<f64>) -> Option<Finding> {
    found(reason, share?, limits, Level::Invalid, Figure::Share)
}

fn count(reason: Reason, count: Option<u64>, limits: Limits<u64>) -> Option<Finding> {
    found(reason, count?, limits, Level::Invalid, Figure::Count)
}

fn found<T: PartialOrd + Copy>(
    reason: Reason,
    value: T,
    limits: Limits<T>,
    worst: Level,
    figure: impl Fn(T) -> Figure,
) -> Option<Finding> {
    let invalid = limits.invalid.filter(|limit| worst == Level::Invalid && value > *limit);
    let suspect = limits.suspect.filter(|limit| value > *limit);
    let (level, limit) =
        invalid.map(|limit| (Level::Invalid, limit)).or(suspect.map(|limit| (Level::Suspect, limit)))?;
    Some(Finding { reason, level, measured: figure(value), limit: figure(limit), within: None, agent: None })
}

#[cfg(test)]
mod tests;
