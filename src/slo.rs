//! Judging a run: thresholds on a view of its metrics, and what they say together.

pub mod evaluate;
pub mod verdict;
