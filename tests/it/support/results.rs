//! What a run wrote: the summary export and the JSON lines.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;

use crate::support::repository;

/// `--summary-export`.
#[derive(Debug)]
pub(crate) struct Summary(Value);

impl Summary {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display())))
    }

    /// A metric's value, as `("ws_connecting", "p(95)")`.
    pub(crate) fn value(&self, metric: &str, key: &str) -> f64 {
        let found = self.0["metrics"][metric][key].as_f64();
        found.unwrap_or_else(|| panic!("no {key} of {metric} in {:#}", self.0["metrics"]))
    }

    /// `valid`, `suspect` or `invalid`.
    pub(crate) fn validity(&self) -> &str {
        self.0["rampd"]["validity"]["verdict"].as_str().expect("every run is judged")
    }

    /// Why it is not valid.
    pub(crate) fn validity_reasons(&self) -> Vec<&str> {
        let reasons = self.0["rampd"]["validity"]["reasons"].as_array().expect("a list");
        reasons.iter().map(|one| one["reason"].as_str().expect("a name")).collect()
    }

    /// A part of the document by its JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {:#}", self.0))
    }

    /// Whether each threshold passed, by metric and expression.
    pub(crate) fn thresholds(&self) -> BTreeMap<(String, String), bool> {
        let judged = self.at("/rampd/thresholds").as_array().expect("a list");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        judged
            .iter()
            .map(|judged| {
                let passed = judged["passed"].as_bool().expect("a flag");
                ((text(&judged["metric"]), text(&judged["threshold"])), passed)
            })
            .collect()
    }

    /// A counter; k6 leaves out metrics without a sample.
    pub(crate) fn count(&self, metric: &str) -> u64 {
        if self.0["metrics"][metric].is_null() { 0 } else { self.value(metric, "count") as u64 }
    }
}

/// `--out json=`, read and checked against the summary by `tests/k6/read_results.py`.
#[derive(Debug)]
pub(crate) struct Points(Value);

impl Points {
    /// Fails where the files break k6's formats or disagree.
    pub(crate) fn read(points: &Path, summary: &Path) -> Self {
        let mut reader = Command::new("python3");
        reader.arg(repository().join("tests/k6/read_results.py")).arg(points).arg(summary);
        let output = reader.output().expect("python3 comes with `make deps`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(serde_json::from_slice(&output.stdout).expect("the reader prints JSON"))
    }

    /// What the points of a metric add up to: a counter's total.
    pub(crate) fn count(&self, metric: &str) -> u64 {
        self.0[metric]["sum"].as_f64().unwrap_or(0.0) as u64
    }

    /// Number of a metric's points: a trend's samples.
    pub(crate) fn samples(&self, metric: &str) -> u64 {
        self.0[metric]["points"].as_u64().unwrap_or(0)
    }
}
