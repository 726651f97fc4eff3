//! `--summary-export FILE`: the end summary as JSON in the shape of k6's export, with five additions
//! and one difference.
//!
//! - `metrics.NAME.thresholds.EXPRESSION` is `true` when the threshold PASSED. k6 writes `false`
//!   there. `rampd.thresholds_true_means` says which it is.
//! - `rampd` tells the run: version, profile, testid, verdict, exit code, duration and every
//!   threshold with its measured value.
//! - `rampd.validity` tells whether the figures are the target's or the generator's own, for the run
//!   and for each of its stages, with the signals that say so.
//! - `rampd.series` has the totals of `/metrics` by family and label, in its units (seconds).
//!
//! - `rampd.fleet` names the agents, if several are in the figures.
//!
//! A rate or trend without samples has k6's zeros under `metrics`; `rampd.thresholds[].empty` tells
//! them from measured ones.

use std::io;

use serde::Serialize as _;
use serde_json::{Map, Value as Json, json, ser::PrettyFormatter};

mod fleet;
mod series;
pub(in crate::outputs) mod target;
mod validity;

use crate::{
    metrics::view::{Check, Value},
    outputs::report::{self, RunReport},
};

/// The document.
#[must_use]
pub fn document(report: &RunReport) -> Json {
    let load = report.measured().into_iter().map(|measured| (measured.name, values(report, &measured.value)));
    let all = load.chain(target::metrics(report));
    let metrics: Map<_, _> = all
        .map(|(name, values)| {
            let metric = metric(report, &name, values);
            (name, metric)
        })
        .collect();
    json!({
        "root_group": root_group(&report.view().checks()),
        "metrics": metrics,
        "rampd": run(report),
    })
}

/// Writes the document, indented as k6 does.
///
/// # Errors
/// What `target` says.
pub fn write(report: &RunReport, mut target: impl io::Write) -> io::Result<()> {
    let formatter = PrettyFormatter::with_indent(b"    ");
    document(report).serialize(&mut serde_json::Serializer::with_formatter(&mut target, formatter))?;
    target.write_all(b"\n")?;
    target.flush()
}

fn metric(report: &RunReport, name: &str, mut values: Map<String, Json>) -> Json {
    let thresholds: Map<_, _> = report
        .judged()
        .filter(|(threshold, _)| threshold.name == name)
        .map(|(threshold, evaluation)| (threshold.source.clone(), json!(evaluation.passed)))
        .collect();
    if !thresholds.is_empty() {
        values.insert("thresholds".to_owned(), Json::Object(thresholds));
    }
    Json::Object(values)
}

fn values(report: &RunReport, value: &Value) -> Map<String, Json> {
    let pairs = match value {
        Value::Counter { count, rate } => vec![("count".to_owned(), json!(count)), ("rate".to_owned(), number(*rate))],
        Value::Gauge { value, min, max } => {
            vec![("value".to_owned(), json!(value)), ("min".to_owned(), json!(min)), ("max".to_owned(), json!(max))]
        }
        Value::Rate { passes, total } => {
            let share = if *total == 0 { 0.0 } else { *passes as f64 / *total as f64 };
            vec![
                ("passes".to_owned(), json!(passes)),
                ("fails".to_owned(), json!(total.saturating_sub(*passes))),
                ("value".to_owned(), number(share)),
            ]
        }
        Value::Trend(trend) => {
            let stats = report.trend_stats.iter();
            stats.map(|stat| (report::stat_name(*stat), number(report::stat_value(trend, *stat)))).collect()
        }
    };
    pairs.into_iter().collect()
}

fn run(report: &RunReport) -> Json {
    let mut run = of_one(report);
    if let (Some(fleet), Some(run)) = (&report.fleet, run.as_object_mut()) {
        run.insert("fleet".to_owned(), fleet::of(fleet));
    }
    run
}

