//! A worker's share of the plan as it comes due: changes of VUs, slots of arrival rates and cuts, in the
//! order of time. Walked by the worker; what each of them does is the worker's affair.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use crate::{
    clock::Instant,
    engine::plan_clock::PlanClock,
    plan::{Change, Event, Plan, segment::Segment, slots::SlotNumbers, work::Work},
};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A change of the plan.
    Change {
        /// By its place in the plan.
        scenario: usize,
        /// What happens.
        change: Change,
    },
    /// An iteration is to begin.
    Slot {
        /// By its place in the plan.
        scenario: usize,
        /// When it was to begin.
        at: Instant,
    },
    /// An iteration is to be cut, unless its VU has been given back since.
    Cut {
        /// By its place in the plan.
        scenario: usize,
        /// Which VU.
        vu: u32,
        /// How often it had been started when it was stopped.
        turn: u32,
    },
}

/// See the module. All times are the plan's.
#[derive(Debug)]
pub struct Workload {
    /// Of the plan.
    pub clock: PlanClock,
    events: VecDeque<Event>,
    /// Events to come that may give a VU something to do.
    awaited: usize,
    /// Scenarios that follow orders, and not the plan's curve.
    steered: Vec<usize>,
    slots: Vec<Slots>,
    cuts: BinaryHeap<Reverse<(Duration, usize, u32, u32)>>,
}

/// The slots of one scenario, with the next one.
#[derive(Debug)]
struct Slots {
    scenario: usize,
    numbers: SlotNumbers,
    number: Option<u64>,
    next: Option<Duration>,
}

impl Workload {
    /// The share of `worker` in a plan that begins at `start`.
    #[must_use]
    pub fn new(plan: &Plan, worker: Segment, start: Instant) -> Self {
        let scenarios = plan.scenarios.iter().enumerate();
        let slots = scenarios.filter_map(|(scenario, planned)| {
            let mut slots = Slots { scenario, numbers: planned.slots(worker)?, number: None, next: None };
            slots.advance(plan);
            Some(slots)
        });
        let mut workload = Self {
            clock: PlanClock::new(start),
            slots: slots.collect(),
            events: plan.events(worker).into(),
            awaited: 0,
            steered: Vec::new(),
            cuts: BinaryHeap::new(),
        };
        workload.count_awaited(plan);
        workload
    }

    /// Cuts an iteration at `at`.
    pub fn cut(&mut self, at: Duration, scenario: usize, vu: u32, turn: u32) {
        self.cuts.push(Reverse((at, scenario, vu, turn)));
    }

    /// Nothing begins any more. A pause is over: there are iterations to cut.
    pub fn clear(&mut self, now: Instant) {
        self.events.clear();
        self.awaited = 0;
        self.slots.clear();
        self.clock.resume(now);
    }

    /// A scenario leaves its curve: from here on its VUs are started and stopped as they are ordered, and its slots are those
    /// of `plan`. It lasts until its planned end. Returns whether it has begun at `at`.
    pub fn leave_curve(&mut self, plan: &Plan, scenario: usize, at: Duration) -> bool {
        let Some(planned) = plan.scenarios.get(scenario) else { return false };
        let has_begun = planned.start <= at;
        if !self.steered.contains(&scenario) {
            self.steered.push(scenario);
            if matches!(planned.work, Work::Loop) {
                self.events.retain(|event| event.scenario != scenario);
                let ordered = planned.ordered_events(scenario).into_iter();
                self.events.extend(ordered.filter(|event| event.at > at || event.change != Change::Open));
                self.events.make_contiguous().sort_by_key(|event| event.at);
            }
            self.count_awaited(plan);
        }
        if let Some(slots) = self.slots.iter_mut().find(|slots| slots.scenario == scenario) {
            slots.place(plan);
        }
        has_begun
    }

    fn count_awaited(&mut self, plan: &Plan) {
        self.awaited = self.events.iter().filter(|event| is_awaited(plan, &self.steered, event)).count();
    }

    /// Whether nothing is left that would give a VU something to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.awaited == 0 && self.slots.iter().all(|slots| slots.next.is_none())
    }

    /// When something is due next; none also if that waits for the end of a pause.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        let event = self.events.front().map(|event| event.at);
        let cut = self.cuts.peek().map(|Reverse((at, ..))| *at);
        let slot = self.slots.iter().filter_map(|slots| slots.next).min();
        self.clock.when([event, cut, slot].into_iter().flatten().min()?)
    }

    /// Takes what is due first, if it is due at `now`. At one instant VUs start before slots need them, and slots come
    /// before their scenario ends.
    pub fn take(&mut self, plan: &Plan, now: Instant) -> Option<Due> {
        let event = self.events.front().map(|event| {
            let ends = matches!(event.change, Change::Stop { .. } | Change::End { .. });
            (event.at, if ends { 2 } else { 0 })
        });
        let slot = self.slots.iter().enumerate().filter_map(|(place, slots)| Some((slots.next?, 1, place))).min();
        let cut = self.cuts.peek().map(|Reverse((at, ..))| (*at, 3));
        let (at, kind) = [event, slot.map(|(at, kind, _)| (at, kind)), cut].into_iter().flatten().min()?;
        let at = self.clock.when(at).filter(|at| *at <= now)?;
        match kind {
            1 => {
                let slots = self.slots.get_mut(slot?.2)?;
                slots.advance(plan);
                Some(Due::Slot { scenario: slots.scenario, at })
            }
            3 => {
                let Reverse((_, scenario, vu, turn)) = self.cuts.pop()?;
                Some(Due::Cut { scenario, vu, turn })
            }
            _ => {
                let event = self.events.pop_front()?;
                self.awaited -= usize::from(is_awaited(plan, &self.steered, &event));
                Some(Due::Change { scenario: event.scenario, change: event.change })
            }
        }
    }
}

impl Slots {
    fn advance(&mut self, plan: &Plan) {
        self.number = self.numbers.next();
        self.place(plan);
    }

    /// The next slot is when `plan` has it.
    fn place(&mut self, plan: &Plan) {
        let planned = plan.scenarios.get(self.scenario);
        self.next = planned.and_then(|planned| {
            let Work::Arrivals { schedule, .. } = &planned.work else { return None };
            schedule.slot(self.number?).map(|offset| planned.start + offset)
        });
    }
}

/// A start, and whatever ends a scenario whose VUs or slots may be ordered until then.
fn is_awaited(plan: &Plan, steered: &[usize], event: &Event) -> bool {
    let live = || plan.scenarios.get(event.scenario).is_some_and(|planned| matches!(planned.work, Work::Live { .. }));
    match event.change {
        Change::Start { .. } | Change::Open => true,
        Change::Stop { .. } => false,
        Change::End { .. } => live() || steered.contains(&event.scenario),
    }
}

#[cfg(test)]
mod tests;
