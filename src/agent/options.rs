//! What a run needs besides its profile.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use crate::outputs::style::Style;

/// See the module.
#[derive(Debug)]
pub struct Options {
    /// Label of every series of this run.
    pub testid: String,
    /// Where `/metrics` is.
    pub listen: SocketAddr,
    /// Longest wait for scrapers after the end; `None` learns it from them.
    pub linger: Option<Duration>,
    /// The summary as JSON.
    pub summary_export: Option<PathBuf>,
    /// The run as a file for `rampd merge`.
    pub result: Option<PathBuf>,
    /// The verdict as one short text.
    pub verdict_file: Option<PathBuf>,
    /// Of the profile as it is meant.
    pub digest: String,
    /// Every sample as NDJSON.
    pub json: Vec<PathBuf>,
    /// Whether the summary has colours.
    pub style: Style,
    /// No summary on standard output.
    pub quiet: bool,
    /// Starts although the machine seems too small.
    pub force: bool,
    /// The embedded target's sockets are in this process too.
    pub echo: bool,
    /// Whether an invalid run has an exit code of its own, or that of its thresholds.
    pub on_invalid: OnInvalid,
    /// Threads; as many as the process may use cores if not given.
    pub workers: Option<NonZeroU32>,
    /// Where the run can be steered, if anywhere.
    pub control_socket: Option<PathBuf>,
}

/// What an invalid run ends with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInvalid {
    /// [`crate::exit::Exit::RunInvalid`].
    #[default]
    Fail,
    /// What its thresholds say, as if it were valid.
    Warn,
}
