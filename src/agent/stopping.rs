//! The end of a run: when it comes by itself, how it is brought about, when waiting for it is over,
//! and which code tells it.

use std::time::Duration;

use crate::{
    agent::crew::Crew, clock::Instant, engine::plan_clock::PlanClock, exit::Exit, outputs::report::Ended, plan::Plan,
};

/// After an interrupt, iterations that do not hold may go on so long before they are cut.
const INTERRUPT_GRACE: Duration = Duration::from_secs(1);
/// Beyond a stop's grace, for goodbyes that are not answered (at most 1 s each) and a busy machine.
const STOP_SLACK: Duration = Duration::from_secs(10);

/// When a run ends if nobody ends it, and how it was ended.
#[derive(Debug)]
pub struct Stopping {
    /// How the load has been ended so far.
    pub ended: Ended,
    /// None while the run is paused.
    deadline: Option<Instant>,
    longest: Duration,
    forced: bool,
    grace: Duration,
}

impl Stopping {
    /// For a run of `plan` from `start`, not ended by anybody.
    #[must_use]
    pub fn new(plan: &Plan, start: Instant) -> Self {
        let graceful = plan.scenarios.iter().map(|scenario| scenario.hard_end.saturating_sub(scenario.end)).max();
        // Iterations are cut at the latest by the plan; what remains are goodbyes.
        let longest = plan.max_duration() + STOP_SLACK + STOP_SLACK;
        Self {
            ended: Ended::Completed,
            deadline: Some(start + longest),
            longest,
            forced: false,
            grace: graceful.unwrap_or_default().min(INTERRUPT_GRACE),
        }
    }

    /// Tells the workers to stop, because of `ended`; a failure is not covered by what comes after it.
    pub fn stop(&mut self, crew: &Crew, ended: Ended) {
        if self.ended != Ended::Failed {
            self.ended = ended;
        }
        self.deadline = Some(Instant::now() + self.grace + STOP_SLACK);
        self.forced = true;
        crew.stop(self.grace);
    }

    /// A pause moves the end of the plan; how long it lasts is up to whoever has paused the run.
    pub fn follow(&mut self, clock: &PlanClock) {
        if !self.forced {
            self.deadline = if clock.is_paused() { None } else { clock.when(self.longest) };
        }
    }

    /// Waits until waiting for the workers is over.
    pub async fn expired(&self) {
        match self.deadline {
            Some(deadline) => tokio::time::sleep_until(tokio::time::Instant::from_std(deadline.to_std())).await,
            None => std::future::pending().await,
        }
    }

    /// The deadline has passed: stops the workers the first time (false), gives them up the second (true).
    pub fn give_up(&mut self, crew: &Crew) -> bool {
        if self.forced {
            return true;
        }
        self.stop(crew, Ended::Failed);
        false
    }
}

/// The code that tells how a run ended. What stopped it comes first; a verdict that an overloaded generator has measured is
/// none; a run that passed but could not be `written` has failed.
#[must_use]
pub fn exit(ended: Ended, invalid: bool, passed: bool, written: bool) -> Exit {
    match ended {
        Ended::Failed => Exit::Failed,
        Ended::Interrupted => Exit::Interrupted,
        Ended::Stopped => Exit::StoppedByApi,
        Ended::Aborted | Ended::Completed if invalid => Exit::RunInvalid,
        Ended::Aborted => Exit::ThresholdCrossed,
        Ended::Completed if !passed => Exit::ThresholdCrossed,
        Ended::Completed if !written => Exit::Failed,
        Ended::Completed => Exit::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stopped_a_run_comes_before_validity_and_validity_before_the_verdict() {
        for (ended, invalid, passed, written, code) in [
            (Ended::Completed, false, true, true, 0),
            (Ended::Completed, false, true, false, 1),
            (Ended::Completed, false, false, true, 99),
            (Ended::Aborted, false, false, true, 99),
            (Ended::Completed, true, true, true, 96),
            (Ended::Completed, true, true, false, 96),
            (Ended::Completed, true, false, true, 96),
            (Ended::Aborted, true, false, true, 96),
            (Ended::Interrupted, true, false, true, 105),
            (Ended::Stopped, true, false, true, 103),
            (Ended::Failed, true, false, true, 1),
        ] {
            assert_eq!(exit(ended, invalid, passed, written).code(), code, "{ended:?} {invalid} {passed} {written}");
        }
    }
}
