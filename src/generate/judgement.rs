//! One threshold in PromQL: when it is crossed, exactly as `slo::evaluate` has it.
//!
//! Counters, gauges, shares, means and percentiles are computed from the series of all agents. What a
//! page of `/metrics` cannot answer (tags that are no labels, `==` on a percentile, the extremes of a
//! trend, what an observed target has said) is taken from the agents' own judgement.

use crate::{
    catalogue::{Contains, Family, Metric, MetricKind, Source},
    config::threshold::{Method, Operator, Subject, Threshold},
    metrics::exposition::number,
    slo::{
        evaluate::limit_nanos,
        promql::{number, quoted, selector, share, total},
    },
};

/// Tags that thresholds may select by although they are labels of few families or of none.
pub const HIDDEN: [&str; 7] = ["expected_response", "group", "method", "name", "status", "testid", "url"];

/// How a threshold is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// The share of samples in the bucket that ends at the limit.
    Bucket {
        /// Of `/metrics`.
        family: &'static str,
        /// The bucket's `le`.
        bound: String,
        /// 0 to 100.
        percent: f64,
    },
    /// The mean of a trend. On the very limit, floats may round to its other side than the agent's.
    Mean {
        /// Of `/metrics`.
        family: &'static str,
    },
    /// The shortest or longest of a trend, as the agents say it.
    Extreme {
        /// Of `/metrics`.
        family: &'static str,
        /// Whether the longest is meant.
        longest: bool,
    },
    /// The sum of a counter or of a gauge.
    Sum {
        /// Of `/metrics`.
        family: &'static str,
    },
    /// A counter per second of the run.
    PerSecond {
        /// Of `/metrics`.
        family: &'static str,
    },
    /// Hits among all samples.
    Share {
        /// Of `/metrics`.
        hits: &'static str,
        /// Restricts the hits.
        only: Option<(&'static str, &'static str)>,
        /// Of `/metrics`.
        all: &'static str,
    },
    /// The agents' own judgement.
    Agent,
}

/// A threshold in PromQL.
#[derive(Debug, Clone)]
pub struct Judgement<'t> {
    /// What is judged.
    pub threshold: &'t Threshold,
    /// How.
    pub form: Form,
}

/// What the expressions of a profile have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Covers the whole run, and as long after it as its verdict is looked at.
    pub window: String,
    /// A series with the value 0 for each run of the profile, for series that are not there before their first sample.
    pub zero: String,
}

impl<'t> Judgement<'t> {
    /// How `threshold` is computed.
    #[must_use]
    pub fn of(threshold: &'t Threshold) -> Self {
        let form = match &threshold.metric {
            Subject::Load(metric) => form(threshold, metric),
            Subject::Target(_) => Form::Agent,
        };
        Self { threshold, form }
    }

    /// Holds for runs that have crossed the threshold so far and have a sample.
    #[must_use]
    pub fn crossed(&self, scope: &Scope) -> String {
        let expression = self.threshold.expression;
        let limit = number(self.limit());
        let not = negated(expression.operator);
        let measured = self.measured(scope);
        match &self.form {
            Form::Bucket { percent, .. } => {
                let below = matches!(expression.operator, Operator::Less | Operator::LessOrEqual);
                // The rank of p(0) is the first sample: one in the bucket is enough.
                let compared = match (below, *percent > 0.0) {
                    (true, true) => format!("< {}", share(*percent)),
                    (true, false) => "<= 0".to_owned(),
                    (false, true) => format!(">= {}", share(*percent)),
                    (false, false) => "> 0".to_owned(),
                };
                format!("{measured}\n{compared}")
            }
            // Zero counts, unless `allowEmpty` says that it is no sample.
            Form::Sum { .. } | Form::PerSecond { .. }
                if self.threshold.allow_empty && self.threshold.metric.kind() == MetricKind::Counter =>
            {
                format!("{measured}\n{not} {limit} != 0")
            }
            Form::Mean { .. }
            | Form::Extreme { .. }
            | Form::Sum { .. }
            | Form::PerSecond { .. }
            | Form::Share { .. } => {
                format!("{measured}\n{not} {limit}")
            }
            Form::Agent => format!("{measured}\n== 0"),
        }
    }

    /// Holds for runs without a sample, if such a threshold fails and [`Self::crossed`] does not say so.
    #[must_use]
    pub fn empty(&self, scope: &Scope) -> Option<String> {
        let samples = match self.form {
            Form::Bucket { family, .. } | Form::Mean { family } | Form::Extreme { family, .. } => {
                self.sum(&format!("{family}_count"), &[], scope)
            }
            Form::Share { all, .. } => self.sum(all, &[], scope),
            Form::Sum { .. } | Form::PerSecond { .. } | Form::Agent => return None,
        };
        (!self.threshold.allow_empty).then(|| format!("{samples} == 0"))
    }

    /// Holds for runs whose agents have looked at the threshold with a sample.
    #[must_use]
    pub fn looked_at(&self, scope: &Scope) -> Option<String> {
        (self.form == Form::Agent)
            .then(|| format!("last_over_time({}[{}])", self.own("rampd_threshold_value"), scope.window))
    }

