//! A worker changes course: all workers at one instant, which the order names, so that their plans stay one plan.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::Worker;
use crate::{
    clock::Instant,
    engine::control::Phase,
    plan::{Plan, ScenarioPlan, work::Work},
};

/// An order to a worker.
#[derive(Debug)]
pub struct Turn {
    /// When; not before the one before it.
    pub at: Instant,
    /// What is to change.
    pub wheel: Wheel,
    /// Told when it has.
    pub done: oneshot::Sender<()>,
}

/// What can be changed.
#[derive(Debug, Clone)]
pub enum Wheel {
    /// Nothing begins any more, and the plan's time stands still.
    Pause,
    /// It goes on.
    Resume,
    /// So many VUs of a scenario, over all workers.
    Vus {
        /// By its place in the plan.
        scenario: usize,
        /// How many.
        vus: u32,
        /// The plan from then on.
        plan: Arc<Plan>,
    },
    /// The slots of a scenario are those of another plan.
    Rate {
        /// By its place in the plan.
        scenario: usize,
        /// The plan from then on.
        plan: Arc<Plan>,
    },
}

impl Worker {
    /// When the next turn is due.
    pub(super) fn next_turn(&self) -> Option<Instant> {
        self.turns.front().map(|turn| turn.at)
    }

    /// What is due, and turns with what was due before them.
    pub(super) fn process_due(&mut self, now: Instant) {
        while self.next_turn().is_some_and(|at| at <= now)
            && let Some(turn) = self.turns.pop_front()
        {
            self.process_until(turn.at, now);
            self.take_turn(turn);
        }
        self.process_until(now, now);
    }

    fn take_turn(&mut self, Turn { at, wheel, done }: Turn) {
        // A run that is being stopped has no course.
        if !self.stopped {
            match wheel {
                Wheel::Pause => {
                    self.workload.clock.pause(at);
                    self.context.clock.set(self.workload.clock);
                }
                Wheel::Resume => {
                    self.workload.clock.resume(at);
                    self.context.clock.set(self.workload.clock);
                    self.vus.values().for_each(|(vu, _)| vu.control.wake());
                }
                Wheel::Vus { scenario, vus, plan } => {
                    self.plan = plan;
                    let elapsed = self.workload.clock.elapsed(at);
                    if self.workload.leave_curve(&self.plan, scenario, elapsed) {
                        self.set_vus(scenario, vus, elapsed);
                    } else if let Some(state) = self.scenarios.get_mut(scenario) {
                        state.asked = vus;
                    }
                }
                Wheel::Rate { scenario, plan } => {
                    self.plan = plan;
                    self.workload.leave_curve(&self.plan, scenario, self.workload.clock.elapsed(at));
                }
            }
        }
        // Who asked may have gone.
        let _unheard = done.send(());
    }

    /// `vus` VUs of a scenario that has begun are to run over all workers.
    fn set_vus(&mut self, scenario: usize, vus: u32, elapsed: Duration) {
        let (Some(state), Some(planned)) = (self.scenarios.get_mut(scenario), self.plan.scenarios.get(scenario)) else {
            return;
        };
        state.asked = vus;
        if elapsed >= planned.end {
            return;
        }
        let cut_at = cut_at(planned, elapsed);
        let (agent, worker) = (planned.segment, self.segment);
        let is_active =
            |number| self.vus.get(&(scenario, number)).is_some_and(|(vu, _)| vu.control.phase() == Phase::Active);
        let own = (0..vus).filter(|own| worker.has(*own)).map(|own| agent.number(own));
        let missing: Vec<_> = own.filter(|number| !is_active(*number)).collect();
        let all = self.vus.keys().filter(|(of, number)| *of == scenario && agent.own(*number) >= vus);
        let surplus: Vec<_> = all.map(|(_, number)| *number).collect();
        missing.into_iter().for_each(|number| self.start_vu(scenario, number));
        surplus.into_iter().for_each(|number| self.stop_vu(scenario, number, cut_at));
    }

    /// From now on as many VUs run as are asked for.
    pub(super) fn open(&mut self, scenario: usize) {
        let asked = self.scenarios.get(scenario).map_or(0, |state| state.asked);
        let start = self.plan.scenarios.get(scenario).map_or(Duration::ZERO, |planned| planned.start);
        self.set_vus(scenario, asked, start);
    }
}

/// When the iteration of a VU that is taken away is cut: as k6 does, that of a VU set live only with its scenario, at
/// whose end it is seen to. A cut in ten years for each VU that is taken away would be kept until then.
fn cut_at(planned: &ScenarioPlan, elapsed: Duration) -> Option<Duration> {
    match planned.work {
        Work::Live { .. } => None,
        _ => Some((elapsed + planned.graceful_ramp_down).min(planned.hard_end)),
    }
}
