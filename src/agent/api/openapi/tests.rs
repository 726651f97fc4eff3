use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    agent::{
        api::{
            PREFIX,
            problem::Problem,
            route::{ROUTES, Verb},
            status::Status,
        },
        daemon::desk::{
            Accepted, DaemonStatus, HistoryPage, ProfileStatus, QueuedRun, RunEntry, StartOverrides, StartRequest,
            Trigger, WhenBusy,
        },
    },
    outputs::{
        record::{FORMAT, FailureRecord, Machine, MetricRecord, RunRecord},
        run_status::{Phase, RunStatus, ScenarioStatus, ThresholdStatus, ValidityStatus},
        timeline::{PlanCorner, Point, Quantiles, Timeline},
    },
};

fn document() -> Value {
    serde_json::from_str(super::DOCUMENT).unwrap()
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let document = document();
    let documented = document["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().iter().map(move |(verb, operation)| {
            (path.clone(), verb.clone(), operation["operationId"].as_str().unwrap().to_owned())
        })
    });
    let routes = ROUTES.iter().map(|(verb, path, operation)| {
        let verb = match verb {
            Verb::Get => "get",
            Verb::Post => "post",
        };
        let mut name = format!("{operation:?}");
        name[..1].make_ascii_lowercase();
        (format!("{PREFIX}{path}"), verb.to_owned(), name)
    });
    assert_eq!(documented.collect::<BTreeSet<_>>(), routes.collect());
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_referred_to() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").map(|name| name.as_str().unwrap().to_owned()));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let there = ["schemas", "responses"].iter().flat_map(|kind| {
        let names = document["components"][kind].as_object().unwrap().keys();
        names.map(move |name| format!("#/components/{kind}/{name}")).collect::<Vec<_>>()
    });
    assert_eq!(used, there.collect());
}

/// The schema called `name`; exact: every property is there, and no other.
fn validator(name: &str, exact: bool) -> jsonschema::Validator {
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    let names: Vec<_> = properties.keys().cloned().collect();
                    // Alternatives repeat properties of what they are part of.
                    if map.contains_key("type") {
                        map.insert("required".to_owned(), json!(names));
                        map.insert("additionalProperties".to_owned(), json!(false));
                    }
                }
                map.values_mut().for_each(close);
            }
            Value::Array(list) => list.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut components = document()["components"].take();
    if exact {
        components["schemas"].as_object_mut().unwrap().values_mut().for_each(close);
    }
    let root = Map::from_iter([
        ("$ref".to_owned(), json!(format!("#/components/schemas/{name}"))),
        ("components".to_owned(), components),
    ]);
    jsonschema::draft202012::new(&Value::Object(root)).unwrap()
}

