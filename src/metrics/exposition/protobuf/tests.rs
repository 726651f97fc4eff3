//! One snapshot in all three formats has the same values.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::{
    catalogue::Family,
    clock::Instant,
    metrics::{
        exposition::{families::Sheet, format::Format, run::RunFacts},
        recorder::Recorder,
        series::{Series, SeriesTable},
    },
};

fn decoded(mut bytes: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !bytes.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut bytes).unwrap());
    }
    families
}

/// A series as the text formats name it, and its value.
type Samples = BTreeMap<String, String>;

fn name(name: &str, labels: &[LabelPair], bound: Option<f64>) -> String {
    let pairs = labels.iter().map(|pair| format!("{}={:?}", pair.name(), pair.value()));
    let bound = bound.map(|bound| {
        let text = if bound.is_finite() { super::super::number::float(bound) } else { "+Inf".to_owned() };
        format!("le=\"{text}\"")
    });
    let pairs: Vec<_> = pairs.chain(bound).collect();
    if pairs.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", pairs.join(",")) }
}

/// What a server makes of the messages without native histograms.
fn samples(families: &[MetricFamily]) -> Samples {
    let mut samples = Samples::new();
    for family in families {
        for metric in &family.metrics {
            if let Some(number) = metric.counter.or(metric.gauge) {
                samples.insert(name(family.name(), &metric.labels, None), number.value().to_string());
            }
            let Some(histogram) = metric.histogram.as_ref().filter(|histogram| histogram.schema.is_none()) else {
                continue;
            };
            let infinite = Bucket { upper_bound: Some(f64::INFINITY), cumulative_count: histogram.count };
            for bucket in histogram.buckets.iter().chain([&infinite]) {
                let name = name(&format!("{}_bucket", family.name()), &metric.labels, bucket.upper_bound);
                samples.insert(name, bucket.cumulative_count().to_string());
            }
            for (suffix, value) in [("_sum", histogram.sum().to_string()), ("_count", histogram.count().to_string())] {
                samples.insert(name(&format!("{}{suffix}", family.name()), &metric.labels, None), value);
            }
        }
    }
    samples
}

fn lines(text: &[u8]) -> Samples {
    let text = std::str::from_utf8(text).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect()
}

fn native(families: &[MetricFamily], name: &str) -> Vec<(Vec<LabelPair>, Histogram)> {
    let of_name = families.iter().filter(|family| family.name() == name).flat_map(|family| &family.metrics);
    let histograms = of_name.filter_map(|metric| Some((metric.labels.clone(), metric.histogram.clone()?)));
    histograms.filter(|(_, histogram)| histogram.schema.is_some()).collect()
}

fn counts(histogram: &Histogram) -> Vec<u64> {
    let absolute = histogram.deltas.iter().scan(0, |count, delta| {
        *count += delta;
        Some(*count as u64)
    });
    absolute.collect()
}

fn sheet(durations: &[(bool, u64)]) -> Arc<Sheet> {
    let run_tags = Tags::from([("testid".to_owned(), "a \"quoted\" one".to_owned())]);
    let mut table = SeriesTable::new(run_tags, &[(Family::WsMsgRtt, 200_000_000)]);
    let labels = |scenario: &str| Tags::from([("scenario".to_owned(), scenario.to_owned())]);
    let series = |family, scenario| Series { family, labels: labels(scenario), hidden: Tags::new(), always: true };
    let one = table.trend(series(Family::WsMsgRtt, "one"));
    let two = table.trend(series(Family::WsMsgRtt, "two"));
    let sent = table.counter(series(Family::WsMsgsSent, "one"));
    let table = Arc::new(table);
    let recorder = Recorder::new(&table, Instant::now(), None);
    for (first, nanos) in durations {
        recorder.record(if *first { one } else { two }, *nanos, Instant::now());
        recorder.add(sent, 1);
    }
    crate::metrics::exposition::sheet(&table, &recorder.snapshot(), &RunFacts::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn all_formats_say_the_same(durations in prop::collection::vec((any::<bool>(), 0u64..20_000_000_000), 0..100)) {
        let sheet = sheet(&durations);
        let encoded = |format| crate::metrics::exposition::encode(&sheet, format).unwrap();
        let text = lines(&encoded(Format::Text));
        let open_metrics = encoded(Format::OpenMetrics);
        prop_assert!(open_metrics.ends_with(b"\n# EOF\n"));
        prop_assert_eq!(&lines(&open_metrics), &text);
        let families = decoded(&encoded(Format::Protobuf));
        prop_assert_eq!(&samples(&families), &text);

        for family in Family::ALL.iter().filter(|family| family.kind() == crate::catalogue::FamilyKind::Trend) {
            let native = native(&families, family.name());
            prop_assert!(!native.is_empty(), "{}", family.name());
            for (labels, histogram) in native {
                let count = name(&format!("{}_count", family.name()), &labels, None);
                let total = histogram.zero_count() + counts(&histogram).iter().sum::<u64>();
                prop_assert_eq!(histogram.count(), total);
                prop_assert_eq!(total.to_string(), text[&count].clone());
                let length: u32 = histogram.spans.iter().map(BucketSpan::length).sum();
                prop_assert_eq!(length as usize, histogram.deltas.len());
            }
        }
    }
}

#[test]
fn a_family_without_total_would_be_no_counter_in_open_metrics() {
    let sheet = sheet(&[]);
    for family in sheet.families() {
        assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
    }
}

#[test]
fn one_sample_is_one_bucket_on_the_wire() {
    let families =
        decoded(&crate::metrics::exposition::encode(&sheet(&[(true, 1_000_000_000)]), Format::Protobuf).unwrap());
    let (_, histogram) = native(&families, "ws_msg_rtt_seconds").swap_remove(0);
    assert_eq!((histogram.count(), histogram.sum(), histogram.schema()), (1, 1.0, 5));
    assert_eq!(counts(&histogram), [1]);
    // The step of the HDR histogram that holds 1 s has its middle a little above: the first bucket above 1 s.
    let first = histogram.spans[0].offset();
    assert!((0..=1).contains(&first), "{first}");
}
