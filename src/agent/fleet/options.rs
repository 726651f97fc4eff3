//! Which agent of how many this is, and how the others are reached.

use std::net::SocketAddr;

use crate::{fleet::token::Token, plan::segment::Segment};

/// See the module.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// This agent's part of the load.
    pub segment: Segment,
    /// Who it speaks with.
    pub role: Role,
}

/// Who an agent speaks with.
#[derive(Debug, Clone)]
pub enum Role {
    /// With nobody: results are merged later.
    Apart,
    /// Agent 0, with all others.
    Leader {
        /// Where it listens for them.
        listen: SocketAddr,
        /// What they show.
        token: Token,
    },
    /// Any other, with the leader.
    Follower {
        /// Host and port.
        leader: String,
        /// What it shows.
        token: Token,
    },
}
