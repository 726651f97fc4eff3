//! The control thread of a run: starts the workers, watches them, and judges what they counted.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval_at};

use crate::{
    agent::{
        admin::pages::{Page, Publisher, Requests},
        crew::Crew,
        error::Error,
        facts,
        health::{Health, pulse::SNAPSHOT_PATIENCE, window::Counts},
        live::Live,
        observe::Observer,
        options::{OnInvalid, Options},
        signals::Signals,
        steering::Orders,
        stopping::{Stopping, exit},
        telling,
    },
    clock::{Instant, WallClock},
    config::profile::Profile,
    engine::{
        commons::Commons,
        failure_log::FailureLog,
        instruments::Instruments,
        limits::{Offer, RESERVED_FILES},
        worker::{self, WorkerSpec},
    },
    exit::Exit,
    metrics::exposition::{
        self,
        run::{RunFacts, RunState},
    },
    outputs::{
        ndjson::NdjsonOutput,
        progress::Progress,
        report::{Ended, RunReport},
    },
    plan::Plan,
    protocol::tls,
    slo::{evaluate::limit_nanos, validity::Level, verdict::Verdict},
    units::tags::Tags,
};

mod settle;

/// From the preparation to the first VU: time for every worker's thread to be there.
const HEAD_START: Duration = Duration::from_millis(20);

/// The control thread's state of a run.
#[derive(Debug)]
pub struct Control {
    plan: Arc<Plan>,
    instruments: Arc<Instruments>,
    facts: RunFacts,
    live: Live,
    health: Health,
    workers_lost: u64,
    /// VUs as they have been ordered, by the scenario's place in the plan.
    ordered: BTreeMap<usize, u32>,
    wall: WallClock,
    json: Vec<NdjsonOutput>,
    publisher: Publisher,
    generation: u64,
    observer: Option<Observer>,
}

/// How the load came to its end, with what people should know about it.
pub type End = (Ended, Vec<String>);

impl Control {
    /// Makes the slots of the run and opens its outputs; nothing is sent yet.
    ///
    /// # Errors
    /// An output cannot be written.
    pub fn prepare(
        profile: &Profile,
        plan: Arc<Plan>,
        options: &Options,
        publisher: Publisher,
        observer: Option<Observer>,
    ) -> Result<Self, Error> {
        let limits: Vec<_> = profile.thresholds.iter().filter_map(limit_nanos).collect();
        let mut run_tags = Tags::from([("testid".to_owned(), options.testid.clone())]);
        run_tags.extend(profile.tags.clone());
        let instruments = Arc::new(Instruments::new(&plan, run_tags, &limits));
        let wall = WallClock::now();
        let start = Instant::now() + HEAD_START;
        let mut live = Live::new(instruments.table.clone(), profile.thresholds.clone(), start);
        live.observed = observer.as_ref().map(Observer::values).unwrap_or_default();
        let json = options
            .json
            .iter()
            .map(|path| NdjsonOutput::open(path, &instruments.table, &profile.thresholds, wall.unix_nanos(start)))
            .collect::<Result<_, _>>()?;
        let facts = facts::waiting(profile);
        let health = Health::new(&plan, start, profile.timing.latency_clock, instruments.generator, &live.snapshot);
        Ok(Self {
            plan,
            instruments,
            facts,
            live,
            health,
            workers_lost: 0,
            ordered: BTreeMap::new(),
            wall,
            json,
            publisher,
            generation: 0,
            observer,
        })
    }

