//! The configuration of `rampd serve`: which profiles it runs, when, and what it keeps of them.

pub mod schedule;

mod decode;

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    time::Duration,
};

use crate::config::{
    context::Context, daemon::schedule::Schedule, document, environment, environment::Environment,
    overrides::Overrides, policy::Policy, problem::Report, source::Source,
};

/// See the module.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    /// Address of `/metrics`, the API and the page.
    pub listen: SocketAddr,
    /// Whose first line is the API's token.
    pub token_file: Option<PathBuf>,
    /// Names beside our own addresses by which the API may be asked.
    pub allowed_hosts: Vec<String>,
    /// What is kept of runs.
    pub history: HistoryConfig,
    /// Runs that may wait for their turn.
    pub queue: usize,
    /// What the operator allows.
    pub policy: Policy,
    /// In the file's order.
    pub profiles: Vec<ProfileEntry>,
}

/// What is kept of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryConfig {
    /// Its folder.
    pub dir: PathBuf,
    /// Runs kept at most; the oldest goes first.
    pub max_runs: usize,
    /// Since a run's start.
    pub max_age: Duration,
}

/// A profile with when and how it is run.
#[derive(Debug, Clone)]
pub struct ProfileEntry {
    /// By which it is asked for; in addresses, so letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The profile's own file.
    pub file: PathBuf,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
    /// Whether it runs when the daemon starts.
    pub on_start: bool,
    /// Values of the profile's variables; they win over the environment's.
    pub env: Vec<(String, String)>,
    /// What is changed in it.
    pub overrides: Overrides,
    /// Multiplies every number of VUs and every rate.
    pub scale: Option<f64>,
    /// Divides the durations of stages and pauses.
    pub speed: Option<f64>,
    /// When its time comes while another run goes on.
    pub if_busy: IfBusy,
    /// When its time came while nobody could start it.
    pub if_missed: IfMissed,
    /// After runs that did not pass.
    pub if_failed: IfFailed,
}

/// What happens to a run whose time comes while another goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfBusy {
    /// It waits for its turn, once.
    #[default]
    Queue,
    /// It does not run this time.
    Skip,
}

/// What happens to a run whose time passed while the daemon was down or the machine asleep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfMissed {
    /// It does not run until its next time.
    #[default]
    Skip,
    /// It runs once, however many times have passed.
    Run,
}

/// Largest `suspendAfter`: so many failed runs of a profile are kept beyond the history's bounds, as its suspension is
/// known by them.
pub const MOST_FAILURES: usize = 100;

/// What happens to a schedule whose runs do not pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfFailed {
    /// It goes on.
    #[default]
    Continue,
    /// After so many in a row it stands still until a run on request has passed.
    SuspendAfter(NonZeroU32),
}

/// Where `rampd` listens unless it is told otherwise.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 6464);

/// Reads the configuration; `environment` fills its `${NAME}`.
///
/// # Errors
/// Every problem of the file at once. The profiles it names are not read.
pub fn load(source: &Source, environment: &Environment) -> Result<DaemonConfig, Report> {
    let mut tree = document::parse(source.text()).map_err(|fault| fault.into_report(source))?;
    let context = Context::new(source);
    environment::substitute(&mut tree, environment, &context);
    let config = decode::daemon(&tree, &context);
    let report = context.into_report();
    match config {
        Some(config) if report.problems.is_empty() => Ok(config),
        _ => Err(report),
    }
}

#[cfg(test)]
mod tests;
