//! Several results, one report: exact, because everything adds up that is judged.
//!
//! - Counters, buckets, sums and histograms add up; minima and maxima are the least and the greatest.
//! - Thresholds are judged on what was added up, never on the agents' own verdicts or averages.
//! - Gauges add up. Their extremes over the run do too, and are bounds: agents reach theirs at different moments, so
//!   that the fleet's true maximum may be lower and its minimum higher. They are exact where all agents reach them
//!   together, as `vus_max` always does.
//! - Rates per second are over the longest agent's load.
//! - What observed targets say is the same for all agents, so that only agent 0's readings count.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use crate::{
    catalogue::{Family, FamilyKind},
    exit::Exit,
    fleet::result::AgentResult,
    metrics::{series::SeriesTable, view::Extremes},
    outputs::report::{AgentReport, Ended, FleetReport, RunReport},
    slo::{
        evaluate::evaluate_all,
        validity::{Level, fleet::FleetValidity},
        verdict::Verdict,
    },
};

/// Notes of agents that are kept.
const NOTES: usize = 20;

/// The exit code from: how the run ended, whether it is invalid and that counts, whether all thresholds were met, and
/// whether everything could be written. One rule for runs and fleets.
pub type ExitRule = fn(Ended, bool, bool, bool) -> Exit;

/// Why results are not of one run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// No result at all.
    #[error("there is no result to merge")]
    Nothing,
    /// A number that is there already.
    #[error("agent {0} is there twice; give each result once, and each agent of a run its own number (--fleet I/N)")]
    Twice(u32),
    /// Something that must be the same is not.
    #[error("the results of agents {first} and {other} differ in {what} ({ours}, {theirs}): they are not of one run")]
    Differs {
        /// What differs.
        what: &'static str,
        /// The agent that came first.
        first: u32,
        /// Its value.
        ours: String,
        /// The one that does not fit.
        other: u32,
        /// Its value.
        theirs: String,
    },
    /// Other series.
    #[error(
        "the results of agents {first} and {other} have different series (rampd {ours}, {theirs}): run all agents with \
         one version, one profile and the same targets"
    )]
    Series {
        /// The agent that came first.
        first: u32,
        /// Its version.
        ours: String,
        /// The one that does not fit.
        other: u32,
        /// Its version.
        theirs: String,
    },
}

/// Takes results one by one; needs memory for two.
#[derive(Debug, Default)]
pub struct Fold {
    merged: Option<AgentResult>,
    agents: BTreeMap<u32, AgentReport>,
    validity: FleetValidity,
    notes: Vec<String>,
    notes_left: usize,
}

impl Fold {
    /// Adds one result.
    ///
    /// # Errors
    /// It does not belong to those before it, and has not been added.
    pub fn add(&mut self, mut result: AgentResult) -> Result<(), MergeError> {
        if let Some(merged) = &mut self.merged {
            fits(merged, &result)?;
            // Equal; and the next one of the same reader has it too, so that they need not be compared again.
            merged.report.table = result.report.table.clone();
        }
        let index = result.index;
        match self.agents.entry(index) {
            Entry::Occupied(_) => return Err(MergeError::Twice(index)),
            Entry::Vacant(place) => place.insert(agent_report(index, &result.report)),
        };
        self.validity.add(index, &result.report.validity);
        for note in std::mem::take(&mut result.report.notes) {
            if self.notes.len() < NOTES {
                self.notes.push(format!("agent {index}: {note}"));
            } else {
                self.notes_left += 1;
            }
        }
        match &mut self.merged {
            None => {
                if index != 0 {
                    result.report.observed.clear();
                }
                self.merged = Some(result);
            }
            Some(merged) => add(&mut merged.report, result.report, index == 0),
        }
        Ok(())
    }

    /// The one report, and the code that tells it. Agents without a result make it invalid, or suspect if `allow_missing`.
    ///
    /// # Errors
    /// Nothing was added.
    pub fn finish(mut self, allow_missing: bool, exit: ExitRule) -> Result<(RunReport, Exit), MergeError> {
        let AgentResult { of, mut report, .. } = self.merged.ok_or(MergeError::Nothing)?;
        report.ended = ended(&self.agents);
        let missing: Vec<_> = (0..of).filter(|index| !self.agents.contains_key(index)).collect();
        let early = self.agents.values().filter(|agent| is_early(agent.ended, report.ended)).map(|agent| agent.index);
        missing.iter().copied().for_each(|index| self.validity.lose(index, allow_missing));
        let early: Vec<_> = early.collect();
        early.iter().copied().for_each(|index| self.validity.lose(index, false));
        // `--on-invalid warn` is about a generator that was the limit, not about one that is missing.
        report.invalid_fails |= !early.is_empty() || !(missing.is_empty() || allow_missing);
        report.validity = self.validity.finish();
        let evaluations = evaluate_all(&report.thresholds, &report.view());
        report.verdict = Verdict::at_end(&report.thresholds, &evaluations);
        report.evaluations = evaluations;
        if let Verdict::Crossed { aborted, .. } = &mut report.verdict {
            *aborted = report.ended == Ended::Aborted;
        }
        let invalid = report.validity.judgement.level == Level::Invalid && report.invalid_fails;
        let exit = exit(report.ended, invalid, report.verdict.passed(), true);
        report.exit_code = exit.code();
        report.notes = self.notes;
        if self.notes_left > 0 {
            report.notes.push(format!("and {} notes more of agents", self.notes_left));
        }
        report.fleet = Some(FleetReport { of, agents: self.agents.into_values().collect(), missing });
        Ok((report, exit))
    }
}

