//! When a measured value crosses its threshold: as PromQL, and for a number at hand.

use std::fmt;

use crate::{
    catalogue::MetricKind,
    config::threshold::Operator,
    slo::{
        judgement::{Form, Judgement},
        promql,
    },
};

/// A comparison that holds for values on the wrong side.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    operator: Operator,
    /// As PromQL has it, so that both read the same float.
    limit: String,
    /// Zero is no sample and crosses nothing.
    but_zero: bool,
}

impl Crossing {
    pub(super) fn of(judgement: &Judgement<'_>) -> Self {
        let threshold = judgement.threshold;
        let below = matches!(threshold.expression.operator, Operator::Less | Operator::LessOrEqual);
        let crossing = |operator, limit| Self { operator, limit, but_zero: false };
        match &judgement.form {
            // A percentile is below the limit if so large a share of the samples is.
            Form::Bucket { percent, .. } => match (below, *percent > 0.0) {
                (true, true) => crossing(Operator::Less, promql::share(*percent)),
                (false, true) => crossing(Operator::GreaterOrEqual, promql::share(*percent)),
                // The rank of p(0) is the first sample: one in the bucket is enough.
                (true, false) => crossing(Operator::LessOrEqual, "0".to_owned()),
                (false, false) => crossing(Operator::Greater, "0".to_owned()),
            },
            Form::Agent => crossing(Operator::Equal, "0".to_owned()),
            Form::Sum { .. } | Form::PerSecond { .. } => Self {
                // Zero counts, unless `allowEmpty` says that it is no sample.
                but_zero: threshold.allow_empty && threshold.metric.kind() == MetricKind::Counter,
                ..crossing(negated(threshold.expression.operator), promql::number(judgement.limit()))
            },
            Form::Mean { .. } | Form::Extreme { .. } | Form::Share { .. } => {
                crossing(negated(threshold.expression.operator), promql::number(judgement.limit()))
            }
        }
    }

    /// Whether `value` is on the wrong side; NaN, the value without a sample, is on none.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        // Rust and Prometheus read a decimal as the nearest float, and `+Inf` alike.
        let limit = self.limit.parse().unwrap_or(f64::NAN);
        !value.is_nan() && self.operator.holds(value, limit) && !(self.but_zero && value == 0.0)
    }
}

impl fmt::Display for Crossing {
    /// What follows the measured value in PromQL.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zero = if self.but_zero { " != 0" } else { "" };
        write!(formatter, "{} {}{zero}", sign(self.operator), self.limit)
    }
}

/// The comparison that holds when `operator` does not.
fn negated(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::GreaterOrEqual,
        Operator::LessOrEqual => Operator::Greater,
        Operator::Greater => Operator::LessOrEqual,
        Operator::GreaterOrEqual => Operator::Less,
        Operator::Equal => Operator::NotEqual,
        Operator::NotEqual => Operator::Equal,
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Equal => "==",
        Operator::NotEqual => "!=",
    }
}
