//! A finished run as a value: everything that the summary, the export and a merge of several
//! agents need, and nothing that has to be asked again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{Family, Metric},
    config::{
        profile::TrendStat,
        threshold::{TARGET_PREFIX, Threshold},
    },
    metrics::{
        observed::TargetValues,
        series::SeriesTable,
        snapshot::Snapshot,
        trend::Trend,
        view::{Extremes, Value, View},
    },
    slo::{
        evaluate::Evaluation,
        validity::{Judgement, run::RunValidity},
        verdict::Verdict,
    },
};

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// As planned.
    Completed,
    /// A threshold with `abortOnFail` was crossed.
    Aborted,
    /// SIGINT or SIGTERM.
    Interrupted,
    /// Through the API.
    Stopped,
    /// The agent itself failed; the notes say how.
    Failed,
}

impl Ended {
    /// One word for files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Ended::Completed => "completed",
            Ended::Aborted => "aborted",
            Ended::Interrupted => "interrupted",
            Ended::Stopped => "stopped",
            Ended::Failed => "failed",
        }
    }
}

/// The agents whose results were merged.
#[derive(Debug, Clone)]
pub struct FleetReport {
    /// How many there should be.
    pub of: u32,
    /// Those whose results are there, by their numbers.
    pub agents: Vec<AgentReport>,
    /// Numbers of the others.
    pub missing: Vec<u32>,
}

/// Which part of a run this is, when others judge the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 0.
    pub index: u32,
    /// How many parts there are.
    pub of: u32,
    /// Whether agent 0 judges the whole; otherwise `rampd merge` does.
    pub has_leader: bool,
}

/// How exactly an agent's load began when that of the others did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// From the instant agreed on to the first event of its latest worker.
    pub late: Duration,
    /// How far this agent's notion of that instant may be off, either way; none for the leader, whose clock counts.
    pub clock_error: Option<Duration>,
}

/// One agent of a fleet.
#[derive(Debug, Clone)]
pub struct AgentReport {
    /// Its number, from 0.
    pub index: u32,
    /// How its part of the run ended.
    pub ended: Ended,
    /// From the start of its load to its end.
    pub elapsed: Duration,
    /// How its load began.
    pub start: Option<Start>,
    /// Its own validity.
    pub validity: Judgement,
    /// WebSocket connection attempts.
    pub sessions: u64,
    /// HTTP requests.
    pub requests: u64,
    /// Iterations.
    pub iterations: u64,
}

/// A finished run.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// Name of the profile.
    pub profile: String,
    /// Label `testid`.
    pub testid: String,
    /// What the slots of the snapshot mean.
    pub table: Arc<SeriesTable>,
    /// The final values.
    pub snapshot: Snapshot,
    /// Extremes of gauges over the run.
    pub extremes: BTreeMap<Family, Extremes>,
    /// From the start of the load to its end.
    pub elapsed: Duration,
    /// How the load began, in a fleet.
    pub start: Option<Start>,
    /// What observed targets said of themselves.
    pub observed: Vec<TargetValues>,
    /// The profile's thresholds.
    pub thresholds: Vec<Threshold>,
    /// One for each threshold, in their order, on the final values.
    pub evaluations: Vec<Evaluation>,
    /// What they say together.
    pub verdict: Verdict,
    /// Whether the figures are the target's or the generator's own.
    pub validity: RunValidity,
    /// Whether an invalid run has an exit code of its own, so that the thresholds' verdict does not count.
    pub invalid_fails: bool,
    /// Columns of trends.
    pub trend_stats: Vec<TrendStat>,
    /// How the run ended.
    pub ended: Ended,
    /// Exit code of the command.
    pub exit_code: u8,
    /// Lines for people: what was cut, where files are.
    pub notes: Vec<String>,
    /// The agents, if several are in these figures.
    pub fleet: Option<FleetReport>,
    /// Set if this is a part of a run that is judged elsewhere.
    pub part: Option<Part>,
}