fn fits(name: &str, exact: bool, value: &impl Serialize) {
    let value = json!(value);
    let errors: Vec<_> =
        validator(name, exact).iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{value:#}");
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

const TIME: &str = "2026-11-24T15:00:00Z";

fn entry() -> RunEntry {
    RunEntry {
        id: "r".to_owned(),
        profile: "p".to_owned(),
        testid: "t".to_owned(),
        trigger: Trigger::Request,
        started_at: TIME.to_owned(),
        elapsed_seconds: Some(1.5),
        outcome: "crossed".to_owned(),
        exit_code: Some(99),
        note: text("checks"),
        has_record: true,
    }
}

fn daemon() -> DaemonStatus {
    let profile = ProfileStatus {
        name: "p".to_owned(),
        schedule: text("0 * * * *"),
        next_at: text(TIME),
        problem: text("gone"),
        last: Some(entry()),
    };
    let queued =
        QueuedRun { id: "q".to_owned(), profile: "p".to_owned(), trigger: Trigger::Schedule, since: TIME.to_owned() };
    DaemonStatus {
        mode: "serve".to_owned(),
        version: "0.1.0".to_owned(),
        profiles: vec![profile],
        queue: vec![queued],
        recent: vec![entry()],
        config_problem: text("bad"),
        config_loaded_at: text(TIME),
    }
}

fn point() -> Point {
    Point {
        failures: [("ws/refused".to_owned(), 0.5)].into(),
        trends: [("ws_connecting".to_owned(), Quantiles::default())].into(),
        paused: true,
        ..Point::default()
    }
}

fn threshold() -> ThresholdStatus {
    ThresholdStatus {
        metric: "checks".to_owned(),
        expression: "rate>0.99".to_owned(),
        limit: 0.99,
        value: Some(1.0),
        passed: Some(true),
        headroom: Some(0.01),
    }
}

fn validity() -> ValidityStatus {
    ValidityStatus { level: "suspect".to_owned(), reasons: vec!["slow".to_owned()] }
}

fn run() -> RunStatus {
    let scenario = ScenarioStatus {
        name: "s".to_owned(),
        executor: "constant-vus".to_owned(),
        planned_vus: 3,
        max_vus: Some(5),
        planned_rate: Some(0.5),
        ordered: true,
    };
    RunStatus {
        id: "r".to_owned(),
        profile: "p".to_owned(),
        testid: "t".to_owned(),
        phase: Phase::Paused,
        started_at: text(TIME),
        elapsed_seconds: 2.0,
        plan_elapsed_seconds: 1.0,
        plan_seconds: 60.0,
        latest: point(),
        scenarios: vec![scenario],
        thresholds: vec![threshold()],
        validity: validity(),
        verdict: text("passed"),
        exit_code: Some(0),
        notes: vec!["note".to_owned()],
    }
}

fn timeline() -> Timeline {
    let corner = PlanCorner { at: 0.0, vus: 1.0, rate: 2.0 };
    Timeline { plan: vec![corner], interval_seconds: 1.0, points: vec![point()] }
}

fn record() -> RunRecord {
    let metric = MetricRecord {
        name: "ws_connecting".to_owned(),
        kind: "trend".to_owned(),
        unit: "ms".to_owned(),
        values: [("avg".to_owned(), 1.0)].into(),
        histogram: text("aGlzdA=="),
        blocks: vec!["aGlzdA==".to_owned()],
    };
    let failure = FailureRecord { what: "ws_connect".to_owned(), reason: "refused".to_owned(), count: 2 };
    let machine = Machine { host: "h".to_owned(), cpu: text("c"), memory_bytes: Some(1), ..Machine::default() };
    RunRecord {
        format: FORMAT,
        id: "r".to_owned(),
        version: "0.1.0".to_owned(),
        profile: "p".to_owned(),
        testid: "t".to_owned(),
        tags: [("env".to_owned(), "test".to_owned())].into(),
        digest: "d".to_owned(),
        started_at: TIME.to_owned(),
        ended_at: TIME.to_owned(),
        elapsed_seconds: 60.0,
        plan_seconds: 60.0,
        ended: "completed".to_owned(),
        verdict: "passed".to_owned(),
        exit_code: 0,
        validity: validity(),
        thresholds: vec![threshold()],
        metrics: vec![metric],
        failures: vec![failure],
        timeline: timeline(),
        profile_text: text("flow: []"),
        machine,
        agents: 1,
        notes: vec!["note".to_owned()],
    }
}

fn start() -> StartRequest {
    StartRequest {
        profile: text("p"),
        profile_text: text("flow: []"),
        overrides: StartOverrides {
            vus: Some(1),
            duration: text("1s"),
            iterations: Some(1),
            stages: vec!["1s:1".to_owned()],
            scale: Some(0.5),
            speed: Some(2.0),
            env: [("A".to_owned(), "b".to_owned())].into(),
            tags: [("a".to_owned(), "b".to_owned())].into(),
        },
        testid: text("t"),
        when_busy: WhenBusy::Queue,
        key: text("k"),
    }
}

#[test]
fn what_is_served_has_exactly_the_documented_properties() {
    fits("Status", true, &Status { daemon: daemon(), run: Some(run()) });
    fits("HistoryPage", true, &HistoryPage { runs: vec![entry()], next: text("r") });
    fits("RunRecord", true, &record());
    fits("Timeline", true, &timeline());
    fits("Accepted", true, &Accepted { id: "r".to_owned(), queued: true, repeated: true });
    fits("StartRequest", true, &start());
}

#[test]
fn what_is_left_out_or_null_is_documented_as_such() {
    fits("Status", false, &Status { daemon: DaemonStatus::default(), run: None });
    let entry = RunEntry { elapsed_seconds: None, exit_code: None, note: None, ..entry() };
    let profile =
        ProfileStatus { schedule: None, next_at: None, problem: None, last: None, ..daemon().profiles.remove(0) };
    fits("ProfileStatus", false, &profile);
    fits("HistoryPage", false, &HistoryPage { runs: vec![entry], next: None });
    let mut run = RunStatus { started_at: None, verdict: None, exit_code: None, latest: Point::default(), ..run() };
    run.thresholds[0] = ThresholdStatus { value: None, passed: None, headroom: None, ..threshold() };
    run.scenarios[0] = ScenarioStatus { max_vus: None, planned_rate: None, ..run.scenarios[0].clone() };
    fits("RunStatus", false, &run);
    let mut record = RunRecord { profile_text: None, machine: Machine::default(), ..record() };
    record.metrics[0] = MetricRecord { histogram: None, blocks: Vec::new(), ..record.metrics[0].clone() };
    fits("RunRecord", false, &record);
}

#[test]
fn requests_that_the_document_permits_are_read_and_others_are_not() {
    let reads = |value: &Value| serde_json::from_value::<StartRequest>(value.clone()).is_ok();
    for (value, good) in [
        (json!({}), true),
        (json!({"profile": "p", "whenBusy": "queue", "overrides": {}}), true),
        (json!({"profile": null, "overrides": {"vus": null, "env": {}}}), true),
        (json!({"profile": 1}), false),
        (json!({"whenBusy": "later"}), false),
        (json!({"whenBusy": null}), false),
        (json!({"overrides": null}), false),
        (json!({"overrides": {"vus": -1}}), false),
        (json!({"overrides": {"vus": 4_294_967_296_u64}}), false),
        (json!({"overrides": {"stages": "1s:1"}}), false),
        (json!({"overrides": {"other": 1}}), false),
        (json!({"other": 1}), false),
    ] {
        assert_eq!((reads(&value), validator("StartRequest", false).is_valid(&value)), (good, good), "{value}");
    }
}

#[test]
fn codes_of_errors_are_documented() {
    let document = document();
    let codes = document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"].clone();
    let documented: BTreeSet<_> = codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    // Where codes are written: nothing else makes a problem.
    let sources = [
        include_str!("../access.rs"),
        include_str!("../events.rs"),
        include_str!("../history.rs"),
        include_str!("../problem.rs"),
        include_str!("../request.rs"),
    ];
    let written: BTreeSet<_> = sources
        .iter()
        .flat_map(|source| source.split("StatusCode::").skip(1))
        .filter_map(|rest| rest.split_once(", \"")?.1.split_once('"'))
        .map(|(code, _)| code)
        .filter(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect();
    assert_eq!(documented, written);
    let error = Problem::not_found("nothing").into_response();
    assert_eq!(error.status(), 404);
}
