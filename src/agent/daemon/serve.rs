//! The daemon's life, as a story: read, lock, listen; then schedules, requests, runs, reloads, until a signal.

use std::{future::pending, net::SocketAddr, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    agent::{
        admin::{
            AdminServer,
            pages::{Publisher, Requests, ScrapeRequest},
        },
        api::{Surface, access::Access},
        board::Board,
        daemon::{
            Daemon, Finished,
            desk::{self, Counter, DaemonStatus},
            history::{self, History},
            settings::Settings,
        },
        error::Error as RunError,
        scrapers::Lingered,
        signals::Signals,
    },
    exit::Exit,
};

/// How often files are looked at, and how late a changed clock or a machine that slept is noticed. A timer alone would not do:
/// it stands still while the machine sleeps.
const LOOK: Duration = Duration::from_secs(1);

/// What the daemon needs besides its configuration.
#[derive(Debug)]
pub struct Options {
    /// The configuration's file.
    pub config: PathBuf,
    /// Instead of the configuration's address.
    pub listen: Option<SocketAddr>,
    /// Longest wait for scrapers between two runs; learned from them if not given.
    pub linger: Option<Duration>,
    /// The embedded target that answers instead of the profiles' own.
    pub echo: Option<SocketAddr>,
    /// Starts runs although the machine seems too small.
    pub force: bool,
}

/// Why there is no daemon, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Everything that is wrong with it.
    #[error("{0}")]
    Config(String),
    /// Its folder.
    #[error(transparent)]
    History(#[from] history::Error),
    /// The address is taken.
    #[error(transparent)]
    Listen(#[from] crate::agent::admin::Error),
    /// The system refuses a signal handler.
    #[error("the system refuses what a daemon needs: {0}")]
    System(#[from] std::io::Error),
    /// A second signal.
    #[error("ended at once by a second signal; the run that went on is listed as interrupted")]
    SecondSignal,
}

impl Error {
    /// The exit code that tells it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::History(history::Error::Folder { .. }) => Exit::BadConfiguration,
            Self::Listen(_) | Self::History(history::Error::Locked(_)) => Exit::CannotListen,
            Self::System(_) => Exit::Failed,
            Self::SecondSignal => Exit::Interrupted,
        }
    }
}

/// A run that goes on, or the wait for those who read its end.
type Going<T> = Option<Pin<Box<dyn Future<Output = T>>>>;

/// Serves until a signal.
///
/// # Errors
/// Why it did not start, or that it was ended by force.
pub async fn serve(options: Options) -> Result<(), Error> {
    let now = Timestamp::now();
    let settings =
        Settings::read(&options.config, options.listen, now).map_err(|rejected| Error::Config(rejected.problem))?;
    let history = History::open(&settings.config.history)?;
    let mut signals = Signals::new()?;
    let mut hangup = signal(SignalKind::hangup())?;
    let listen = options.listen.unwrap_or(settings.config.listen);
    let (desk, Counter { requests: mut asked, status }) = desk::channel();
    let (board, access) = (Board::default(), watch::Sender::new(settings.access.clone()));
    let surface = Surface {
        board: board.reader(),
        desk: Some(desk),
        history: Some(history.reader()),
        access: access.subscribe(),
    };
    let (server, publisher, requests) = AdminServer::bind(listen, surface)?;
    let scrapers = server.scrapers().clone();
    let linger = options.linger;
    let shown = Shown { addr: server.addr(), publisher, status, board, access };
    let mut daemon = Daemon::new(options, settings, history, shown, now);
    daemon.start_up(now);
    // From here on it is ready, and whoever reads this line finds all of its state.
    daemon.publish();
    tracing::info!(metrics = %format!("http://{}/metrics", server.addr()), "Listening.");

    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut requests = Some(requests);
    let mut run: Going<(Requests, Finished)> = None;
    let mut lingering: Going<Lingered> = None;
    loop {
        if run.is_none() && lingering.is_none() {
            if daemon.is_ending() {
                return Ok(());
            }
            // Beside the daemon's own, which each hear every signal; made first, so that none that comes while a run is made
            // ready is the daemon's alone.
            let heard = Signals::new()?;
            if let Some(name) = signals.next().now_or_never() {
                tracing::info!("{name}: the daemon ends.");
                daemon.end();
                continue;
            }
            if let Some(begun) = daemon.begin(Timestamp::now())
                && let Some(lent) = requests.take()
            {
                run = Some(Box::pin(begun.conduct(lent, heard)));
            }
        }
        daemon.show();
        let due = daemon.next_due(Timestamp::now()).unwrap_or(Duration::MAX);
        tokio::select! {
            biased;
            name = signals.next() => {
                if daemon.is_ending() {
                    return Err(Error::SecondSignal);
                }
                if run.is_some() {
                    // The run has the same signal, and ends in order.
                    tracing::warn!("{name}: the run is ended, then the daemon.");
                } else {
                    tracing::info!("{name}: the daemon ends.");
                    lingering = None;
                }
                daemon.end();
            }
            (lent, finished) = going(&mut run) => {
                run = None;
                requests = Some(lent);
                if matches!(finished.outcome, Err(RunError::SecondSignal)) {
                    return Err(Error::SecondSignal);
                }
                let generation = daemon.finish(finished, Timestamp::now());
                let scrapers = scrapers.clone();
                // Whoever reads `/metrics` is to see how a run ended before the next one takes its place.
                lingering = Some(Box::pin(async move { scrapers.linger(generation, linger, pending()).await }));
            }
            lingered = going(&mut lingering) => {
                lingering = None;
                if lingered.known > 0 {
                    tracing::info!("Final state served: {lingered}.");
                }
            }
            _ = hangup.recv() => daemon.reload("SIGHUP", Timestamp::now()),
            Some(request) = asked.recv() => daemon.answer(request, Timestamp::now()),
            () = sleep(due) => daemon.advance(Timestamp::now()),
            _ = looks.tick() => daemon.look(Timestamp::now()),
            Some(scrape) = scraped(&mut requests) => scrape.respond(daemon.page()),
        }
    }
}

async fn going<T>(future: &mut Going<T>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn scraped(requests: &mut Option<Requests>) -> Option<ScrapeRequest> {
    match requests {
        Some(requests) => requests.recv().await,
        None => pending().await,
    }
}

/// Shared by everything that shows a time.
pub(super) fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Where everything of a daemon is shown.
#[derive(Debug)]
pub struct Shown {
    /// Where it listens.
    pub addr: SocketAddr,
    /// `/metrics`.
    pub publisher: Publisher,
    /// Its own state.
    pub status: watch::Sender<Arc<DaemonStatus>>,
    /// The state of its run.
    pub board: Board,
    /// Who may ask the API.
    pub access: watch::Sender<Arc<Access>>,
}
