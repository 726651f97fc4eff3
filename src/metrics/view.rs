//! A merged snapshot in k6's terms: the value of a metric, whole or under a tag selector.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{Family, Metric, MetricKind, Source},
    metrics::{
        observed::TargetValues,
        series::{Series, SeriesTable},
        snapshot::Snapshot,
        trend::Trend,
    },
};

/// Tag pairs that a sample must have, all of them.
pub type Selector<'s> = &'s [(String, String)];

/// Lowest and highest value of a gauge family at the control thread's ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extremes {
    /// Lowest value seen.
    pub min: i64,
    /// Highest value seen.
    pub max: i64,
}

/// A snapshot with what is needed to read it.
#[derive(Debug, Clone, Copy)]
pub struct View<'v> {
    /// What the slots mean.
    pub table: &'v SeriesTable,
    /// The values.
    pub snapshot: &'v Snapshot,
    /// Extremes of gauge families over the run.
    pub extremes: &'v BTreeMap<Family, Extremes>,
    /// Seconds since the start of the run, for rates per second.
    pub elapsed: f64,
    /// What observed targets say of themselves.
    pub observed: &'v [TargetValues],
}

/// A metric's value by type.
#[derive(Debug, Clone)]
pub enum Value {
    /// Sum, and sum per second of the run.
    Counter {
        /// The sum.
        count: u64,
        /// Per second since the start.
        rate: f64,
    },
    /// Last value with its extremes over the run.
    Gauge {
        /// Last value.
        value: i64,
        /// Lowest.
        min: i64,
        /// Highest.
        max: i64,
    },
    /// True samples among all.
    Rate {
        /// True samples.
        passes: u64,
        /// All samples.
        total: u64,
    },
    /// A distribution.
    Trend(Box<Trend>),
}

impl Value {
    /// Whether the metric has no sample at all; a gauge always has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Counter { count, .. } => *count == 0,
            Value::Gauge { .. } => false,
            Value::Rate { total, .. } => *total == 0,
            Value::Trend(trend) => trend.count() == 0,
        }
    }
}

/// Results of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The check's name.
    pub name: String,
    /// Samples that passed.
    pub passes: u64,
    /// Samples that did not.
    pub fails: u64,
}

impl View<'_> {
    /// Whether the run has any series that `metric` is computed from.
    #[must_use]
    pub fn records(&self, metric: &Metric) -> bool {
        let family = match metric.source {
            Source::Family(family) | Source::Ratio { total: family, .. } => family,
        };
        let mut series = self.table.counters.iter().chain(&self.table.gauges).chain(&self.table.trends);
        series.any(|series| series.family == family)
    }

    /// Checks with samples, in the order of the table.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let mut checks: Vec<Check> = Vec::new();
        for (series, count) in self.table.counters.iter().zip(&self.snapshot.counters) {
            let Some(name) = series.labels.get("check").filter(|_| series.family == Family::Checks && *count > 0)
            else {
                continue;
            };
            let at = checks.iter().position(|check| check.name == *name).unwrap_or_else(|| {
                checks.push(Check { name: name.clone(), passes: 0, fails: 0 });
                checks.len() - 1
            });
            if let Some(check) = checks.get_mut(at) {
                let passed = series.labels.get("result").is_some_and(|result| result == "pass");
                *(if passed { &mut check.passes } else { &mut check.fails }) += count;
            }
        }
        checks
    }

    /// The value of `metric` over all series that match `selector`.
    #[must_use]
    pub fn value(&self, metric: &Metric, selector: Selector<'_>) -> Value {
        match (metric.source, metric.kind) {
            (Source::Ratio { hits, only, total }, _) => Value::Rate {
                passes: self.sum(hits, |series| {
                    series.matches(selector) && only.is_none_or(|(name, value)| series.has(name, value))
                }),
                total: self.sum(total, |series| series.matches(selector)),
            },
            (Source::Family(family), MetricKind::Gauge) => {
                let value = self.gauge(family, selector);
                let extremes = self.extremes.get(&family).filter(|_| selector.is_empty());
                Value::Gauge {
                    value,
                    min: extremes.map_or(value, |seen| seen.min),
                    max: extremes.map_or(value, |seen| seen.max),
                }
            }
            (Source::Family(family), MetricKind::Trend) => Value::Trend(Box::new(self.trend(family, selector))),
            (Source::Family(family), MetricKind::Counter | MetricKind::Rate) => {
                let count = self.sum(family, |series| series.matches(selector));
                Value::Counter { count, rate: if self.elapsed > 0.0 { count as f64 / self.elapsed } else { 0.0 } }
            }
        }
    }

    /// Sum of the counters of `family` that `wanted` accepts.
    pub fn sum(&self, family: Family, wanted: impl Fn(&Series) -> bool) -> u64 {
        let series = self.table.counters.iter().zip(&self.snapshot.counters);
        series.filter(|(series, _)| series.family == family && wanted(series)).map(|(_, count)| count).sum()
    }

    /// Sum of the gauges of `family` under `selector`.
    #[must_use]
    pub fn gauge(&self, family: Family, selector: Selector<'_>) -> i64 {
        let series = self.table.gauges.iter().zip(&self.snapshot.gauges);
        series.filter(|(series, _)| series.family == family && series.matches(selector)).map(|(_, value)| value).sum()
    }

    /// The trends of `family` under `selector`, merged.
    #[must_use]
    pub fn trend(&self, family: Family, selector: Selector<'_>) -> Trend {
        let mut merged = Trend::new(self.table.bounds(family));
        for (series, trend) in self.table.trends.iter().zip(&self.snapshot.trends) {
            if series.family == family && series.matches(selector) {
                merged.merge(trend);
            }
        }
        merged
    }

    /// Counters of `family` by the values of one label, zero ones left out; used for breakdowns in the summary.
    #[must_use]
    pub fn by_label(&self, family: Family, labels: &[&str]) -> BTreeMap<Vec<String>, u64> {
        let mut sums = BTreeMap::new();
        for (series, count) in self.table.counters.iter().zip(&self.snapshot.counters) {
            if series.family == family && *count > 0 {
                let key = labels.iter().map(|label| series.labels.get(*label).cloned().unwrap_or_default()).collect();
                *sums.entry(key).or_insert(0) += count;
            }
        }
        sums
    }
}
