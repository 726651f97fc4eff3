//! The grammar of thresholds, k6's to the letter where k6 is sound:
//!
//! ```text
//! metric   := name [ "{" tag ":" value { "," tag ":" value } "}" ]
//! expr     := method op number
//! method   := counter: count | rate    gauge: value    rate: rate    trend: avg | min | max | med | p(F)
//!             gauge of an observed target: value | min | max | before | after | ratio
//! op       := "<" | "<=" | ">" | ">=" | "==" | "===" | "!="
//! ```
//!
//! Time limits are milliseconds. Bare `p<6`, which k6 reads as `p(0)`, is an error here.

mod subject;

use std::time::Duration;

use crate::catalogue::{Metric, MetricKind};

pub use subject::{Subject, TARGET_PREFIX, TargetMetric};

/// One threshold of a profile.
#[derive(Debug, Clone)]
pub struct Threshold {
    /// What is judged.
    pub metric: Subject,
    /// Tags that samples must have, all of them.
    pub selector: Vec<(String, String)>,
    /// `metric{tag:value}` as typed, trimmed.
    pub name: String,
    /// The expression as typed, trimmed; k6 prints it so.
    pub source: String,
    /// The expression, parsed.
    pub expression: Expression,
    /// Ends the run as soon as it is crossed.
    pub abort_on_fail: bool,
    /// No abort before this time since the start.
    pub delay_abort_eval: Duration,
    /// Passes when there is no sample; without it, it fails.
    pub allow_empty: bool,
}

/// `method op limit`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expression {
    /// What is compared.
    pub method: Method,
    /// How.
    pub operator: Operator,
    /// With what: milliseconds, bytes, a share or a number.
    pub limit: f64,
}

/// Aggregation of a metric's samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Sum of a counter.
    Count,
    /// A counter per second, or the share of a rate.
    Rate,
    /// Last value of a gauge.
    Value,
    /// A target's gauge before the load.
    Before,
    /// A target's gauge after the load.
    After,
    /// `after` divided by `before`.
    Ratio,
    /// Mean of a trend.
    Avg,
    /// Shortest of a trend.
    Min,
    /// Longest of a trend.
    Max,
    /// Median of a trend.
    Med,
    /// Percentile of a trend, 0 to 100.
    Percentile(f64),
}

/// Comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==` and `===`
    Equal,
    /// `!=`
    NotEqual,
}

impl Operator {
    /// Whether `left op right` holds.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "k6 compares floats exactly too; `==` is what was asked for")]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Operator::Less => left < right,
            Operator::LessOrEqual => left <= right,
            Operator::Greater => left > right,
            Operator::GreaterOrEqual => left >= right,
            Operator::Equal => left == right,
            Operator::NotEqual => left != right,
        }
    }
}

/// What is wrong with a threshold.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Error {
    /// No operator in the expression.
    #[error("no operator in `{0}`")]
    NoOperator(String),
    /// The method does not fit the metric's type.
    #[error("`{method}` is no method of the {kind} `{metric}`")]
    Method {
        /// As typed.
        method: String,
        /// The metric's name.
        metric: String,
        /// The metric's type.
        kind: &'static str,
        /// What would fit.
        supported: &'static str,
    },
    /// `p(…)` without a number from 0 to 100.
    #[error("`{0}` is no percentile from 0 to 100")]
    Percentile(String),
    /// The limit is not a number.
    #[error("`{0}` is not a number")]
    Limit(String),
    /// `{` without `}`, or a pair without `:`.
    #[error("malformed tag selector in `{0}`")]
    Selector(String),
}

/// Longest first where one begins another, in k6's order.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::LessOrEqual),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    (">", Operator::Greater),
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
];

/// A metric's name as typed, with its selector as pairs of tag and value.
pub type NameAndSelector<'t> = (&'t str, Vec<(String, String)>);

/// Splits `metric{tag:value,…}` into the metric's name and its selector.
///
/// # Errors
/// [`Error::Selector`].
pub fn parse_name(text: &str) -> Result<NameAndSelector<'_>, Error> {
    let Some((name, rest)) = text.split_once('{') else {
        return Ok((text.trim(), Vec::new()));
    };
    let malformed = || Error::Selector(text.to_owned());
    let inside = rest.trim_end().strip_suffix('}').ok_or_else(malformed)?;
    let clean = |part: &str| part.trim_matches(|char: char| char.is_whitespace() || "'\"".contains(char)).to_owned();
    let mut selector = Vec::new();
    for pair in inside.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (tag, value) = pair.split_once(':').ok_or_else(malformed)?;
        let (tag, value) = (clean(tag), clean(value));
        if tag.is_empty() || value.is_empty() {
            return Err(malformed());
        }
        selector.push((tag, value));
    }
    if selector.is_empty() {
        return Err(malformed());
    }
    Ok((name.trim(), selector))
}

/// Reads `p(99)<200` for a metric.
///
/// # Errors
/// Says what is wrong with the expression; see [`enum@Error`].
pub fn parse_expression(text: &str, metric: &Metric) -> Result<Expression, Error> {
    parse(text, |method| parse_method(method, metric))
}