    /// Starts the workers; the load begins at `live.start`.
    ///
    /// # Errors
    /// A thread is refused, or a certificate file has gone.
    pub fn start(&mut self, profile: &Profile, options: &Options) -> Result<Crew, Error> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        let workers = options.workers.map_or(cores, NonZeroU32::get).min(self.plan.peak_vus().max(1));
        let seed = profile.timing.seed.unwrap_or_else(rand::random);
        let failures = Arc::<FailureLog>::default();
        // The embedded target has the other end of every socket in this process too.
        let files = Offer::of_this_machine().files / if options.echo { 2 } else { 1 };
        let (commons, handed_over) = Commons::new(&self.plan, workers);
        let (commons, mut handed_over) = (Arc::new(commons), handed_over.into_iter());
        let network = Arc::new(profile.network.clone());
        let mut handles = Vec::new();
        for index in 0..workers {
            handles.push(worker::spawn(WorkerSpec {
                index,
                workers,
                plan: self.plan.clone(),
                commons: commons.clone(),
                handed_over: handed_over.next(),
                instruments: self.instruments.clone(),
                tls: tls::client_configs(&profile.tls)?,
                network: network.clone(),
                start: self.live.start,
                wall: self.wall,
                failures: failures.clone(),
                sockets: files.saturating_sub(RESERVED_FILES) / u64::from(workers),
                timing: profile.timing,
                keep_cookies: profile.keep_cookies,
                seed,
                samples: self.json.first().map(NdjsonOutput::sender),
            })?);
        }
        self.live.state = RunState::Running;
        Ok(Crew::new(self.instruments.table.clone(), handles))
    }

    /// Serves scrapes, shows progress and judges until the load has ended.
    ///
    /// # Errors
    /// A second signal, or a page that cannot be rendered.
    pub async fn watch(
        &mut self,
        mut crew: Crew,
        requests: &mut Requests,
        orders: &mut Orders,
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
            self.health.ready(Instant::now());
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
                        self.workers_lost += 1;
                        stopping.stop(&crew, Ended::Failed);
                        continue;
                    }
                    break;
                }
                () = tokio::time::sleep_until(tokio::time::Instant::from_std(self.health.next_beat().to_std())) => {
                    self.health.beat(Instant::now());
                }
                Some(order) = orders.next() => {
                    if let Some((scenario, vus)) = order.carry_out(&self.plan, &crew) {
                        tracing::info!(scenario = self.plan.scenarios.get(scenario).map(|one| &one.name), vus, "VUs set.");
                        self.ordered.insert(scenario, vus);
                    }
                }
                _ = ticks.tick() => {
                    let snapshot = crew.snapshot(SNAPSHOT_PATIENCE).await;
                    self.look();
                    let now = Instant::now();
                    if let Some(verdict) = self.live.tick(snapshot, now) {
                        tracing::error!("{}", verdict.message().unwrap_or_default());
                        self.live.state = RunState::Stopping;
                        stopping.stop(&crew, Ended::Aborted);
                    }
                    self.health.tick(&self.live.snapshot, self.counts(now), now);
                    self.write_ticks(now);
                    self.publish(false);
                    progress.tick(telling::tick(&self.live, &self.plan, &mut rates, now));
                }
                () = tokio::time::sleep_until(stopping.deadline()) => {
                    if stopping.give_up(&crew) {
                        tracing::error!("Workers do not end; their last counts are used.");
                        self.workers_lost += 1;
                        notes.push("workers did not end in time: the last counts are used".to_owned());
                        break;
                    }
                }
                // Last: whoever scrapes without a pause must not keep the run from being judged and ended.
                Some(request) = requests.recv() => {
                    let snapshot = crew.snapshot(SNAPSHOT_PATIENCE).await;
                    self.live.snapshot = snapshot;
                    self.look();
                    let page = self.page(false);
                    request.respond(page);
                }
            }
        }
        let snapshot = crew.last();
        self.look();
        let now = Instant::now();
        self.live.end(snapshot, now);
        self.health.end(&self.live.snapshot, self.counts(now), now);
        progress.tick(telling::tick(&self.live, &self.plan, &mut rates, now));
        Ok((stopping.ended, notes))
    }

    /// Takes what observed targets have said.
    fn look(&mut self) {
        if let Some(observer) = &self.observer {
            self.live.observed = observer.values();
        }
    }

    /// Closes the outputs and judges the final counts. A file that could not be written spoils a passed run.
    pub fn finish(
        &mut self,
        profile: &Profile,
        options: &Options,
        ended: Ended,
        mut notes: Vec<String>,
    ) -> (RunReport, Exit) {
        let mut written = true;
        let at = self.live.ended.unwrap_or(self.live.start).nanos_since(self.live.start);
        for output in std::mem::take(&mut self.json) {
            match output.finish(at, &self.live.snapshot) {
                Ok(points) => tracing::debug!(points, "JSON output written."),
                Err(error) => {
                    tracing::error!("{error}");
                    notes.push(error.to_string());
                    written = false;
                }
            }
        }
        let mut verdict = Verdict::at_end(&self.live.thresholds, &self.live.evaluations);
        if let Verdict::Crossed { aborted, .. } = &mut verdict {
            *aborted = ended == Ended::Aborted;
        }
        let judgement = &self.health.validity().judgement;
        let invalid = judgement.level == Level::Invalid && options.on_invalid == OnInvalid::Fail;
        let exit = exit(ended, invalid, verdict.passed(), written);
        match (judgement.level, judgement.message()) {
            (Level::Invalid, Some(message)) => tracing::error!("{message}"),
            (_, Some(message)) => tracing::warn!("{message}"),
            (_, None) => {}
        }
        // An abort has been said when it happened.
        if let (Some(message), true) = (verdict.message(), ended != Ended::Aborted) {
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
            observed: self.live.observed.clone(),
            thresholds: self.live.thresholds.clone(),
            evaluations: self.live.evaluations.clone(),
            verdict,
            validity: self.health.validity().clone(),
            invalid_fails: options.on_invalid == OnInvalid::Fail,
            trend_stats: profile.summary_trend_stats.clone(),
            ended,
            exit_code: exit.code(),
            notes,
            fleet: None,
        };
        (report, exit)
    }

    fn counts(&self, now: Instant) -> Counts {
        let samples_dropped = (!self.json.is_empty()).then(|| self.live.snapshot.samples_dropped());
        Counts::of(&self.live.view(now), self.plan.has_arrivals(), samples_dropped, self.workers_lost)
    }

    fn write_ticks(&self, now: Instant) {
        for output in &self.json {
            output.tick(now.nanos_since(self.live.start), &self.live.snapshot);
        }
    }

    /// Publishes the present state; returns its generation.
    pub fn publish(&mut self, is_final: bool) -> u64 {
        let page = self.page(is_final);
        let generation = page.generation;
        self.publisher.publish(page);
        generation
    }

    fn page(&mut self, is_final: bool) -> Page {
        let facts = facts::present(
            &self.facts,
            &self.live,
            &self.health,
            (&self.plan, &self.ordered),
            &self.wall,
            Instant::now(),
        );
        let sheet = exposition::sheet(&self.instruments.table, &self.live.snapshot, &facts);
        self.generation += 1;
        Page { sheet, generation: self.generation, is_final }
    }
}
