//! The end of a run: outputs are closed, the final counts judged.

use std::time::Duration;

use crate::{
    agent::{
        control::Control,
        options::{OnInvalid, Options},
        stopping::exit,
    },
    config::profile::Profile,
    exit::Exit,
    metrics::exposition::run::RunState,
    outputs::report::{Ended, RunReport, Start},
    slo::{validity::Level, verdict::Verdict},
};

/// What this agent alone ends with.
#[derive(Debug)]
pub struct Finished {
    /// What it counted.
    pub report: RunReport,
    /// The code if nobody else is judged with it.
    pub exit: Exit,
    /// Whether all its outputs are whole: no code of a fleet may cover that they are not.
    pub written: bool,
}

impl Control {
    /// Closes the outputs and judges the final counts. A file that could not be written spoils a passed run.
    pub fn finish(&mut self, profile: &Profile, options: &Options, ended: Ended, mut notes: Vec<String>) -> Finished {
        let mut written = true;
        let at = self.live.ended.unwrap_or(self.live.start).nanos_since(self.live.start);
        for output in std::mem::take(&mut self.json) {
            match output.finish(at, &self.live.snapshot) {
                Ok(points) => tracing::debug!(points, "JSON output written."),
                Err(error) => {
                    tracing::error!("{error}");
                    notes.push(error.to_string());
                    written = false;
                }
            }
        }
        let mut verdict = Verdict::at_end(&self.live.thresholds, &self.live.evaluations);
        if let Verdict::Crossed { aborted, .. } = &mut verdict {
            *aborted = ended == Ended::Aborted;
        }
        let judgement = &self.health.validity().judgement;
        let invalid = judgement.level == Level::Invalid && options.on_invalid == OnInvalid::Fail;
        let exit = exit(ended, invalid, verdict.passed(), written);
        let report = RunReport {
            profile: profile.name.clone(),
            testid: options.testid.clone(),
            table: self.instruments.table.clone(),
            snapshot: self.live.snapshot.clone(),
            extremes: self.live.extremes.clone(),
            elapsed: Duration::from_nanos(at),
            observed: self.live.observed.clone(),
            thresholds: self.live.thresholds.clone(),
            evaluations: self.live.evaluations.clone(),
            verdict,
            validity: self.health.validity().clone(),
            invalid_fails: options.on_invalid == OnInvalid::Fail,
            trend_stats: profile.summary_trend_stats.clone(),
            ended,
            exit_code: exit.code(),
            notes,
            fleet: None,
            part: options.part(),
            start: options.fleet.as_ref().and_then(|_| self.fleet_start()),
        };
        Finished { report, exit, written }
    }

    /// The run is judged, in a fleet with the others: no value changes any more.
    pub fn close(&mut self, report: &RunReport) {
        self.facts.exit_code = Some(report.exit_code);
        self.showing.close(report);
        self.live.state = if report.ended == Ended::Completed { RunState::Finished } else { RunState::Aborted };
    }

    /// Says what a run's judges have found.
    pub fn say(report: &RunReport) {
        let judgement = &report.validity.judgement;
        match (judgement.level, judgement.message()) {
            (Level::Invalid, Some(message)) => tracing::error!("{message}"),
            (_, Some(message)) => tracing::warn!("{message}"),
            (_, None) => {}
        }
        // An abort has been said when it happened.
        if let (Some(message), true) = (report.verdict.message(), report.ended != Ended::Aborted) {
            tracing::error!("{message}");
        }
    }

    /// How the load began beside that of the others.
    pub(super) fn fleet_start(&self) -> Option<Start> {
        let late = self.commons.as_ref()?.start_delay()?;
        Some(Start { late, clock_error: self.clock_error })
    }
}
