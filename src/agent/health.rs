//! The agent's own health while it drives a load: reads what the kernel says about it at ticks,
//! keeps the differences for each stage and in total, and has them judged.

use std::{collections::VecDeque, time::Duration};

use crate::{
    agent::health::{
        pulse::{Pulse, StepWatch, close_reading},
        sources::{KernelTotals, Sources},
        window::{Counts, Happened, Totals, signals},
    },
    clock::{Instant, Reading},
    config::profile::LatencyClock,
    engine::{instruments::GeneratorSlots, plan_clock::PlanClock},
    metrics::{exposition::validity::ValidityFacts, snapshot::Snapshot},
    plan::Plan,
    slo::validity::{
        Level, judge,
        reason::Reason,
        run::{RunValidity, StageValidity},
        signals::Signals,
    },
};

mod proc;
pub mod pulse;
mod sources;
pub mod window;

/// See the module.
#[derive(Debug)]
pub struct Health {
    clock: LatencyClock,
    slots: GeneratorSlots,
    sources: Sources,
    pulse: Pulse,
    steps: StepWatch,
    history: History,
}

impl Health {
    /// Begins to watch, before the workers start; the load of `plan` begins at `start`.
    #[must_use]
    pub fn new(plan: &Plan, start: Instant, clock: LatencyClock, slots: GeneratorSlots, empty: &Snapshot) -> Self {
        let now = Instant::now();
        let mut sources = Sources::new();
        let mut steps = StepWatch::default();
        close_reading().and_then(|reading| steps.note(reading));
        // On a busy machine the start may be over by now; the first stage begins with it all the same.
        let totals = Totals::new(now.min(start), sources.read(), Counts::default(), &slots, empty);
        Self {
            clock,
            slots,
            sources,
            pulse: Pulse::new(now),
            steps,
            history: History::new(start, boundaries(plan), totals),
        }
    }

    /// The validity of a whole fleet, of which this agent's own is a part.
    pub fn judged_as_one(&mut self, validity: RunValidity) {
        self.history.validity = validity;
    }

    /// An order has changed the plan or its clock: stages end when it comes to their ends.
    pub fn follow(&mut self, plan: &Plan, clock: PlanClock, now: Instant) {
        let elapsed = clock.elapsed(now);
        // Those that have come are for the next tick.
        self.history.boundaries.retain(|at| *at <= elapsed);
        self.history.boundaries.extend(boundaries(plan).into_iter().filter(|at| *at > elapsed));
        self.history.clock = clock;
    }

    /// When [`Self::beat`] is due.
    #[must_use]
    pub fn next_beat(&self) -> Instant {
        self.pulse.next()
    }

    /// The control thread begins to wait for whatever comes next.
    pub fn ready(&mut self, now: Instant) {
        let gap = self.pulse.ready(now);
        self.note_gap(gap);
    }

    /// Shows that time goes on.
    pub fn beat(&mut self, now: Instant) {
        let gap = self.pulse.beat(now);
        self.note_gap(gap);
    }

    fn note_gap(&mut self, gap: Option<Duration>) {
        if let Some(gap) = gap {
            tracing::warn!(?gap, "The process stood still: stopped, paused with its machine, or without a core.");
            self.history.happened(|happened| happened.gaps.note(gap));
        }
    }

    /// Takes a new state.
    pub fn tick(&mut self, snapshot: &Snapshot, counts: Counts, now: Instant) {
        let totals = self.totals(snapshot, counts, now);
        self.history.tick(&totals, self.clock);
    }

    /// Takes the last state; a last stage that has begun ends here.
    pub fn end(&mut self, snapshot: &Snapshot, counts: Counts, now: Instant) {
        let totals = self.totals(snapshot, counts, now);
        self.history.end(&totals, self.clock);
    }

    fn totals(&mut self, snapshot: &Snapshot, counts: Counts, now: Instant) -> Totals {
        self.note_clocks(close_reading());
        Totals::new(now, self.sources.read(), counts, &self.slots, snapshot)
    }

