//! The control thread of a run: starts the workers, watches them, and judges what they counted.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval_at},
};

use crate::{
    agent::{
        admin::pages::{Page, Publisher, Requests},
        control::showing::Showing,
        crew::Crew,
        error::Error,
        facts,
        fleet::{Event, Fleet},
        health::{Health, pulse::SNAPSHOT_PATIENCE, window::Counts},
        live::Live,
        observe::Observer,
        options::Options,
        signals::Signals,
        steering::{Orders, steered::Steered},
        stopping::Stopping,
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
    fleet::message::Cause,
    metrics::exposition::{
        self,
        run::{RunFacts, RunState},
        serve::ServeFacts,
    },
    outputs::{ndjson::NdjsonOutput, progress::Progress, report::Ended},
    plan::Plan,
    protocol::tls,
    slo::evaluate::limit_nanos,
    units::tags::Tags,
};

mod conclude;
mod finish;
mod gather;
mod marks;
mod orders;
mod settle;
mod showing;

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
    /// How often the run was changed.
    orders: u32,
    /// The plan as orders have changed it.
    steered: Steered,
    wall: WallClock,
    json: Vec<NdjsonOutput>,
    /// Whether the leader, and nothing of this agent's own, has ended the load.
    ended_by_leader: bool,
    /// How far the start may be off because of the clocks.
    clock_error: Option<Duration>,
    /// What the workers share, once there are some.
    commons: Option<Arc<Commons>>,
    publisher: Publisher,
    generation: u64,
    observer: Option<Observer>,
    showing: Showing,
    /// Of the daemon that runs it, if one does.
    serve: Option<watch::Receiver<Arc<ServeFacts>>>,
    /// At the leader: why it does not wait for the others' results any longer.
    left_waiting: Option<String>,
}

/// How the load came to its end, with what people should know about it.
pub type End = (Ended, Vec<String>);

