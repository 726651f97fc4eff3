//! A virtual user and the scenario that it plays; what it does is its task ([`super::vu_task`]).

use std::{cell::Cell, rc::Rc, sync::Arc};

use crate::{
    config::{
        data::{
            Data,
            rows::{Rows, Segment, Turn},
        },
        template::{Draws, Values, variables::Variables},
    },
    engine::{
        context::WorkerContext, control::Control, ids::IdReaders, instruments::ScenarioSlots, ledger::SiteContext,
        reconnects::Reconnects, request::RequestContext,
    },
    plan::{ScenarioPlan, program::Program},
};

/// What the VUs of one scenario on one worker share.
#[derive(Debug)]
pub struct Scenario {
    /// What an iteration does. The worker's own: a regular expression that threads share has them wait for its memory.
    pub program: Arc<Program>,
    /// Of the draws of its VUs.
    seed: u64,
    data: Arc<[Data]>,
    /// Most VUs at one time, on all workers.
    vus: u64,
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
            looks_into_messages: site.looks_into_messages(),
            ids: site.reply_ids.as_ref().map(IdReaders::new),
            keep_alive: site.keep_alive,
            idle_timeout: site.idle_timeout,
            reconnect: site.reconnect.map(|policy| Reconnects::new(policy, worker.workers)),
        });
        Self {
            program: Arc::new((*plan.program).clone()),
            seed: Draws::seed_of(worker.seed, &plan.name),
            data: plan.data.clone(),
            vus: plan.ramp.max().into(),
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

    /// Room for the values of this VU's iterations.
    #[must_use]
    pub fn values(&self) -> Values {
        let variables = Variables::new(self.scenario.program.names.len());
        Values { vu: self.number.into(), variables, rows: Rows::new(self.scenario.data.clone()), ..Values::default() }
    }

    /// The placeholders' values at the start of an iteration.
    pub fn begin_iteration(&self, values: &mut Values) {
        values.iteration = self.iteration.get();
        values.index = 0;
        values.seq = 0;
        values.now_ms = 0;
        values.variables.clear();
        let (vu, iteration) = (values.vu, values.iteration);
        let Scenario { vus, seed, .. } = *self.scenario;
        values.rows.begin(Turn { vu, vus, iteration, seed, segment: Segment::WHOLE });
        values.draws = Draws::new(self.scenario.seed, values.vu, values.iteration);
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
