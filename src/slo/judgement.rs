//! One threshold on the series of a page of `/metrics`: what is measured, and when it is crossed, exactly as
//! `slo::evaluate` has it. The alert rules (`generate::rules`) ask it of Prometheus as an expression, the verdict
//! (`slo::remote`) asks for the measured parts and compares them itself.
//!
//! Counters, gauges, shares, means and percentiles are computed from the series of all agents. What a
//! page cannot answer (tags that are no labels, `==` on a percentile, what an observed target has said)
//! is taken from the agents' own judgement.

mod crossing;
mod form;

pub use crossing::Crossing;
pub use form::{Form, HIDDEN};

use crate::{
    catalogue::{Contains, MetricKind},
    config::threshold::{Method, Operator, Subject, Threshold},
    slo::promql::{selector, total},
};

/// A threshold on series.
#[derive(Debug, Clone)]
pub struct Judgement<'t> {
    /// What is judged.
    pub threshold: &'t Threshold,
    /// How.
    pub form: Form,
}

/// Which runs, and how far back. Every answer is by `testid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Covers the whole run, and as long after it as its verdict is looked at.
    pub window: String,
    /// The one run; every run if there is none.
    pub testid: Option<String>,
    /// A series with the value 0 for each run, for series that are not there before their first sample.
    pub zero: Option<String>,
}

impl<'t> Judgement<'t> {
    /// How `threshold` is computed.
    #[must_use]
    pub fn of(threshold: &'t Threshold) -> Self {
        let form = match &threshold.metric {
            Subject::Load(metric) => Form::of(threshold, metric),
            Subject::Target(_) => Form::Agent,
        };
        Self { threshold, form }
    }

    /// When a measured value means that the threshold is crossed.
    #[must_use]
    pub fn crossing(&self) -> Crossing {
        Crossing::of(self)
    }

    /// Holds for runs that have crossed the threshold so far and have a sample.
    #[must_use]
    pub fn crossed(&self, scope: &Scope) -> String {
        format!("{}\n{}", self.measured(scope), self.crossing())
    }

    /// Holds for runs without a sample, if such a threshold fails and [`Self::crossed`] does not say so.
    #[must_use]
    pub fn empty(&self, scope: &Scope) -> Option<String> {
        let samples = self.samples(scope)?;
        (!self.threshold.allow_empty).then(|| format!("{samples} == 0"))
    }

    /// The number of samples; none for forms whose value without a sample is a value like any other.
    #[must_use]
    pub fn samples(&self, scope: &Scope) -> Option<String> {
        match self.form {
            Form::Bucket { family, .. } | Form::Mean { family } | Form::Extreme { family, .. } => {
                Some(self.sum(&format!("{family}_count"), &[], scope))
            }
            Form::Share { all, .. } => Some(self.sum(all, &[], scope)),
            Form::Sum { .. } | Form::PerSecond { .. } | Form::Agent => None,
        }
    }

    /// Holds for runs whose agents have looked at the threshold with a sample.
    #[must_use]
    pub fn looked_at(&self, scope: &Scope) -> Option<String> {
        (self.form == Form::Agent)
            .then(|| format!("last_over_time({}[{}])", self.own("rampd_threshold_value", scope), scope.window))
    }

    /// What is compared with the limit: for a percentile, the share of samples up to the limit.
    #[must_use]
    pub fn measured(&self, scope: &Scope) -> String {
        // A result that has not come up yet may have no series.
        if let Form::Share { hits, only, all } = &self.form {
            let all = self.bare(all, &[], scope);
            return format!("({} or 0 * {all})\n/\n{all}", self.bare(hits, only.as_slice(), scope));
        }
        let parts = self.parts(scope);
        match parts.over {
            Some(over) => format!("{}\n/\n{over}", parts.value),
            None => parts.value,
        }
    }

    /// The same, before it is divided.
    #[must_use]
    pub fn parts(&self, scope: &Scope) -> Parts {
        let window = &scope.window;
        let by_run = |of: &str, series: &str| format!("{of} by (testid) (last_over_time({series}[{window}]))");
        let (value, over) = match &self.form {
            Form::Bucket { family, bound, .. } => {
                (self.sum(&format!("{family}_bucket"), &[("le", bound)], scope), self.samples(scope))
            }
            Form::Mean { family } => (self.sum(&format!("{family}_sum"), &[], scope), self.samples(scope)),
            Form::Extreme { longest, .. } => {
                (by_run(if *longest { "max" } else { "min" }, &self.own("rampd_threshold_value", scope)), None)
            }
            Form::Sum { family } => (self.sum(family, &[], scope), None),
            Form::PerSecond { family } => {
                let elapsed = selector("rampd_run_elapsed_seconds", &scope.run());
                (self.sum(family, &[], scope), Some(by_run("max", &elapsed)))
            }
            Form::Share { hits, only, .. } => (self.sum(hits, only.as_slice(), scope), self.samples(scope)),
            Form::Agent => (by_run("min", &self.own("rampd_threshold_passed", scope)), None),
        };
        Parts { value, over }
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

    /// Series under a selector may not be there yet; all others are there from the start.
    fn sum(&self, name: &str, more: &[(&str, &str)], scope: &Scope) -> String {
        let sum = self.bare(name, more, scope);
        match &scope.zero {
            Some(zero) if !self.threshold.selector.is_empty() => format!("({sum} or {zero})"),
            _ => sum,
        }
    }

    fn bare(&self, name: &str, more: &[(&str, &str)], scope: &Scope) -> String {
        let own = self.threshold.selector.iter().map(|(tag, value)| (tag.as_str(), value.as_str()));
        let labels: Vec<_> = scope.run().into_iter().chain(own).chain(more.iter().copied()).collect();
        total(&selector(name, &labels), &scope.window)
    }

    fn own(&self, name: &str, scope: &Scope) -> String {
        let Threshold { name: metric, source, .. } = self.threshold;
        let own = [("metric", metric.as_str()), ("threshold", source.as_str())];
        selector(name, &scope.run().into_iter().chain(own).collect::<Vec<_>>())
    }
}

impl Scope {
    fn run(&self) -> Vec<(&str, &str)> {
        self.testid.iter().map(|testid| ("testid", testid.as_str())).collect()
    }
}

/// A measured value as the queries that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Asked first.
    pub value: String,
    /// What it is divided by.
    pub over: Option<String>,
}

#[cfg(test)]
mod tests;