/// A metric, or a part of it under a tag selector, with its value.
#[derive(Debug, Clone)]
pub struct Measured {
    /// As shown: `ws_connecting` or `ws_connecting{url:ws://host/x}`.
    pub name: String,
    /// What it is.
    pub metric: &'static Metric,
    /// Empty for the whole metric.
    pub selector: Vec<(String, String)>,
    /// Its value.
    pub value: Value,
}

impl RunReport {
    /// The final values, readable.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View {
            table: &self.table,
            snapshot: &self.snapshot,
            extremes: &self.extremes,
            elapsed: self.elapsed.as_secs_f64(),
            observed: &self.observed,
        }
    }

    /// Thresholds with their evaluations.
    pub fn judged(&self) -> impl Iterator<Item = (&Threshold, &Evaluation)> {
        self.thresholds.iter().zip(&self.evaluations)
    }

    /// Metrics that have samples or a threshold, each followed by the parts that thresholds name, by
    /// name. As in k6, the duration of expected responses alone is always one of the parts.
    #[must_use]
    pub fn measured(&self) -> Vec<Measured> {
        let view = self.view();
        let mut measured = Vec::new();
        for metric in self.table.metrics() {
            let judged: Vec<_> =
                self.thresholds.iter().filter(|threshold| threshold.metric.name() == metric.name).collect();
            let value = view.value(metric, &[]);
            if view.records(metric) && !value.is_empty() || !judged.is_empty() {
                measured.push(Measured { name: metric.name.to_owned(), metric, selector: Vec::new(), value });
            }
            let mut parts: BTreeMap<_, _> = judged
                .iter()
                .filter(|part| !part.selector.is_empty())
                .map(|part| (part.name.clone(), part.selector.clone()))
                .collect();
            if metric.name == "http_req_duration" && measured.last().is_some_and(|last| last.metric == metric) {
                let expected = ("expected_response".to_owned(), "true".to_owned());
                parts.insert(format!("{}{{expected_response:true}}", metric.name), vec![expected]);
            }
            for (name, selector) in parts {
                let value = view.value(metric, &selector);
                measured.push(Measured { name, metric, selector, value });
            }
        }
        measured.sort_by(|left, right| (left.metric.name, &left.name).cmp(&(right.metric.name, &right.name)));
        measured
    }
}

/// `target_memory`, or `target_memory{target:server}` if there are several targets.
#[must_use]
pub fn target_metric_name(report: &RunReport, target: &TargetValues, metric: &str) -> String {
    if report.observed.len() > 1 {
        format!("{TARGET_PREFIX}{metric}{{target:{}}}", target.name)
    } else {
        format!("{TARGET_PREFIX}{metric}")
    }
}

/// Name of a trend's column: `avg`, `p(99.9)`.
#[must_use]
pub fn stat_name(stat: TrendStat) -> String {
    match stat {
        TrendStat::Avg => "avg".to_owned(),
        TrendStat::Min => "min".to_owned(),
        TrendStat::Med => "med".to_owned(),
        TrendStat::Max => "max".to_owned(),
        TrendStat::Count => "count".to_owned(),
        TrendStat::Percentile(percent) => format!("p({percent})"),
    }
}

/// A trend's column in milliseconds; the count as it is.
#[must_use]
pub fn stat_value(trend: &Trend, stat: TrendStat) -> f64 {
    let nanos = match stat {
        TrendStat::Avg => trend.mean(),
        TrendStat::Min => trend.min() as f64,
        TrendStat::Med => trend.percentile(50.0) as f64,
        TrendStat::Max => trend.max() as f64,
        TrendStat::Count => return trend.count() as f64,
        TrendStat::Percentile(percent) => trend.percentile(percent) as f64,
    };
    nanos / 1e6
}

/// What stands left of the operator in a threshold as typed: `p(99)` of `p(99)<200`.
#[must_use]
pub fn method_text(threshold: &Threshold) -> &str {
    let end = threshold.source.find(['<', '>', '=', '!']).unwrap_or(threshold.source.len());
    threshold.source[..end].trim()
}

/// Tags of a selector as k6 writes them between the braces.
#[must_use]
pub fn selector_text(selector: &[(String, String)]) -> String {
    selector.iter().map(|(tag, value)| format!("{tag}:{value}")).collect::<Vec<_>>().join(",")
}
