//! A plan in words.

use std::time::Duration;

use crate::{
    config::profile::{Executor, Scenario, VuPool},
    units::{duration::display, rate::Rate},
};

/// k6's sentence about a scenario, as its banner prints it.
#[must_use]
pub fn executor(scenario: &Scenario) -> String {
    let mut extra = Vec::new();
    let sentence = match &scenario.executor {
        Executor::SharedIterations { vus, iterations, max_duration } => {
            extra.push(format!("maxDuration: {}", display(*max_duration)));
            format!("{iterations} iterations shared among {vus} VUs")
        }
        Executor::PerVuIterations { vus, iterations, max_duration } => {
            extra.push(format!("maxDuration: {}", display(*max_duration)));
            format!("{iterations} iterations for each of {vus} VUs")
        }
        Executor::ConstantVus { vus, duration } => format!("{vus} looping VUs for {}", display(*duration)),
        Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
            let most = stages.iter().map(|stage| stage.target).fold(*start_vus, u32::max);
            let total = stages.iter().map(|stage| stage.duration).sum();
            extra.push(format!("gracefulRampDown: {}", display(*graceful_ramp_down)));
            format!("Up to {most} looping VUs for {} over {} stages", display(total), stages.len())
        }
        Executor::ConstantArrivalRate { rate, time_unit, duration, pool } => {
            extra.push(vus(*pool));
            format!("{} iterations/s for {}", per_second(*rate, *time_unit), display(*duration))
        }
        Executor::RampingArrivalRate { start_rate, time_unit, stages, pool } => {
            let most = stages.iter().map(|stage| stage.target).fold(*start_rate, Rate::max);
            let total = stages.iter().map(|stage| stage.duration).sum();
            extra.push(vus(*pool));
            let most = per_second(most, *time_unit);
            format!("Up to {most} iterations/s for {} over {} stages", display(total), stages.len())
        }
        Executor::ExternallyControlled { vus, max_vus, duration } => {
            let duration = duration.map_or_else(|| "infinite".to_owned(), display);
            format!("Externally controlled execution with {vus} VUs, {max_vus} max VUs, {duration} duration")
        }
    };
    if !scenario.start_time.is_zero() {
        extra.push(format!("startTime: {}", display(scenario.start_time)));
    }
    if !matches!(scenario.executor, Executor::ExternallyControlled { .. }) {
        extra.push(format!("gracefulStop: {}", display(scenario.graceful_stop)));
    }
    if extra.is_empty() { sentence } else { format!("{sentence} ({})", extra.join(", ")) }
}

fn per_second(rate: Rate, time_unit: Duration) -> String {
    format!("{:.2}", rate.as_f64() / time_unit.as_secs_f64())
}

fn vus(pool: VuPool) -> String {
    if pool.max > pool.pre_allocated {
        format!("maxVUs: {}-{}", pool.pre_allocated, pool.max)
    } else {
        format!("maxVUs: {}", pool.pre_allocated)
    }
}