/// Reads `ratio<1.1` for a metric of an observed target.
///
/// # Errors
/// Says what is wrong with the expression; see [`enum@Error`].
pub fn parse_target_expression(text: &str, metric: &TargetMetric) -> Result<Expression, Error> {
    parse(text, |method| match (metric.kind, method) {
        (MetricKind::Counter, "count") => Ok(Method::Count),
        (MetricKind::Counter, "rate") => Ok(Method::Rate),
        (MetricKind::Gauge, "value") => Ok(Method::Value),
        (MetricKind::Gauge, "min") => Ok(Method::Min),
        (MetricKind::Gauge, "max") => Ok(Method::Max),
        (MetricKind::Gauge, "before") => Ok(Method::Before),
        (MetricKind::Gauge, "after") => Ok(Method::After),
        (MetricKind::Gauge, "ratio") => Ok(Method::Ratio),
        (kind, _) => Err(Error::Method {
            method: method.to_owned(),
            metric: metric.name.clone(),
            kind: if kind == MetricKind::Counter { "counter" } else { "gauge" },
            supported: if kind == MetricKind::Counter {
                "count, rate"
            } else {
                "value, min, max, before, after, ratio"
            },
        }),
    })
}

fn parse(text: &str, parse_method: impl Fn(&str) -> Result<Method, Error>) -> Result<Expression, Error> {
    let found = OPERATORS.iter().find_map(|(symbol, operator)| {
        text.find(symbol).map(|at| (text[..at].trim(), *operator, text[at + symbol.len()..].trim()))
    });
    let (method, operator, limit) = found.ok_or_else(|| Error::NoOperator(text.trim().to_owned()))?;
    let method = parse_method(method)?;
    let limit =
        limit.parse::<f64>().ok().filter(|limit| !limit.is_nan()).ok_or_else(|| Error::Limit(limit.to_owned()))?;
    Ok(Expression { method, operator, limit })
}

fn parse_method(text: &str, metric: &Metric) -> Result<Method, Error> {
    let (kind, supported) = match metric.kind {
        MetricKind::Counter => ("counter", "count, rate"),
        MetricKind::Gauge => ("gauge", "value"),
        MetricKind::Rate => ("rate", "rate"),
        MetricKind::Trend => ("trend", "avg, min, max, med, p(N)"),
    };
    let method = match (metric.kind, text) {
        (MetricKind::Counter, "count") => Method::Count,
        (MetricKind::Counter | MetricKind::Rate, "rate") => Method::Rate,
        (MetricKind::Gauge, "value") => Method::Value,
        (MetricKind::Trend, "avg") => Method::Avg,
        (MetricKind::Trend, "min") => Method::Min,
        (MetricKind::Trend, "max") => Method::Max,
        (MetricKind::Trend, "med") => Method::Med,
        (MetricKind::Trend, _) if text.starts_with("p(") => {
            let percent = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')'));
            let percent = percent.and_then(|percent| percent.trim().parse::<f64>().ok());
            let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
            Method::Percentile(percent.ok_or_else(|| Error::Percentile(text.to_owned()))?)
        }
        _ => return Err(Error::Method { method: text.to_owned(), metric: metric.name.to_owned(), kind, supported }),
    };
    Ok(method)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use proptest::prelude::*;

    fn expression(text: &str, metric: &str) -> Result<Expression, Error> {
        parse_expression(text, catalogue::find(metric).unwrap())
    }

    #[test]
    fn every_method_and_operator_of_k6() {
        for (text, metric, method, operator, limit) in [
            ("p(99)<200", "ws_connecting", Method::Percentile(99.0), Operator::Less, 200.0),
            (" p( 99.9 ) <= 1e3 ", "ws_connecting", Method::Percentile(99.9), Operator::LessOrEqual, 1000.0),
            ("med>=1", "ws_connecting", Method::Med, Operator::GreaterOrEqual, 1.0),
            ("avg===1", "ws_connecting", Method::Avg, Operator::Equal, 1.0),
            ("max!=-1", "ws_connecting", Method::Max, Operator::NotEqual, -1.0),
            ("count>10000", "ws_msgs_sent", Method::Count, Operator::Greater, 10_000.0),
            ("rate>0.99", "checks", Method::Rate, Operator::Greater, 0.99),
            ("value==inf", "vus", Method::Value, Operator::Equal, f64::INFINITY),
        ] {
            assert_eq!(expression(text, metric), Ok(Expression { method, operator, limit }), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(expression("p(99)200", "ws_connecting"), Err(Error::NoOperator("p(99)200".into())));
        assert_eq!(expression("p(101)<1", "ws_connecting"), Err(Error::Percentile("p(101)".into())));
        assert_eq!(expression("p(99)<500ms", "ws_connecting"), Err(Error::Limit("500ms".into())));
        assert!(matches!(expression("p<6", "ws_connecting"), Err(Error::Method { .. })));
        assert!(matches!(expression("p95<6", "ws_connecting"), Err(Error::Method { .. })));
        assert!(matches!(expression("count>1", "ws_connecting"), Err(Error::Method { .. })));
        assert_eq!(expression("count>NaN", "ws_msgs_sent"), Err(Error::Limit("NaN".into())));
    }

    #[test]
    fn selectors_are_pairs_of_tag_and_value() {
        let pair = |tag: &str, value: &str| (tag.to_owned(), value.to_owned());
        assert_eq!(parse_name("checks"), Ok(("checks", vec![])));
        assert_eq!(
            parse_name("ws_connecting{ scenario:default, url:'ws://h:1/x' }"),
            Ok(("ws_connecting", vec![pair("scenario", "default"), pair("url", "ws://h:1/x")]))
        );
        for bad in ["checks{", "checks{}", "checks{a}", "checks{a:}", "checks{a:b}c"] {
            assert_eq!(parse_name(bad), Err(Error::Selector(bad.into())), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _outcome = parse_name(&text);
            for metric in catalogue::METRICS {
                let _outcome = parse_expression(&text, metric);
            }
        }
    }
}
