//! Who runs when: k6's executors with k6's keys.

use std::time::Duration;

use crate::units::rate::Rate;

/// How many iterations a rate that goes through `stages` makes: the area under it.
#[must_use]
pub fn iterations_of(start_rate: Rate, stages: &[RateStage], time_unit: Duration) -> f64 {
    let mut from = start_rate;
    let area = stages.iter().map(|stage| {
        let mean = (std::mem::replace(&mut from, stage.target).as_f64() + stage.target.as_f64()) / 2.0;
        mean * stage.duration.as_secs_f64() / time_unit.as_secs_f64()
    });
    area.sum()
}

/// Below this no iteration begins: the first one does where the area reaches 1. Less by what floats lose.
pub const FIRST_ITERATION: f64 = 1.0 - 1e-9;

/// k6's executors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executor {
    /// VUs take from a common number of iterations until none is left.
    SharedIterations {
        /// At least 1.
        vus: u32,
        /// At least one for each VU.
        iterations: u64,
        /// No iteration begins later. At least 1 s, 10 minutes by default.
        max_duration: Duration,
    },
    /// Each VU runs the same number of iterations.
    PerVuIterations {
        /// At least 1.
        vus: u32,
        /// Of each VU, at least 1.
        iterations: u64,
        /// No iteration begins later. At least 1 s, 10 minutes by default.
        max_duration: Duration,
    },
    /// A fixed number of VUs for a fixed time.
    ConstantVus {
        /// At least 1.
        vus: u32,
        /// At least 1 s before `--speed`.
        duration: Duration,
    },
    /// VUs that follow the stages.
    RampingVus {
        /// VUs at the start, 1 by default.
        start_vus: u32,
        /// At least one; the highest of `start_vus` and all targets is at least 1.
        stages: Vec<Stage>,
        /// How long an iteration may go on after the ramp has taken its VU away. 30 s by default.
        graceful_ramp_down: Duration,
    },
    /// Iterations begin at a fixed rate, whatever the earlier ones do.
    ConstantArrivalRate {
        /// Above 0.
        rate: Rate,
        /// What the rate counts by, above zero. 1 s by default.
        time_unit: Duration,
        /// At least 1 s before `--speed`.
        duration: Duration,
        /// Who runs them.
        pool: VuPool,
    },
    /// Iterations begin at a rate that follows the stages.
    RampingArrivalRate {
        /// Rate at the start, 0 by default.
        start_rate: Rate,
        /// What the rates count by, above zero. 1 s by default.
        time_unit: Duration,
        /// At least one; the highest of `start_rate` and all targets is above 0.
        stages: Vec<RateStage>,
        /// Who runs them.
        pool: VuPool,
    },
    /// The number of VUs is set while the run goes on.
    ExternallyControlled {
        /// At the start.
        vus: u32,
        /// At least `vus`, and at least 1.
        max_vus: u32,
        /// None goes on until the run is stopped.
        duration: Option<Duration>,
    },
}

impl Executor {
    /// Most VUs that it may have at one time.
    #[must_use]
    pub fn most_vus(&self) -> u32 {
        match self {
            Self::SharedIterations { vus, .. } | Self::PerVuIterations { vus, .. } | Self::ConstantVus { vus, .. } => {
                *vus
            }
            Self::RampingVus { start_vus, stages, .. } => {
                stages.iter().map(|stage| stage.target).fold(*start_vus, u32::max)
            }
            Self::ConstantArrivalRate { pool, .. } | Self::RampingArrivalRate { pool, .. } => pool.max,
            Self::ExternallyControlled { max_vus, .. } => *max_vus,
        }
    }

    /// Highest rate that it asks for, in iterations per second; 0 of looping VUs, which have as many as they manage.
    #[must_use]
    pub fn highest_rate(&self) -> f64 {
        match self {
            Self::ConstantArrivalRate { rate, time_unit, .. } => rate.as_f64() / time_unit.as_secs_f64(),
            Self::RampingArrivalRate { start_rate, time_unit, stages, .. } => {
                let highest = stages.iter().map(|stage| stage.target).fold(*start_rate, Rate::max);
                highest.as_f64() / time_unit.as_secs_f64()
            }
            _ => 0.0,
        }
    }

    /// Longest time until no more iteration begins; none if it goes on until it is stopped.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        match self {
            Self::SharedIterations { max_duration, .. } | Self::PerVuIterations { max_duration, .. } => {
                Some(*max_duration)
            }
            Self::ConstantVus { duration, .. } | Self::ConstantArrivalRate { duration, .. } => Some(*duration),
            Self::RampingVus { stages, .. } => Some(stages.iter().map(|stage| stage.duration).sum()),
            Self::RampingArrivalRate { stages, .. } => Some(stages.iter().map(|stage| stage.duration).sum()),
            Self::ExternallyControlled { duration, .. } => *duration,
        }
    }
}

/// A linear change of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Zero jumps at once.
    pub duration: Duration,
    /// Reached at the end of the stage.
    pub target: u32,
}

/// A linear change of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStage {
    /// Zero jumps at once.
    pub duration: Duration,
    /// Reached at the end of the stage.
    pub target: Rate,
}

/// The VUs of an arrival rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VuPool {
    /// There from the start.
    pub pre_allocated: u32,
    /// Added one at a time up to here; at least `pre_allocated`, and at least 1.
    pub max: u32,
}
