use super::*;
use crate::{
    catalogue::{Contains, MetricKind, custom},
    clock::Instant,
    config::{
        digest::Digest,
        threshold::{Subject, TargetMetric, parse_expression, parse_target_expression},
    },
    metrics::{
        observed::{GaugeValue, ObservedMetricValue, ObservedValue, ScrapeFailure, TargetValues},
        recorder::Recorder,
        series::Series,
    },
    outputs::{fixture, report::Ended, style::Style, summary, summary_export},
    slo::evaluate::evaluate_all,
    units::tags::Tags,
};
use proptest::prelude::*;

fn result(report: RunReport) -> AgentResult {
    AgentResult { version: "0.0.0".to_owned(), digest: "d1".to_owned(), index: 1, of: 3, report }
}

fn round_trip(report: &RunReport) -> AgentResult {
    decode(&encode(&result(report.clone()))).unwrap()
}

/// Every word and figure that anybody can read of a report.
fn readable(report: &RunReport) -> String {
    format!("{}\n{:#}", summary::render(report, Style::new(false)), summary_export::document(report))
}

/// A target that has said something of every kind, an infinite gauge among it.
fn target() -> TargetValues {
    let gauge = GaugeValue { value: f64::INFINITY, min: 0.1, max: f64::INFINITY, before: Some(0.1), after: None };
    let mut target = TargetValues::new(
        "server",
        vec![ObservedMetricValue::new("requests", MetricKind::Counter, Contains::Default), {
            let value = ObservedValue::Gauge(Some(gauge));
            ObservedMetricValue { name: "memory".to_owned(), contains: Contains::Data, value }
        }],
    );
    target.failures.insert(ScrapeFailure::Timeout, 3);
    (target.scrapes, target.restarts, target.up) = (9, Some(1), Some(gauge));
    target
}

/// The fixture's run with validity, an observed target and metrics of its own, and thresholds on all of it.
fn everything() -> RunReport {
    let mut report = fixture::report();
    let own = custom::metric("result_price", MetricKind::Trend, false).unwrap();
    let mut table = SeriesTable::with_custom(report.table.run_tags.clone(), &[], &[own]);
    let slot = table.trend(Series {
        family: own.source.family(),
        labels: Tags::from([("scenario".to_owned(), "default".to_owned())]),
        hidden: Tags::new(),
        always: true,
    });
    let table = Arc::new(table);
    let recorder = Recorder::new(&table, Instant::now(), None);
    recorder.record_n(slot, 2_500_000, Instant::now(), 3);
    (report.snapshot, report.table) = (recorder.snapshot(), table);
    report.observed = vec![target()];
    let mut on_own = fixture::threshold("checks", "rate>0.5");
    (on_own.metric, on_own.name) = (own.into(), "result_price{scenario:default}".to_owned());
    on_own.selector = vec![("scenario".to_owned(), "default".to_owned())];
    (on_own.source, on_own.allow_empty) = ("p(95)<3".to_owned(), true);
    on_own.expression = parse_expression(&on_own.source, own).unwrap();
    let metric = TargetMetric {
        name: "target_memory".to_owned(),
        target: Some("server".to_owned()),
        reason: None,
        kind: MetricKind::Gauge,
        contains: Contains::Data,
    };
    let mut on_target = fixture::threshold("checks", "rate>0.5");
    on_target.expression = parse_target_expression("max<1e9", &metric).unwrap();
    (on_target.metric, on_target.source) = (Subject::Target(metric), "max<1e9".to_owned());
    (on_target.name, on_target.abort_on_fail) = ("target_memory{target:server}".to_owned(), true);
    on_target.delay_abort_eval = std::time::Duration::from_millis(1_500);
    report.thresholds = vec![on_own, on_target];
    report.evaluations = evaluate_all(&report.thresholds, &report.view());
    report.validity = fixture::validity(&[fixture::calm(), fixture::troubled()]);
    (report.ended, report.exit_code) = (Ended::Aborted, 96);
    report
}

