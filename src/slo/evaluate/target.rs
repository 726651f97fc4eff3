//! Metrics of observed targets.

use crate::{
    config::threshold::{Method, TargetMetric},
    metrics::{
        observed::{CounterValue, GaugeValue, ObservedValue, TargetValues},
        view::View,
    },
};

/// What is measured; none as long as one of the targets meant has not said it.
pub(super) fn value(metric: &TargetMetric, method: Method, view: &View<'_>) -> Option<f64> {
    let meant = |target: &&TargetValues| metric.target.as_deref().is_none_or(|name| name == target.name);
    let mut sum = None;
    for target in view.observed.iter().filter(meant) {
        let value = match built_in(target, metric) {
            Some(BuiltIn::Count(count)) if method == Method::Rate => per_second(count?, view.elapsed),
            Some(BuiltIn::Count(count)) => count? as f64,
            Some(BuiltIn::Gauge(gauge)) => of_gauge(&gauge?, method)?,
            None => match target.metric(metric.short_name()) {
                // Another target's metric.
                None => continue,
                Some(ObservedValue::Gauge(gauge)) => of_gauge(&gauge?, method)?,
                Some(ObservedValue::Counter(counter)) => of_counter(&counter?, method),
            },
        };
        sum = Some(sum.unwrap_or(0.0) + value);
    }
    sum
}

enum BuiltIn {
    Count(Option<u64>),
    Gauge(Option<GaugeValue>),
}

fn built_in(target: &TargetValues, metric: &TargetMetric) -> Option<BuiltIn> {
    let tried = |count| (target.scrapes > 0).then_some(count);
    Some(match metric.short_name() {
        "up" => BuiltIn::Gauge(target.up),
        "scrapes" => BuiltIn::Count(tried(target.scrapes)),
        "scrape_failures" => BuiltIn::Count(tried(match &metric.reason {
            None => target.failed(),
            Some(reason) => {
                target.failures.iter().filter(|(failure, _)| failure.label() == reason).map(|(_, count)| count).sum()
            }
        })),
        "restarts" => BuiltIn::Count(target.restarts),
        _ => return None,
    })
}

fn of_gauge(gauge: &GaugeValue, method: Method) -> Option<f64> {
    match method {
        Method::Min => Some(gauge.min),
        Method::Max => Some(gauge.max),
        Method::Before => gauge.before,
        Method::After => gauge.after,
        Method::Ratio => gauge.ratio(),
        Method::Value | Method::Count | Method::Rate | Method::Avg | Method::Med | Method::Percentile(_) => {
            Some(gauge.value)
        }
    }
}

fn of_counter(counter: &CounterValue, method: Method) -> f64 {
    if method == Method::Rate { counter.rate() } else { counter.increase }
}

fn per_second(count: u64, elapsed: f64) -> f64 {
    if elapsed > 0.0 { count as f64 / elapsed } else { 0.0 }
}

#[cfg(test)]
mod tests;
