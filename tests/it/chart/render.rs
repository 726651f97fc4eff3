//! Calls of helm, and the objects that it renders.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde::Deserialize as _;
use serde_json::Value;

use crate::support::{repository, scratch::Scratch, target::tool};

/// Name of the release in every test.
pub(super) const RELEASE: &str = "quantum";

/// The chart's directory.
pub(super) fn chart() -> PathBuf {
    repository().join("helm/rampd")
}

/// The committed examples, by name.
pub(super) fn examples() -> Vec<(String, PathBuf)> {
    let directory = fs::read_dir(chart().join("ci")).expect("examples");
    let mut all: Vec<_> = directory.map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    let name = |path: &Path| path.file_name().expect("a file").to_str().expect("UTF-8").replace("-values.yaml", "");
    all.into_iter().map(|path| (name(&path), path)).collect()
}

/// One of them.
pub(super) fn example(name: &str) -> PathBuf {
    chart().join(format!("ci/{name}-values.yaml"))
}

/// Runs helm, with its caches in a directory of this call.
pub(super) fn helm(arguments: &[&str]) -> Output {
    let home = Scratch::new();
    Command::new(tool("helm"))
        .args(arguments)
        .env("HELM_CACHE_HOME", home.path("cache"))
        .env("HELM_CONFIG_HOME", home.path("config"))
        .env("HELM_DATA_HOME", home.path("data"))
        // No cluster is asked for anything.
        .env("KUBECONFIG", home.path("none"))
        .output()
        .expect("helm starts")
}

/// `helm template` with a file of values and further options.
pub(super) fn template(values: &Path, options: &[&str]) -> Output {
    let (chart, values) = (chart(), values.to_str().expect("UTF-8").to_owned());
    let mut arguments = vec!["template", RELEASE, chart.to_str().expect("UTF-8"), "--namespace", "load", "-f", &values];
    arguments.extend(options);
    helm(&arguments)
}

/// What a release would create.
#[derive(Debug)]
pub(super) struct Objects(pub(super) Vec<Value>);

impl Objects {
    /// Renders a file of values with further options.
    pub(super) fn of(values: &Path, options: &[&str]) -> Self {
        let output = template(values, options);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "helm template -f {} {options:?}: {said}", values.display());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let documents = serde_yaml::Deserializer::from_str(&text).map(|document| {
            Value::deserialize(document).unwrap_or_else(|error| panic!("helm rendered no YAML: {error}\n{text}"))
        });
        Self(documents.filter(|object| !object.is_null()).collect())
    }

    /// Renders one of the examples.
    pub(super) fn example(name: &str) -> Self {
        Self::of(&example(name), &[])
    }

    /// Renders the smallest example with further options.
    pub(super) fn minimal(options: &[&str]) -> Self {
        Self::of(&example("minimal"), options)
    }

    /// All of a kind.
    pub(super) fn all(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|object| object["kind"] == kind).collect()
    }

    /// The only one of a kind.
    pub(super) fn one(&self, kind: &str) -> &Value {
        let all = self.all(kind);
        assert_eq!(all.len(), 1, "objects of kind {kind}");
        all[0]
    }

    /// The Job, CronJob or Deployment.
    pub(super) fn workload(&self) -> &Value {
        let found = ["Job", "CronJob", "Deployment"].iter().flat_map(|kind| self.all(kind)).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "workloads");
        found[0]
    }

    /// The specification of its Jobs.
    pub(super) fn job_spec(&self) -> &Value {
        match self.workload()["kind"].as_str() {
            Some("CronJob") => &self.workload()["spec"]["jobTemplate"]["spec"],
            _ => &self.workload()["spec"],
        }
    }

    /// The template of the agents' pods.
    pub(super) fn pod(&self) -> &Value {
        &self.job_spec()["template"]
    }

    /// The agent's container.
    pub(super) fn container(&self) -> &Value {
        let containers = self.pod()["spec"]["containers"].as_array().expect("containers");
        containers.iter().find(|container| container["name"] == "rampd").expect("the agent's container")
    }

    /// A variable of the agent's container: its value, or where it is from.
    pub(super) fn variable(&self, name: &str) -> Option<&Value> {
        let variables = self.container()["env"].as_array().expect("variables");
        let found: Vec<_> = variables.iter().filter(|variable| variable["name"] == name).collect();
        assert!(found.len() < 2, "{name} is set twice");
        found.first().map(|variable| variable.get("value").unwrap_or(&variable["valueFrom"]))
    }

    /// Name of an object of this kind.
    pub(super) fn name(&self, kind: &str) -> String {
        text(&self.one(kind)["metadata"]["name"]).to_owned()
    }
}

/// A text.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Whether a map has all pairs of another one.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().expect("a selector");
    assert!(!wanted.is_empty(), "an empty selector selects everything");
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
}