#[test]
fn what_comes_out_reads_as_what_went_in() {
    for report in [fixture::report(), fixture::empty_report(), everything()] {
        let AgentResult { version, digest, index, of, report: read } = round_trip(&report);
        assert_eq!((version.as_str(), digest.as_str(), index, of), ("0.0.0", "d1", 1, 3));
        assert_eq!(readable(&read), readable(&report));
        assert_eq!(read.validity, report.validity);
        assert_eq!(format!("{:?}", read.thresholds), format!("{:?}", report.thresholds));
        assert_eq!(format!("{:?}", read.observed), format!("{:?}", report.observed));
        assert_eq!(evaluate_all(&read.thresholds, &round_trip(&report).report.view()), report.evaluations);
        assert_eq!((read.extremes, read.elapsed), (report.extremes, report.elapsed));
    }
}

#[test]
fn the_results_of_a_fleet_share_one_table() {
    let bytes = encode(&result(fixture::report()));
    let mut reader = Reader::default();
    let (first, second) = (reader.read(&bytes).unwrap(), reader.read(&bytes).unwrap());
    assert!(Arc::ptr_eq(&first.report.table, &second.report.table));
    let other = reader.read(&encode(&result(everything()))).unwrap();
    assert!(!Arc::ptr_eq(&first.report.table, &other.report.table));
}

#[test]
fn what_is_no_result_is_told_apart() {
    let good = encode(&result(fixture::report()));
    let said = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
    assert!(said(b"").contains("its run has not ended"));
    assert!(said(b"stages: []\n").contains("no result of a run"));
    assert!(said(MAGIC).contains("ends after its first line"));
    assert!(said(&good[..good.len() / 2]).contains("damaged"));
    assert!(said(&[&good[..], b"x"].concat()).contains("something follows its end"));
    let mut other = good.clone();
    other[MAGIC.len()] = FORMAT + 1;
    assert!(said(&other).contains("has format 2, and this rampd reads 1"), "{}", said(&other));
    let mut changed = good;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    assert!(said(&changed).contains("damaged"));
}

#[test]
fn numbers_beyond_a_fleet_are_refused() {
    for (index, of) in [(0, 0), (3, 3), (0, MOST_AGENTS + 1)] {
        let bytes = encode(&AgentResult { index, of, ..result(fixture::empty_report()) });
        assert!(matches!(decode(&bytes), Err(ResultError::Number { .. })), "{index} of {of}");
    }
}

#[test]
fn what_inflates_beyond_the_limit_is_not_taken_into_memory() {
    let bomb = deflated(&vec![0; 1 << 20], Vec::new());
    assert!(bomb.len() < 1 << 14);
    assert!(matches!(inflated(&bomb, 1 << 19), Err(ResultError::TooLarge)));
    assert!(inflated(&bomb, 1 << 20).is_ok());
}

#[test]
fn unknown_series_and_thresholds_name_the_version_that_wrote_them() {
    let mut report = fixture::report();
    report.thresholds[0].source = "p(99)~200".to_owned();
    let error = decode(&encode(&result(report))).unwrap_err().to_string();
    assert!(error.contains("of rampd 0.0.0, has a threshold `p(99)~200`"), "{error}");
    let mut report = fixture::report();
    report.evaluations.pop();
    let error = decode(&encode(&result(report))).unwrap_err().to_string();
    assert!(error.contains("thresholds that are not all judged"), "{error}");
}

/// postcard's form is the types' own. If this fails, raise `FORMAT`: files of the version before are no longer read.
#[test]
fn format_1_is_as_it_was() {
    let contents = Contents { record: Record::of(&result(everything())), table: &[], counts: &[] };
    insta::assert_snapshot!(format!("format {FORMAT}: {}", Digest::of(&contents.encode())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_a_result_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let framed = [MAGIC, &[FORMAT], &deflated(&bytes, Vec::new())].concat();
        prop_assert!(decode(&bytes).is_err() && decode(&framed).is_err());
    }

    #[test]
    fn contents_that_were_changed_are_a_result_or_an_error(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let report = fixture::report();
        let counts = wire::encode(&report.snapshot, &report.table, |_| true);
        let table = table::encode(&report.table);
        let mut contents =
            Contents { record: Record::of(&result(report)), table: &table, counts: &counts }.encode();
        for (at, byte) in damage {
            let at = at.index(contents.len());
            contents[at] = byte;
        }
        let framed = [MAGIC, &[FORMAT], &deflated(&contents, Vec::new())].concat();
        if let Ok(read) = decode(&framed) {
            prop_assert!(!readable(&read.report).is_empty());
        }
    }
}
