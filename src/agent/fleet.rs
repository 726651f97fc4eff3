//! An agent among others of one run, over the network; what is decided is decided in [`crate::fleet`].

pub mod exchange;
pub mod follower;
pub mod leader;
pub mod options;

use std::{sync::Arc, time::Duration};

use crate::{
    agent::fleet::{exchange::Failed, follower::Follower, leader::Leader, options::Role},
    agent::{options::Options, server},
    clock::Instant,
    config::profile::Profile,
    exit::Exit,
    fleet::{
        message::{Cause, Hello, Refused, RunIdentity},
        roster,
    },
    metrics::{series::SeriesTable, snapshot::Snapshot},
    outputs::report::Ended,
};

/// What this agent is in its run.
#[derive(Debug)]
pub enum Fleet {
    /// Nobody else is known: alone, or each on its own until the results are merged.
    Alone,
    /// Agent 0.
    Leader(Box<Leader>),
    /// Any other.
    Follower(Box<Follower>),
}

/// What comes from the fleet while the load goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The whole fleet ends its load.
    Stop(Cause),
    /// Nothing has been heard of the leader for too long; why.
    LeaderLost(String),
    /// An agent has been silent for too long.
    AgentsLost(Vec<u32>),
}

/// Why there is no run together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The leader cannot listen.
    #[error("{0}; choose another address with --fleet-listen")]
    Listen(#[from] server::Error),
    /// Some are missing, or the leader has been stopped.
    #[error("{0}")]
    GivenUp(String),
    /// The leader was stopped before the load began.
    #[error("the leader has ended the run before its start")]
    Stopped(Cause),
    /// The leader is not to be reached.
    #[error("the leader at {leader} is not to be reached: {source}; is agent 0 running, and --fleet-leader right?")]
    Unreachable {
        /// As given.
        leader: String,
        /// The last failure.
        source: Failed,
    },
    /// The load has begun, or is judged, without this agent.
    #[error("the leader at {leader} goes without this agent: {why}")]
    Late {
        /// As given.
        leader: String,
        /// In the leader's words.
        why: String,
    },
    /// The leader does not want this agent.
    #[error("the leader at {leader} refuses this agent: {why}")]
    Refused {
        /// As given.
        leader: String,
        /// In the leader's words.
        why: String,
    },
}

impl Error {
    fn refused(leader: String, refused: Refused) -> Self {
        let why = refused.message;
        if refused.late { Self::Late { leader, why } } else { Self::Refused { leader, why } }
    }

    /// The exit code that tells it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Listen(_) => Exit::CannotListen,
            // Another token, profile, testid, version or number than the leader's.
            Self::Refused { .. } => Exit::BadConfiguration,
            Self::Stopped(Cause::Interrupted) => Exit::Interrupted,
            Self::Stopped(Cause::Stopped) => Exit::StoppedByApi,
            // Not 104, which ends a whole Job: the others do well without it.
            Self::Stopped(_) | Self::GivenUp(_) | Self::Unreachable { .. } | Self::Late { .. } => Exit::Failed,
        }
    }
}

impl Event {
    /// For people, and how the load ends of it.
    #[must_use]
    pub fn told(&self) -> (String, Option<Ended>) {
        match self {
            Self::Stop(cause) => (
                format!("the leader ends the load: {}", cause.name()),
                Some(match cause {
                    Cause::Aborted => Ended::Aborted,
                    Cause::Interrupted => Ended::Interrupted,
                    Cause::Stopped => Ended::Stopped,
                    Cause::Failed => Ended::Failed,
                }),
            ),
            Self::LeaderLost(why) => {
                (format!("the leader is lost, and the load ends without it: {why}"), Some(Ended::Failed))
            }
            Self::AgentsLost(agents) => {
                (format!("{} lost: nothing has been heard of late", roster::agents(agents)), None)
            }
        }
    }
}

