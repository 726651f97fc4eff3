//! Grafana dashboards in the classic format, schema 42: what file provisioning and sidecars read.
//!
//! They hold for every profile: limits, stages and planned VUs are series of the agent's own, so that lines and
//! marks follow whichever run is chosen. Expressions write `$run` where the run is selected.

use serde_json::Value;

pub mod board;
mod compare;
mod fleet;
pub mod panel;
mod run;

#[cfg(test)]
mod tests;

/// Every dashboard with the name of its file.
#[must_use]
pub fn all() -> [(&'static str, Value); 3] {
    [
        ("rampd-run.json", run::board().into_json()),
        ("rampd-compare.json", compare::board().into_json()),
        ("rampd-fleet.json", fleet::board().into_json()),
    ]
}

/// A dashboard as its file has it.
#[must_use]
pub fn text(dashboard: &Value) -> String {
    format!("{dashboard:#}\n")
}
