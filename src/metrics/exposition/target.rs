//! `target_*`: what observed targets say of themselves.

use super::{
    families::{Kind, Sheet, Value},
    run::labels,
};
use crate::{
    metrics::observed::{ObservedValue, ScrapeFailure, TargetValues},
    units::tags::Tags,
};

/// Adds the families of observed targets; none without one.
pub(super) fn families(sheet: &mut Sheet, targets: &[TargetValues]) {
    let each = |value: &dyn Fn(&TargetValues) -> Option<f64>| -> Vec<(Tags, Value)> {
        let known = targets.iter().filter_map(|target| Some((target, value(target)?)));
        known.map(|(target, value)| (labels([("target", target.name.as_str())]), Value::Number(value))).collect()
    };
    sheet.add(
        "target_up",
        "Whether the last page of an observed target could be read.",
        Kind::Gauge,
        each(&|target| target.up.map(|up| up.value)),
    );
    sheet.add(
        "target_scrapes_total",
        "Tries to read an observed target's page.",
        Kind::Counter,
        each(&|target| Some(target.scrapes as f64)),
    );
    let failures = targets.iter().flat_map(|target| {
        ScrapeFailure::ALL.iter().map(|reason| {
            let labels = labels([("target", target.name.as_str()), ("reason", reason.label())]);
            (labels, Value::Number(target.failures.get(reason).map_or(0.0, |count| *count as f64)))
        })
    });
    sheet.add(
        "target_scrape_failures_total",
        "Failed tries to read an observed target's page, by reason.",
        Kind::Counter,
        failures,
    );
    sheet.add(
        "target_restarts_total",
        "Times that an observed target's start had changed, or one of its counters had gone back.",
        Kind::Counter,
        each(&|target| target.restarts.map(|count| count as f64)),
    );
    let metrics = |value: &dyn Fn(ObservedValue) -> Option<f64>| -> Vec<(Tags, Value)> {
        let all = targets.iter().flat_map(|target| target.metrics.iter().map(move |metric| (target, metric)));
        let known = all.filter_map(|(target, metric)| {
            let labels = labels([("target", target.name.as_str()), ("metric", metric.name.as_str())]);
            Some((labels, Value::Number(value(metric.value)?)))
        });
        known.collect()
    };
    let gauge = |observed| if let ObservedValue::Gauge(gauge) = observed { gauge } else { None };
    sheet.add(
        "target_value",
        "Last value of each gauge of an observed target, in the target's own unit.",
        Kind::Gauge,
        metrics(&|observed| gauge(observed).map(|gauge| gauge.value)),
    );
    sheet.add(
        "target_value_before",
        "The same before the load.",
        Kind::Gauge,
        metrics(&|observed| gauge(observed).and_then(|gauge| gauge.before)),
    );
    sheet.add(
        "target_value_after",
        "The same after the load.",
        Kind::Gauge,
        metrics(&|observed| gauge(observed).and_then(|gauge| gauge.after)),
    );
    sheet.add(
        "target_increase_total",
        "What each counter of an observed target has grown by since before the load, its restarts reckoned with.",
        Kind::Counter,
        metrics(&|observed| match observed {
            ObservedValue::Counter(counter) => counter.map(|counter| counter.increase),
            ObservedValue::Gauge(_) => None,
        }),
    );
}
