//! `rampd generate helm-values`: what it writes is what the chart takes, and carries the profile unchanged.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use super::{
    render::{Objects, chart, helm},
    schemas::{VERSIONS, validated},
};
use crate::support::{
    agent::{AgentCommand, rampd},
    process::Ended,
    repository,
    scratch::Scratch,
};

fn generate(profile: &Path, options: &[&str]) -> Ended {
    let command = rampd(["generate", "helm-values"]).arg(profile).env("TOKEN", "s3cret-of-the-shell");
    options.iter().fold(command, AgentCommand::arg).finish()
}

/// The plan of a profile: the machine may have too few files for it.
fn plan(profile: &Path) -> String {
    let ended = rampd(["check"]).arg(profile).env("TOKEN", "t").finish();
    assert!(ended.stdout.contains("is a valid profile"), "{}", ended.describe());
    ended.stdout
}

#[test]
fn the_seeds_values_are_linted_rendered_and_valid() {
    let scratch = Scratch::new();
    let values = scratch.path("values.yaml");
    let file = values.to_str().expect("UTF-8");
    let ended = generate(&repository().join("config/quantum-ws.yaml"), &["--parallelism", "5", "--out", file]);
    ended.assert_code(0);
    assert!(ended.stdout.is_empty(), "{}", ended.describe());
    let linted = helm(&["lint", "--strict", chart().to_str().expect("UTF-8"), "-f", file]);
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));

    let objects = Objects::of(&values, &[]);
    let found = validated(&BTreeMap::from([("generated".to_owned(), objects.0.clone())]));
    assert_eq!(found["wrong"], json!([]));
    assert!(found["checked"].as_u64().expect("a number") >= 5 * VERSIONS.len() as u64, "{found}");

    let spec = objects.job_spec();
    assert_eq!((&spec["completions"], &spec["completionMode"]), (&json!(5), &json!("Indexed")));
    // 150 s of stages and 30 of gracefulStop; the rest is for everything around them.
    let deadline = spec["activeDeadlineSeconds"].as_u64().expect("a deadline");
    assert!(plan(&repository().join("config/quantum-ws.yaml")).contains("3m0s at most"));
    assert!(deadline > 180 + 45, "{deadline} s");
    let grace = objects.pod()["spec"]["terminationGracePeriodSeconds"].as_u64().expect("a period");
    assert_eq!(objects.variable("RAMPD_LINGER"), Some(&json!("45s")));
    assert!(grace > 11 + 45, "{grace} s for a drain of 11 s and the last scrape");
    let names = objects.one("PrometheusRule")["spec"]["groups"].to_string();
    assert!(names.contains("RampdWsMsgRttP99Crossed") && names.contains("RampdRunInvalid"), "{names}");
}

#[test]
fn every_recipe_reaches_its_agents_unchanged() {
    let scratch = Scratch::new();
    let mut seen = 0;
    for entry in fs::read_dir(repository().join("config")).expect("recipes") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a text");
        if !text.lines().any(|line| line.starts_with("flow:") || line.starts_with("scenarios:")) {
            continue;
        }
        let generated = generate(&path, &["--parallelism", "2", "--inline-data"]);
        generated.assert_code(0);
        let objects = Objects::of(&scratch.write("values.yaml", &generated.stdout), &[]);
        // Helm puts the keys of maps into the order of the alphabet, thresholds and scenarios among them.
        let lines = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&plan(&mounted(&objects, &scratch))), lines(&plan(&path)), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 5, "{seen} recipes");
}

/// The directory of the profile as the pod has it; the profile's path.
fn mounted(objects: &Objects, scratch: &Scratch) -> std::path::PathBuf {
    let map = objects.all("ConfigMap").into_iter().find(|map| map["data"].get("profile.yaml").is_some()).expect("it");
    let volumes = objects.pod()["spec"]["volumes"].as_array().expect("volumes");
    let volume = volumes.iter().find(|volume| volume["name"] == "profile").expect("the profile's");
    let items = volume["projected"]["sources"][0]["configMap"]["items"].as_array().expect("items");
    for item in items {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let path = scratch.path("mounted").join(text(&item["path"]));
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, text(&map["data"][text(&item["key"])])).expect("written");
    }
    scratch.path("mounted/profile.yaml")
}

