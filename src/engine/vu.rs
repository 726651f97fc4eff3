//! A virtual user: iterations, one after the other, until it is told to stop.

use std::{cell::Cell, rc::Rc, sync::Arc};

use crate::{
    clock::Instant,
    config::template::Values,
    engine::{
        backoff,
        control::{Control, Phase},
        instruments::ScenarioSlots,
        iteration::{self, Outcome, pause_until},
        request::{RequestContext, Requests},
        session::SiteContext,
        worker::WorkerContext,
    },
    plan::{ScenarioPlan, program::Program},
};

/// What the VUs of one scenario on one worker share.
#[derive(Debug)]
pub struct Scenario {
    /// What an iteration does.
    pub program: Arc<Program>,
    /// Where it is counted.
    pub slots: ScenarioSlots,
    /// What its connections share, by site.
    pub sites: Vec<Rc<SiteContext>>,
    /// Its requests, ready to be rendered.
    pub requests: Vec<RequestContext>,
}

impl Scenario {
    /// Prepares a planned scenario.
    #[must_use]
    pub fn new(plan: &ScenarioPlan, slots: &ScenarioSlots, worker: &WorkerContext) -> Self {
        let sites = plan.program.sites.iter().zip(&slots.sites).map(|(site, slots)| SiteContext {
            recorder: worker.recorder.clone(),
            slots: slots.clone(),
            generator: worker.generator,
            pacer: worker.pacer.clone(),
            timeouts: site.timeouts,
        });
        Self {
            program: plan.program.clone(),
            slots: slots.clone(),
            sites: sites.map(Rc::new).collect(),
            requests: plan.program.requests.iter().zip(&slots.requests).map(RequestContext::new).collect(),
        }
    }
}

/// One virtual user.
#[derive(Debug)]
pub struct Vu {
    /// Its scenario.
    pub scenario: Rc<Scenario>,
    /// What it has been told.
    pub control: Control,
    number: u32,
    iteration: Cell<u64>,
    seq: Cell<u64>,
    running: Cell<bool>,
}

impl Vu {
    /// The VU `number` (from 1) of a scenario, not yet running.
    #[must_use]
    pub fn new(scenario: Rc<Scenario>, number: u32) -> Self {
        Self {
            scenario,
            control: Control::default(),
            number,
            iteration: Cell::new(0),
            seq: Cell::new(0),
            running: Cell::new(false),
        }
    }

    /// The placeholders' values at the start of an iteration.
    #[must_use]
    pub fn values(&self) -> Values {
        Values { vu: self.number.into(), iteration: self.iteration.get(), ..Values::default() }
    }

    /// Its number, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number.into()
    }

    /// Numbers the messages of this VU from 0.
    pub fn next_seq(&self) -> u64 {
        self.seq.replace(self.seq.get() + 1)
    }

    /// Claims the VU for a new task; false while its last one lives.
    #[must_use]
    pub fn claim(&self) -> bool {
        !self.running.replace(true)
    }

    /// Runs iterations until told to stop, then gives up the claim. A VU that is given back before
    /// its iteration has ended goes on. One iteration is run even if the stop came before the task's
    /// first turn: the plan has started this VU, and a late generator must not skip it.
    pub async fn run(self: Rc<Self>, worker: Rc<WorkerContext>) {
        let slots = &self.scenario.slots;
        let recorder = &worker.recorder;
        recorder.gauge_add(slots.vus, 1);
        let mut requests = Requests::default();
        let mut failures = 0;
        let mut first = true;
        while self.control.phase() == Phase::Active || first && self.control.phase() == Phase::Stopping {
            first = false;
            let begun = Instant::now();
            let outcome = iteration::run(&worker, &self, &mut requests).await;
            self.iteration.set(self.iteration.get() + 1);
            let ended = Instant::now();
            match outcome {
                Outcome::Completed | Outcome::Unanswered | Outcome::Failed(_) => {
                    recorder.add(slots.iterations, 1);
                    recorder.record(slots.duration, ended.nanos_since(begun), ended);
                }
                Outcome::Interrupted => recorder.add(slots.interrupted, 1),
            }
            if let Outcome::Failed(reason) = outcome {
                recorder.add(slots.failed(reason), 1);
            }
            if let Outcome::Failed(_) | Outcome::Unanswered = outcome {
                failures += 1;
                let pause = backoff::pause(failures, &mut *worker.random.borrow_mut());
                pause_until(&self.control, ended + pause, Phase::Stopping).await;
            } else {
                failures = 0;
                // An iteration may have waited for nothing; others must get their turn.
                tokio::task::yield_now().await;
            }
        }
        recorder.gauge_add(slots.vus, -1);
        self.running.set(false);
    }
}
