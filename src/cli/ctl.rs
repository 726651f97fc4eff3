//! `rampd ctl`: steers a run on the same machine.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args as ClapArgs, Subcommand};

use crate::{
    agent::control_socket::{Request, Response},
    cli::console::refuse,
    exit::Exit,
};

/// A run answers within 4 s, also that its workers do not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Options of the command.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_long_help = "Example:\n  \
    rampd run profile.yaml --control-socket /tmp/rampd.sock\n  \
    rampd ctl --socket /tmp/rampd.sock scale web 50\n  \
    rampd ctl --socket /tmp/rampd.sock pause")]
pub struct Args {
    /// The file that was given to `rampd run --control-socket`
    #[arg(long, value_name = "FILE", env = "RAMPD_CONTROL_SOCKET")]
    pub socket: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub order: Order,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Order {
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
    /// Begin nothing new: iterations go on to their end, held connections stay open, and the plan's time stands still
    Pause,
    /// Go on after a pause
    Resume,
    /// End the run in order; it exits with 103
    Stop,
}

/// Why the order was not carried out.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot reach a run at {path}: {source}; was it started with --control-socket {path}?")]
    Connect { path: PathBuf, source: std::io::Error },
    #[error("the run did not answer: {0}; it may have ended")]
    Silent(std::io::Error),
    #[error("the run's answer is no answer: {0}; are both of one version?")]
    Answer(serde_json::Error),
    #[error("{0}")]
    Refused(String),
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let request = match args.order.clone() {
        Order::Scale { scenario, vus } => Request::Scale { scenario: Some(scenario), vus },
        Order::Rate { scenario, per_second } => Request::Rate { scenario: Some(scenario), per_second },
        Order::Pause => Request::Pause {},
        Order::Resume => Request::Resume {},
        Order::Stop => Request::Stop {},
    };
    match ask(&args.socket, &request) {
        Ok(()) => Exit::Passed,
        Err(error) => refuse(Exit::Failed, &error),
    }
}

fn ask(path: &Path, request: &Request) -> Result<(), Error> {
    let mut stream = UnixStream::connect(path).map_err(|source| Error::Connect { path: path.to_path_buf(), source })?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(Error::Silent)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(Error::Silent)?;
    writeln!(stream, "{}", serde_json::json!(request)).map_err(Error::Silent)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(Error::Silent)?;
    match serde_json::from_str(&line).map_err(Error::Answer)? {
        Response::Done => Ok(()),
        Response::Refused(reason) => Err(Error::Refused(reason)),
    }
}
