use insta::assert_snapshot;
use serde_json::json;

use super::*;

fn run(phase: &str) -> RunStatus {
    let trend = json!({"count": 900, "p50": 1.25, "p95": 3.0, "p99": 12.5, "max": 140.2});
    serde_json::from_value(json!({
        "id": "20261124T160000.000Z-smoke", "profile": "smoke", "testid": "smoke-1", "phase": phase,
        "startedAt": "2026-11-24T16:00:00Z", "elapsedSeconds": 70.2, "planElapsedSeconds": 65.4, "planSeconds": 180.0,
        "latest": {
            "at": 70.0, "plannedVus": 120, "vus": 100, "plannedRate": 0.0, "iterations": 0.5, "dropped": 0.0, "open": 99,
            "connecting": 1, "sent": 12_345.6, "received": 9.96, "requests": 0.0,
            "failures": {"ws_connect/refused": 0.25}, "trends": {"ws_msg_rtt": trend}
        },
        "scenarios": [],
        "thresholds": [
            {"metric": "ws_msg_rtt", "expression": "p(99)<200", "limit": 200.0, "value": 12.5, "passed": true, "headroom": 0.9},
            {"metric": "checks", "expression": "rate>0.99", "limit": 0.99, "value": 0.5, "passed": false, "headroom": -0.5},
            {"metric": "http_reqs", "expression": "count>1", "limit": 1.0, "value": null, "passed": null, "headroom": null}
        ],
        "validity": {"level": "suspect", "reasons": ["the clock stood still for 2 s"]},
        "verdict": null, "exitCode": null, "notes": ["paused for 5 s"]
    }))
    .unwrap()
}

fn entry(id: &str, outcome: &str) -> RunEntry {
    serde_json::from_value(json!({
        "id": id, "profile": "smoke", "testid": id, "trigger": "schedule", "startedAt": "2026-11-24T15:00:00Z",
        "elapsedSeconds": if outcome == "missed" { None } else { Some(180.0) }, "outcome": outcome, "exitCode": 99,
        "note": if outcome == "crossed" { Some("checks") } else { None }, "hasRecord": true
    }))
    .unwrap()
}

#[test]
fn a_status_is_read_at_a_glance() {
    let daemon = serde_json::from_value(json!({
        "mode": "serve", "version": "0.1.0",
        "profiles": [
            {"name": "smoke", "schedule": "0 * * * *", "nextAt": "2026-11-24T17:00:00Z", "problem": null, "last": entry("a", "passed")},
            {"name": "broken-one", "schedule": null, "nextAt": null, "problem": "no such file", "last": null}
        ],
        "queue": [{"id": "q1", "profile": "smoke", "trigger": "request", "since": "2026-11-24T16:01:00Z"}],
        "recent": [], "configProblem": "rampd.yaml:3:1: unknown key", "configLoadedAt": null
    }));
    assert_snapshot!(status(&Status { daemon: daemon.unwrap(), run: Some(run("paused")) }));
    assert_eq!(status(&Status { daemon: DaemonStatus::default(), run: None }), "no run yet\n");
}

#[test]
fn a_line_and_a_history_are_columns() {
    let page = HistoryPage {
        runs: vec![entry("b", "crossed"), entry("a-longer", "missed")],
        next: Some("a-longer".to_owned()),
    };
    assert_snapshot!(format!("{}\n{}", line(&run("running")), history(&page)));
    assert_eq!(history(&HistoryPage { runs: Vec::new(), next: None }), "no runs\n");
}
