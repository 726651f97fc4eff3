//! Several agents, one run: who is there, when they start, and how their results become one.
//!
//! Values and decisions only; `agent::fleet` speaks over the network. Agent 0 is the leader: the others join it, start
//! at the instant it names, tell it what they count while the load goes on, and hand in their results at the end.

pub mod clock_offset;
pub mod joining;
pub mod merge;
pub mod message;
pub mod result;
pub mod roster;
pub mod token;
