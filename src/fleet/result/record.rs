//! What a result has besides its table and counts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{Contains, Family, MetricKind},
    config::{
        profile::TrendStat,
        threshold::{Subject, TargetMetric, Threshold, parse_expression, parse_target_expression},
    },
    fleet::result::{AgentResult, ResultError, families},
    metrics::{observed::TargetValues, series::SeriesTable, snapshot::Snapshot, view::Extremes},
    outputs::report::{Ended, RunReport, Start},
    slo::{evaluate::Evaluation, validity::run::RunValidity, verdict::Verdict},
};

/// A whole file.
#[derive(Serialize, Deserialize)]
pub(super) struct Contents<'f> {
    pub(super) record: Record,
    #[serde(borrow)]
    pub(super) table: &'f [u8],
    #[serde(borrow)]
    pub(super) counts: &'f [u8],
}

impl<'f> Contents<'f> {
    /// # Panics
    /// Never, see the reason.
    pub(super) fn encode(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "lists, texts and numbers of known length are always encoded")]
        postcard::to_allocvec(self).expect("a result is encoded in memory")
    }

    pub(super) fn decode(bytes: &'f [u8]) -> Result<Self, ResultError> {
        match postcard::take_from_bytes(bytes) {
            Ok((contents, [])) => Ok(contents),
            Ok(_) => Err(ResultError::Damaged("something follows its end".to_owned())),
            Err(error) => Err(ResultError::Damaged(error.to_string())),
        }
    }
}

/// See the module.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: String,
    digest: String,
    pub(super) index: u32,
    pub(super) of: u32,
    profile: String,
    testid: String,
    extremes: Vec<(String, Extremes)>,
    elapsed: Duration,
    start: Option<Start>,
    observed: Vec<TargetValues>,
    thresholds: Vec<ThresholdRecord>,
    evaluations: Vec<Evaluation>,
    verdict: Verdict,
    validity: RunValidity,
    invalid_fails: bool,
    trend_stats: Vec<TrendStat>,
    ended: Ended,
    exit_code: u8,
    notes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct ThresholdRecord {
    subject: SubjectRecord,
    selector: Vec<(String, String)>,
    name: String,
    source: String,
    abort_on_fail: bool,
    delay_abort_eval: Duration,
    allow_empty: bool,
}

#[derive(Serialize, Deserialize)]
enum SubjectRecord {
    Load(String),
    Target { name: String, target: Option<String>, reason: Option<String>, kind: MetricKind, contains: Contains },
}

impl Record {
    pub(super) fn of(result: &AgentResult) -> Self {
        let AgentResult { version, digest, index, of, report } = result;
        Self {
            version: version.clone(),
            digest: digest.clone(),
            index: *index,
            of: *of,
            profile: report.profile.clone(),
            testid: report.testid.clone(),
            extremes: report.extremes.iter().map(|(family, seen)| (family.name().to_owned(), *seen)).collect(),
            elapsed: report.elapsed,
            start: report.start,
            observed: report.observed.clone(),
            thresholds: report.thresholds.iter().map(ThresholdRecord::of).collect(),
            evaluations: report.evaluations.clone(),
            verdict: report.verdict.clone(),
            validity: report.validity.clone(),
            invalid_fails: report.invalid_fails,
            trend_stats: report.trend_stats.clone(),
            ended: report.ended,
            exit_code: report.exit_code,
            notes: report.notes.clone(),
        }
    }

    /// # Errors
    /// What is not known here, as `has WHAT`.
    pub(super) fn restore(self, table: Arc<SeriesTable>, snapshot: Snapshot) -> Result<AgentResult, String> {
        let families = families(&table);
        let family =
            |name: &str| families.get(name).copied().ok_or_else(|| format!("a gauge `{name}` that is none here"));
        let extremes = self.extremes.into_iter().map(|(name, seen)| Ok((family(&name)?, seen)));
        let extremes: BTreeMap<Family, Extremes> = extremes.collect::<Result<_, String>>()?;
        let thresholds = self.thresholds.into_iter().map(|threshold| threshold.restore(&table));
        let thresholds = thresholds.collect::<Result<Vec<_>, _>>()?;
        if self.evaluations.len() != thresholds.len() {
            return Err("thresholds that are not all judged".to_owned());
        }
        let report = RunReport {
            profile: self.profile,
            testid: self.testid,
            table,
            snapshot,
            extremes,
            elapsed: self.elapsed,
            start: self.start,
            observed: self.observed,
            thresholds,
            evaluations: self.evaluations,
            verdict: self.verdict,
            validity: self.validity,
            invalid_fails: self.invalid_fails,
            trend_stats: self.trend_stats,
            ended: self.ended,
            exit_code: self.exit_code,
            notes: self.notes,
            fleet: None,
            part: None,
        };
        Ok(AgentResult { version: self.version, digest: self.digest, index: self.index, of: self.of, report })
    }
}

impl ThresholdRecord {
    fn of(threshold: &Threshold) -> Self {
        let subject = match &threshold.metric {
            Subject::Load(metric) => SubjectRecord::Load(metric.name.to_owned()),
            Subject::Target(metric) => SubjectRecord::Target {
                name: metric.name.clone(),
                target: metric.target.clone(),
                reason: metric.reason.clone(),
                kind: metric.kind,
                contains: metric.contains,
            },
        };
        Self {
            subject,
            selector: threshold.selector.clone(),
            name: threshold.name.clone(),
            source: threshold.source.clone(),
            abort_on_fail: threshold.abort_on_fail,
            delay_abort_eval: threshold.delay_abort_eval,
            allow_empty: threshold.allow_empty,
        }
    }

    fn restore(self, table: &SeriesTable) -> Result<Threshold, String> {
        let unknown = || format!("a threshold `{}` on `{}` that is none here", self.source, self.name);
        let (metric, expression) = match self.subject {
            SubjectRecord::Load(ref name) => {
                let metric = table.metrics().find(|metric| metric.name == name).ok_or_else(unknown)?;
                (Subject::Load(metric), parse_expression(&self.source, metric))
            }
            SubjectRecord::Target { ref name, ref target, ref reason, kind, contains } => {
                let (name, target, reason) = (name.clone(), target.clone(), reason.clone());
                let metric = TargetMetric { name, target, reason, kind, contains };
                let expression = parse_target_expression(&self.source, &metric);
                (Subject::Target(metric), expression)
            }
        };
        Ok(Threshold {
            metric,
            expression: expression.map_err(|_| unknown())?,
            selector: self.selector,
            name: self.name,
            source: self.source,
            abort_on_fail: self.abort_on_fail,
            delay_abort_eval: self.delay_abort_eval,
            allow_empty: self.allow_empty,
        })
    }
}
