//! The command line: what may be typed, and which file answers it.

use clap::{Parser, Subcommand};

use crate::exit::Exit;

pub mod check;
pub mod compare;
pub mod completions;
pub mod console;
pub mod ctl;
pub mod dashboards;
pub mod demo;
pub mod echo;
pub mod fleet;
pub mod generate;
pub mod healthcheck;
pub mod helm_values;
pub mod man;
pub mod merge;
pub mod profile;
pub mod report;
pub mod run;
pub mod schema;
pub mod serve;
pub mod verdict;

/// A load agent for WebSocket and HTTP services that Prometheus can read.
///
/// A profile (YAML) says how many virtual users come and go, what each of them does, and which
/// thresholds the service must keep. rampd drives the load, serves live metrics, and ends like a
/// test.
#[derive(Debug, Parser)]
#[command(
    name = "rampd",
    version,
    max_term_width = 100,
    after_long_help = "Exit codes:\n  \
        0    every threshold passed\n  \
        96   the run is invalid: the generator was the limit, not the target (see --on-invalid)\n  \
        99   a threshold was crossed\n  \
        103  stopped through the API\n  \
        104  bad profile or options; nothing was sent\n  \
        105  SIGINT or SIGTERM; what had been measured was written\n  \
        106  cannot listen; nothing was sent\n  \
        107  too few files or ports for the plan; nothing was sent\n  \
        1    anything else\n\n\
        Start here:\n  \
        rampd demo                       a whole run against an embedded target, 15 s\n  \
        rampd check config/quantum-ws.yaml   the plan of a profile, or everything wrong with it\n  \
        rampd run config/quantum-ws.yaml --echo"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Form of the log on standard error
    #[arg(long, global = true, value_enum, default_value_t = console::LogFormat::Text, env = "RAMPD_LOG_FORMAT")]
    pub log_format: console::LogFormat,
    /// Which log lines to show: error, warn, info, debug, trace, or a list such as rampd::engine=debug
    #[arg(long, global = true, value_name = "FILTER", default_value = "info", env = "RAMPD_LOG")]
    pub log: String,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a profile: ramp, measure, judge, exit
    Run(run::Args),
    /// Stay, and run profiles by schedule or on request, one at a time
    Serve(serve::Args),
    /// Check a profile without running it: its plan, or everything that is wrong
    Check(check::Args),
    /// See a whole run in 15 s: k6's ramp to 2,000 clients, ten times faster, against an embedded target
    Demo(demo::Args),
    /// Be a WebSocket target that echoes, with faults on request
    Echo(echo::Args),
    /// Steer a run on this machine that was started with --control-socket
    Ctl(ctl::Args),
    /// Write what Prometheus, Alertmanager and Grafana need to judge and show as the profile says
    Generate(generate::Args),
    /// Judge a finished run from what Prometheus has stored of it; ends with the code of its run
    Verdict(verdict::Args),
    /// Make one exact verdict of the results of several agents, which `rampd run --result` has written
    Merge(merge::Args),
    /// Make an HTML report of a finished run from the record that `rampd run --record` has written
    Report(report::Args),
    /// Compare runs by their records: what differs, and whether by more than chance
    Compare(compare::Args),
    /// Ask a running agent whether it is ready, for containers without curl; ends with 0 or 1
    Healthcheck(healthcheck::Args),
    /// Print the JSON Schema of a profile, for editors that complete and check as you type
    Schema,
    /// Print what a shell needs to complete commands and options
    Completions(completions::Args),
    /// Print the manual page, or write one for each command
    Man(man::Args),
}

/// Does what was typed.
#[must_use]
pub fn main(cli: &Cli) -> Exit {
    match &cli.command {
        Command::Run(args) => run::run(args, cli),
        Command::Serve(args) => serve::run(args, cli),
        Command::Check(args) => check::run(args),
        Command::Demo(args) => demo::run(args, cli),
        Command::Echo(args) => echo::run(args, cli),
        Command::Ctl(args) => ctl::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Verdict(args) => verdict::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Report(args) => report::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Healthcheck(args) => healthcheck::run(args),
        Command::Schema => schema::run(),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}
