//! A run's plan as orders have changed it, and its clock: what the control thread and whoever shows the run read. Bounded by
//! the plan, however many orders there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    clock::Instant,
    engine::{plan_clock::PlanClock, worker::Wheel},
    plan::{Plan, work::Work},
};

/// See the module.
#[derive(Debug, Clone)]
pub struct Steered {
    original: Arc<Plan>,
    plan: Arc<Plan>,
    clock: PlanClock,
    ordered: BTreeSet<usize>,
    /// When stages began that had begun before a pause.
    passed: BTreeMap<Duration, Instant>,
}

impl Steered {
    /// A plan that begins at `start`, without orders so far.
    #[must_use]
    pub fn new(plan: Arc<Plan>, start: Instant) -> Self {
        Self {
            original: plan.clone(),
            plan,
            clock: PlanClock::new(start),
            ordered: BTreeSet::new(),
            passed: BTreeMap::new(),
        }
    }

    /// The profile's.
    #[must_use]
    pub fn original(&self) -> &Arc<Plan> {
        &self.original
    }

    /// As it is by now: VUs, rates and stages from now on are those to be seen.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The plan's time.
    #[must_use]
    pub fn clock(&self) -> &PlanClock {
        &self.clock
    }

    /// Whether the plan's time stands still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.clock.is_paused()
    }

    /// Time of the plan at `now`: that of the load without its pauses.
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> Duration {
        self.clock.elapsed(now)
    }

    /// Whether an order has taken the scenario at that place off its curve.
    #[must_use]
    pub fn is_ordered(&self, scenario: usize) -> bool {
        self.ordered.contains(&scenario)
    }

    /// The most VUs that can be ordered of the scenario at that place; none if its VUs cannot be ordered.
    #[must_use]
    pub fn most_vus(&self, scenario: usize) -> Option<u32> {
        let planned = self.original.scenarios.get(scenario)?;
        matches!(planned.work, Work::Loop | Work::Live { .. }).then(|| planned.max_vus())
    }

    /// Whether iterations a second can be ordered of the scenario at that place.
    #[must_use]
    pub fn has_rate(&self, scenario: usize) -> bool {
        self.original.scenarios.get(scenario).is_some_and(|planned| matches!(planned.work, Work::Arrivals { .. }))
    }

    /// When a stage that begins at `at` of the plan has begun, or will if a pause ended `now`.
    #[must_use]
    pub fn when(&self, at: Duration, now: Instant) -> Instant {
        let past = || self.passed.get(&at).copied().or_else(|| self.clock.when(at));
        past().unwrap_or_else(|| now + at.saturating_sub(self.elapsed(now)))
    }

    /// What an order has changed at `at`.
    pub fn take(&mut self, wheel: &Wheel, at: Instant) {
        match wheel {
            Wheel::Pause => {
                let elapsed = self.elapsed(at);
                let stages = self.original.scenarios.iter().flat_map(|scenario| scenario.stages.iter().copied());
                for stage in stages.filter(|stage| *stage <= elapsed) {
                    if let Some(begun) = self.clock.when(stage).filter(|begun| *begun <= at) {
                        self.passed.entry(stage).or_insert(begun);
                    }
                }
                self.clock.pause(at);
            }
            Wheel::Resume => self.clock.resume(at),
            Wheel::Vus { scenario, plan, .. } | Wheel::Rate { scenario, plan } => {
                self.plan = plan.clone();
                self.ordered.insert(*scenario);
            }
        }
    }
}