const WITH_FILES: &str = r#"
name: files
env: { OWN: "1" }
data: { users: { file: data/users.csv } }
vus: 2
duration: 10s
flow:
  - websocket:
      url: "ws://${HOST}/?token=${TOKEN}&own=${OWN}&level=${LEVEL:-1}"
      headers: { x-key: "${file:key.txt}" }
      steps: [{ send: { text: "{{ data.users.name }}" } }, { send: { file: big.txt } }]
"#;

#[test]
fn files_come_along_and_secrets_do_not() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).expect("made");
    scratch.write("data/users.csv", "name\nada\n");
    scratch.write("key.txt", "s3cret-of-the-file\n");
    scratch.write("big.txt", &"0123456789abcdef".repeat(17_000));
    let profile = scratch.write("files.yaml", WITH_FILES);
    let careful = generate(&profile, &["-e", "HOST=staging.example.com"]);
    careful.assert_code(0);
    assert!(!careful.stdout.contains(r"name\nada"), "a table may hold passwords: {}", careful.stdout);
    assert!(careful.stdout.contains("# The profile reads data/users.csv: take it from a Secret"), "{}", careful.stdout);
    let ended = generate(&profile, &["-e", "HOST=staging.example.com", "--inline-data"]);
    ended.assert_code(0);
    assert!(!ended.stdout.contains("s3cret"), "{}", ended.stdout);
    for comment in [
        "# The profile wants the variable TOKEN: take it from a Secret",
        "# The profile reads key.txt: take it from a Secret",
        "# The profile reads big.txt (272000 bytes)",
    ] {
        assert!(ended.stdout.contains(comment), "no {comment:?} in\n{}", ended.stdout);
    }
    for known in ["variable HOST", "variable OWN", "variable LEVEL"] {
        assert!(!ended.stdout.contains(known), "{known}");
    }
    let objects = Objects::of(&scratch.write("values.yaml", &ended.stdout), &[]);
    assert_eq!(objects.variable("HOST"), Some(&json!("staging.example.com")));
    let profile = mounted(&objects, &scratch);
    let beside = profile.parent().expect("a directory");
    assert_eq!(fs::read_to_string(beside.join("data/users.csv")).expect("mounted"), "name\nada\n");
}

#[test]
fn more_sockets_than_one_address_has_ports_are_refused_with_the_number_of_agents() {
    let scratch = Scratch::new();
    let profile = scratch.write(
        "many.yaml",
        "vus: 200000\nduration: 10s\nflow: [{ websocket: { url: 'ws://a.test/', steps: [{ hold: {} }] } }]",
    );
    let refused = generate(&profile, &[]);
    refused.assert_code(107);
    assert!(refused.stderr.contains("--parallelism 4 or more"), "{}", refused.stderr);
    let split = generate(&profile, &["--parallelism", "4"]);
    split.assert_code(0);
    assert!(split.stdout.contains("localPortRange: \"1024 65535\""), "{}", split.stdout);
    assert!(!generate(&profile, &["--parallelism", "8"]).stdout.contains("localPortRange"), "25,000 fit everywhere");
}

#[test]
fn a_wrong_profile_is_refused_as_by_check() {
    let scratch = Scratch::new();
    let profile = scratch.write("wrong.yaml", "vus: 1\nduratoin: 1s\nflow: [{ sleep: 1s }]\n");
    let refused = generate(&profile, &[]);
    refused.assert_code(104);
    assert!(refused.stderr.contains("duratoin") && refused.stdout.is_empty(), "{}", refused.describe());
}
