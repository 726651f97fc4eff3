//! A virtual user and the scenario that it plays; what it does is its task ([`super::vu_task`]).

use std::{cell::Cell, future::poll_fn, rc::Rc, sync::Arc, task::Poll};

use crate::{
    clock::Instant,
    config::{
        data::{
            Data,
            rows::{Rows, Turn},
        },
        template::{Draws, Values, variables::Variables},
    },
    engine::{
        context::WorkerContext,
        control::{Control, Phase},
        ids::IdReaders,
        instruments::ScenarioSlots,
        ledger::SiteContext,
        purse::Purse,
        reconnects::Reconnects,
        request::RequestContext,
        waiting_vus::WaitingVus,
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
    /// Most VUs at one time, on all workers of all agents.
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
            clock: worker.clock.clone(),
            timeouts: site.timeouts,
            looks_into_messages: site.looks_into_messages(),
            ids: site.reply_ids.as_ref().map(IdReaders::new),
            keep_alive: site.keep_alive,
            idle_timeout: site.idle_timeout,
            reconnect: site.reconnect.map(|policy| Reconnects::new(policy, worker.workers)),
            close_mode: site.close_mode,
        });
        Self {
            program: Arc::new((*plan.program).clone()),
            seed: Draws::seed_of(worker.seed, &plan.name),
            data: plan.data.clone(),
            vus: plan.max_vus_of_all().into(),
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
        // By the VU's number in the whole run, so that agents neither draw nor take the same.
        values.rows.begin(Turn { vu, vus, iteration, seed });
        values.draws = Draws::new(seed, vu.saturating_sub(1), iteration);
    }

    /// Of the arrivals of the `every` at `place` of the program: no two VUs, iterations or steps have the same.
    #[must_use]
    pub fn seed_of_arrivals(&self, place: usize) -> u64 {
        let step = Draws::new(self.scenario.seed, self.number(), self.iteration.get()).word();
        Draws::new(step, place as u64, 0).word()
    }

    /// Its number in the whole run, from 1.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        config::{self, environment::Environment, overrides::Overrides, source::Source as File},
        engine::instruments::Instruments,
        plan::{Plan, segment::Segment as Agent},
    };

    #[test]
    fn agents_of_a_fleet_have_no_row_and_no_draw_in_common_and_miss_none() {
        const ROWS: usize = 30;
        let folder = tempfile::tempdir().unwrap();
        let rows: String = (0..ROWS).map(|row| format!("{row}\n")).collect();
        std::fs::write(folder.path().join("rows.csv"), format!("number\n{rows}")).unwrap();
        let path = folder.path().join("profile.yaml");
        let profile = "
vus: 7
duration: 1s
data: { rows: { file: rows.csv, order: unique, whenExhausted: fail } }
flow: [{ set: { number: '{{ data.rows.number }}' } }]";
        std::fs::write(&path, profile).unwrap();
        let file = File::read(&path).unwrap();
        let profile = config::load(&file, &Environment::default(), &Overrides::default()).unwrap();
        let (mut seen, mut draws) = (BTreeSet::new(), BTreeSet::new());
        for index in 0..3 {
            let agent = Agent::new(index, 3).unwrap();
            let plan = Plan::of_segment(&profile, agent);
            let slots = Instruments::new(&plan, Default::default(), &[]).scenarios[0].clone();
            let planned = &plan.scenarios[0];
            let scenario = Rc::new(Scenario {
                program: planned.program.clone(),
                seed: 1,
                data: planned.data.clone(),
                vus: planned.max_vus_of_all().into(),
                slots,
                sites: Vec::new(),
                requests: Vec::new(),
            });
            for number in (0..7).filter(|number| agent.has(*number)) {
                let vu = Vu::new(scenario.clone(), number + 1, Source::Loop);
                let mut values = vu.values();
                for _ in 0..ROWS {
                    vu.begin_iteration(&mut values);
                    assert!(draws.insert(values.draws.word()), "VU {number} draws what another one drew");
                    if let Some((row, _)) = values.rows.get(0, 0) {
                        assert!(seen.insert(row.to_owned()), "row {row} twice");
                    }
                    vu.count_iteration();
                }
            }
        }
        assert_eq!(seen.len(), ROWS);
    }
}
