//! What happens to a scenario on a worker: its slots, its VUs set live, its end.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{ScenarioState, Worker};
use crate::{
    clock::Instant,
    engine::{commons::Handover, control::Phase, instruments::Dropped, vu::Source},
    plan::work::Work,
};

/// A slot used later than this is late by the generator's doing; from there on validity doubts a lag too.
const LATE: Duration = Duration::from_millis(10);

impl Worker {
    /// A slot is due. As in k6, one that finds no free VU is lost, and the next one finds one more, if there may be more.
    pub(super) fn begin(&mut self, scenario: usize, slot: Instant, now: Instant) {
        let Some(ScenarioState { source: Source::Slots(waiting), .. }) = self.scenarios.get(scenario) else { return };
        if waiting.assign(slot) {
            return;
        }
        let late = now.since(slot) > LATE;
        self.drop_iterations(scenario, if late { Dropped::Late } else { Dropped::NoVu }, 1);
        let (Some(pool), Some(planned)) = (self.commons.pools.get(scenario), self.plan.scenarios.get(scenario)) else {
            return;
        };
        match pool.grow() {
            Some(added) => {
                let number = planned.segment.number(planned.planned_vus() + added);
                if let Some(state) = self.scenarios.get(scenario) {
                    self.context.recorder.gauge_add(state.shared.slots.vus_max, 1);
                }
                self.start_vu(scenario, number);
            }
            None if pool.warn_once() => {
                let most = planned.max_vus();
                tracing::warn!(
                    scenario = planned.name,
                    "All {most} VUs are busy: iterations are dropped; raise maxVUs, or lower the rate."
                );
            }
            None => {}
        }
    }

    /// Begins an iteration for a worker without a free VU.
    pub(super) fn take_over(&mut self, scenario: usize, slot: Instant) {
        let Some(ScenarioState { source: Source::Slots(waiting), .. }) = self.scenarios.get(scenario) else { return };
        if !waiting.assign_claimed(slot) {
            self.drop_iterations(scenario, Dropped::NoVu, 1);
        }
    }

    /// Slots that were handed over when the scenario had ended here.
    pub(super) fn refuse_rest(&self, handed_over: Option<mpsc::Receiver<Handover>>) {
        let Some(mut receiver) = handed_over else { return };
        receiver.close();
        while let Ok(Handover { scenario, .. }) = receiver.try_recv() {
            self.drop_iterations(scenario, Dropped::NoVu, 1);
        }
    }

    fn drop_iterations(&self, scenario: usize, reason: Dropped, count: u64) {
        // As in k6, what a stopped run leaves undone is not dropped.
        if self.stopped {
            return;
        }
        let slots = self.scenarios.get(scenario).map(|state| &state.shared.slots);
        if let Some(slot) = slots.and_then(|slots| slots.dropped(reason)) {
            self.context.recorder.add(slot, count);
        }
    }

    /// The scenario's time is over: what has not begun does not begin.
    pub(super) fn end(&mut self, scenario: usize, cut_at: Duration) {
        let Some(state) = self.scenarios.get(scenario) else { return };
        let mut left = 0;
        match &state.source {
            Source::Shared(purse) => left = purse.give_up(),
            Source::Slots(waiting) => waiting.close(),
            Source::Loop | Source::Each(_) => {}
        }
        // Those that orders have taken away have no cut yet.
        let is_live =
            self.plan.scenarios.get(scenario).is_some_and(|planned| matches!(planned.work, Work::Live { .. }));
        for ((_, number), (vu, turns)) in self.vus.iter().filter(|((of, _), _)| *of == scenario) {
            left += vu.give_up();
            let phase = vu.control.phase();
            if phase == Phase::Active || is_live && phase == Phase::Stopping {
                vu.control.set(Phase::Stopping);
                self.workload.cut(cut_at, scenario, *number, turns.get());
            }
        }
        self.drop_iterations(scenario, Dropped::MaxDuration, left);
    }

    /// Whatever has not begun does not begin; the rest is cut after `grace`.
    pub(super) fn stop_all(&mut self, grace: Duration) {
        let now = Instant::now();
        self.stopped = true;
        self.workload.clear(now);
        for state in &self.scenarios {
            if let Source::Slots(waiting) = &state.source {
                waiting.close();
            }
        }
        let cut_at = self.workload.clock.elapsed(now) + grace;
        for ((scenario, number), (vu, turns)) in &self.vus {
            if vu.control.phase() == Phase::Active {
                vu.control.set(Phase::Stopping);
            }
            self.workload.cut(cut_at, *scenario, *number, turns.get());
        }
    }
}
