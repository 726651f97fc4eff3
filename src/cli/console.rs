//! The terminal: logs on standard error, results on standard output.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::Mutex,
};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::{exit::Exit, outputs::progress::LogWriter};

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Starts logging to standard error through `writer`, which keeps a progress bar whole.
///
/// # Errors
/// The filter is wrong.
pub fn start_logging(format: LogFormat, filter: &str, writer: LogWriter) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("--log {filter}: {error}"))?;
    // The libraries' own trace logs hold whole requests, secrets included.
    let filter = ["tungstenite=info", "rustls=info", "hyper=info"]
        .iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Mutex::new(writer)).with_target(false);
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let started = match format {
        LogFormat::Text => builder.with_ansi(colour).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| error.to_string())
}

/// Whether the summary may have colours.
#[must_use]
pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Says what went wrong before anything ran, and how that ends.
#[must_use]
pub fn refuse(exit: Exit, message: &dyn std::fmt::Display) -> Exit {
    // If standard error is gone, the exit code still tells.
    let _unread = writeln!(io::stderr(), "rampd: {message}");
    exit
}

/// Prints a result; a reader that has gone away is no error.
pub fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _unread = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
