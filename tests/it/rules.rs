//! Alert rules and Alertmanager's configuration, read by Prometheus' own promtool; the committed files are what
//! the code writes.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Output},
};

use crate::support::{
    agent::{AgentCommand, rampd},
    prometheus::{Version, on_each_version},
    repository,
    scratch::Scratch,
};

/// One threshold of each form of the grammar, in both directions.
const EVERY_FORM: &str = r#"
name: every-form
vus: 1
duration: 10s
flow:
  - websocket: { url: "ws://localhost:1/", steps: [{ hold: {} }] }
metrics: { price: trend, orders: counter, accepted: rate }
observe:
  server: { url: "http://localhost:1/metrics", metrics: { memory: process_resident_memory_bytes, errors: errors_total } }
thresholds:
  ws_connecting: ["p(99)<200", "p(99.9)<=1000", "p(0)<5", "p(100)<5", "p(0)>=1", "med>0.05", "p(95)>=1", "p(99)==5", "p(99)<0"]
  ws_msg_rtt: ["avg<100", "avg>=1", "avg==1", "avg!=1", "min>1", "min<1", "max<500", "max>=1", "max!=3", "med===7"]
  ws_msgs_sent: ["count>10000", "count>=10000", "count<5", "count<=5", "count==5", "count!=5", "rate>10.5", "rate<10", "count<inf", "count>-1"]
  ws_msgs_received: [{ threshold: "count>10", allowEmpty: true }, { threshold: "rate<10", allowEmpty: true }]
  ws_ping: [{ threshold: "p(95)<10", allowEmpty: true }, { threshold: "avg<10", allowEmpty: true }]
  vus: ["value<5", "value>5", "value==0"]
  checks: ["rate>0.99", "rate==1", "rate!=0.5"]
  http_req_failed: ["rate<0.01", "rate<=0"]
  ws_connect_failed: [{ threshold: "rate<0.01", allowEmpty: true }]
  "ws_connecting{scenario:default}": ["p(99)<200"]
  "ws_sessions{status:403}": ["count<1"]
  "checks{check:status is 101}": ["rate>0.9"]
  "ws_connecting{url:ws://localhost:1/}": ["p(99)<200"]
  "http_req_failed{status:500}": ["rate<0.5"]
  price: ["p(50)<1.5", "avg>2"]
  orders: ["count>3"]
  accepted: ["rate>0.5"]
  target_memory: ["value<1e9", "ratio<1.1", "after<1e9", "min>1", "max<1e9"]
  target_errors: ["count<1", "rate<1"]
"#;

fn generated(arguments: &[&str]) -> String {
    let ended = arguments.iter().fold(rampd(["generate"]), AgentCommand::arg).finish();
    ended.assert_code(0);
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    ended.stdout
}

fn promtool(version: Version, arguments: &[&str]) -> Output {
    Command::new(version.promtool()).args(arguments).current_dir(repository()).output().expect("promtool starts")
}

fn assert_content(arguments: &[&str]) {
    on_each_version(|version| {
        let output = promtool(version, arguments);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "promtool {version:?} {arguments:?}: {said}");
        assert!(said.contains("SUCCESS"), "promtool {version:?} {arguments:?} has looked at nothing: {said}");
    });
}

