//! `--report`, `rampd report`, `rampd compare`.

use std::path::Path;

use rampd::outputs::record::{self, FailureRecord, RunRecord};

use crate::support::{
    agent::{rampd, run},
    process::Ended,
    scratch::Scratch,
};

const PROFILE: &str = "
name: short
vus: 2
duration: 1s
thresholds: { checks: ['rate>0.5'] }
flow:
  - websocket: { url: 'ws://127.0.0.1:1/', steps: [{ send: { text: x, reply: fifo } }] }
";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn compare<const N: usize>(arguments: [&str; N]) -> Ended {
    rampd(["compare"]).args(arguments).finish()
}

/// Records a run with its report beside it.
fn recorded(scratch: &Scratch, name: &str) -> RunRecord {
    let profile = scratch.write("profile.yaml", PROFILE);
    let (record, report) = (scratch.path(&format!("{name}.json")), scratch.path(&format!("{name}.html")));
    let options = ["--echo", "--testid", name, "--record", text(&record), "--report", text(&report)];
    run(&profile).args(options).finish();
    record::read(&std::fs::read(record).expect("written")).expect("a record")
}

fn write(record: &RunRecord, path: &Path) {
    record::write(record, std::fs::File::create(path).expect("created")).expect("written");
}

#[test]
fn the_report_of_a_run_is_the_one_made_of_its_record_later() {
    let scratch = Scratch::new();
    recorded(&scratch, "run-1");
    let (record, later) = (scratch.path("run-1.json"), scratch.path("later.html"));
    rampd(["report", text(&record), "--output", text(&later)]).finish().assert_code(0);
    let read = |path: &Path| std::fs::read_to_string(path).expect("written");
    let report = read(&later);
    assert_eq!(report, read(&scratch.path("run-1.html")));
    assert!(report.starts_with("<!DOCTYPE html>") && report.contains("run-1") && report.contains("ws_msg_rtt"));
    let printed = rampd(["report", text(&record), "-o", "-"]).finish();
    assert_eq!(printed.stdout, report);
}

#[test]
fn a_file_that_is_no_record_is_refused_by_name() {
    let scratch = Scratch::new();
    let other = scratch.write("other.json", "{}");
    for refused in [rampd(["report", text(&other)]).finish(), compare([text(&other), text(&other)])] {
        refused.assert_code(104);
        assert!(refused.stderr.contains("other.json: this is no record of a run"), "{}", refused.stderr);
    }
}

#[test]
fn a_comparison_fails_a_pipeline_only_if_asked_and_only_for_what_is_worse() {
    let scratch = Scratch::new();
    let record = recorded(&scratch, "base");
    let mut worse = RunRecord { testid: "with".to_owned(), ..record };
    worse.failures.push(FailureRecord { what: "ws_connect".to_owned(), reason: "timeout".to_owned(), count: 60 });
    let (base, with) = (scratch.path("base.json"), scratch.path("with.json"));
    write(&worse, &with);
    let (json, html) = (scratch.path("comparison.json"), scratch.path("comparison.html"));

    let plain = compare([text(&base), text(&with), "--json", text(&json), "--html", text(&html)]);
    plain.assert_code(0);
    assert!(plain.stdout.contains("ws_connect: timeout") && plain.stdout.contains("worse"), "{}", plain.stdout);
    let comparison: serde_json::Value = serde_json::from_slice(&std::fs::read(json).expect("written")).expect("JSON");
    let row = comparison["rows"].as_array().and_then(|rows| rows.last()).expect("rows");
    assert_eq!((row["metric"].as_str(), row["judgement"].as_str()), (Some("ws_connect: timeout"), Some("worse")));
    assert!(std::fs::read_to_string(html).expect("written").contains("<strong>Worse</strong>"));

    compare([text(&base), text(&with), "--fail-on", "worse"]).assert_code(99);
    compare([text(&with), text(&base), "--fail-on", "worse"]).assert_code(0);
    compare([text(&base), text(&base), "--fail-on", "worse"]).assert_code(0);
    let several = ["--base", text(&base), "--base", text(&base), "--with", text(&base), "--with", text(&with)];
    assert!(compare(several).stdout.contains("Welch"));
}

#[test]
fn two_runs_or_two_sides_are_compared_and_nothing_else() {
    compare([]).assert_code(104);
    compare(["a.json"]).assert_code(104);
    compare(["--base", "a.json"]).assert_code(104);
    compare(["a.json", "b.json", "--base", "c.json", "--with", "d.json"]).assert_code(104);
}
