//! The line that introduces a metric before its first point, with its thresholds and their parts.

use serde_json::{Value, json};

use crate::{
    catalogue::{Contains, Metric, MetricKind},
    config::threshold::Threshold,
    outputs::report,
    units::duration,
};

/// The line without its line break.
pub(super) fn line(metric: &Metric, thresholds: &[Threshold]) -> String {
    let of_metric = || thresholds.iter().filter(|threshold| threshold.metric.name() == metric.name);
    let whole: Vec<_> = of_metric().filter(|threshold| threshold.selector.is_empty()).map(definition).collect();
    let mut parts: Vec<Value> = Vec::new();
    for part in of_metric().filter(|threshold| !threshold.selector.is_empty()) {
        let part = submetric(part);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    json!({
        "type": "Metric",
        "data": {
            "name": metric.name,
            "type": kind(metric.kind),
            "contains": contains(metric.contains),
            "thresholds": whole,
            "submetrics": if parts.is_empty() { Value::Null } else { Value::Array(parts) },
        },
        "metric": metric.name,
    })
    .to_string()
}

/// k6 writes the short form unless the threshold can abort the run.
fn definition(threshold: &Threshold) -> Value {
    if !threshold.abort_on_fail {
        return json!(threshold.source);
    }
    let delay = threshold.delay_abort_eval;
    let delay = (!delay.is_zero()).then(|| duration::display(delay));
    json!({ "threshold": threshold.source, "abortOnFail": true, "delayAbortEval": delay })
}

fn submetric(threshold: &Threshold) -> Value {
    let tags: serde_json::Map<_, _> =
        threshold.selector.iter().map(|(tag, value)| (tag.clone(), json!(value))).collect();
    json!({ "name": threshold.name, "suffix": report::selector_text(&threshold.selector), "tags": tags })
}

fn kind(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Rate => "rate",
        MetricKind::Trend => "trend",
    }
}

fn contains(contains: Contains) -> &'static str {
    match contains {
        Contains::Default => "default",
        Contains::Time => "time",
        Contains::Data => "data",
    }
}
