//! The state of a running test between the control thread's ticks: latest counts, extremes of
//! gauges, the thresholds' latest evaluations. Pure: ticks come with their time and snapshot.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    catalogue::{Family, FamilyKind},
    clock::Instant,
    config::threshold::{Method, Operator, Threshold},
    metrics::{
        exposition::run::RunState,
        observed::TargetValues,
        series::SeriesTable,
        snapshot::Snapshot,
        view::{Extremes, View},
    },
    slo::{
        evaluate::{Evaluation, evaluate_all},
        verdict::Verdict,
    },
};

/// Thresholds are evaluated this often, as k6 does.
pub const EVALUATION_INTERVAL: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub struct Live {
    /// Where the run is in its life.
    pub state: RunState,
    /// Start of the load.
    pub start: Instant,
    /// End of the load.
    pub ended: Option<Instant>,
    /// The profile's thresholds.
    pub thresholds: Vec<Threshold>,
    /// Their latest evaluations; empty before the first.
    pub evaluations: Vec<Evaluation>,
    /// Lowest and highest of each gauge family at the ticks.
    pub extremes: BTreeMap<Family, Extremes>,
    /// The latest counts.
    pub snapshot: Snapshot,
    /// What observed targets have said of themselves.
    pub observed: Vec<TargetValues>,
    /// What the other agents of a fleet have counted, at its leader.
    pub others: Option<Arc<Snapshot>>,
    /// Whether the start is known.
    pub scheduled: bool,
    table: Arc<SeriesTable>,
    next_evaluation: Duration,
}

impl Live {
    /// Before the start.
    #[must_use]
    pub fn new(table: Arc<SeriesTable>, thresholds: Vec<Threshold>, start: Instant) -> Self {
        Self {
            state: RunState::Waiting,
            start,
            ended: None,
            thresholds,
            evaluations: Vec::new(),
            extremes: BTreeMap::new(),
            snapshot: Snapshot::empty(&table),
            observed: Vec::new(),
            others: None,
            scheduled: false,
            table,
            next_evaluation: EVALUATION_INTERVAL,
        }
    }

    /// The latest counts, readable.
    #[must_use]
    pub fn view(&self, now: Instant) -> View<'_> {
        View {
            table: &self.table,
            snapshot: &self.snapshot,
            extremes: &self.extremes,
            elapsed: self.ended.unwrap_or(now).since(self.start).as_secs_f64(),
            observed: &self.observed,
        }
    }

    /// Takes new counts. Returns a verdict if a threshold asks for the run to be aborted.
    pub fn tick(&mut self, snapshot: Snapshot, now: Instant) -> Option<Verdict> {
        self.snapshot = snapshot;
        self.note_extremes(now);
        let elapsed = now.since(self.start);
        if !matches!(self.state, RunState::Running | RunState::Paused) || elapsed < self.next_evaluation {
            return None;
        }
        self.next_evaluation = elapsed + EVALUATION_INTERVAL - Duration::from_millis(elapsed.as_millis() as u64 % 1000);
        self.evaluations = self.evaluate(now);
        Verdict::abort_at_tick(&self.thresholds, &self.evaluations, elapsed)
    }

    /// This agent's load has ended, and those of others go on: takes their new counts. Returns a verdict as
    /// [`Self::tick`] does.
    pub fn tick_others(&mut self, others: Option<Arc<Snapshot>>, now: Instant) -> Option<Verdict> {
        self.others = others;
        let elapsed = now.since(self.start);
        if elapsed < self.next_evaluation {
            return None;
        }
        self.next_evaluation = elapsed + EVALUATION_INTERVAL;
        self.evaluations = self.evaluate_all_of(View { elapsed: elapsed.as_secs_f64(), ..self.view(now) });
        Verdict::abort_at_tick(&self.thresholds, &self.evaluations, elapsed)
    }

    /// Judges what this agent has counted, with the others of its fleet.
    fn evaluate(&self, now: Instant) -> Vec<Evaluation> {
        self.evaluate_all_of(self.view(now))
    }

    fn evaluate_all_of(&self, own: View<'_>) -> Vec<Evaluation> {
        let Some(others) = &self.others else { return evaluate_all(&self.thresholds, &own) };
        let mut all = self.snapshot.clone();
        all.merge(others);
        evaluate_all(&self.thresholds, &View { snapshot: &all, ..own })
    }

    /// Takes the final counts and judges them.
    pub fn end(&mut self, snapshot: Snapshot, now: Instant) -> Verdict {
        self.ended = Some(now);
        self.snapshot = snapshot;
        self.note_extremes(now);
        self.judge(now)
    }

    /// Judges what is known, after the end of the load.
    pub fn judge(&mut self, now: Instant) -> Verdict {
        self.evaluations = self.evaluate(now);
        Verdict::at_end(&self.thresholds, &self.evaluations)
    }

    /// Whether a threshold on what targets say after the load does not hold (yet).
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        let judged = self.thresholds.iter().zip(&self.evaluations);
        let after = |threshold: &Threshold| matches!(threshold.expression.method, Method::After | Method::Ratio);
        judged.filter(|(threshold, _)| after(threshold)).any(|(_, evaluation)| !evaluation.passed)
    }

    /// Metrics whose thresholds are crossed at present. A sum that is still to grow above its limit is not.
    #[must_use]
    pub fn crossed(&self) -> Vec<String> {
        let undecided = |threshold: &Threshold| {
            threshold.expression.method == Method::Count
                && matches!(threshold.expression.operator, Operator::Greater | Operator::GreaterOrEqual)
        };
        let judged = self.thresholds.iter().zip(&self.evaluations);
        let crossed = judged.filter(|(threshold, evaluation)| evaluation.crossed_during_run() && !undecided(threshold));
        crossed.map(|(threshold, _)| threshold.name.clone()).collect()
    }

    fn note_extremes(&mut self, now: Instant) {
        for family in Family::ALL.iter().filter(|family| family.kind() == FamilyKind::Gauge) {
            let value = self.view(now).gauge(*family, &[]);
            self.extremes
                .entry(*family)
                .and_modify(|seen| *seen = Extremes { min: seen.min.min(value), max: seen.max.max(value) })
                .or_insert(Extremes { min: value, max: value });
        }
    }
}
