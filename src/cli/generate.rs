//! `rampd generate`

use clap::{Args as ClapArgs, Subcommand};

use crate::{cli::dashboards, exit::Exit};

/// What to write.
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// What to write.
    #[command(subcommand)]
    pub what: What,
}

/// What can be written.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Grafana dashboards: one run, several runs, and the fleet with its generators
    Dashboards(dashboards::Args),
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    match &args.what {
        What::Dashboards(args) => dashboards::run(args),
    }
}
