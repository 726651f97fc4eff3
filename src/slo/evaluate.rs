//! One threshold on one view. A pure function: the same values give the same verdict, during the
//! run and after it, in one agent or on the merged snapshot of a fleet.
//!
//! Percentiles of trends are judged on the exact bucket counter at the limit, not on the
//! histogram's three digits: `p(99)<200` holds when at least 99 % of the samples are at most
//! 200 ms, which is what PromQL answers from `/metrics`. Buckets are closed above (`le`), so `<`
//! and `<=` are the same here, and so are `>` and `>=`: they would differ only for a sample on the
//! very nanosecond of the limit.

use serde::{Deserialize, Serialize};

mod target;

use crate::{
    catalogue::{Family, Metric, MetricKind, Source},
    config::threshold::{Expression, Method, Operator, Subject, Threshold},
    metrics::{
        rank,
        series::Series,
        trend::Trend,
        view::{Value, View},
    },
};

/// Nanoseconds in a millisecond, k6's unit of time.
const NANOS_PER_MS: f64 = 1e6;
/// Longest limit that gets a bucket, in nanoseconds: 10 years, as for durations in profiles.
const LONGEST_LIMIT: f64 = 315_360_000e9;

/// What a threshold says about a view.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The measured value in k6's units (milliseconds, bytes, a share, a number); none for a rate or trend without samples.
    pub value: Option<f64>,
    /// Whether the threshold would be met if the run ended here.
    pub passed: bool,
    /// Whether the metric has no sample yet. Such a threshold is not looked at before the end of the run.
    pub empty: bool,
}

impl Evaluation {
    /// Whether the threshold counts as crossed while the run goes on.
    #[must_use]
    pub fn crossed_during_run(&self) -> bool {
        !self.passed && !self.empty
    }
}

/// Judges `threshold` on `view`.
///
/// Without any sample, counters and gauges have their true value 0 and are compared; rates and
/// trends have none and fail, and so does what an observed target has never said. `allowEmpty` passes
/// all of them.
#[must_use]
pub fn evaluate(threshold: &Threshold, view: &View<'_>) -> Evaluation {
    match &threshold.metric {
        Subject::Load(metric) => of_load(threshold, metric, view),
        Subject::Target(metric) => {
            let value = target::value(metric, threshold.expression.method, view);
            let holds = value.is_some_and(|value| compared(value, threshold.expression).1);
            let empty = value.is_none();
            Evaluation { value, passed: holds || (empty && threshold.allow_empty), empty }
        }
    }
}

fn of_load(threshold: &Threshold, metric: &Metric, view: &View<'_>) -> Evaluation {
    let measured = view.value(metric, &threshold.selector);
    let empty = measured.is_empty();
    let expression = threshold.expression;
    let (value, holds) = match &measured {
        Value::Rate { .. } | Value::Trend(_) if empty => (None, false),
        Value::Counter { count, .. } if expression.method == Method::Count => compared(*count as f64, expression),
        Value::Counter { rate, .. } => compared(*rate, expression),
        Value::Gauge { value, .. } => compared(*value as f64, expression),
        Value::Rate { passes, total } => compared(*passes as f64 / *total as f64, expression),
        Value::Trend(trend) => of_trend(trend, expression),
    };
    Evaluation { value, passed: holds || (empty && threshold.allow_empty), empty }
}

/// Judges all of `thresholds`, in their order.
#[must_use]
pub fn evaluate_all(thresholds: &[Threshold], view: &View<'_>) -> Vec<Evaluation> {
    thresholds.iter().map(|threshold| evaluate(threshold, view)).collect()
}

/// Whether one of `thresholds` is judged on `series`: all others may be left out of counts that are sent to be judged.
#[must_use]
pub fn is_judged(thresholds: &[Threshold], series: &Series) -> bool {
    thresholds.iter().any(|threshold| {
        let is_source = threshold.metric.load().is_some_and(|metric| match metric.source {
            Source::Family(family) => family == series.family,
            Source::Ratio { hits, total, .. } => [hits, total].contains(&series.family),
        });
        is_source && series.matches(&threshold.selector)
    })
}

/// The bucket boundary in nanoseconds that makes a percentile threshold exact, with its family.
#[must_use]
pub fn limit_nanos(threshold: &Threshold) -> Option<(Family, u64)> {
    let metric = threshold.metric.load()?;
    let Source::Family(family) = metric.source else { return None };
    percent(threshold.expression.method).filter(|_| metric.kind == MetricKind::Trend)?;
    Some((family, boundary(threshold.expression.limit)?))
}

fn compared(value: f64, expression: Expression) -> (Option<f64>, bool) {
    (Some(value), expression.operator.holds(value, expression.limit))
}

fn of_trend(trend: &Trend, expression: Expression) -> (Option<f64>, bool) {
    let millis = match expression.method {
        Method::Min => trend.min() as f64,
        Method::Max => trend.max() as f64,
        Method::Med | Method::Percentile(_) => trend.percentile(percent(expression.method).unwrap_or(50.0)) as f64,
        Method::Avg | Method::Count | Method::Rate | Method::Value | Method::Before | Method::After | Method::Ratio => {
            trend.mean()
        }
    } / NANOS_PER_MS;
    match within_limit(trend, expression) {
        Some(within) => {
            let holds = within == matches!(expression.operator, Operator::Less | Operator::LessOrEqual);
            (Some(on_the_side_of(holds, millis, expression)), holds)
        }
        None => compared(millis, expression),
    }
}

/// Whether the percentile is at most the limit, from exact counters; none when there is no counter at the limit.
fn within_limit(trend: &Trend, expression: Expression) -> Option<bool> {
    if matches!(expression.operator, Operator::Equal | Operator::NotEqual) {
        return None;
    }
    let needed = rank::nearest_rank(percent(expression.method)?, trend.count());
    Some(trend.count_at_most(boundary(expression.limit)?)? >= needed)
}

/// Moves a value that rounding has put on the limit, or next to it, to the side that was judged.
fn on_the_side_of(holds: bool, value: f64, expression: Expression) -> f64 {
    let Expression { operator, limit, .. } = expression;
    let nanosecond = 1.0 / NANOS_PER_MS;
    [value, limit, (limit - nanosecond).max(0.0), limit + nanosecond, limit.next_down(), limit.next_up()]
        .into_iter()
        .find(|candidate| operator.holds(*candidate, limit) == holds)
        .unwrap_or(value)
}

fn percent(method: Method) -> Option<f64> {
    match method {
        Method::Med => Some(50.0),
        Method::Percentile(percent) => Some(percent),
        Method::Count
        | Method::Rate
        | Method::Value
        | Method::Before
        | Method::After
        | Method::Ratio
        | Method::Avg
        | Method::Min
        | Method::Max => None,
    }
}

fn boundary(limit_ms: f64) -> Option<u64> {
    let nanos = (limit_ms * NANOS_PER_MS).round();
    (1.0..=LONGEST_LIMIT).contains(&nanos).then_some(nanos as u64)
}

#[cfg(test)]
mod tests;
