//! Why a run did not happen, or not to its end.

use std::path::PathBuf;

use crate::{
    agent::{admin, control_socket, fleet},
    engine::limits::Shortage,
    exit::Exit,
    outputs::ndjson,
    protocol::tls,
};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine is too small.
    #[error("the run was not started: {}; --force starts it regardless", list(.0))]
    Preflight(Vec<Shortage>),
    /// The address is taken.
    #[error(transparent)]
    Listen(#[from] admin::Error),
    /// Another run listens there, or the folder is not ours.
    #[error(transparent)]
    ControlSocket(#[from] control_socket::Error),
    /// A certificate file.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// An output file.
    #[error(transparent)]
    Json(#[from] ndjson::Error),
    /// The summary's file cannot be written.
    #[error("cannot write the summary to {path}: {source}; choose another path in --summary-export FILE")]
    Export {
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of the run's outcome cannot be written; found out before the load.
    #[error("cannot write {path}: {source}; choose another path in {option} FILE")]
    Outcome {
        /// Which option names it.
        option: &'static str,
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It could be written before the load, and not after it.
    #[error("the run has ended, but {path} of {option} could not be written: {source}")]
    OutcomeLost {
        /// Which option names it.
        option: &'static str,
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system refuses a thread or a signal handler.
    #[error("the system refuses what a run needs: {0}")]
    System(#[from] std::io::Error),
    /// The fleet did not come together.
    #[error(transparent)]
    Fleet(#[from] fleet::Error),
    /// The time to start is over.
    #[error("--start-at lies {0:?} in the past; nothing was sent")]
    TooLate(std::time::Duration),
    /// A signal before the load.
    #[error("{0} before the start; nothing was sent")]
    InterruptedBeforeStart(&'static str),
    /// An order before the load.
    #[error("stopped by an order before the start; nothing was sent")]
    StoppedBeforeStart,
    /// A second signal.
    #[error("ended at once by a second signal; nothing was written")]
    SecondSignal,
}

fn list(shortages: &[Shortage]) -> String {
    shortages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// The exit code that tells it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Error::Preflight(_) => Exit::PreflightRefused,
            Error::Listen(_) | Error::ControlSocket(_) => Exit::CannotListen,
            Error::Tls(_)
            | Error::Json(ndjson::Error::Open { .. })
            | Error::Export { .. }
            | Error::Outcome { .. }
            | Error::TooLate(_) => Exit::BadConfiguration,
            Error::Fleet(error) => error.exit(),
            Error::StoppedBeforeStart => Exit::StoppedByApi,
            Error::SecondSignal | Error::InterruptedBeforeStart(_) => Exit::Interrupted,
            Error::Json(_) | Error::OutcomeLost { .. } | Error::System(_) => Exit::Failed,
        }
    }
}
