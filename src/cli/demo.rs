//! `rampd demo`

use clap::Args as ClapArgs;

use crate::{
    cli::{
        Cli,
        console::refuse,
        profile::{self, Changes},
        run::{How, execute},
    },
    exit::Exit,
};

/// The seed's test, as it is in the repository.
const PROFILE: &str = include_str!("../../config/quantum-ws.yaml");

/// Options of the demo: those of a run, without a profile.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// How many times faster than the profile's 2m30s
    #[arg(long, value_name = "FACTOR", default_value_t = 10.0)]
    pub speed: f64,
    /// How to run it.
    #[command(flatten)]
    pub how: How,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args, cli: &Cli) -> Exit {
    let changes = Changes { speed: Some(args.speed), ..Changes::default() };
    match profile::embedded("config/quantum-ws.yaml", PROFILE, &changes) {
        Ok(profile) => execute(profile, &How { echo: true, ..args.how.clone() }, cli),
        Err(message) => refuse(Exit::BadConfiguration, &message),
    }
}