    fn note_clocks(&mut self, reading: Option<Reading>) {
        if let Some(step) = reading.and_then(|reading| self.steps.note(reading)) {
            tracing::warn!(?step, "The wall clock was set during the run.");
            self.history.happened(|happened| happened.steps.note(step));
        }
    }

    /// The run's validity as of the last tick.
    #[must_use]
    pub fn validity(&self) -> &RunValidity {
        &self.history.validity
    }

    /// What `/metrics` shows of it.
    #[must_use]
    pub fn facts(&self) -> ValidityFacts {
        let History { validity, first, latest, all, .. } = &self.history;
        let judgement = &validity.judgement;
        let since_start = |value: &dyn Fn(&KernelTotals) -> Option<Duration>| {
            value(&first.kernel).zip(value(latest)).map(|(from, to)| to.saturating_sub(from))
        };
        ValidityFacts {
            reasons: Reason::ALL.map(|reason| (reason.name(), judgement.level_of(reason) > Level::Valid)).to_vec(),
            states: Level::ALL.map(|level| (level.name(), level == judgement.level)).to_vec(),
            run_queue_wait: since_start(&|totals| totals.run_queue),
            cpu_pressure: since_start(&|totals| totals.cpu_pressure),
            cpu_throttled: since_start(&|totals| totals.throttling.map(|throttling| throttling.time)),
            clock_gaps: Some(all.gaps.count),
        }
    }
}

/// Starts and ends of all scenarios' stages, each once, in the order of time, without the run's own start and end: the
/// last stage goes on until the last connection is closed.
fn boundaries(plan: &Plan) -> VecDeque<Duration> {
    let scenarios = plan.scenarios.iter();
    let mut all: Vec<_> =
        scenarios.flat_map(|scenario| scenario.stages.iter().copied().chain([scenario.end])).collect();
    all.sort_unstable();
    all.dedup();
    all.retain(|at| !at.is_zero() && *at < plan.duration());
    all.into()
}

/// States at the boundaries, and what lies between them. Pure: states come with their time.
#[derive(Debug)]
struct History {
    start: Instant,
    clock: PlanClock,
    /// In the plan's time.
    boundaries: VecDeque<Duration>,
    first: Totals,
    /// At the last boundary.
    opened: Totals,
    latest: KernelTotals,
    all: Happened,
    in_window: Happened,
    stages: Vec<StageValidity>,
    validity: RunValidity,
}

impl History {
    fn new(start: Instant, boundaries: VecDeque<Duration>, first: Totals) -> Self {
        Self {
            start,
            clock: PlanClock::new(start),
            boundaries,
            opened: first.clone(),
            latest: first.kernel,
            first,
            all: Happened::default(),
            in_window: Happened::default(),
            stages: Vec::new(),
            validity: RunValidity::default(),
        }
    }

    fn happened(&mut self, note: impl Fn(&mut Happened)) {
        note(&mut self.all);
        note(&mut self.in_window);
    }

    /// A stage ends with the first tick after its boundary, at most a second late.
    fn tick(&mut self, now: &Totals, clock: LatencyClock) {
        let elapsed = self.clock.elapsed(now.at);
        let passed = self.boundaries.iter().take_while(|boundary| **boundary <= elapsed).count();
        if passed > 0 {
            self.boundaries.drain(..passed);
            self.close(now, clock);
        }
        self.judge(now, clock);
    }

    fn end(&mut self, now: &Totals, clock: LatencyClock) {
        if now.at > self.opened.at {
            self.close(now, clock);
        }
        self.judge(now, clock);
    }

    fn close(&mut self, now: &Totals, clock: LatencyClock) {
        let signals = signals(&self.opened, now, self.in_window);
        self.stages.push(StageValidity {
            from: self.opened.at.since(self.start),
            to: now.at.since(self.start),
            judgement: judge(&signals, clock),
            signals,
        });
        self.in_window = Happened::default();
        self.opened = now.clone();
    }

    fn judge(&mut self, now: &Totals, clock: LatencyClock) {
        let whole: Signals = signals(&self.first, now, self.all);
        self.latest = now.kernel;
        self.validity = RunValidity::of(whole, judge(&whole, clock), self.stages.clone());
    }
}

#[cfg(test)]
mod tests;
