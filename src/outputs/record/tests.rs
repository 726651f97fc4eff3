use super::*;
use crate::{
    metrics::hdr,
    outputs::{
        fixture,
        record::build::{About, Course},
        report::{Ended, RunReport},
        timeline::{PlanCorner, Point, Quantiles},
    },
};

fn about() -> About {
    About {
        id: "r1".to_owned(),
        digest: "0123".to_owned(),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        ended_at: "2026-01-01T00:00:04Z".to_owned(),
        plan_seconds: 4.0,
        orders: 2,
        paused_seconds: 1.5,
        profile_text: Some("name: quantum-ws\n".to_owned()),
        machine: Machine {
            host: "h".to_owned(),
            cpu: Some("A CPU".to_owned()),
            cores: 2,
            memory_bytes: Some(1 << 30),
            kernel: "Linux 6 x86_64".to_owned(),
            files: 1024,
            workers: 2,
        },
    }
}

fn course() -> Course {
    let quantiles = Quantiles { count: 2, p50: 0.5, p95: 1.0, p99: 1.5, max: 151.35 };
    let point = Point {
        at: 1.0,
        sent: 900.0,
        failures: BTreeMap::from([("ws_connect/refused".to_owned(), 2.0)]),
        trends: BTreeMap::from([("ws_connecting".to_owned(), quantiles)]),
        paused: true,
        ..Point::default()
    };
    let timeline = Timeline {
        plan: vec![PlanCorner { at: 0.0, vus: 1.0, rate: 0.0 }],
        interval_seconds: 1.0,
        points: vec![point, Point { at: 2.0, ..Point::default() }],
    };
    let view = fixture::report();
    let trend = view.view().trend(crate::catalogue::Family::WsConnecting, &[]);
    Course { timeline, blocks: BTreeMap::from([("ws_connecting".to_owned(), vec![hdr::encode(&trend)])]) }
}

fn of(report: &RunReport) -> RunRecord {
    RunRecord { version: "VERSION".to_owned(), ..build(report, about(), course()) }
}

fn written(record: &RunRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(record, &mut bytes).unwrap();
    bytes
}

#[test]
fn format_1_is_as_it_was() {
    let record = of(&fixture::report());
    assert_eq!(record.format, 1, "a new format needs a snapshot of its own; this one stays, and is still read");
    insta::assert_snapshot!("format_1", serde_json::to_string_pretty(&record).unwrap());
}

#[test]
fn a_record_of_format_1_is_still_read() {
    let path = "src/outputs/record/snapshots/rampd__outputs__record__tests__format_1.snap";
    let kept = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let document = kept.splitn(3, "---").nth(2).unwrap();
    assert_eq!(read(document.as_bytes()).unwrap(), of(&fixture::report()));
}

#[test]
fn a_record_from_before_orders_were_counted_has_none() {
    let record = RunRecord { orders: 0, paused_seconds: 0.0, ..of(&fixture::report()) };
    let text = String::from_utf8(written(&record)).unwrap();
    let before = text.replacen("\"orders\":0,\"pausedSeconds\":0.0,", "", 1);
    assert_ne!(before, text);
    assert_eq!(read(before.as_bytes()).unwrap(), record);
}

#[test]
fn what_is_read_is_what_was_written() {
    for report in [fixture::report(), fixture::empty_report()] {
        let record = of(&report);
        assert_eq!(read(&written(&record)).unwrap(), record);
    }
}

#[test]
fn a_trend_has_the_histogram_that_its_values_come_from() {
    let record = of(&fixture::report());
    let connecting = record.metrics.iter().find(|metric| metric.name == "ws_connecting").unwrap();
    let histogram = hdr::decode(connecting.histogram.as_ref().unwrap()).unwrap();
    assert_eq!(histogram.len(), connecting.values["count"] as u64);
    let p99 = histogram.value_at_quantile(0.99) as f64 / 1e6;
    assert!((p99 - connecting.values["p(99)"]).abs() < p99 / 500.0, "{p99}");
    assert_eq!(connecting.blocks.len(), 1);
}

#[test]
fn failures_come_most_often_first_and_metrics_in_the_catalogue_s_order() {
    let record = of(&fixture::report());
    assert!(record.failures.is_sorted_by(|one, next| one.count >= next.count) && !record.failures.is_empty());
    let position = |name: &str| record.metrics.iter().position(|metric| metric.name == name).unwrap();
    assert!(position("checks") < position("http_req_duration") && position("iterations") < position("ws_connecting"));
    assert_eq!(position("http_req_duration{expected_response:true}"), position("http_req_duration") + 1);
}

#[test]
fn the_verdict_follows_the_exit_code() {
    let invalid = fixture::validity(&[fixture::troubled()]);
    let verdict = |report: &RunReport| build(report, about(), Course::default()).verdict;
    let report = RunReport { validity: invalid, ..fixture::report() };
    assert_eq!(verdict(&report), "invalid");
    assert_eq!(verdict(&RunReport { invalid_fails: false, ..report.clone() }), "crossed");
    assert_eq!(verdict(&RunReport { ended: Ended::Interrupted, ..report }), "crossed");
    assert_eq!(verdict(&fixture::empty_report()), "passed");
}

#[test]
fn bytes_that_are_no_record_are_named() {
    let whole = written(&of(&fixture::report()));
    let newer = String::from_utf8(whole.clone()).unwrap().replacen("\"format\":1", "\"format\":2", 1);
    let damaged = String::from_utf8(whole.clone()).unwrap().replacen("\"exitCode\":99", "\"exitCode\":\"x\"", 1);
    for (bytes, message) in [
        (Vec::new(), "its run has not ended"),
        (b" \n".to_vec(), "its run has not ended"),
        (b"name: quantum-ws\n".to_vec(), "no record of a run"),
        (b"{\"metrics\": {}}".to_vec(), "no record of a run"),
        (b"{\"metrics\": ".to_vec(), "no record of a run"),
        (whole[..whole.len() / 2].to_vec(), "cut off"),
        (newer.into_bytes(), "format 2, and this rampd reads up to 1; read it with rampd VERSION or newer"),
        (damaged.into_bytes(), "is damaged"),
        (vec![b' '; LARGEST + 1], "has not ended"),
        (vec![b'{'; LARGEST + 1], "larger than 64 MiB"),
    ] {
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains(message), "{error}, expected {message}");
    }
}

#[test]
fn fields_of_a_later_version_of_the_same_format_are_passed_over() {
    let text = String::from_utf8(written(&of(&fixture::report()))).unwrap();
    let more = text.replacen("{\"format\":1,", "{\"format\":1,\"later\":{\"a\":[1]},", 1);
    assert_eq!(read(more.as_bytes()).unwrap(), of(&fixture::report()));
}
