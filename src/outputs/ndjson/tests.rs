use std::{collections::BTreeMap, io::Read, sync::Arc, time::Duration};

use flate2::read::GzDecoder;
use serde_json::Value;

use super::*;
use crate::{
    catalogue::{METRICS, MetricKind},
    clock::Instant,
    metrics::{recorder::Recorder, view},
    outputs::fixture,
};

/// 2026-11-23T00:56:03.682177885Z.
const START: i128 = 1_795_395_363_682_177_885;

fn lines(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes the fixture's run with a tick between its parts; returns the table and the final snapshot.
fn write(path: &Path) -> (Arc<SeriesTable>, Snapshot) {
    let (table, slots) = fixture::table();
    let output = NdjsonOutput::open(path, &table, &fixture::thresholds(), START).unwrap();
    let start = Instant::now();
    let recorder = Recorder::new(&table, start, Some(output.sender()));
    fixture::record(&recorder, &slots, 0, start + Duration::from_millis(1));
    output.tick(1_000_000_000, &recorder.snapshot());
    fixture::record(&recorder, &slots, 1, start + Duration::from_millis(2500));
    let last = recorder.snapshot();
    output.finish(3_000_000_000, &last).unwrap();
    (table, last)
}

fn points<'l>(lines: &'l [Value], metric: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["type"] == "Point" && line["metric"] == metric).map(|line| &line["data"]).collect()
}

#[test]
fn points_add_up_to_the_final_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["run.json", "run.json.gz"] {
        let path = folder.path().join(name);
        let (table, last) = write(&path);
        let lines = lines(&path);
        let extremes = BTreeMap::new();
        let view = view::View { table: &table, snapshot: &last, extremes: &extremes, elapsed: 3.0, observed: &[] };
        let mut with_points = 0;
        for metric in METRICS {
            let points = points(&lines, metric.name);
            let values: Vec<f64> = points.iter().map(|point| point["value"].as_f64().unwrap()).collect();
            with_points += usize::from(!values.is_empty());
            match view.value(metric, &[]) {
                view::Value::Counter { count, .. } => {
                    assert_eq!(values.iter().sum::<f64>(), count as f64, "{}", metric.name);
                }
                view::Value::Gauge { value, .. } => assert_eq!(values.last(), Some(&(value as f64)), "{}", metric.name),
                view::Value::Rate { passes, total } => {
                    assert_eq!(
                        (values.iter().sum::<f64>(), values.len() as u64),
                        (passes as f64, total),
                        "{}",
                        metric.name
                    );
                    assert!(values.iter().all(|value| [0.0, 1.0].contains(value)));
                }
                view::Value::Trend(trend) => {
                    assert_eq!(values.len() as u64, trend.count(), "{}", metric.name);
                    let sum: f64 = values.iter().map(|millis| (millis * 1e6).round()).sum();
                    assert_eq!(sum, trend.sum() as f64, "{}", metric.name);
                }
            }
        }
        assert!(with_points > 15, "{with_points} metrics had points");
    }
}

#[test]
fn each_metric_is_introduced_once_before_its_first_point() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    write(&path);
    let mut introduced = Vec::new();
    for line in lines(&path) {
        let metric = line["metric"].as_str().unwrap().to_owned();
        if line["type"] == "Metric" {
            assert!(!introduced.contains(&metric), "{metric} twice");
            assert_eq!(line["data"]["name"], metric.as_str());
            introduced.push(metric);
        } else {
            assert!(introduced.contains(&metric), "{metric} before its header");
        }
    }
}

#[test]
fn lines_have_the_form_of_k6() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    write(&path);
    let text = std::fs::read_to_string(&path).unwrap();
    let first = |metric: &str, kind: &str| {
        let wanted = |line: &&str| line.contains(&format!(r#""metric":"{metric}""#)) && line.contains(kind);
        text.lines().find(wanted).unwrap().to_owned()
    };
    let picked = [
        first("ws_connecting", "Metric"),
        first("ws_connecting", "Point"),
        first("ws_connect_failed", "Metric"),
        first("ws_connect_failed", r#""value":1,"#),
        first("ws_connect_failed", r#""value":0,"#),
        first("checks", r#""value":0,"#),
        first("data_sent", "Point"),
        first("vus", "Point"),
    ];
    insta::assert_snapshot!(picked.join("\n"));
}

#[test]
fn thresholds_with_a_selector_are_submetrics_once() {
    let thresholds = fixture::thresholds();
    let twice = [thresholds.as_slice(), &[fixture::threshold("ws_connecting{url:nomatch}", "max<1")]].concat();
    let metric = METRICS.iter().find(|metric| metric.name == "ws_connecting").unwrap();
    assert_eq!(metric.kind, MetricKind::Trend);
    let line: Value = serde_json::from_str(&header::line(metric, &twice)).unwrap();
    assert_eq!(line["data"]["submetrics"].as_array().unwrap().len(), 1);
    assert_eq!(line["data"]["thresholds"], serde_json::json!(["p(99)<200", "avg<1"]));
}

#[test]
fn a_path_that_cannot_be_written_is_an_error_before_the_run() {
    let (table, _) = fixture::table();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("run.json");
    let error = NdjsonOutput::open(&path, &table, &[], START).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
}

#[test]
fn a_full_disk_is_told_at_the_end_and_no_sender_notices() {
    let (table, slots) = fixture::table();
    let full = Path::new("/dev/full");
    let output = NdjsonOutput::open(full, &table, &[], START).unwrap();
    let start = Instant::now();
    let recorder = Recorder::new(&table, start, Some(output.sender()));
    for _ in 0..200_000 {
        recorder.record(slots.trends[&crate::catalogue::Family::WsMsgRtt], 1_000, start);
    }
    let last = recorder.snapshot();
    let error = output.finish(1, &last).unwrap_err();
    assert!(matches!(&error, Error::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull), "{error}");
}
