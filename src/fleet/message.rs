//! What agents say to each other: JSON over HTTP, except for counts and results, which are the body as it is.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /fleet/v1/join` | [`Hello`] | [`Answer`] |
//! | `POST /fleet/v1/leave` | [`Hello`] | [`Answer`] |
//! | `POST /fleet/v1/report`, [`INSTANCE`], [`INDEX`], [`SEQUENCE`] | counts (`metrics::wire`) | [`Answer`] |
//! | `POST /fleet/v1/result`, [`INSTANCE`], [`INDEX`] | a result (`fleet::result`) | [`Answer`] |

use serde::{Deserialize, Serialize};

/// Joining, and asking when to start.
pub const JOIN: &str = "/fleet/v1/join";
/// Going away before the load.
pub const LEAVE: &str = "/fleet/v1/leave";
/// Counts of a load that goes on.
pub const REPORT: &str = "/fleet/v1/report";
/// A finished run.
pub const RESULT: &str = "/fleet/v1/result";
/// Header with the process's [`Hello::instance`].
pub const INSTANCE: &str = "x-rampd-instance";
/// Header with the agent's number.
pub const INDEX: &str = "x-rampd-index";
/// Header with a number that grows with each report, so that a late one is known as such.
pub const SEQUENCE: &str = "x-rampd-sequence";

/// Who an agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hello {
    /// Its number, from 0.
    pub index: u32,
    /// Drawn at random by each process: tells two with one number apart.
    pub instance: u64,
    /// What must be the same in all of them.
    pub run: RunIdentity,
}

/// What all agents of a run have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunIdentity {
    /// How many agents there are.
    pub of: u32,
    /// Of the profile, as it is meant.
    pub digest: String,
    /// Label of the run's series.
    pub testid: String,
    /// Of rampd.
    pub version: String,
}

/// What the leader says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// The leader's clock, in nanoseconds.
    pub now: u64,
    /// When to ask or report again, in milliseconds.
    pub again_ms: u64,
    /// What to do.
    pub order: Order,
}

/// What a follower is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// Not all are there.
    #[serde(rename_all = "camelCase")]
    Wait {
        /// How many are.
        present: u32,
    },
    /// The load begins, or began, at this time of the leader's clock, in nanoseconds.
    #[serde(rename_all = "camelCase")]
    Start {
        /// See above.
        at: u64,
    },
    /// The load ends now.
    Stop(Cause),
    /// There will be no load.
    #[serde(rename_all = "camelCase")]
    GiveUp {
        /// For people.
        why: String,
    },
}

/// Why the whole fleet's load ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// A threshold with `abortOnFail` was crossed by the fleet.
    Aborted,
    /// The leader was interrupted.
    Interrupted,
    /// The leader was stopped through its API.
    Stopped,
    /// The leader failed.
    Failed,
}

impl Cause {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aborted => "a threshold was crossed by the fleet",
            Self::Interrupted => "it was interrupted",
            Self::Stopped => "it was stopped",
            Self::Failed => "it has failed",
        }
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct Refused {
    /// Whether trying again may help.
    pub may_pass: bool,
    /// Whether nothing is wrong with the agent but its time: the load has begun, or is judged, without it.
    #[serde(default)]
    pub late: bool,
    /// For people.
    pub message: String,
}
