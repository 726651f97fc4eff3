//! Prometheus's protobuf format: length-delimited `io.prometheus.client.MetricFamily` messages, the
//! only format with native histograms. The messages are written by hand after `metrics.proto` of
//! prometheus/client_model, with the fields that are used.
//!
//! A histogram is two families of one name: first its classic buckets, then its native ones. In one
//! message, a server that takes native histograms would drop the classic buckets, and rules that
//! ask for `_bucket` would go silent; see ADR 15.

use prost::{Enumeration, Message};

use crate::{
    metrics::exposition::{
        families::{FamilyValues, Kind, Value},
        native::{self, Native},
    },
    units::tags::Tags,
};

#[derive(Clone, PartialEq, Message)]
struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(enumeration = "MetricType", optional, tag = "3")]
    kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metrics: Vec<Metric>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
enum MetricType {
    Counter = 0,
    Gauge = 1,
    Histogram = 4,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Number>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// `Gauge` and `Counter` alike.
#[derive(Clone, Copy, PartialEq, Message)]
struct Number {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    buckets: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    spans: Vec<BucketSpan>,
    /// The first count, then each one's difference to the one before.
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    deltas: Vec<i64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    upper_bound: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct BucketSpan {
    #[prost(sint32, optional, tag = "1")]
    offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    length: Option<u32>,
}

/// All families.
pub(super) fn encode<'f>(families: impl Iterator<Item = &'f FamilyValues>) -> Vec<u8> {
    let mut out = Vec::new();
    for family in families {
        let messages = match family.kind {
            Kind::Counter => vec![message(family, MetricType::Counter, counter)],
            Kind::Gauge => vec![message(family, MetricType::Gauge, gauge)],
            Kind::Histogram => {
                vec![
                    message(family, MetricType::Histogram, classic),
                    message(family, MetricType::Histogram, exponential),
                ]
            }
        };
        for message in messages {
            out.extend(message.encode_length_delimited_to_vec());
        }
    }
    out
}

fn message(family: &FamilyValues, kind: MetricType, value: fn(&Value) -> Metric) -> MetricFamily {
    MetricFamily {
        name: Some(family.name.to_owned()),
        help: Some(family.help.to_owned()),
        kind: Some(kind.into()),
        metrics: family.series.iter().map(|(tags, of)| Metric { labels: labels(tags), ..value(of) }).collect(),
    }
}

fn labels(tags: &Tags) -> Vec<LabelPair> {
    tags.iter().map(|(name, value)| LabelPair { name: Some(name.clone()), value: Some(value.clone()) }).collect()
}

fn counter(value: &Value) -> Metric {
    Metric { counter: number(value), ..Metric::default() }
}

fn gauge(value: &Value) -> Metric {
    Metric { gauge: number(value), ..Metric::default() }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(Number { value: Some(*number) }),
        Value::Histogram { .. } => None,
    }
}

fn classic(value: &Value) -> Metric {
    let Value::Histogram { buckets, sum, count, .. } = value else { return Metric::default() };
    // Without `+Inf`: readers add it from the count, as for every client library.
    let buckets = buckets
        .iter()
        .map(|(bound, count)| Bucket { upper_bound: Some(*bound), cumulative_count: Some(*count) })
        .collect();
    histogram(Histogram { count: Some(*count), sum: Some(*sum), buckets, ..Histogram::default() })
}

fn exponential(value: &Value) -> Metric {
    let Value::Histogram { sum, count, native, .. } = value else { return Metric::default() };
    let Native { zero_threshold, zero_count, .. } = native;
    let mut previous = 0;
    let (mut spans, mut deltas) = (Vec::new(), Vec::new());
    for (offset, counts) in native.spans() {
        spans.push(BucketSpan { offset: Some(offset), length: Some(counts.len() as u32) });
        for count in counts {
            deltas.push(count as i64 - previous);
            previous = count as i64;
        }
    }
    histogram(Histogram {
        count: Some(*count),
        sum: Some(*sum),
        schema: Some(native::SCHEMA),
        zero_threshold: Some(*zero_threshold),
        zero_count: Some(*zero_count),
        spans,
        deltas,
        ..Histogram::default()
    })
}

fn histogram(histogram: Histogram) -> Metric {
    Metric { histogram: Some(histogram), ..Metric::default() }
}

#[cfg(test)]
mod tests;