    /// What is compared with the limit: for a percentile, the share of samples up to the limit.
    #[must_use]
    pub fn measured(&self, scope: &Scope) -> String {
        let window = &scope.window;
        match &self.form {
            Form::Bucket { family, bound, .. } => {
                let bucket = self.sum(&format!("{family}_bucket"), &[("le", bound)], scope);
                format!("{bucket}\n/\n{}", self.sum(&format!("{family}_count"), &[], scope))
            }
            Form::Mean { family } => {
                let sum = self.sum(&format!("{family}_sum"), &[], scope);
                format!("{sum}\n/\n{}", self.sum(&format!("{family}_count"), &[], scope))
            }
            Form::Extreme { longest, .. } => {
                let of = if *longest { "max" } else { "min" };
                format!("{of} by (testid) (last_over_time({}[{window}]))", self.own("rampd_threshold_value"))
            }
            Form::Sum { family } => self.sum(family, &[], scope),
            Form::PerSecond { family } => {
                let elapsed = format!("max by (testid) (last_over_time(rampd_run_elapsed_seconds[{window}]))");
                format!("{}\n/\n{elapsed}", self.sum(family, &[], scope))
            }
            Form::Share { hits, only, all } => {
                let all = total(&self.series(all, &[]), window);
                let only: Vec<_> = only.iter().copied().collect();
                // A result that has not come up yet may have no series.
                format!("({} or 0 * {all})\n/\n{all}", total(&self.series(hits, &only), window))
            }
            Form::Agent => {
                format!("min by (testid) (last_over_time({}[{window}]))", self.own("rampd_threshold_passed"))
            }
        }
    }

    /// The limit in the unit of [`Self::measured`], which is that of `/metrics`.
    #[must_use]
    pub fn limit(&self) -> f64 {
        let limit = self.threshold.expression.limit;
        if self.is_time() { limit / 1e3 } else { limit }
    }

    /// Whether the threshold says milliseconds where `/metrics` says seconds.
    #[must_use]
    pub fn is_time(&self) -> bool {
        self.threshold.metric.kind() == MetricKind::Trend && self.threshold.metric.contains() == Contains::Time
    }

    /// How long a crossing must last before it is told during the run; none if it says nothing before the end.
    #[must_use]
    pub fn live(&self) -> Option<&'static str> {
        let below = match self.threshold.expression.operator {
            Operator::Less | Operator::LessOrEqual => true,
            Operator::Greater | Operator::GreaterOrEqual => false,
            Operator::Equal | Operator::NotEqual => return None,
        };
        let is_share = self.threshold.metric.kind() == MetricKind::Rate;
        match (self.threshold.expression.method, below) {
            // Neither can come back.
            (Method::Count | Method::Max, true) | (Method::Min, false) => Some(""),
            (Method::Percentile(_) | Method::Med | Method::Avg, _) | (Method::Rate | Method::Value, true) => {
                Some("10s")
            }
            (Method::Rate, false) if is_share => Some("10s"),
            _ => None,
        }
    }

    fn sum(&self, name: &str, more: &[(&str, &str)], scope: &Scope) -> String {
        let sum = total(&self.series(name, more), &scope.window);
        if self.threshold.selector.is_empty() { sum } else { format!("({sum} or {})", scope.zero) }
    }

    fn series(&self, name: &str, more: &[(&str, &str)]) -> String {
        let own = self.threshold.selector.iter().map(|(tag, value)| (tag.as_str(), value.as_str()));
        selector(name, &own.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    fn own(&self, name: &str) -> String {
        let Threshold { name: metric, source, .. } = self.threshold;
        format!("{name}{{metric={},threshold={}}}", quoted(metric), quoted(source))
    }
}

fn form(threshold: &Threshold, metric: &'static Metric) -> Form {
    let expression = threshold.expression;
    let is_equality = matches!(expression.operator, Operator::Equal | Operator::NotEqual);
    let (hits, only, all) = match metric.source {
        Source::Family(family) => (family, None, family),
        // Requests that failed have no label in the family of all requests, but a family of their own.
        Source::Ratio { hits: Family::HttpReqs, only: Some(("expected_response", _)), total } => {
            (Family::HttpReqFailures, None, total)
        }
        Source::Ratio { hits, only, total } => (hits, only, total),
    };
    let shown = |tag: &String| {
        let of = [hits, all].map(|family| family.labels().contains(&tag.as_str()));
        if of == [false, false] { !HIDDEN.contains(&tag.as_str()) } else { of == [true, true] }
    };
    if !threshold.selector.iter().all(|(tag, _)| shown(tag)) {
        return Form::Agent;
    }
    let family = all.name();
    match (metric.kind, expression.method) {
        (MetricKind::Rate, _) => Form::Share { hits: hits.name(), only, all: family },
        (MetricKind::Trend, Method::Avg) => Form::Mean { family },
        (MetricKind::Trend, Method::Min | Method::Max) if !is_equality => {
            Form::Extreme { family, longest: expression.method == Method::Max }
        }
        (MetricKind::Trend, Method::Percentile(_) | Method::Med) if !is_equality => match limit_nanos(threshold) {
            Some((_, steps)) => Form::Bucket {
                family,
                bound: number::float(steps as f64 / all.scale() as f64),
                percent: if let Method::Percentile(percent) = expression.method { percent } else { 50.0 },
            },
            None => Form::Agent,
        },
        (MetricKind::Counter, Method::Rate) => Form::PerSecond { family },
        (MetricKind::Counter, Method::Count) | (MetricKind::Gauge, _) => Form::Sum { family },
        _ => Form::Agent,
    }
}

/// The comparison that holds when `operator` does not.
#[must_use]
pub fn negated(operator: Operator) -> &'static str {
    match operator {
        Operator::Less => ">=",
        Operator::LessOrEqual => ">",
        Operator::Greater => "<=",
        Operator::GreaterOrEqual => "<",
        Operator::Equal => "!=",
        Operator::NotEqual => "==",
    }
}
