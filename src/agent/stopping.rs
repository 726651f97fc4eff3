//! The end of a run: when it comes by itself, how it is brought about, and when waiting for it is over.

use std::time::Duration;

use crate::{agent::crew::Crew, clock::Instant, outputs::report::Ended, plan::Plan};

/// After an interrupt, iterations that do not hold may go on so long before they are cut.
const INTERRUPT_GRACE: Duration = Duration::from_secs(1);
/// Beyond a stop's grace, for goodbyes that are not answered (at most 1 s each) and a busy machine.
const STOP_SLACK: Duration = Duration::from_secs(10);

/// When a run ends if nobody ends it, and how it was ended.
#[derive(Debug)]
pub struct Stopping {
    /// How the load has been ended so far.
    pub ended: Ended,
    deadline: Instant,
    forced: bool,
    grace: Duration,
}

impl Stopping {
    /// For a run of `plan` from `start`, not ended by anybody.
    #[must_use]
    pub fn new(plan: &Plan, start: Instant) -> Self {
        let graceful = plan.scenarios.iter().map(|scenario| scenario.hard_end.saturating_sub(scenario.end)).max();
        Self {
            ended: Ended::Completed,
            // Iterations are cut at the latest by the plan; what remains are goodbyes.
            deadline: start + plan.max_duration() + STOP_SLACK + STOP_SLACK,
            forced: false,
            grace: graceful.unwrap_or_default().min(INTERRUPT_GRACE),
        }
    }

    /// Tells the workers to stop, because of `ended`.
    pub fn stop(&mut self, crew: &Crew, ended: Ended) {
        self.ended = ended;
        self.deadline = Instant::now() + self.grace + STOP_SLACK;
        self.forced = true;
        crew.stop(self.grace);
    }

    /// When waiting for the workers is over.
    #[must_use]
    pub fn deadline(&self) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.deadline.to_std())
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
