//! Orders that come while the load goes on.

use std::time::Duration;

use crate::{
    agent::{
        control::Control,
        crew::Crew,
        fleet::Fleet,
        steering::{self, Action, Error, Order},
        stopping::Stopping,
    },
    clock::Instant,
    engine::worker::Wheel,
    fleet::message::Cause,
    metrics::exposition::run::RunState,
    outputs::report::Ended,
};

/// From an order to the instant at which all workers follow it: time for each to hear of it before.
const LEAD: Duration = Duration::from_millis(10);

impl Control {
    /// Carries an order out, and sees to its answer. Returns a note for people if it ends the run.
    pub(super) fn carry_out(
        &mut self,
        order: Order,
        crew: &Crew,
        fleet: &Fleet,
        stopping: &mut Stopping,
    ) -> Option<String> {
        if !order.is_awaited() {
            return None;
        }
        if *order.action() == Action::Stop {
            return self.stop_by_order(order, crew, fleet, stopping);
        }
        if self.live.state == RunState::Stopping {
            order.answer(Err(Error::Ending));
            return None;
        }
        let at = Instant::now() + LEAD;
        match steering::wheel(order.action(), &self.steered, at) {
            Err(error) => order.answer(Err(error)),
            Ok(None) => order.answer(Ok(())),
            Ok(Some(Wheel::Vus { .. } | Wheel::Rate { .. })) if crew.is_ending() => order.answer(Err(Error::Ending)),
            Ok(Some(wheel)) => {
                let Some(done) = crew.steer(&wheel, at) else {
                    order.answer(Err(Error::Busy));
                    return None;
                };
                self.orders += 1;
                self.steered.take(&wheel, at);
                self.live.state = if self.steered.is_paused() { RunState::Paused } else { RunState::Running };
                stopping.follow(self.steered.clock());
                self.health.follow(self.steered.plan(), *self.steered.clock(), at);
                tracing::info!(order = ?order.action(), "The run has been changed by an order.");
                order.answer_after(done);
            }
        }
        None
    }

    fn stop_by_order(&mut self, order: Order, crew: &Crew, fleet: &Fleet, stopping: &mut Stopping) -> Option<String> {
        if matches!(fleet, Fleet::Follower(_)) {
            order.answer(Err(Error::Fleet));
            return None;
        }
        order.answer(Ok(()));
        // What ends the load already stays its end.
        if self.live.state == RunState::Stopping {
            return None;
        }
        tracing::warn!("Stopped by an order: closing connections and writing results.");
        self.begin_stopping();
        stopping.stop(crew, Ended::Stopped);
        fleet.stop(Cause::Stopped);
        Some("stopped by an order: the run is incomplete".to_owned())
    }

    /// The load is about to end, also in a pause: what is left of it is no pause.
    pub(super) fn begin_stopping(&mut self) {
        self.live.state = RunState::Stopping;
        if self.steered.is_paused() {
            self.steered.take(&Wheel::Resume, Instant::now());
        }
    }

    /// The run's plan and clock as orders have changed them.
    #[must_use]
    pub fn steered(&self) -> &steering::steered::Steered {
        &self.steered
    }
}
