//! The life of one run, as a story: prepare, listen, start, watch, end, judge, report, linger.

use std::{
    io::Write as _,
    net::SocketAddr,
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval_at, timeout};

use crate::{
    agent::{
        admin::{self, AdminServer, pages::{Page, Publisher, Requests}},
        crew::Crew,
        facts,
        live::Live,
        signals::Signals,
        telling,
    },
    clock::{Instant, WallClock},
    config::profile::Profile,
    engine::{
        instruments::Instruments,
        limits::{Needs, Offer, Shortage},
        worker::{self, WorkerSpec},
    },
    exit::Exit,
    metrics::{
        exposition::{self, run::{RunFacts, RunState}},
        snapshot::Snapshot,
    },
    outputs::{
        ndjson::{self, NdjsonOutput},
        progress::Progress,
        report::{Ended, RunReport},
        style::Style,
        summary, summary_export,
    },
    plan::Plan,
    protocol::tls,
    slo::{evaluate::limit_nanos, verdict::Verdict},
    units::tags::Tags,
};

/// From the preparation to the first VU: time for every worker's thread to be there.
const HEAD_START: Duration = Duration::from_millis(20);
/// Patience for a worker's snapshot; the admin server waits 250 ms for a page.
const SNAPSHOT_PATIENCE: Duration = Duration::from_millis(150);
/// After an interrupt, iterations that do not hold may go on so long before they are cut.
const INTERRUPT_GRACE: Duration = Duration::from_secs(1);
/// Beyond a stop's grace, for goodbyes that are not answered (at most 1 s each) and a busy machine.
const STOP_SLACK: Duration = Duration::from_secs(10);

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
    /// Threads; as many as the process may use cores if not given.
    pub workers: Option<NonZeroU32>,
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
    let (report, exit) = control.finish(&profile, &options, ended, notes)?;
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

/// The control thread's state of a run.
struct Control {
    plan: Arc<Plan>,
    instruments: Arc<Instruments>,
    facts: RunFacts,
    live: Live,
    wall: WallClock,
    json: Vec<NdjsonOutput>,
    publisher: Publisher,
    generation: u64,
}

/// How the load came to its end, with what people should know about it.
type End = (Ended, Vec<String>);

impl Control {
    fn prepare(
        profile: &Profile,
        plan: Arc<Plan>,
        options: &Options,
        publisher: Publisher,
    ) -> Result<Self, Error> {
        let limits: Vec<_> = profile.thresholds.iter().filter_map(limit_nanos).collect();
        let mut run_tags = Tags::from([("testid".to_owned(), options.testid.clone())]);
        run_tags.extend(profile.tags.clone());
        let instruments = Arc::new(Instruments::new(&plan, run_tags, &limits));
        let wall = WallClock::now();
        let start = Instant::now() + HEAD_START;
        let live = Live::new(instruments.table.clone(), profile.thresholds.clone(), start);
        let json = options
            .json
            .iter()
            .map(|path| NdjsonOutput::open(path, &instruments.table, &profile.thresholds, wall.unix_nanos(start)))
            .collect::<Result<_, _>>()?;
        let facts = facts::waiting(profile);
        Ok(Self { plan, instruments, facts, live, wall, json, publisher, generation: 0 })
    }

