//! Judging a run: thresholds on a view of its metrics, what they say together, and whether the
//! run can be judged at all.

pub mod evaluate;
pub mod judgement;
pub mod promql;
pub mod remote;
pub mod validity;
pub mod verdict;
