//! `rampd ctl`: asks a daemon over its HTTP API, or steers one run on this machine through its control socket.

mod client;
mod orders;
mod show;
mod socket;
mod start;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use crate::{
    cli::{
        console::{print, refuse},
        ctl::client::{Daemon, Error},
    },
    exit::Exit,
};

/// Options of the command.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "Exit codes:\n  \
    0    done\n  \
    1    not reached, or refused\n  \
    104  bad options, or a profile, a run or a value that is wrong\n  \
    start --wait ends with the code of its run\n\n\
    Examples:\n  \
    rampd ctl status\n  \
    rampd ctl start quantum-ws --scale 0.5 --wait\n  \
    rampd ctl scale web 50\n  \
    rampd ctl report latest -o report.html\n  \
    rampd run profile.yaml --control-socket /tmp/rampd.sock\n  \
    rampd ctl --socket /tmp/rampd.sock pause")]
pub struct Args {
    /// Address of the daemon
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:6464",
        env = "RAMPD_URL",
        hide_env_values = true
    )]
    pub url: String,
    /// The daemon's token, in a file
    #[arg(long, value_name = "FILE", env = "RAMPD_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM certificates to trust beside the built-in roots, for https
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Steer the run that was started with `rampd run --control-socket FILE` in place of a daemon
    #[arg(long, value_name = "FILE", env = "RAMPD_CONTROL_SOCKET")]
    pub socket: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub order: Order,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Order {
    /// Show the daemon, its run and its profiles
    Status,
    /// Show the state of the run once a second until it ends
    Watch,
    /// Start a run
    Start(start::Args),
    /// End a run in order, or take it out of the queue
    Stop(orders::Run),
    /// Begin nothing new: iterations go on to their end, held connections stay open, and the plan's time stands still
    Pause(orders::Run),
    /// Go on after a pause
    Resume(orders::Run),
    /// Set the VUs of a scenario with `externally-controlled`, `constant-vus` or `ramping-vus`, which then leaves its curve;
    /// returns when they have been started or told to stop
    Scale {
        /// The scenario's name
        scenario: String,
        /// How many VUs, at most the scenario's maxVUs, or the most VUs of its curve
        vus: u32,
    },
    /// Set how many iterations a second begin in a scenario with an arrival rate, from now on
    Rate {
        /// The scenario's name
        scenario: String,
        /// How many
        per_second: f64,
    },
    /// List earlier runs, newest first
    History(orders::History),
    /// Get the report of a run, in HTML
    Report(orders::Report),
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let outcome = match &args.socket {
        Some(path) => socket::order(path, &args.order).map(|()| Exit::Passed),
        None => over_http(args),
    };
    match outcome {
        Ok(exit) => exit,
        Err(error) => refuse(error.exit(), &error),
    }
}

fn over_http(args: &Args) -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let mut daemon = Daemon::new(&args.url, args.token_file.as_deref(), args.ca_file.as_deref())?;
    let asking = async {
        match &args.order {
            Order::Start(start) => return start::run(&mut daemon, start, args.json).await,
            Order::Watch => return orders::watch(&mut daemon, args.json).await,
            Order::Report(report) => orders::report(&mut daemon, report).await?,
            Order::Status => print(&orders::status(&mut daemon, args.json).await?),
            Order::History(history) => print(&orders::history(&mut daemon, history, args.json).await?),
            Order::Stop(run) => print(&orders::change(&mut daemon, run, "stop", args.json).await?),
            Order::Pause(run) => print(&orders::change(&mut daemon, run, "pause", args.json).await?),
            Order::Resume(run) => print(&orders::change(&mut daemon, run, "resume", args.json).await?),
            Order::Scale { scenario, vus } => {
                let body = serde_json::json!({ "scenario": scenario, "vus": vus });
                print(&orders::scale(&mut daemon, &body, args.json).await?);
            }
            Order::Rate { scenario, per_second } => {
                let body = serde_json::json!({ "scenario": scenario, "perSecond": per_second });
                print(&orders::scale(&mut daemon, &body, args.json).await?);
            }
        }
        Ok(Exit::Passed)
    };
    tokio::task::LocalSet::new().block_on(&runtime, asking)
}
