//! A follower before the load: how long it asks its leader, and whether it may begin. Pure: every call comes with its
//! time.

use std::time::Duration;

use crate::{clock::Instant, config::profile::fleet::FleetPolicy};

/// Beyond the start's timeout, for a leader that began later than this agent.
const LEADER_HEAD_START: Duration = Duration::from_secs(30);
/// So close to the start no more is asked.
pub const LAST_QUESTION: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub struct Joining {
    policy: FleetPolicy,
    patient_until: Instant,
    /// When an answer last came.
    heard: Option<Instant>,
    /// As the last answer said.
    start: Option<Instant>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Pause, and ask again.
    Ask,
    /// The load begins then.
    Begin(Instant),
    /// The leader has gone.
    GiveUp,
}

impl Joining {
    /// Nothing has been answered yet.
    #[must_use]
    pub fn new(policy: FleetPolicy, now: Instant) -> Self {
        Self { policy, patient_until: now + policy.start_timeout + LEADER_HEAD_START, heard: None, start: None }
    }

    /// The leader has answered: the load begins at `start`, or that is not decided, whatever was said before. One that
    /// was started anew knows nothing of the start its predecessor named.
    pub fn hear(&mut self, start: Option<Instant>, now: Instant) {
        self.start = start;
        self.heard = Some(now);
        // One that is there no more may be started anew: as long as it would wait for an agent.
        self.patient_until = now + self.policy.start_timeout;
    }

    /// What to do at `now`, if the next question is to come after `pause`.
    #[must_use]
    pub fn next(&self, now: Instant, pause: Duration) -> Step {
        let is_heard = self.heard.is_some_and(|heard| now.since(heard) <= self.policy.lost_after);
        match self.start {
            Some(start) if now + pause + LAST_QUESTION > start => {
                // Nobody would hear what is counted.
                if is_heard { Step::Begin(start) } else { Step::GiveUp }
            }
            _ if !is_heard && now > self.patient_until => Step::GiveUp,
            _ => Step::Ask,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn joining() -> (Joining, Instant) {
        let now = Instant::now();
        let policy = FleetPolicy { start_timeout: SECOND * 10, lost_after: SECOND * 5, ..FleetPolicy::default() };
        (Joining::new(policy, now), now)
    }

    #[test]
    fn a_start_that_was_named_holds_until_the_leader_says_otherwise() {
        let (mut joining, now) = joining();
        let start = now + SECOND * 3;
        joining.hear(Some(start), now);
        assert_eq!(joining.next(now, SECOND), Step::Ask);
        assert_eq!(joining.next(now + SECOND * 2, SECOND), Step::Begin(start));
        // Another process, that waits for its agents anew.
        joining.hear(None, now + SECOND);
        assert_eq!(joining.next(now + SECOND * 2, SECOND), Step::Ask);
    }

    #[test]
    fn without_its_leader_an_agent_does_not_begin() {
        let (mut joining, now) = joining();
        let start = now + SECOND * 8;
        joining.hear(Some(start), now);
        assert_eq!(joining.next(now + SECOND * 6, SECOND / 4), Step::Ask, "it may come again");
        assert_eq!(joining.next(start, SECOND / 4), Step::GiveUp, "silent for 8 s of 5");
        joining.hear(Some(start), now + SECOND * 4);
        assert_eq!(joining.next(start, SECOND / 4), Step::Begin(start));
    }

    #[test]
    fn a_leader_is_asked_for_as_long_as_it_would_wait_even_if_the_start_is_far() {
        let (mut joining, now) = joining();
        assert_eq!(joining.next(now + SECOND * 40, SECOND), Step::Ask);
        assert_eq!(joining.next(now + SECOND * 41, SECOND), Step::GiveUp);
        joining.hear(Some(now + SECOND * 3600), now);
        assert_eq!(joining.next(now + SECOND * 10, SECOND), Step::Ask);
        assert_eq!(joining.next(now + SECOND * 11, SECOND), Step::GiveUp);
    }
}
