//! Why a leader does not take an agent, or does not listen to it.

use std::net::IpAddr;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another number of agents.
    #[error(
        "this fleet has {ours} agents, and agent {index} believes in {theirs}; give all of them the same --fleet I/N"
    )]
    Size {
        /// Who was refused.
        index: u32,
        /// The leader's number.
        ours: u32,
        /// The agent's.
        theirs: u32,
    },
    /// Its number is not one of a follower.
    #[error("agent {index} is none of 1 to {last}; agent 0 is the leader itself")]
    Number {
        /// Who was refused.
        index: u32,
        /// The last follower.
        last: u32,
    },
    /// Something that must be the same is not.
    #[error("agent {index} has another {what} than the leader ({theirs}, not {ours}); {hint}")]
    Different {
        /// Who was refused.
        index: u32,
        /// What differs.
        what: &'static str,
        /// The leader's.
        ours: String,
        /// The agent's.
        theirs: String,
        /// What to do.
        hint: &'static str,
    },
    /// Two agents with one number.
    #[error("agent {index} is there already, at {address}; each agent needs a number of its own")]
    Taken {
        /// Who was refused.
        index: u32,
        /// Who has the number.
        address: IpAddr,
    },
    /// It came after the start was decided.
    #[error("agent {index} came too late: the load was started without it")]
    Late {
        /// Who was refused.
        index: u32,
    },
    /// Its result, or its counts, came after the verdict.
    #[error("agent {index} came too late: the run has been judged without it")]
    Judged {
        /// Who was refused.
        index: u32,
    },
    /// Nobody has joined under that number.
    #[error("agent {index} has not joined, or is another process than the one that did")]
    Unknown {
        /// Who was refused.
        index: u32,
    },
}

impl Refusal {
    /// Whether nothing is wrong with the agent but its time.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::Judged { .. })
    }
}
