//! What the API needs of a history: a page of it, and one record. Both may read files, so both run on a thread for that.

use std::{fmt::Debug, sync::Arc};

use crate::{agent::daemon::desk::HistoryPage, outputs::record::RunRecord};

/// Which part of a history is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Runs at most; from 1 to 200.
    pub limit: usize,
    /// Those that are older than the run of this id.
    pub before: Option<String>,
    /// Those of this profile.
    pub profile: Option<String>,
}

/// Why there is no answer, for the log and for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ArchiveError(pub String);

/// A history of runs.
pub trait Archive: Send + Sync + Debug {
    /// Newest first.
    ///
    /// # Errors
    /// The disk does not answer.
    fn page(&self, query: &HistoryQuery) -> Result<HistoryPage, ArchiveError>;

    /// The record of a run; none if there is none of that id.
    ///
    /// # Errors
    /// It is there and cannot be read.
    fn record(&self, id: &str) -> Result<Option<Arc<RunRecord>>, ArchiveError>;
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        agent::daemon::desk::{RunEntry, Trigger},
        outputs::{
            record::{FORMAT, Machine},
            run_status::ValidityStatus,
            timeline::Timeline,
        },
    };

    /// Runs `k0`, `k1`… in memory, and one that cannot be read.
    #[derive(Debug)]
    pub(in crate::agent::api) struct Kept(usize);

    impl Kept {
        pub(in crate::agent::api) fn new(runs: usize) -> Self {
            Self(runs)
        }
    }

    impl Archive for Kept {
        fn page(&self, query: &HistoryQuery) -> Result<HistoryPage, ArchiveError> {
            let end = query.before.as_ref().map_or(self.0, |before| before[1..].parse().unwrap());
            let runs: Vec<_> = (0..end).rev().take(query.limit).map(|n| entry(&format!("k{n}"))).collect();
            let next = runs.last().filter(|run| run.id != "k0").map(|run| run.id.clone());
            Ok(HistoryPage { runs, next })
        }

        fn record(&self, id: &str) -> Result<Option<Arc<RunRecord>>, ArchiveError> {
            if id == "broken" {
                return Err(ArchiveError("the disk is gone".to_owned()));
            }
            let found = (0..self.0).any(|n| id == format!("k{n}"));
            Ok(found.then(|| Arc::new(record(id))))
        }
    }

    fn entry(id: &str) -> RunEntry {
        RunEntry {
            id: id.to_owned(),
            profile: "known".to_owned(),
            testid: "t".to_owned(),
            trigger: Trigger::Schedule,
            started_at: "2026-11-24T15:00:00Z".to_owned(),
            elapsed_seconds: Some(60.0),
            outcome: "passed".to_owned(),
            exit_code: Some(0),
            note: None,
            has_record: true,
        }
    }

    fn record(id: &str) -> RunRecord {
        RunRecord {
            format: FORMAT,
            id: id.to_owned(),
            version: "0.1.0".to_owned(),
            profile: "known".to_owned(),
            testid: "t".to_owned(),
            tags: [].into(),
            digest: "d".to_owned(),
            started_at: "2026-11-24T15:00:00Z".to_owned(),
            ended_at: "2026-11-24T15:01:00Z".to_owned(),
            elapsed_seconds: 60.0,
            plan_seconds: 60.0,
            ended: "completed".to_owned(),
            verdict: "passed".to_owned(),
            exit_code: 0,
            validity: ValidityStatus { level: "valid".to_owned(), reasons: Vec::new() },
            thresholds: Vec::new(),
            metrics: Vec::new(),
            failures: Vec::new(),
            timeline: Timeline { interval_seconds: 1.0, ..Timeline::default() },
            profile_text: None,
            machine: Machine::default(),
            agents: 1,
            notes: Vec::new(),
        }
    }
}
