//! The validity of a run from that of its stages and of the whole.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::slo::validity::{Finding, Judgement, Level, reason::Reason, signals::Signals};

/// One stage, or what lies between two boundaries of any scenario's stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageValidity {
    /// Since the start of the load.
    pub from: Duration,
    /// Since the start of the load.
    pub to: Duration,
    /// What is known of it.
    pub signals: Signals,
    /// What that says.
    pub judgement: Judgement,
}

/// A whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunValidity {
    /// The verdict, see [`Self::of`].
    pub judgement: Judgement,
    /// Of the whole run.
    pub signals: Signals,
    /// In the order of time.
    pub stages: Vec<StageValidity>,
}

impl RunValidity {
    /// The whole's own judgement decides, because the thresholds are about the whole. A stage that is invalid by itself
    /// makes it suspect at least: a maximum or a far percentile may come from there.
    #[must_use]
    pub fn of(signals: Signals, whole: Judgement, stages: Vec<StageValidity>) -> Self {
        let mut findings = whole.findings;
        for reason in Reason::ALL {
            let in_stages = stages.iter().flat_map(|stage| {
                stage.judgement.findings.iter().map(|finding| (finding, Some((stage.from, stage.to))))
            });
            let first =
                in_stages.into_iter().find(|(finding, _)| finding.reason == reason && finding.level == Level::Invalid);
            if let Some((finding, within)) = first
                && !findings.iter().any(|known| known.reason == reason)
            {
                findings.push(Finding { level: Level::Suspect, within, ..*finding });
            }
        }
        Self { judgement: Judgement::of(findings), signals, stages }
    }
}
