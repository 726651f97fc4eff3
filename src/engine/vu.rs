//! A virtual user and the scenario that it plays; what it does is its task ([`super::vu_task`]).

use std::{cell::Cell, future::poll_fn, rc::Rc, sync::Arc, task::Poll};

use crate::{
    clock::Instant,
    config::template::Values,
    engine::{
        context::WorkerContext,
        control::{Control, Phase},
        instruments::ScenarioSlots,
        ledger::SiteContext,
        purse::Purse,
        request::RequestContext,
        waiting_vus::WaitingVus,
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

/// What gives a VU its iterations.
#[derive(Debug, Clone)]
pub enum Source {
    /// One follows the other.
    Loop,
    /// So many.
    Each(u64),
    /// As long as there are some.
    Shared(Rc<Purse>),
    /// One for each slot that it is given.
    Slots(Rc<WaitingVus>),
}

/// One virtual user.
#[derive(Debug)]
pub struct Vu {
    /// Its scenario.
    pub scenario: Rc<Scenario>,
    /// What it has been told.
    pub control: Control,
    number: u32,
    source: Source,
    /// Iterations that it may still begin, of [`Source::Each`].
    left: Cell<u64>,
    /// When its next iteration was to begin.
    slot: Cell<Option<Instant>>,
    iteration: Cell<u64>,
    seq: Cell<u64>,
    running: Cell<bool>,
}

impl Vu {
    /// The VU `number` (from 1) of a scenario, not yet running.
    #[must_use]
    pub fn new(scenario: Rc<Scenario>, number: u32, source: Source) -> Self {
        let left = if let Source::Each(iterations) = source { iterations } else { 0 };
        Self {
            scenario,
            control: Control::default(),
            number,
            source,
            left: Cell::new(left),
            slot: Cell::new(None),
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

    /// Whether it waits for slots, and is in use during its iterations only.
    #[must_use]
    pub fn waits_for_slots(&self) -> bool {
        matches!(self.source, Source::Slots(_))
    }

    /// Its next iteration was to begin at `slot`.
    pub fn begin_at(&self, slot: Instant) {
        self.slot.set(Some(slot));
        self.control.wake();
    }

    /// From now on the VU can be given a slot.
    pub fn wait_for_slots(self: &Rc<Self>) {
        if let Source::Slots(waiting) = &self.source {
            waiting.wait(self.clone());
        }
    }

    /// Waits for the slot that it is given; none when it has been told to stop before.
    pub async fn next_slot(&self) -> Option<Instant> {
        poll_fn(|cx| match self.slot.take() {
            Some(slot) => Poll::Ready(Some(slot)),
            None => self.control.poll_reached(cx, Phase::Stopping).map(|()| None),
        })
        .await
    }

    /// Takes one more iteration, if there is one.
    #[must_use]
    pub fn take_iteration(&self) -> bool {
        match &self.source {
            Source::Loop => true,
            Source::Each(_) => {
                let left = self.left.get();
                self.left.set(left.saturating_sub(1));
                left > 0
            }
            Source::Shared(purse) => purse.take(Instant::now()),
            Source::Slots(_) => false,
        }
    }

    /// Iterations of its own that it will not begin any more.
    pub fn give_up(&self) -> u64 {
        self.left.replace(0)
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