impl Fleet {
    /// Takes this agent's place. The leader listens from now on.
    ///
    /// # Errors
    /// It cannot listen.
    pub fn open(
        options: &Options,
        profile: &Profile,
        table: &Arc<SeriesTable>,
        earliest: Option<Instant>,
    ) -> Result<Self, Error> {
        let Some(place) = &options.fleet else { return Ok(Self::Alone) };
        let run = RunIdentity {
            of: place.segment.of(),
            digest: options.digest.clone(),
            testid: options.testid.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(match &place.role {
            Role::Apart => Self::Alone,
            Role::Leader { listen, token } => Self::Leader(Box::new(Leader::open(
                *listen,
                token.clone(),
                run,
                profile.fleet,
                earliest,
                table.clone(),
            )?)),
            Role::Follower { leader, token } => {
                let hello = Hello { index: place.segment.index(), instance: rand::random(), run };
                let (leader, token, thresholds) = (leader.clone(), token.clone(), profile.thresholds.clone());
                Self::Follower(Box::new(Follower::new(leader, token, hello, profile.fleet, thresholds)))
            }
        })
    }

    /// Waits for the others; the instant at which the load begins, if they decide it.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub async fn gather(&mut self) -> Result<Option<Instant>, Error> {
        match self {
            Self::Alone => Ok(None),
            Self::Leader(leader) => leader.gather().await.map(Some),
            Self::Follower(follower) => follower.gather().await.map(Some),
        }
    }

    /// How far the start may be off because of the clocks, either way; none where this agent's clock counts.
    #[must_use]
    pub fn clock_error(&self) -> Option<Duration> {
        match self {
            Self::Follower(follower) => follower.clock_error(),
            Self::Alone | Self::Leader(_) => None,
        }
    }

    /// The load has begun: what is counted is told from now on.
    pub fn begin(&mut self) {
        if let Self::Follower(follower) = self {
            follower.begin();
        }
    }

    /// What this agent has counted so far.
    pub fn tell(&mut self, table: &SeriesTable, snapshot: &Snapshot) {
        if let Self::Follower(follower) = self {
            follower.tell(table, snapshot);
        }
    }

    /// What comes next. Cancelling it loses nothing.
    pub async fn event(&mut self) -> Event {
        match self {
            Self::Alone => std::future::pending().await,
            Self::Leader(leader) => leader.event().await,
            Self::Follower(follower) => follower.event().await,
        }
    }

    /// What the others have counted so far, at the leader.
    #[must_use]
    pub fn others(&self) -> Option<Arc<Snapshot>> {
        match self {
            Self::Leader(leader) => leader.others(),
            Self::Alone | Self::Follower(_) => None,
        }
    }

    /// At the leader: how many agents are in each state.
    #[must_use]
    pub fn agents(&self) -> Vec<(&'static str, u32)> {
        match self {
            Self::Leader(leader) => leader.agents(),
            Self::Alone | Self::Follower(_) => Vec::new(),
        }
    }

    /// Tells the others that the load ends now.
    pub fn stop(&self, cause: Cause) {
        if let Self::Leader(leader) = self {
            leader.stop(cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        metrics::{view::View, wire},
        outputs::fixture,
        slo::evaluate::{evaluate_all, is_judged},
    };

    #[test]
    fn thresholds_find_in_what_is_told_all_that_they_judge() {
        let report = fixture::report();
        let (table, all) = (&report.table, wire::encode(&report.snapshot, &report.table, |_| true));
        for thresholds in
            fixture::thresholds().iter().map(std::slice::from_ref).chain([&fixture::thresholds()[..], &[]])
        {
            let told = wire::encode(&report.snapshot, table, |series| is_judged(thresholds, series));
            let snapshot = wire::decode(&told, table).unwrap();
            let view = View { snapshot: &snapshot, ..report.view() };
            assert_eq!(evaluate_all(thresholds, &view), evaluate_all(thresholds, &report.view()));
            assert!(told.len() < all.len(), "nothing is left out");
        }
    }
}
