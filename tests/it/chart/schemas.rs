//! Every example is valid: by helm's linter, by the schemas of three versions of Kubernetes, and by promtool.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::render::{Objects, chart, examples, helm};
use crate::support::{
    repository,
    scratch::Scratch,
    target::{python, tool},
};

/// The oldest that the chart admits, the one in which the Job's fields became stable, the newest with published schemas.
pub(super) const VERSIONS: [&str; 3] = ["1.29", "1.33", "1.37"];

#[test]
fn helm_lints_every_example() {
    for (name, path) in examples() {
        let output = helm(&["lint", "--strict", chart().to_str().expect("UTF-8"), "-f", path.to_str().expect("UTF-8")]);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("1 chart(s) linted, 0 chart(s) failed"), "{name}: {said}");
    }
}

pub(super) fn validated(cases: &BTreeMap<String, Vec<Value>>) -> Value {
    let mut command = Command::new(python());
    command.arg(repository().join("tests/chart/validate.py")).args(VERSIONS);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python starts: `make deps`");
    let input = serde_json::to_vec(cases).expect("JSON");
    child.stdin.take().expect("a pipe").write_all(&input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "validate.py failed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn kubernetes_knows_every_field_of_every_example() {
    let cases: BTreeMap<_, _> = examples().into_iter().map(|(name, path)| (name, Objects::of(&path, &[]).0)).collect();
    let own = |object: &&Value| object["apiVersion"] != "monitoring.coreos.com/v1";
    let expected = cases.values().flatten().filter(own).count() * VERSIONS.len();
    let found = validated(&cases);
    assert_eq!(found["wrong"], json!([]));
    // These two are the Prometheus operator's: the tests below look at them.
    assert_eq!(
        found["unknown"],
        json!(["monitoring.coreos.com/v1/PodMonitor", "monitoring.coreos.com/v1/PrometheusRule"])
    );
    assert_eq!(found["checked"], json!(expected));
    assert!(expected > 60, "{expected} validations");
}

#[test]
fn the_validation_notices_an_unknown_field_and_a_wrong_type() {
    let mut objects = Objects::minimal(&[]).0;
    let job = objects.iter_mut().find(|object| object["kind"] == "Job").expect("a Job");
    job["spec"]["backOffLimitPerIndex"] = json!(0);
    job["spec"]["parallelism"] = json!("two");
    let found = validated(&BTreeMap::from([("spoilt".to_owned(), objects)]));
    assert_eq!(found["wrong"].as_array().expect("a list").len(), VERSIONS.len(), "{found}");
}

#[test]
fn promtool_accepts_the_rules_of_the_operators_object() {
    let objects = Objects::example("fleet-of-five");
    let spec = &objects.one("PrometheusRule")["spec"];
    let names: Vec<_> = spec["groups"].as_array().expect("groups").iter().map(|group| group["name"].clone()).collect();
    assert_eq!(names.first(), Some(&json!("rampd")), "the rules of every run come first");
    assert_eq!(names.last(), Some(&json!("rampd-sockets")), "then those of the values");
    let scratch = Scratch::new();
    let file = scratch.write("rules.yaml", &serde_json::to_string(spec).expect("JSON"));
    let output = Command::new(tool("promtool")).args(["check", "rules"]).arg(file).output().expect("promtool starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("SUCCESS"), "{said}");
    // Prometheus fills these in, not Helm.
    assert!(spec.to_string().contains("{{ $labels.testid }}"), "{spec}");
    assert!(spec.to_string().contains("https://wiki.example.com/runbooks/RampdRunInvalid.md"), "{spec}");
}
