//! A plan in words.

use crate::{
    config::profile::{Executor, Scenario},
    units::duration::display,
};

/// k6's sentence about a scenario, as its banner prints it.
#[must_use]
pub fn executor(scenario: &Scenario) -> String {
    let mut extra = Vec::new();
    let sentence = match &scenario.executor {
        Executor::ConstantVus { vus, duration } => format!("{vus} looping VUs for {}", display(*duration)),
        Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
            let most = stages.iter().map(|stage| stage.target).fold(*start_vus, u32::max);
            let total = stages.iter().map(|stage| stage.duration).sum();
            extra.push(format!("gracefulRampDown: {}", display(*graceful_ramp_down)));
            format!("Up to {most} looping VUs for {} over {} stages", display(total), stages.len())
        }
    };
    if !scenario.start_time.is_zero() {
        extra.push(format!("startTime: {}", display(scenario.start_time)));
    }
    extra.push(format!("gracefulStop: {}", display(scenario.graceful_stop)));
    format!("{sentence} ({})", extra.join(", "))
}
