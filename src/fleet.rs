//! Several agents, one run: how their results become one.

pub mod merge;
pub mod result;