/// Merges results that are in memory already, see [`Fold`].
///
/// # Errors
/// They are not of one run, or there is none.
pub fn merge(
    results: impl IntoIterator<Item = AgentResult>,
    allow_missing: bool,
    exit: ExitRule,
) -> Result<(RunReport, Exit), MergeError> {
    let mut fold = Fold::default();
    results.into_iter().try_for_each(|result| fold.add(result))?;
    fold.finish(allow_missing, exit)
}

fn fits(merged: &AgentResult, result: &AgentResult) -> Result<(), MergeError> {
    let same = |what, ours: &str, theirs: &str| {
        if ours == theirs {
            return Ok(());
        }
        let (ours, theirs) = (ours.to_owned(), theirs.to_owned());
        Err(MergeError::Differs { what, first: merged.index, ours, other: result.index, theirs })
    };
    same("the number of agents", &merged.of.to_string(), &result.of.to_string())?;
    same("testid", &merged.report.testid, &result.report.testid)?;
    same("the profile's digest", &merged.digest, &result.digest)?;
    if is_same_table(&merged.report.table, &result.report.table) {
        return Ok(());
    }
    Err(MergeError::Series {
        first: merged.index,
        ours: merged.version.clone(),
        other: result.index,
        theirs: result.version.clone(),
    })
}

fn is_same_table(ours: &Arc<SeriesTable>, theirs: &Arc<SeriesTable>) -> bool {
    // Of one reader they are one.
    Arc::ptr_eq(ours, theirs)
        || (ours.counters == theirs.counters
            && ours.gauges == theirs.gauges
            && ours.trends == theirs.trends
            && ours.run_tags == theirs.run_tags
            && ours.custom() == theirs.custom()
            && ours
                .families()
                .filter(|family| family.kind() == FamilyKind::Trend)
                .all(|family| ours.bounds(family) == theirs.bounds(family)))
}

fn add(merged: &mut RunReport, report: RunReport, is_first_agent: bool) {
    merged.snapshot.merge(&report.snapshot);
    for (family, seen) in report.extremes {
        let sum = merged.extremes.entry(family).or_insert(Extremes { min: 0, max: 0 });
        *sum = Extremes { min: sum.min.saturating_add(seen.min), max: sum.max.saturating_add(seen.max) };
    }
    merged.elapsed = merged.elapsed.max(report.elapsed);
    merged.invalid_fails |= report.invalid_fails;
    if is_first_agent {
        merged.observed = report.observed;
    }
}

fn agent_report(index: u32, report: &RunReport) -> AgentReport {
    let view = report.view();
    let total = |family: Family| view.sum(family, |_| true);
    AgentReport {
        index,
        ended: report.ended,
        elapsed: report.elapsed,
        start: report.start,
        validity: report.validity.judgement.clone(),
        sessions: total(Family::WsSessions),
        requests: total(Family::HttpReqs),
        iterations: total(Family::Iterations),
    }
}

/// How the run of all of them ended: as for agent 0 if that was stopped; else as for one of them that a threshold ended,
/// or for all if they ended alike.
fn ended(agents: &BTreeMap<u32, AgentReport>) -> Ended {
    let mut all = agents.values().map(|agent| agent.ended);
    let any_aborted = all.clone().any(|ended| ended == Ended::Aborted);
    let first = all.next().unwrap_or(Ended::Completed);
    let leader = agents.get(&0).map(|agent| agent.ended);
    match leader {
        Some(ended @ (Ended::Interrupted | Ended::Stopped | Ended::Failed)) => ended,
        _ if any_aborted => Ended::Aborted,
        _ if all.all(|ended| ended == first) => first,
        _ => Ended::Completed,
    }
}

/// Whether an agent's part of the load is missing, and not because the whole run ended. Only the judge of the whole aborts.
fn is_early(agent: Ended, run: Ended) -> bool {
    match agent {
        Ended::Completed | Ended::Aborted => false,
        Ended::Failed => true,
        Ended::Interrupted | Ended::Stopped => agent != run,
    }
}

#[cfg(test)]
mod tests;
