//! The life of one run, as a story: prepare, listen, start, watch, end, judge, report, linger.

use std::{io::Write as _, net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    agent::{
        admin::{self, AdminServer},
        control::Control,
        signals::Signals,
    },
    config::profile::Profile,
    engine::limits::{Needs, Offer, Shortage},
    exit::Exit,
    metrics::exposition,
    outputs::{ndjson, progress::Progress, report::RunReport, style::Style, summary, summary_export},
    plan::Plan,
    protocol::tls,
};

/// What a run needs besides its profile.
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
}

/// What an invalid run ends with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInvalid {
    /// [`Exit::RunInvalid`].
    #[default]
    Fail,
    /// What its thresholds say, as if it were valid.
    Warn,
}

/// Why a run did not happen, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine is too small.
    #[error("the run was not started: {}; --force starts it regardless", list(.0))]
    Preflight(Vec<Shortage>),
    /// The address is taken.
    #[error(transparent)]
    Listen(#[from] admin::Error),
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
    /// The system refuses a thread or a signal handler.
    #[error("the system refuses what a run needs: {0}")]
    System(#[from] std::io::Error),
    /// A page could not be rendered.
    #[error(transparent)]
    Exposition(#[from] exposition::Error),
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
            Error::Listen(_) => Exit::CannotListen,
            Error::Tls(_) | Error::Json(ndjson::Error::Open { .. }) | Error::Export { .. } => Exit::BadConfiguration,
            Error::SecondSignal => Exit::Interrupted,
            Error::Json(_) | Error::System(_) | Error::Exposition(_) => Exit::Failed,
        }
    }
}

/// Runs `profile` to its end.
///
/// # Errors
/// Why it did not start, or that it could not be ended in order. Everything measured until an
/// interrupt is reported and is no error.
pub async fn run(profile: Profile, options: Options, mut progress: Progress) -> Result<Exit, Error> {
    let plan = Arc::new(Plan::new(&profile));
    preflight(&plan, &options)?;
    // Writable now or never: after hours of load is too late to find out.
    if let Some(path) = &options.summary_export {
        std::fs::File::create(path).map_err(|source| Error::Export { path: path.clone(), source })?;
    }
    let mut signals = Signals::new()?;
    let (server, publisher, requests) = AdminServer::bind(options.listen)?;
    tracing::info!(metrics = %format!("http://{}/metrics", server.addr()), testid = options.testid, "Listening.");

    let mut control = Control::prepare(&profile, plan, &options, publisher)?;
    control.publish(false)?;
    let started = control.start(&profile, &options)?;
    let (ended, notes) = control.watch(started, requests, &mut signals, &mut progress).await?;
    progress.finish();
    let (report, exit) = control.finish(&profile, &options, ended, notes);
    tell(&report, &options)?;

    let last = control.publish(true)?;
    let lingered = server.scrapers().linger(last, options.linger, async {
        signals.next().await;
    });
    let lingered = lingered.await;
    if lingered.known > 0 {
        tracing::info!("Final state served: {lingered}.");
    }
    Ok(exit)
}

fn preflight(plan: &Plan, options: &Options) -> Result<(), Error> {
    let shortages = Needs::of(plan, options.echo).shortages(Offer::of_this_machine());
    if shortages.is_empty() {
        return Ok(());
    }
    if !options.force {
        return Err(Error::Preflight(shortages));
    }
    for shortage in shortages {
        tracing::warn!("{shortage}; started regardless (--force)");
    }
    Ok(())
}

fn tell(report: &RunReport, options: &Options) -> Result<(), Error> {
    if !options.quiet {
        // A reader that has gone away does not change the verdict.
        let mut stdout = std::io::stdout().lock();
        let _unread = stdout.write_all(summary::render(report, options.style).as_bytes()).and_then(|()| stdout.flush());
    }
    if let Some(path) = &options.summary_export {
        let failed = |source| Error::Export { path: path.clone(), source };
        let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?);
        summary_export::write(report, &mut file).and_then(|()| file.flush()).map_err(failed)?;
    }
    Ok(())
}
