//! How several agents of one run go together.

use std::time::Duration;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetPolicy {
    /// From the leader's beginning, for all agents to be there.
    pub start_timeout: Duration,
    /// What happens when they are not.
    pub on_missing: OnMissing,
    /// An agent that has been silent for so long is lost.
    pub lost_after: Duration,
}

impl Default for FleetPolicy {
    fn default() -> Self {
        // A new node of a cluster takes minutes to come up and to pull an image.
        Self {
            start_timeout: Duration::from_secs(300),
            on_missing: OnMissing::Fail,
            lost_after: Duration::from_secs(30),
        }
    }
}

/// What happens when agents are missing at the end of the start's timeout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// Nobody starts.
    #[default]
    Fail,
    /// Those present start, and the run is marked.
    Go,
}
