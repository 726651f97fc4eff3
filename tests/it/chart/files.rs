//! What the chart has of the rest of the repository is the same there; `make chart` copies it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::render::{Objects, chart, example};
use crate::support::{agent::rampd, repository, scratch::Scratch, target::tool};

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name().into()).collect();
    names.sort();
    names
}

#[test]
fn dashboards_and_rules_are_those_of_grafana() {
    let (dashboards, copies) = (repository().join("grafana/dashboards"), chart().join("files/dashboards"));
    assert_eq!(names(&dashboards), names(&copies), "`make chart` copies them");
    for name in names(&dashboards) {
        assert!(text(&dashboards.join(&name)) == text(&copies.join(&name)), "{}: `make chart`", name.display());
    }
    let rules = "alerts/rampd.rules.yaml";
    assert!(
        text(&repository().join("grafana").join(rules)) == text(&chart().join("files").join(rules)),
        "`make chart`"
    );
}

#[test]
fn every_dashboard_reaches_grafana_unchanged() {
    let objects = Objects::example("fleet-of-five");
    let labelled = |map: &&&Value| map["metadata"]["labels"].get("grafana_dashboard").is_some();
    let maps = objects.all("ConfigMap");
    let maps: Vec<_> = maps.iter().filter(labelled).collect();
    let directory = repository().join("grafana/dashboards");
    assert_eq!(maps.len(), names(&directory).len());
    for map in maps {
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
        for (name, dashboard) in map["data"].as_object().expect("data") {
            let rendered: Value = serde_json::from_str(dashboard.as_str().expect("a text")).expect("JSON");
            let original: Value = serde_json::from_str(&text(&directory.join(name))).expect("JSON");
            assert!(rendered == original, "{name} has changed on its way through Helm");
        }
    }
}

#[test]
fn the_schema_of_values_has_that_of_profiles() {
    let values: Value = serde_json::from_str(&text(&chart().join("values.schema.json"))).expect("JSON");
    let mut profile: Value = serde_json::from_str(&rampd(["schema"]).finish().stdout).expect("JSON");
    let profile = profile.as_object_mut().expect("a map");
    assert_eq!(values["$schema"], profile.remove("$schema").expect("a version"), "the same version of JSON Schema");
    // References begin at the root.
    assert!(values["$defs"] == profile.remove("$defs").expect("definitions"), "`make chart`");
    assert!(values["properties"]["profile"] == Value::Object(profile.clone()), "`make chart`");
}

#[test]
fn every_value_is_in_the_schema_and_every_property_has_a_default() {
    fn compare(schema: &Value, defaults: &Value, path: &str) {
        let Some(properties) = schema["properties"].as_object() else { return };
        let defaults = defaults.as_object().unwrap_or_else(|| panic!("{path} is no map"));
        for name in defaults.keys() {
            assert!(properties.contains_key(name), "{path}{name} is not in values.schema.json");
        }
        for (name, schema) in properties {
            // No default may be merged into a profile; `global` is Helm's.
            if path.is_empty() && ["profile", "global"].contains(&name.as_str()) {
                continue;
            }
            let default = defaults.get(name).unwrap_or_else(|| panic!("{path}{name} is not in values.yaml"));
            compare(schema, default, &format!("{path}{name}."));
        }
    }
    let schema: Value = serde_json::from_str(&text(&chart().join("values.schema.json"))).expect("JSON");
    let defaults: Value = serde_yaml::from_str(&text(&chart().join("values.yaml"))).expect("YAML");
    compare(&schema, &defaults, "");
}

#[test]
fn the_readme_is_what_helm_docs_writes() {
    let output = Command::new(tool("helm-docs"))
        .args(["--dry-run", "--log-level", "warning", "--sort-values-order", "file", "--chart-search-root"])
        .arg(repository().join("helm"))
        .output()
        .expect("helm-docs starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = String::from_utf8(output.stdout).expect("UTF-8");
    let committed = text(&chart().join("README.md"));
    assert!(committed.contains("| parallelism | int | `1` |"), "the table of values");
    assert!(written.trim() == committed.trim(), "`make chart` writes it anew");
}

#[test]
fn the_chart_is_of_this_version() {
    let chart: Value = serde_yaml::from_str(&text(&chart().join("Chart.yaml"))).expect("YAML");
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_agent_reads_the_profile_as_helm_has_written_it() {
    // As a map it goes through Helm's YAML; big numbers are where writers differ.
    let scratch = Scratch::new();
    let typed = "name: big\nscenarios:\n  a: { executor: constant-arrival-rate, rate: 1000000, timeUnit: 1h, \
                 duration: 10h, preAllocatedVUs: 12345678, flow: [{ sleep: 0.5ms }] }\ntags: { build: '0042', on: 'yes' }\n\
                 thresholds: { iterations: ['count>1000000', { threshold: 'rate<0.00001', abortOnFail: true }] }\n";
    let original = scratch.write("profile.yaml", typed);
    let typed = typed.replace("on: 'yes'", "\"on\": 'yes'");
    let indented: String = typed.lines().map(|line| format!("  {line}\n")).collect();
    let values = scratch.write("values.yaml", &format!("profile:\n{indented}"));
    let whole = scratch.write("whole.yaml", &format!("profileFile: |\n{indented}"));
    let check = |path: &Path| {
        let ended = rampd(["check", path.to_str().expect("UTF-8")]).finish();
        // The machine may have too few files for so many; the plan is printed all the same.
        assert!(ended.stdout.contains("is a valid profile"), "{}", ended.describe());
        ended.stdout
    };
    let expected = check(&original);
    assert!(expected.contains("12345678"), "{expected}");
    for values in [values, whole] {
        let objects = Objects::of(&values, &[]);
        let rendered = objects.one("ConfigMap")["data"]["profile.yaml"].as_str().expect("a profile").to_owned();
        assert_eq!(check(&scratch.write("rendered.yaml", &rendered)), expected, "{rendered}");
    }
    let objects = Objects::of(&example("cronjob"), &[]);
    let profile = objects.one("ConfigMap")["data"]["profile.yaml"].as_str().expect("a profile");
    assert!(profile.starts_with("# A comment that stays.\n"), "{profile}");
}
