//! One thread of the engine: its own runtime, sockets, resolver, TLS sessions and recorder. It
//! walks its share of the plan and answers commands; nothing else reaches into it.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    io,
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use rand::{SeedableRng, rngs::SmallRng};
use rustls::ClientConfig;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    clock::{Instant, WallClock},
    config::profile::{LatencyClock, Timing},
    engine::{
        context::WorkerContext,
        control::Phase,
        failure_log::FailureLog,
        instruments::Instruments,
        pacer::Pacer,
        vu::{Scenario, Vu},
        vu_task,
    },
    metrics::{recorder::Recorder, samples::SampleSender, snapshot::Snapshot},
    plan::{Plan, VuChange, VuEvent},
    protocol::{connect::Connector, http::Scratch},
};

/// Commands waiting for one worker; the control thread sends one at a time of each kind.
const COMMANDS: usize = 16;

/// Everything a worker needs.
#[derive(Debug)]
pub struct WorkerSpec {
    /// From 0.
    pub index: u32,
    /// How many there are.
    pub workers: u32,
    /// The whole plan; the worker takes its share.
    pub plan: Arc<Plan>,
    /// The run's slots.
    pub instruments: Arc<Instruments>,
    /// TLS settings of this worker.
    pub tls: Arc<ClientConfig>,
    /// When the plan begins.
    pub start: Instant,
    /// For placeholders with wall time.
    pub wall: WallClock,
    /// Says the first failure of each kind.
    pub failures: Arc<FailureLog>,
    /// Sockets this worker may have open, so that files are left for the listener and the outputs.
    pub sockets: u64,
    /// How time is kept.
    pub timing: Timing,
    /// Of pauses and arrivals; the same for all workers of a run.
    pub seed: u64,
    /// Where single samples go, if somewhere.
    pub samples: Option<SampleSender>,
}

/// What a worker can be told.
#[derive(Debug)]
pub enum Command {
    /// Answer with everything recorded so far.
    Snapshot(oneshot::Sender<Snapshot>),
    /// Begin no more iterations, end those that hold, and cut the others after `grace`.
    Stop {
        /// How long iterations may go on.
        grace: Duration,
    },
}

/// The control thread's end of a worker.
#[derive(Debug)]
pub struct WorkerHandle {
    /// Where commands go.
    pub commands: mpsc::Sender<Command>,
    /// The last snapshot, when the worker has nothing more to do. Closed without one after a panic.
    pub finished: oneshot::Receiver<Snapshot>,
    /// The thread, to be joined after that.
    pub thread: thread::JoinHandle<()>,
}

/// Starts the thread of a worker.
///
/// # Errors
/// The system refuses a thread.
pub fn spawn(spec: WorkerSpec) -> io::Result<WorkerHandle> {
    let (commands, received) = mpsc::channel(COMMANDS);
    let (finish, finished) = oneshot::channel();
    let thread = thread::Builder::new().name(format!("worker-{}", spec.index)).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        match runtime {
            Ok(runtime) => {
                match runtime.block_on(Worker::run(spec, received)) {
                    // The receiver is gone only when the whole run is being given up.
                    Ok(last) => drop(finish.send(last)),
                    Err(error) => tracing::error!(%error, "Cannot start a worker's timer."),
                }
                // Not waiting for a name look-up that hangs in the system's resolver.
                runtime.shutdown_background();
            }
            Err(error) => tracing::error!(%error, "Cannot start a worker's runtime."),
        }
    })?;
    Ok(WorkerHandle { commands, finished, thread })
}

/// When an iteration is to be cut, unless its VU has been given back since.
type Cut = Reverse<(Instant, usize, u32, u32)>;

struct Worker {
    context: Rc<WorkerContext>,
    scenarios: Vec<Rc<Scenario>>,
    start: Instant,
    events: std::iter::Peekable<std::vec::IntoIter<VuEvent>>,
    /// VUs by scenario and number, made when they first start.
    vus: HashMap<(usize, u32), (Rc<Vu>, Cell<u32>)>,
    cuts: BinaryHeap<Cut>,
    tasks: JoinSet<()>,
}

impl Worker {
    fn new(spec: WorkerSpec) -> io::Result<Self> {
        let pacer = Pacer::new(spec.timing.precision)?;
        let recorder = Rc::new(Recorder::new(&spec.instruments.table, spec.start, spec.samples));
        let events = spec.plan.events(spec.index, spec.workers);
        let planned = spec.plan.scenarios.iter().zip(&spec.instruments.scenarios);
        for (scenario, slots) in planned {
            let share = (0..scenario.ramp.max()).filter(|vu| vu % spec.workers == spec.index).count();
            recorder.gauge_add(slots.vus_max, share as i64);
        }
        let context = Rc::new(WorkerContext {
            recorder,
            connector: Connector::new(spec.tls, spec.sockets),
            scratch: Scratch::default(),
            text: RefCell::default(),
            other_text: RefCell::default(),
            random: RefCell::new(SmallRng::seed_from_u64(spec.seed ^ u64::from(spec.index))),
            wall: spec.wall,
            failures: spec.failures,
            generator: spec.instruments.generator,
            pacer: Rc::new(pacer),
            seed: spec.seed,
            workers: spec.workers,
            stamps: (spec.timing.latency_clock == LatencyClock::Kernel).then(Rc::default),
        });
        let planned = spec.plan.scenarios.iter().zip(&spec.instruments.scenarios);
        Ok(Self {
            scenarios: planned.map(|(scenario, slots)| Rc::new(Scenario::new(scenario, slots, &context))).collect(),
            context,
            start: spec.start,
            events: events.into_iter().peekable(),
            vus: HashMap::new(),
            cuts: BinaryHeap::new(),
            tasks: JoinSet::new(),
        })
    }

