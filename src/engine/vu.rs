//! A virtual user and the scenario that it plays; what it does is its task ([`super::vu_task`]).

use std::{cell::Cell, rc::Rc, sync::Arc};

use crate::{
    config::template::Values,
    engine::{
        context::WorkerContext, control::Control, instruments::ScenarioSlots, ledger::SiteContext,
        request::RequestContext,
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
            close_mode: site.close_mode,
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

    /// An iteration is over; the next one has the next number.
    pub fn count_iteration(&self) {
        self.iteration.set(self.iteration.get() + 1);
    }

    /// Gives the claim back.
    pub fn release(&self) {
        self.running.set(false);
    }
}