fn committed(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn committed_files_are_what_the_code_writes() {
    for (path, arguments) in [
        ("grafana/alerts/quantum-ws.rules.yaml", &["rules", "config/quantum-ws.yaml"][..]),
        ("grafana/alerts/rampd.rules.yaml", &["rules"]),
        (
            "grafana/alerts/tests/quantum-ws.test.yaml",
            &["promtool-test", "config/quantum-ws.yaml", "--rules", "../quantum-ws.rules.yaml"],
        ),
        ("config/alertmanager.yml", &["alertmanager"]),
    ] {
        let expected = generated(arguments);
        assert!(committed(path) == expected, "`rampd generate {} > {path}` writes it anew", arguments.join(" "));
    }
}

#[test]
fn promtool_accepts_the_committed_files_and_their_tests_pass() {
    assert_content(&["check", "config", "config/prometheus.yml"]);
    for rules in ["grafana/alerts/quantum-ws.rules.yaml", "grafana/alerts/rampd.rules.yaml"] {
        assert_content(&["check", "rules", rules]);
    }
    for tests in ["grafana/alerts/tests/quantum-ws.test.yaml", "grafana/alerts/tests/rampd.test.yaml"] {
        assert_content(&["test", "rules", tests]);
    }
}

#[test]
fn every_form_of_a_threshold_is_judged_at_its_very_limit() {
    let scratch = Scratch::new();
    let profile = scratch.write("profile.yaml", EVERY_FORM);
    let profile = profile.to_str().expect("UTF-8");
    let rules = scratch.write("every-form.rules.yaml", &generated(&["rules", profile]));
    assert_content(&["check", "rules", rules.to_str().expect("UTF-8")]);
    let tests = scratch.write("test.yaml", &generated(&["promtool-test", profile]));
    assert_content(&["test", "rules", tests.to_str().expect("UTF-8")]);
}

#[test]
fn the_generated_tests_notice_rules_that_are_one_sample_off() {
    let scratch = Scratch::new();
    let rules = generated(&["rules", "config/quantum-ws.yaml"]);
    let tests = generated(&["promtool-test", "config/quantum-ws.yaml"]);
    let tests = scratch.write("test.yaml", &tests);
    for (right, wrong) in [
        ("le=\"0.2\"", "le=\"0.3\""),
        ("< 0.99\n", "< 0.989\n"),
        ("< 0.99\n", "<= 0.99\n"),
        ("<= 10000\n", "< 10000\n"),
        ("<= 10000\n", "<= 10001\n"),
        ("last_over_time(ws_msgs_sent_total", "increase(ws_msgs_sent_total"),
    ] {
        assert!(rules.contains(right), "{right}");
        scratch.write("quantum-ws.rules.yaml", &rules.replace(right, wrong));
        // One version is enough for what is about the tests and not about Prometheus; each takes seconds.
        let output = promtool(Version::Two, &["test", "rules", tests.to_str().expect("UTF-8")]);
        assert!(!output.status.success(), "{right} as {wrong} went unnoticed");
    }
}

#[test]
fn the_operators_object_and_the_tags_of_a_profile_are_written_too() {
    let object =
        generated(&["rules", "config/quantum-ws.yaml", "--format", "prometheusrule", "--runbooks", "https://a.b/c/"]);
    for line in ["kind: PrometheusRule", "  name: rampd-quantum-ws", "    - name: rampd-quantum-ws"] {
        assert!(object.lines().any(|other| other == line), "{line}\n{object}");
    }
    assert!(object.contains("runbook_url: \"https://a.b/c/RampdThresholdCrossed.md\""), "{object}");
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let mut named = BTreeSet::new();
    for path in ["grafana/alerts/quantum-ws.rules.yaml", "grafana/alerts/rampd.rules.yaml"] {
        for line in committed(path).lines() {
            if let Some(url) = line.trim().strip_prefix("runbook_url: ") {
                named.insert(url.trim_matches('"').to_owned());
            }
        }
    }
    let files = fs::read_dir(repository().join("docs/runbooks")).expect("runbooks");
    let files: BTreeSet<_> = files
        .map(|entry| format!("docs/runbooks/{}", entry.expect("readable").file_name().to_str().expect("UTF-8")))
        .collect();
    assert_eq!(named, files);
    for path in &files {
        let page = committed(path);
        for part in ["\n## What it means\n", "\n## What to look at\n", "\n## What to do\n"] {
            assert!(page.contains(part), "{path} has no{part}");
        }
    }
}

#[test]
fn alertmanager_routes_by_labels_and_names_that_the_rules_have() {
    let config = generated(&["alertmanager", "--webhook", "https://chat.example/hook?a=b"]);
    assert!(
        config.contains("      - url: \"https://chat.example/hook?a=b\"\n        send_resolved: false"),
        "{config}"
    );
    let rules = committed("grafana/alerts/quantum-ws.rules.yaml") + &committed("grafana/alerts/rampd.rules.yaml");
    for (matcher, line) in [
        ("alert_type=\"loadtest\"", "alert_type: loadtest"),
        ("verdict=~\"live|final|agent\"", "verdict: live"),
        ("verdict=\"final\"", "verdict: final"),
        ("verdict=\"agent\"", "verdict: agent"),
        ("RampdRunInvalid|RampdNoSamples", "- alert: RampdRunInvalid"),
        ("RampdRunInvalid|RampdNoSamples", "- alert: RampdNoSamples"),
    ] {
        assert!(config.contains(matcher), "{matcher}\n{config}");
        assert!(rules.lines().any(|other| other.trim() == line), "no rule has {line}");
    }
}

#[test]
fn a_profile_that_is_wrong_is_refused() {
    let scratch = Scratch::new();
    let profile = scratch.write("profile.yaml", "vus: 1\n");
    for what in ["rules", "promtool-test"] {
        let ended = rampd(["generate", what, profile.to_str().expect("UTF-8")]).finish();
        ended.assert_code(104);
        assert!(ended.stdout.is_empty() && ended.stderr.contains("flow"), "{}", ended.stderr);
    }
}