    async fn run(spec: WorkerSpec, commands: mpsc::Receiver<Command>) -> io::Result<Snapshot> {
        // The kernel may otherwise put timers off by 50 µs to save power.
        if let Err(error) = nix::sys::prctl::set_timerslack(1) {
            tracing::debug!(%error, "The timer slack stays as it is.");
        }
        let worker = Self::new(spec)?;
        let (pacer, context) = (worker.context.pacer.clone(), worker.context.clone());
        // Tasks of their own: waking the runtime's main future costs two system calls each time.
        let mut helpers = JoinSet::new();
        helpers.spawn_local(async move { pacer.drive().await });
        helpers.spawn_local(async move { context.measure_loop_lag().await });
        let last = tokio::task::spawn_local(worker.walk(commands)).await;
        helpers.abort_all();
        last.map_err(io::Error::other)
    }

    async fn walk(mut self, mut commands: mpsc::Receiver<Command>) -> Snapshot {
        let mut listening = true;
        loop {
            let next = self.next_due();
            if next.is_none() && self.tasks.is_empty() {
                return self.context.recorder.snapshot();
            }
            let context = self.context.clone();
            let due = async {
                match next {
                    Some(at) => context.pacer.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                command = commands.recv(), if listening => match command {
                    Some(Command::Snapshot(reply)) => {
                        // A requester that has stopped waiting takes the next one.
                        let _unheard = reply.send(self.context.recorder.snapshot());
                    }
                    Some(Command::Stop { grace }) => self.stop_all(grace),
                    None => {
                        listening = false;
                        self.stop_all(Duration::ZERO);
                    }
                },
                () = due => self.process_due(Instant::now()),
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "A virtual user's task failed; this is a bug in rampd.");
                    }
                }
            }
        }
    }

    fn next_due(&mut self) -> Option<Instant> {
        let event = self.events.peek().map(|event| self.start + event.at);
        // A cut without a task has nothing to do.
        let cut = self.cuts.peek().filter(|_| !self.tasks.is_empty()).map(|Reverse((at, ..))| *at);
        [event, cut].into_iter().flatten().min()
    }

    fn process_due(&mut self, now: Instant) {
        while let Some(event) = self.events.next_if(|event| self.start + event.at <= now) {
            match event.change {
                VuChange::Start => self.start_vu(event.scenario, event.vu),
                VuChange::Stop { cut_at } => self.stop_vu(event.scenario, event.vu, self.start + cut_at),
            }
        }
        while let Some(Reverse((at, scenario, vu, turn))) = self.cuts.peek().copied() {
            if at > now {
                return;
            }
            self.cuts.pop();
            if let Some((vu, turns)) = self.vus.get(&(scenario, vu))
                && turns.get() == turn
            {
                vu.control.set(Phase::Cut);
            }
        }
    }

    fn start_vu(&mut self, scenario: usize, number: u32) {
        let Some(shared) = self.scenarios.get(scenario) else { return };
        let (vu, turns) = self
            .vus
            .entry((scenario, number))
            .or_insert_with(|| (Rc::new(Vu::new(shared.clone(), number + 1)), Cell::new(0)));
        turns.set(turns.get() + 1);
        vu.control.set(Phase::Active);
        if vu.claim() {
            self.tasks.spawn_local(vu_task::run(vu.clone(), self.context.clone()));
        }
    }

    fn stop_vu(&mut self, scenario: usize, number: u32, cut_at: Instant) {
        if let Some((vu, turns)) = self.vus.get(&(scenario, number))
            && vu.control.phase() == Phase::Active
        {
            vu.control.set(Phase::Stopping);
            self.cuts.push(Reverse((cut_at, scenario, number, turns.get())));
        }
    }

    fn stop_all(&mut self, grace: Duration) {
        self.events = Vec::new().into_iter().peekable();
        let cut_at = Instant::now() + grace;
        for ((scenario, number), (vu, turns)) in &self.vus {
            if vu.control.phase() == Phase::Active {
                vu.control.set(Phase::Stopping);
            }
            self.cuts.push(Reverse((cut_at, *scenario, *number, turns.get())));
        }
    }
}