impl Control {
    /// Makes the slots of the run and opens its outputs; nothing is sent yet.
    #[must_use]
    pub fn prepare(
        profile: &Profile,
        plan: Arc<Plan>,
        options: &Options,
        publisher: Publisher,
        observer: Option<Observer>,
    ) -> Self {
        let limits: Vec<_> = profile.thresholds.iter().filter_map(limit_nanos).collect();
        let mut run_tags = Tags::from([("testid".to_owned(), options.testid.clone())]);
        run_tags.extend(profile.tags.clone());
        let instruments = Arc::new(Instruments::new(&plan, run_tags, &limits));
        let wall = WallClock::now();
        let start = Instant::now() + HEAD_START;
        // What a part of a load has measured is judged with the other parts.
        let thresholds = if options.judges() { profile.thresholds.clone() } else { Vec::new() };
        let mut live = Live::new(instruments.table.clone(), thresholds, start);
        live.observed = observer.as_ref().map(Observer::values).unwrap_or_default();
        let facts = facts::waiting(profile, &live.thresholds, options.fleet.as_ref());
        let health = Health::new(&plan, start, profile.timing.latency_clock, instruments.generator, &live.snapshot);
        let steered = Steered::new(plan.clone(), start);
        let showing = Showing::new(profile, &plan, options, &instruments.table);
        Self {
            plan,
            instruments,
            facts,
            live,
            health,
            workers_lost: 0,
            orders: 0,
            steered,
            wall,
            json: Vec::new(),
            ended_by_leader: false,
            clock_error: None,
            commons: None,
            // Pages of one listener are numbered through, over all its runs.
            generation: publisher.generation(),
            publisher,
            observer,
            showing,
            serve: options.serve.clone(),
            left_waiting: None,
        }
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
        self.commons = Some(commons.clone());
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
                sockets: files.saturating_sub(RESERVED_FILES + options.led()) / u64::from(workers),
                timing: profile.timing,
                keep_cookies: profile.keep_cookies,
                seed,
                samples: self.json.first().map(NdjsonOutput::sender),
            })?);
        }
        self.live.state = RunState::Running;
        self.showing.workers = workers;
        self.show();
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
        fleet: &mut Fleet,
        signals: &mut Signals,
        progress: &mut Progress,
    ) -> Result<End, Error> {
        let second = Duration::from_secs(1);
        let first = tokio::time::Instant::from_std((self.live.start + second).to_std());
        let mut ticks = interval_at(first, second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut stopping = Stopping::new(&self.plan, self.live.start);
        let mut rates = telling::Rates::default();
        let (mut notes, mut signalled) = (Vec::new(), false);
        loop {
            self.health.ready(Instant::now());
            tokio::select! {
                biased;
                name = signals.next() => {
                    // The leader's stop is no signal to this process.
                    if std::mem::replace(&mut signalled, true) {
                        return Err(Error::SecondSignal);
                    }
                    tracing::warn!("{name}: closing connections and writing results; a second signal ends at once.");
                    notes.push(format!("interrupted by {name}: the run is incomplete"));
                    self.begin_stopping();
                    self.ended_by_leader = false;
                    stopping.stop(&crew, Ended::Interrupted);
                    fleet.stop(Cause::Interrupted);
                    self.show();
                }
                finished = crew.finished() => {
                    if let Err(lost) = finished {
                        tracing::error!("{lost}");
                        notes.push(lost.to_string());
                        self.workers_lost += 1;
                        self.ended_by_leader = false;
                        stopping.stop(&crew, Ended::Failed);
                        fleet.stop(Cause::Failed);
                        continue;
                    }
                    break;
                }
                () = tokio::time::sleep_until(tokio::time::Instant::from_std(self.health.next_beat().to_std())) => {
                    self.health.beat(Instant::now());
                }
                Some(order) = orders.next() => {
                    notes.extend(self.carry_out(order, &crew, fleet, &mut stopping));
                    self.follow_orders(Instant::now());
                }
                event = fleet.event() => {
                    let (why, ended) = event.told();
                    tracing::warn!("{why}");
                    notes.push(why);
                    // What ended the load here before stays its end.
                    if let Some(ended) = ended.filter(|_| stopping.ended == Ended::Completed) {
                        self.ended_by_leader = matches!(event, Event::Stop(_));
                        self.begin_stopping();
                        stopping.stop(&crew, ended);
                        self.show();
                    }
                }
                _ = ticks.tick() => {
                    let snapshot = crew.snapshot(SNAPSHOT_PATIENCE).await;
                    fleet.tell(&self.instruments.table, &snapshot);
                    self.live.others = fleet.others();
                    self.facts.fleet.agents = fleet.agents();
                    self.look();
                    let now = Instant::now();
                    if let Some(verdict) = self.live.tick(snapshot, now) {
                        tracing::error!("{}", verdict.message().unwrap_or_default());
                        self.begin_stopping();
                        stopping.stop(&crew, Ended::Aborted);
                        fleet.stop(Cause::Aborted);
                    }
                    self.health.tick(&self.live.snapshot, self.counts(now), now);
                    self.write_ticks(now);
                    self.sample(now);
                    self.publish(false);
                    progress.tick(telling::tick(&self.live, &self.steered, &mut rates, now));
                }
                () = stopping.expired() => {
                    if stopping.give_up(&crew) {
                        tracing::error!("Workers do not end; their last counts are used.");
                        self.workers_lost += 1;
                        if std::mem::take(&mut self.ended_by_leader) {
                            stopping.ended = Ended::Failed;
                        }
                        notes.push("workers did not end in time: the last counts are used".to_owned());
                        break;
                    }
                    fleet.stop(Cause::Failed);
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
        self.sample_last(now);
        progress.tick(telling::tick(&self.live, &self.steered, &mut rates, now));
        Ok((stopping.ended, notes))
    }

    /// Takes what observed targets have said.
    fn look(&mut self) {
        if let Some(observer) = &self.observer {
            self.live.observed = observer.values();
        }
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

    /// Publishes the present state.
    pub fn publish(&mut self, is_final: bool) -> Page {
        let page = self.page(is_final);
        self.publisher.publish(page.clone());
        self.show();
        page
    }

    fn page(&mut self, is_final: bool) -> Page {
        if let Some(start) = self.facts.fleet.index.and_then(|_| self.fleet_start()) {
            self.facts.fleet.start_delay = Some(start.late);
            self.facts.fleet.clock_error = start.clock_error;
        }
        if let Some(serve) = &self.serve {
            self.facts.serve = Some(serve.borrow().clone());
        }
        let facts = facts::present(&self.facts, &self.live, &self.health, &self.steered, &self.wall, Instant::now());
        let sheet = exposition::sheet(&self.instruments.table, &self.live.snapshot, &facts);
        self.generation += 1;
        Page { sheet, generation: self.generation, is_final }
    }
}
