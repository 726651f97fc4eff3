//! Observed targets: their metrics beside the load's, and how they could be read.

use serde_json::{Map, Value as Json, json};

use super::number;
use crate::{
    config::threshold::Subject,
    metrics::observed::{ObservedValue, TargetValues},
    outputs::report::{RunReport, target_metric_name},
};

/// Metrics by name with their values; a threshold that names one in another way has an entry of its own.
pub(in crate::outputs) fn metrics(report: &RunReport) -> Vec<(String, Map<String, Json>)> {
    let mut metrics = Vec::new();
    for target in &report.observed {
        let mut add = |name: &str, values| metrics.push((target_metric_name(report, target, name), values));
        target.metrics.iter().for_each(|metric| add(&metric.name, values(metric.value)));
        let count = |value| Map::from_iter([("count".to_owned(), json!(value))]);
        add("restarts", target.restarts.map(count).unwrap_or_default());
        add("scrapes", count(target.scrapes));
        add("scrape_failures", count(target.failed()));
        add("up", values(ObservedValue::Gauge(target.up)));
    }
    for (threshold, evaluation) in report.judged() {
        let known = metrics.iter().any(|(name, _)| *name == threshold.name);
        if matches!(threshold.metric, Subject::Target(_)) && !known {
            let value = evaluation.value.map(|value| ("value".to_owned(), number(value)));
            metrics.push((threshold.name.clone(), value.into_iter().collect()));
        }
    }
    metrics
}

fn values(value: ObservedValue) -> Map<String, Json> {
    let pairs = match value {
        ObservedValue::Gauge(Some(gauge)) => vec![
            ("value", Some(gauge.value)),
            ("min", Some(gauge.min)),
            ("max", Some(gauge.max)),
            ("before", gauge.before),
            ("after", gauge.after),
            ("ratio", gauge.ratio()),
        ],
        ObservedValue::Counter(Some(counter)) => {
            vec![("count", Some(counter.increase)), ("rate", Some(counter.rate()))]
        }
        ObservedValue::Gauge(None) | ObservedValue::Counter(None) => Vec::new(),
    };
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), number(value?)))).collect()
}

/// How each target could be read.
pub(super) fn targets(targets: &[TargetValues]) -> Vec<Json> {
    let of = |target: &TargetValues| {
        let failures: Map<_, _> =
            target.failures.iter().map(|(reason, count)| (reason.label().to_owned(), json!(count))).collect();
        json!({
            "name": target.name,
            "scrapes": target.scrapes,
            "failures": failures,
            "restarts": target.restarts,
        })
    };
    targets.iter().map(of).collect()
}
