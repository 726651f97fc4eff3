//! One thread of the engine: its own runtime, sockets, resolver, TLS sessions and recorder. It
//! walks its share of the plan and answers commands; nothing else reaches into it.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    future::poll_fn,
    io,
    rc::Rc,
    sync::Arc,
    task::Poll,
    thread,
    time::Duration,
};

use rand::{SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

mod scenarios;
mod turns;

pub use turns::{Turn, Wheel};

use crate::{
    clock::{Instant, WallClock},
    config::profile::{LatencyClock, Timing, network::Network},
    engine::{
        commons::{Commons, Handover},
        context::WorkerContext,
        control::Phase,
        failure_log::FailureLog,
        instruments::Instruments,
        pacer::Pacer,
        plan_clock::PlanClock,
        purse::Purse,
        vu::{Scenario, Source, Vu},
        vu_task,
        waiting_vus::WaitingVus,
        workload::{Due, Workload},
    },
    metrics::{recorder::Recorder, samples::SampleSender, snapshot::Snapshot},
    plan::{Change, Plan, segment::Segment, work::Work},
    protocol::{connect::Connector, http::Scratch, meter::Meter, tls::ClientConfigs},
};

/// Commands waiting for one worker, and turns that it has taken and whose instant has not come.
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
    /// What it shares with the others.
    pub commons: Arc<Commons>,
    /// Slots that the others have no free VU for.
    pub handed_over: Option<mpsc::Receiver<Handover>>,
    /// The run's slots.
    pub instruments: Arc<Instruments>,
    /// TLS settings of this worker.
    pub tls: ClientConfigs,
    /// How connections find their servers.
    pub network: Arc<Network>,
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
    /// Cookies outlive their iteration.
    pub keep_cookies: bool,
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
    /// Change course.
    Steer(Turn),
}

/// The control thread's end of a worker.
#[derive(Debug)]
pub struct WorkerHandle {
    /// Where commands go.
    pub commands: mpsc::Sender<Command>,
    /// Begin no more iterations, end those that hold, and cut the others after this time. Not a command: a worker that has
    /// a full queue of those must hear it too.
    pub stop: watch::Sender<Option<Duration>>,
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
    let (stop, stops) = watch::channel(None);
    let (finish, finished) = oneshot::channel();
    let thread = thread::Builder::new().name(format!("worker-{}", spec.index)).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        match runtime {
            Ok(runtime) => {
                match runtime.block_on(Worker::run(spec, received, stops)) {
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
    Ok(WorkerHandle { commands, stop, finished, thread })
}

struct Worker {
    context: Rc<WorkerContext>,
    plan: Arc<Plan>,
    segment: Segment,
    commons: Arc<Commons>,
    scenarios: Vec<ScenarioState>,
    workload: Workload,
    /// Those to come, in the order of time.
    turns: VecDeque<Turn>,
    /// VUs by scenario and number, made when they first start.
    vus: HashMap<(usize, u32), (Rc<Vu>, Cell<u32>)>,
    tasks: JoinSet<()>,
    /// Told to end before the plan does.
    stopped: bool,
    /// Whether anything has been due.
    begun: bool,
}

/// What one worker knows of a scenario.
struct ScenarioState {
    shared: Rc<Scenario>,
    source: Source,
    /// VUs asked for by now, over all workers, of [`Work::Live`] and of whatever has left its curve.
    asked: u32,
}

impl Worker {
    fn new(spec: WorkerSpec) -> io::Result<Self> {
        let pacer = Pacer::new(spec.timing.precision)?;
        let recorder = Rc::new(Recorder::new(&spec.instruments.table, spec.start, spec.samples));
        let segment = Segment::new(spec.index, spec.workers).unwrap_or(Segment::WHOLE);
        let meter = Meter::new(recorder.clone(), spec.instruments.network);
        let context = Rc::new(WorkerContext {
            connector: Connector::new(spec.tls, spec.network, meter, spec.index, spec.sockets),
            recorder,
            scratch: Scratch::default(),
            text: RefCell::default(),
            other_text: RefCell::default(),
            random: RefCell::new(SmallRng::seed_from_u64(spec.seed ^ u64::from(spec.index))),
            wall: spec.wall,
            keep_cookies: spec.keep_cookies,
            failures: spec.failures,
            generator: spec.instruments.generator,
            pacer: Rc::new(pacer),
            seed: spec.seed,
            workers: spec.workers,
            stamps: (spec.timing.latency_clock == LatencyClock::Kernel).then(Rc::default),
            clock: Rc::new(Cell::new(PlanClock::new(spec.start))),
        });
        let planned = spec.plan.scenarios.iter().zip(&spec.instruments.scenarios).enumerate();
        let scenarios = planned.map(|(index, (scenario, slots))| {
            // As in k6, those that may be set live are all there from the start.
            let there =
                if matches!(scenario.work, Work::Live { .. }) { scenario.max_vus() } else { scenario.planned_vus() };
            context.recorder.gauge_add(slots.vus_max, segment.scale(there).into());
            ScenarioState {
                shared: Rc::new(Scenario::new(scenario, slots, &context)),
                source: match scenario.work {
                    Work::Loop | Work::Live { .. } => Source::Loop,
                    Work::Each { iterations } => Source::Each(iterations),
                    Work::Shared { .. } => {
                        Source::Shared(Rc::new(Purse::new(spec.commons.clone(), index, spec.workers)))
                    }
                    Work::Arrivals { .. } => {
                        Source::Slots(Rc::new(WaitingVus::new(spec.commons.clone(), index, spec.index)))
                    }
                },
                asked: scenario.planned_vus(),
            }
        });
        Ok(Self {
            scenarios: scenarios.collect(),
            workload: Workload::new(&spec.plan, segment, spec.start),
            context,
            plan: spec.plan,
            segment,
            commons: spec.commons,
            turns: VecDeque::new(),
            vus: HashMap::new(),
            tasks: JoinSet::new(),
            stopped: false,
            begun: false,
        })
    }

    async fn run(
        mut spec: WorkerSpec,
        commands: mpsc::Receiver<Command>,
        stops: watch::Receiver<Option<Duration>>,
    ) -> io::Result<Snapshot> {
        // The kernel may otherwise put timers off by 50 µs to save power.
        if let Err(error) = nix::sys::prctl::set_timerslack(1) {
            tracing::debug!(%error, "The timer slack stays as it is.");
        }
        let handed_over = spec.handed_over.take();
        let worker = Self::new(spec)?;
        let (pacer, context) = (worker.context.pacer.clone(), worker.context.clone());
        // Tasks of their own: waking the runtime's main future costs two system calls each time.
        let mut helpers = JoinSet::new();
        helpers.spawn_local(async move { pacer.drive().await });
        helpers.spawn_local(async move { context.measure_loop_lag().await });
        let last = tokio::task::spawn_local(worker.walk(commands, stops, handed_over)).await;
        helpers.abort_all();
        last.map_err(io::Error::other)
    }

    async fn walk(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut stops: watch::Receiver<Option<Duration>>,
        mut handed_over: Option<mpsc::Receiver<Handover>>,
    ) -> Snapshot {
        let (mut listening, mut asked) = (true, None);
        loop {
            if self.workload.is_over() && self.tasks.is_empty() {
                self.refuse_rest(handed_over);
                return self.context.recorder.snapshot();
            }
            let next = [self.workload.next_at(), self.next_turn()].into_iter().flatten().min();
            let pacer = self.context.pacer.clone();
            // Asked once for each instant, and not with each turn of the loop: what is asked for stays there until it is due.
            let due = poll_fn(|cx| match next {
                Some(at) if Instant::now() >= at => Poll::Ready(()),
                Some(at) => {
                    if asked.replace(at) != Some(at) {
                        pacer.wake_at(at, cx.waker());
                    }
                    Poll::Pending
                }
                None => Poll::Pending,
            });
            let slot_of_another = async {
                match &mut handed_over {
                    Some(receiver) => receiver.recv().await,
                    None => None,
                }
            };
            tokio::select! {
                biased;
                Ok(()) = stops.changed() => {
                    let grace = *stops.borrow_and_update();
                    if let Some(grace) = grace {
                        self.stop_all(grace);
                    }
                }
                command = commands.recv(), if listening && self.turns.len() < COMMANDS => match command {
                    Some(Command::Snapshot(reply)) => {
                        // A requester that has stopped waiting takes the next one.
                        let _unheard = reply.send(self.context.recorder.snapshot());
                    }
                    Some(Command::Steer(turn)) => self.turns.push_back(turn),
                    None => {
                        listening = false;
                        self.stop_all(Duration::ZERO);
                    }
                },
                Some(Handover { scenario, slot }) = slot_of_another => self.take_over(scenario, slot),
                () = due => self.process_due(Instant::now()),
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "A virtual user's task failed; this is a bug in rampd.");
                    }
                }
            }
        }
    }

