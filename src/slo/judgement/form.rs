//! Which series a threshold is computed from.

use crate::{
    catalogue::{Family, Metric, MetricKind, Source},
    config::threshold::{Method, Operator, Threshold},
    metrics::exposition::number,
    slo::evaluate::limit_nanos,
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
    /// A counter per second of the run. Rounded as [`Form::Mean`].
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

impl Form {
    /// For a threshold on a metric of the load.
    pub(super) fn of(threshold: &Threshold, metric: &'static Metric) -> Self {
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

    /// Whether the stored series give the agent's own answer to the last digit: whole numbers, and shares of them.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Bucket { .. } | Self::Sum { .. } | Self::Share { .. } => true,
            Self::Mean { .. } | Self::Extreme { .. } | Self::PerSecond { .. } | Self::Agent => false,
        }
    }
}