fn of_one(report: &RunReport) -> Json {
    let thresholds: Vec<_> = report
        .judged()
        .map(|(threshold, evaluation)| {
            json!({
                "metric": threshold.name,
                "threshold": threshold.source,
                "passed": evaluation.passed,
                "value": evaluation.value.map(number),
                "empty": evaluation.empty,
            })
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "thresholds_true_means": "passed",
        "profile": report.profile,
        "testid": report.testid,
        "verdict": if report.verdict.passed() { "passed" } else { "crossed" },
        "validity": validity::of(&report.validity),
        "ended": report.ended.name(),
        "exit_code": report.exit_code,
        "duration_ms": number(report.elapsed.as_secs_f64() * 1e3),
        "samples_dropped": report.snapshot.samples_dropped(),
        "notes": report.notes,
        "thresholds": thresholds,
        "labels": report.table.run_tags,
        "targets": target::targets(&report.observed),
        "series": series::by_family(&report.table, &report.snapshot),
    })
}

fn root_group(checks: &[Check]) -> Json {
    let checks: Map<_, _> = checks
        .iter()
        .map(|Check { name, passes, fails }| {
            let path = format!("::{name}");
            (name.clone(), json!({ "name": name, "path": path, "id": id(&path), "passes": passes, "fails": fails }))
        })
        .collect();
    json!({ "name": "", "path": "", "id": id(""), "groups": {}, "checks": checks })
}

/// A stable identifier of 32 hexadecimal digits (FNV-1a), as long as k6's MD5.
fn id(path: &str) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = path.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}

/// Whole numbers without a point, as JavaScript writes them.
fn number(value: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT { json!(value as i64) } else { json!(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue::Family, outputs::fixture};

    #[test]
    fn export_has_the_shape_of_k6_and_says_what_true_means() {
        let mut bytes = Vec::new();
        write(&fixture::report(), &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(serde_json::from_str::<Json>(&text).unwrap().is_object());
        insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }

    #[test]
    fn a_threshold_is_true_when_it_passed() {
        let document = document(&fixture::report());
        let connecting = &document["metrics"]["ws_connecting"];
        assert_eq!(connecting["thresholds"], json!({ "p(99)<200": true, "avg<1": false }));
        assert_eq!(connecting["max"], json!(151.35));
        assert_eq!(document["rampd"]["thresholds_true_means"], "passed");
        assert_eq!(document["rampd"]["exit_code"], 99);
    }

    #[test]
    fn validity_is_told_with_what_was_measured_and_what_is_not_available() {
        let report = |stages| RunReport { validity: fixture::validity(stages), ..fixture::report() };
        let stages = [fixture::calm(), fixture::troubled()];
        let validity = document(&report(&stages))["rampd"]["validity"].clone();
        insta::assert_snapshot!(serde_json::to_string_pretty(&validity).unwrap());
        let unknown = document(&report(&[Default::default()]))["rampd"]["validity"]["signals"].clone();
        let unknown = unknown.as_object().unwrap();
        assert!(unknown.len() == 13 && unknown.values().all(|signal| signal == "not available"), "{unknown:?}");
    }

    #[test]
    fn series_hold_the_totals_of_every_family() {
        let report = fixture::report();
        let document = document(&report);
        let view = report.view();
        for family in [Family::WsCloses, Family::WsConnectFailures, Family::WsMsgsSent, Family::Checks] {
            let series = document["rampd"]["series"][family.name()].as_array().unwrap();
            let sum: u64 = series.iter().map(|series| series["value"].as_u64().unwrap()).sum();
            assert_eq!(sum, view.sum(family, |_| true), "{}", family.name());
            assert!(sum > 0);
        }
        let connecting = &document["rampd"]["series"]["ws_connecting_seconds"][0];
        assert_eq!(connecting["count"], view.trend(Family::WsConnecting, &[]).count());
        assert_eq!(connecting["buckets"]["0.2"], 4);
    }
}