    /// What is due at `until`; by the clock it is `now`.
    fn process_until(&mut self, until: Instant, now: Instant) {
        let plan = self.plan.clone();
        if !self.begun
            && let Some(at) = self.workload.next_at().filter(|at| *at <= until)
        {
            self.begun = true;
            self.commons.note_start(now.since(at));
        }
        while let Some(due) = self.workload.take(&plan, until) {
            match due {
                Due::Change { scenario, change: Change::Start { vu } } => self.start_vu(scenario, vu),
                Due::Change { scenario, change: Change::Stop { vu, cut_at } } => {
                    self.stop_vu(scenario, vu, Some(cut_at));
                }
                Due::Change { scenario, change: Change::Open } => self.open(scenario),
                Due::Change { scenario, change: Change::End { cut_at } } => self.end(scenario, cut_at),
                Due::Slot { scenario, at } => self.begin(scenario, at, now),
                Due::Cut { scenario, vu, turn } => {
                    if let Some((vu, turns)) = self.vus.get(&(scenario, vu))
                        && turns.get() == turn
                    {
                        vu.control.set(Phase::Cut);
                    }
                }
            }
        }
    }

    fn start_vu(&mut self, scenario: usize, number: u32) {
        let Some(state) = self.scenarios.get(scenario) else { return };
        let (vu, turns) = self.vus.entry((scenario, number)).or_insert_with(|| {
            (Rc::new(Vu::new(state.shared.clone(), number + 1, state.source.clone())), Cell::new(0))
        });
        turns.set(turns.get() + 1);
        vu.control.set(Phase::Active);
        if vu.claim() {
            // At once, not with the task's first turn: the first slot may be due now.
            vu.wait_for_slots();
            self.tasks.spawn_local(vu_task::run(vu.clone(), self.context.clone()));
        }
    }

    fn stop_vu(&mut self, scenario: usize, number: u32, cut_at: Option<Duration>) {
        if let Some((vu, turns)) = self.vus.get(&(scenario, number))
            && vu.control.phase() == Phase::Active
        {
            vu.control.set(Phase::Stopping);
            if let Some(cut_at) = cut_at {
                self.workload.cut(cut_at, scenario, number, turns.get());
            }
        }
    }
}
