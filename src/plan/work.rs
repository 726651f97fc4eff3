//! What gives a scenario's VUs their iterations: each executor as a course of VUs and a kind of work.

use std::{sync::Arc, time::Duration};

use crate::{
    config::profile::{Executor, Scenario},
    plan::{ramp::Ramp, schedule::Schedule},
    units::duration::MAX,
};

/// What gives VUs their iterations.
#[derive(Debug, Clone)]
pub enum Work {
    /// A VU runs one after the other until it is taken away.
    Loop,
    /// A VU runs so many.
    Each {
        /// Of each VU.
        iterations: u64,
    },
    /// VUs take them from a common number.
    Shared {
        /// Of all VUs together.
        iterations: u64,
    },
    /// One begins at each slot, on a VU that is free.
    Arrivals {
        /// When.
        schedule: Arc<Schedule>,
        /// VUs may be added up to here.
        max_vus: u32,
    },
    /// As [`Work::Loop`], with the number of VUs set while the run goes on.
    Live {
        /// It may be set up to here.
        max_vus: u32,
    },
}

/// An executor's course of VUs, its work, and the grace of VUs that the course takes away.
pub(crate) struct Course {
    pub(crate) ramp: Ramp,
    pub(crate) work: Work,
    pub(crate) graceful_ramp_down: Duration,
    /// Offsets at which its stages begin.
    pub(crate) stages: Vec<Duration>,
    /// Without an end of its own.
    pub(crate) endless: bool,
}

impl Course {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let flat = |vus, duration, work| Self {
            ramp: Ramp::constant(vus, duration),
            work,
            graceful_ramp_down: scenario.graceful_stop,
            stages: vec![Duration::ZERO],
            endless: false,
        };
        let arrivals = |schedule: Schedule, pre_allocated, max_vus| Self {
            stages: schedule.stage_starts().collect(),
            ..flat(pre_allocated, schedule.duration(), Work::Arrivals { schedule: Arc::new(schedule), max_vus })
        };
        match &scenario.executor {
            Executor::ConstantVus { vus, duration } => flat(*vus, *duration, Work::Loop),
            Executor::PerVuIterations { vus, iterations, max_duration } => {
                flat(*vus, *max_duration, Work::Each { iterations: *iterations })
            }
            Executor::SharedIterations { vus, iterations, max_duration } => {
                flat(*vus, *max_duration, Work::Shared { iterations: *iterations })
            }
            Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
                let ramp = Ramp::new(*start_vus, stages);
                Self {
                    stages: ramp.stage_starts().collect(),
                    ramp,
                    graceful_ramp_down: *graceful_ramp_down,
                    ..flat(0, Duration::ZERO, Work::Loop)
                }
            }
            Executor::ConstantArrivalRate { rate, time_unit, duration, pool } => {
                arrivals(Schedule::constant(*rate, *time_unit, *duration), pool.pre_allocated, pool.max)
            }
            Executor::RampingArrivalRate { start_rate, time_unit, stages, pool } => {
                arrivals(Schedule::ramping(*start_rate, *time_unit, stages), pool.pre_allocated, pool.max)
            }
            Executor::ExternallyControlled { vus, max_vus, duration } => Self {
                endless: duration.is_none(),
                ..flat(*vus, duration.unwrap_or(MAX), Work::Live { max_vus: *max_vus })
            },
        }
    }
}
