//! A record from a finished run.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::{
    catalogue::{Contains, Metric, MetricKind},
    config::profile::TrendStat,
    metrics::{hdr, observed::TargetValues, view::Value},
    outputs::{
        failures,
        record::{FORMAT, FailureRecord, Machine, MetricRecord, RunRecord},
        report::{self, Ended, Measured, RunReport, target_metric_name},
        run_status::{ThresholdStatus, ValidityStatus},
        summary_export::target,
        timeline::Timeline,
    },
    slo::validity::Level,
};

/// What a trend has in a record, whatever the profile asks the summary for.
const STATS: [TrendStat; 8] = [
    TrendStat::Avg,
    TrendStat::Min,
    TrendStat::Med,
    TrendStat::Percentile(90.0),
    TrendStat::Percentile(95.0),
    TrendStat::Percentile(99.0),
    TrendStat::Max,
    TrendStat::Count,
];

/// What the report does not tell of the run.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// By which the API names the run.
    pub id: String,
    /// Of the profile as it was meant.
    pub digest: String,
    /// RFC 3339; empty if it is not known.
    pub started_at: String,
    /// RFC 3339; empty if it is not known.
    pub ended_at: String,
    /// Of the plan, 0 if it has no end.
    pub plan_seconds: f64,
    /// That changed the run.
    pub orders: u32,
    /// In which it was paused.
    pub paused_seconds: f64,
    /// The profile without credentials.
    pub profile_text: Option<String>,
    /// What the agent ran on.
    pub machine: Machine,
}

/// How the run went over time.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Its curves.
    pub timeline: Timeline,
    /// Distributions of its parts by trend.
    pub blocks: BTreeMap<String, Vec<String>>,
}

/// The record of `report`.
#[must_use]
pub fn build(report: &RunReport, about: About, course: Course) -> RunRecord {
    let Course { timeline, mut blocks } = course;
    RunRecord {
        format: FORMAT,
        id: about.id,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: report.profile.clone(),
        testid: report.testid.clone(),
        tags: report.table.run_tags.iter().filter(|(name, _)| *name != "testid").map(owned).collect(),
        digest: about.digest,
        started_at: about.started_at,
        ended_at: about.ended_at,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        plan_seconds: about.plan_seconds,
        orders: about.orders,
        paused_seconds: about.paused_seconds,
        ended: report.ended.name().to_owned(),
        verdict: verdict(report).to_owned(),
        exit_code: report.exit_code,
        validity: ValidityStatus::of(&report.validity, report.fleet.as_ref()),
        thresholds: report
            .judged()
            .map(|(threshold, evaluation)| ThresholdStatus::of(threshold, Some(evaluation)))
            .collect(),
        metrics: metrics(report, &mut blocks),
        failures: failures(report),
        timeline,
        profile_text: about.profile_text,
        machine: about.machine,
        agents: report.fleet.as_ref().map_or(1, |fleet| fleet.agents.len() as u32),
        notes: report.notes.clone(),
    }
}

/// `passed`, `crossed` or `invalid`, by the rule of the exit code.
#[must_use]
pub fn verdict(report: &RunReport) -> &'static str {
    let is_judged = matches!(report.ended, Ended::Completed | Ended::Aborted);
    if is_judged && report.invalid_fails && report.validity.judgement.level == Level::Invalid {
        "invalid"
    } else if report.verdict.passed() {
        "passed"
    } else {
        "crossed"
    }
}

fn metrics(report: &RunReport, blocks: &mut BTreeMap<String, Vec<String>>) -> Vec<MetricRecord> {
    let place = |metric: &Metric| report.table.metrics().position(|known| known.name == metric.name);
    let mut measured: Vec<_> = report.measured().into_iter().filter(|one| !one.value.is_empty()).collect();
    // Stable: the parts of a metric stay behind it.
    measured.sort_by_key(|one| place(one.metric));
    let load = measured.into_iter().map(|one| metric(report, one, blocks));
    load.chain(target::metrics(report).into_iter().filter_map(|(name, values)| of_target(report, name, &values)))
        .collect()
}

/// A metric of an observed target; none if the target has not said it.
fn of_target(report: &RunReport, name: String, values: &Map<String, Json>) -> Option<MetricRecord> {
    let values: BTreeMap<_, _> =
        values.iter().filter_map(|(stat, value)| Some((stat.clone(), value.as_f64()?))).collect();
    if values.is_empty() {
        return None;
    }
    let of = |target: &TargetValues| {
        let metric = target.metrics.iter().find(|metric| target_metric_name(report, target, &metric.name) == name)?;
        Some(metric.contains)
    };
    let contains = report.observed.iter().find_map(of).unwrap_or(Contains::Default);
    let kind = if values.contains_key("count") { "counter" } else { "gauge" };
    Some(MetricRecord {
        name,
        kind: kind.to_owned(),
        unit: unit(contains).to_owned(),
        values,
        histogram: None,
        blocks: Vec::new(),
    })
}

fn unit(contains: Contains) -> &'static str {
    match contains {
        Contains::Default => "",
        Contains::Time => "ms",
        Contains::Data => "bytes",
    }
}

fn metric(report: &RunReport, measured: Measured, blocks: &mut BTreeMap<String, Vec<String>>) -> MetricRecord {
    let Measured { name, metric, value, .. } = measured;
    let pairs = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let mut histogram = None;
    let values = match &value {
        Value::Counter { count, rate } => pairs(&[("count", *count as f64), ("rate", *rate)]),
        Value::Gauge { value, min, max } => {
            pairs(&[("value", *value as f64), ("min", *min as f64), ("max", *max as f64)])
        }
        Value::Rate { passes, total } => pairs(&[
            ("value", if *total == 0 { 0.0 } else { *passes as f64 / *total as f64 }),
            ("passes", *passes as f64),
            ("fails", total.saturating_sub(*passes) as f64),
        ]),
        Value::Trend(trend) => {
            histogram = Some(hdr::encode(trend));
            let stats = STATS.iter().chain(&report.trend_stats);
            stats.map(|stat| (report::stat_name(*stat), report::stat_value(trend, *stat))).collect()
        }
    };
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Rate => "rate",
        MetricKind::Trend => "trend",
    };
    let blocks = blocks.remove(&name).unwrap_or_default();
    MetricRecord { name, kind: kind.to_owned(), unit: unit(metric.contains).to_owned(), values, histogram, blocks }
}

fn failures(report: &RunReport) -> Vec<FailureRecord> {
    let counts = failures::counts(&report.view()).into_iter();
    let mut failures: Vec<_> =
        counts.map(|((what, reason), count)| FailureRecord { what: what.to_owned(), reason, count }).collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}
