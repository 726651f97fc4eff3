//! Options that change a profile, for every command that reads one.

use std::{path::Path, time::Duration};

use clap::Args as ClapArgs;

use crate::{
    config::{
        self,
        environment::Environment,
        overrides::{Overrides, parse_iterations, parse_stage, parse_tag, parse_vus},
        profile::{Profile, Stage},
        source::Source,
    },
    units::duration,
};

/// What to change in the profile.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Changes to the profile")]
pub struct Changes {
    /// Set a value for ${NAME} in the profile; wins over the environment
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", value_parser = Environment::parse_assignment)]
    pub env: Vec<(String, String)>,
    /// Replace the number of VUs (with --duration or --iterations), or of VUs at the start (with --stage)
    #[arg(long, value_name = "N", value_parser = parse_vus)]
    pub vus: Option<u32>,
    /// Replace the load by so many iterations, shared among the VUs
    #[arg(long, value_name = "N", value_parser = parse_iterations, conflicts_with = "stage")]
    pub iterations: Option<u64>,
    /// Replace the load by a fixed number of VUs for this time; with --iterations it is their longest time
    #[arg(long, value_name = "TIME", value_parser = duration::parse, conflicts_with = "stage")]
    pub duration: Option<Duration>,
    /// Replace the load by this ramp; repeat for each stage
    #[arg(long, value_name = "TIME:TARGET", value_parser = parse_stage)]
    pub stage: Vec<Stage>,
    /// Multiply every number of VUs, every rate and shared iterations, for example 0.5 for half the load
    #[arg(long, value_name = "FACTOR")]
    pub scale: Option<f64>,
    /// Divide the durations of stages and pauses, for example 10 for ten times faster
    #[arg(long, value_name = "FACTOR")]
    pub speed: Option<f64>,
    /// Put a tag on every sample of the run
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_tag)]
    pub tag: Vec<(String, String)>,
}

/// Reads a profile with its changes.
///
/// # Errors
/// A text for people: everything that is wrong, with positions.
pub fn load(path: &Path, changes: &Changes) -> Result<Profile, String> {
    let source = Source::read(path).map_err(|report| report.to_string())?;
    from_source(&source, changes)
}

/// Reads a profile that comes with the program.
///
/// # Errors
/// See [`load`].
pub fn embedded(name: &str, text: &str, changes: &Changes) -> Result<Profile, String> {
    let source = Source::from_bytes(name, text.as_bytes().to_vec()).map_err(|report| report.to_string())?;
    from_source(&source, changes)
}

fn from_source(source: &Source, changes: &Changes) -> Result<Profile, String> {
    let mut environment = Environment::of_process();
    for (name, value) in &changes.env {
        environment.set(name, value);
    }
    let overrides = Overrides {
        vus: changes.vus,
        iterations: changes.iterations,
        duration: changes.duration,
        stages: changes.stage.clone(),
        tags: changes.tag.clone(),
    };
    let mut profile = config::load(source, &environment, &overrides).map_err(|report| report.to_string())?;
    if let Some(factor) = changes.scale {
        profile = profile.scaled(factor).map_err(|error| format!("--scale {factor}: {error}"))?;
    }
    if let Some(factor) = changes.speed {
        profile = profile.sped_up(factor).map_err(|error| format!("--speed {factor}: {error}"))?;
    }
    Ok(profile)
}
