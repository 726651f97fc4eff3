mod samples;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value, json};

use samples::{daemon, entry, record, run, start, text, threshold, timeline};

use crate::{
    agent::{
        api::{
            PREFIX,
            problem::Problem,
            route::{ROUTES, Verb},
            status::Status,
        },
        daemon::desk::{Accepted, DaemonStatus, HistoryPage, ProfileStatus, RunEntry, StartRequest},
    },
    outputs::{
        record::{Machine, MetricRecord, RunRecord},
        run_status::{RunStatus, ScenarioStatus, ThresholdStatus},
        timeline::Point,
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

#[test]
fn what_is_served_has_exactly_the_documented_properties() {
    fits("Status", true, &Status { daemon: daemon(), run: Some(run()) });
    fits("HistoryPage", true, &HistoryPage { runs: vec![entry()], next: text("r") });
    fits("RunRecord", true, &record());
    fits("Timeline", true, &timeline());
    fits("Accepted", true, &Accepted { id: "r".to_owned(), queued: true, repeated: true });
    // Of each alternative: a request names a profile or brings one.
    fits("StartRequest", true, &StartRequest { profile_text: None, ..start() });
    fits("StartRequest", true, &StartRequest { profile: None, ..start() });
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
        (json!({"profileText": "p"}), true),
        (json!({"profile": "p", "whenBusy": "queue", "overrides": {}}), true),
        (json!({"profile": null, "profileText": "p", "overrides": {"vus": null, "env": {}}}), true),
        (json!({"profile": 1}), false),
        (json!({"profile": "p", "whenBusy": "later"}), false),
        (json!({"profile": "p", "whenBusy": null}), false),
        (json!({"profile": "p", "overrides": null}), false),
        (json!({"profile": "p", "overrides": {"vus": -1}}), false),
        (json!({"profile": "p", "overrides": {"vus": 4_294_967_296_u64}}), false),
        (json!({"profile": "p", "overrides": {"stages": "1s:1"}}), false),
        (json!({"profile": "p", "overrides": {"other": 1}}), false),
        (json!({"profile": "p", "other": 1}), false),
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