    fn start(&mut self, profile: &Profile, options: &Options) -> Result<Crew, Error> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        let workers = options.workers.map_or(cores, NonZeroU32::get).min(self.plan.peak_vus().max(1));
        let mut handles = Vec::new();
        for index in 0..workers {
            handles.push(worker::spawn(WorkerSpec {
                index,
                workers,
                plan: self.plan.clone(),
                instruments: self.instruments.clone(),
                tls: tls::client_config(&profile.tls)?,
                start: self.live.start,
                wall: self.wall,
                samples: self.json.first().map(NdjsonOutput::sender),
            })?);
        }
        self.live.state = RunState::Running;
        Ok(Crew::new(self.instruments.table.clone(), handles))
    }

    /// Serves scrapes, shows progress and judges until the load has ended.
    async fn watch(
        &mut self,
        mut crew: Crew,
        mut requests: Requests,
        signals: &mut Signals,
        progress: &mut Progress,
    ) -> Result<End, Error> {
        let second = Duration::from_secs(1);
        let first = tokio::time::Instant::from_std((self.live.start + second).to_std());
        let mut ticks = interval_at(first, second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut stopping = Stopping::new(&self.plan, self.live.start);
        let mut rates = telling::Rates::default();
        let mut notes = Vec::new();
        loop {
            tokio::select! {
                biased;
                name = signals.next() => {
                    if stopping.ended == Ended::Interrupted {
                        return Err(Error::SecondSignal);
                    }
                    tracing::warn!("{name}: closing connections and writing results; a second signal ends at once.");
                    notes.push(format!("interrupted by {name}: the run is incomplete"));
                    self.live.state = RunState::Stopping;
                    stopping.stop(&crew, Ended::Interrupted);
                }
                finished = crew.finished() => {
                    if let Err(lost) = finished {
                        tracing::error!("{lost}");
                        notes.push(lost.to_string());
                        stopping.stop(&crew, Ended::Failed);
                        continue;
                    }
                    break;
                }
                Some(request) = requests.recv() => {
                    let snapshot = crew.snapshot(SNAPSHOT_PATIENCE).await;
                    self.live.snapshot = snapshot;
                    let page = self.page(false)?;
                    request.respond(page);
                }
                _ = ticks.tick() => {
                    let snapshot = crew.snapshot(SNAPSHOT_PATIENCE).await;
                    let now = Instant::now();
                    if let Some(verdict) = self.live.tick(snapshot, now) {
                        tracing::error!("{}", verdict.message().unwrap_or_default());
                        self.live.state = RunState::Stopping;
                        stopping.stop(&crew, Ended::Aborted);
                    }
                    self.write_ticks(now);
                    self.publish(false)?;
                    progress.tick(telling::tick(&self.live, &self.plan, &mut rates, now));
                }
                () = tokio::time::sleep_until(stopping.deadline()) => {
                    if stopping.give_up(&crew) {
                        tracing::error!("Workers do not end; their last counts are used.");
                        notes.push("workers did not end in time: the last counts are used".to_owned());
                        break;
                    }
                }
            }
        }
        let snapshot = timeout(STOP_SLACK, async { crew.last() }).await.unwrap_or_else(|_| Snapshot::empty(&self.instruments.table));
        let now = Instant::now();
        self.live.end(snapshot, now);
        progress.tick(telling::tick(&self.live, &self.plan, &mut rates, now));
        Ok((stopping.ended, notes))
    }

    fn finish(
        &mut self,
        profile: &Profile,
        options: &Options,
        ended: Ended,
        mut notes: Vec<String>,
    ) -> Result<(RunReport, Exit), Error> {
        let at = self.live.ended.unwrap_or(self.live.start).nanos_since(self.live.start);
        for output in std::mem::take(&mut self.json) {
            match output.finish(at, &self.live.snapshot) {
                Ok(points) => tracing::debug!(points, "JSON output written."),
                Err(error) => {
                    tracing::error!("{error}");
                    notes.push(error.to_string());
                }
            }
        }
        if self.live.snapshot.samples_dropped() > 0 {
            notes.push(format!(
                "{} samples are missing from the JSON output: the disk was slower than the load",
                self.live.snapshot.samples_dropped()
            ));
        }
        let verdict = match ended {
            Ended::Aborted => Verdict::at_end(&self.live.thresholds, &self.live.evaluations).aborted(),
            _ => Verdict::at_end(&self.live.thresholds, &self.live.evaluations),
        };
        let exit = match (ended, verdict.passed()) {
            (Ended::Failed, _) => Exit::Failed,
            (Ended::Interrupted, _) => Exit::Interrupted,
            (Ended::Stopped, _) => Exit::StoppedByApi,
            (Ended::Aborted, _) | (Ended::Completed, false) => Exit::ThresholdCrossed,
            (Ended::Completed, true) => Exit::Passed,
        };
        if let Some(message) = verdict.message() {
            tracing::error!("{message}");
        }
        self.live.state = if ended == Ended::Completed { RunState::Finished } else { RunState::Aborted };
        let report = RunReport {
            profile: profile.name.clone(),
            testid: options.testid.clone(),
            table: self.instruments.table.clone(),
            snapshot: self.live.snapshot.clone(),
            extremes: self.live.extremes.clone(),
            elapsed: Duration::from_nanos(at),
            thresholds: self.live.thresholds.clone(),
            evaluations: self.live.evaluations.clone(),
            verdict,
            trend_stats: profile.summary_trend_stats.clone(),
            ended,
            exit_code: exit.code(),
            notes,
        };
        Ok((report, exit))
    }

    fn write_ticks(&self, now: Instant) {
        for output in &self.json {
            output.tick(now.nanos_since(self.live.start), &self.live.snapshot);
        }
    }

    /// Publishes the present state; returns its generation.
    fn publish(&mut self, is_final: bool) -> Result<u64, Error> {
        let page = self.page(is_final)?;
        let generation = page.generation;
        self.publisher.publish(page);
        Ok(generation)
    }

    fn page(&mut self, is_final: bool) -> Result<Page, Error> {
        let facts = facts::present(&self.facts, &self.live, &self.plan, &self.wall, Instant::now());
        let text = exposition::render(&self.instruments.table, &self.live.snapshot, &facts)?;
        self.generation += 1;
        Ok(Page { text: text.into(), generation: self.generation, is_final })
    }
}

/// When a run ends if nobody ends it, and how it was ended.
struct Stopping {
    ended: Ended,
    deadline: Instant,
    forced: bool,
    grace: Duration,
}

impl Stopping {
    fn new(plan: &Plan, start: Instant) -> Self {
        let graceful = plan.scenarios.iter().map(|scenario| scenario.hard_end.saturating_sub(scenario.end)).max();
        Self {
            ended: Ended::Completed,
            // Iterations are cut at the latest by the plan; what remains are goodbyes.
            deadline: start + plan.max_duration() + STOP_SLACK + STOP_SLACK,
            forced: false,
            grace: graceful.unwrap_or_default().min(INTERRUPT_GRACE),
        }
    }

    fn stop(&mut self, crew: &Crew, ended: Ended) {
        self.ended = ended;
        self.deadline = Instant::now() + self.grace + STOP_SLACK;
        self.forced = true;
        crew.stop(self.grace);
    }

    fn deadline(&self) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.deadline.to_std())
    }

    /// The deadline has passed: stops the workers the first time, gives them up the second.
    fn give_up(&mut self, crew: &Crew) -> bool {
        if self.forced {
            return true;
        }
        self.stop(crew, Ended::Failed);
        false
    }
}
