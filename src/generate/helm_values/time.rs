//! How long Kubernetes may let a run go on.

use std::time::Duration;

use crate::{config::profile::Profile, plan::Plan};

/// Finding a node and pulling the image: the clock of a Job runs from its start.
pub const SCHEDULING: Duration = Duration::from_secs(5 * 60);
/// Goodbyes after the last iteration, and a busy node: what the agent itself gives them.
pub const GOODBYES: Duration = Duration::from_secs(20);
/// From SIGTERM until the results are written: 1 s for iterations that go on, 10 s for goodbyes.
const DRAIN: Duration = Duration::from_secs(11);
/// Adding up what all agents have measured.
const SUM: Duration = Duration::from_secs(5);
/// Beyond that.
const RESERVE: Duration = Duration::from_secs(14);

/// Whole seconds from the start of the Job until it is ended; none for a run that has no end.
#[must_use]
pub fn deadline(profile: &Profile, plan: &Plan, agents: u32, linger: Duration) -> Option<u64> {
    if plan.is_endless() {
        return None;
    }
    let others = if agents > 1 { meeting(profile) } else { Duration::ZERO };
    let all = SCHEDULING + others + plan.max_duration() + GOODBYES + settle(profile) + linger;
    Some(all.as_secs() + u64::from(all.subsec_nanos() > 0))
}

/// How long agents wait for each other at most: at the start, and at the end for one that is lost.
#[must_use]
pub fn meeting(profile: &Profile) -> Duration {
    profile.fleet.start_timeout + profile.fleet.lost_after
}

/// The longest that observed targets may take to come to rest after the load.
#[must_use]
pub fn settle(profile: &Profile) -> Duration {
    profile.observe.iter().map(|target| target.settle).max().unwrap_or_default()
}

/// Whole seconds between SIGTERM and SIGKILL. The leader of a fleet waits for one that is lost before it judges.
#[must_use]
pub fn grace(profile: &Profile, agents: u32, linger: Duration) -> u64 {
    let others = if agents > 1 { profile.fleet.lost_after + SUM } else { Duration::ZERO };
    let all = DRAIN + others + linger + RESERVE;
    all.as_secs() + u64::from(all.subsec_nanos() > 0)
}
