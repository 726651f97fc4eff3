//! A run that goes on, as it is told to pages, streams of events and `rampd ctl`: one value, made by the control
//! thread once a second and whenever somebody has changed the run. Times are milliseconds unless a name says seconds.

use serde::{Deserialize, Serialize};

use crate::outputs::timeline::Point;

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Its target is looked at, its fleet gathers, or its time has not come.
    Starting,
    /// The load goes on.
    Running,
    /// Nothing new begins until it is resumed; the plan's time stands still.
    Paused,
    /// Connections are closed.
    Stopping,
    /// Judged; nothing changes any more.
    Finished,
}

/// How a threshold stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdStatus {
    /// With its selector: `ws_connecting{url:ws://host/x}`.
    pub metric: String,
    /// As typed: `p(99)<200`.
    pub expression: String,
    /// In the unit of the expression.
    pub limit: f64,
    /// The measured value; none without a sample.
    pub value: Option<f64>,
    /// Whether it holds; none before the first evaluation.
    pub passed: Option<bool>,
    /// How far the value is from the limit, as a share of the limit: 0.25 is a quarter of the limit left, negative is
    /// crossed. None without a value or with a limit of 0.
    pub headroom: Option<f64>,
}

/// Whether the figures are the target's or the generator's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidityStatus {
    /// `valid`, `suspect` or `invalid`.
    pub level: String,
    /// Why it is not valid, for people.
    pub reasons: Vec<String>,
}

/// A scenario as it can be steered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioStatus {
    /// Its name.
    pub name: String,
    /// k6's word for its executor.
    pub executor: String,
    /// VUs by the plan, or as ordered.
    pub planned_vus: u64,
    /// The most VUs that can be ordered; none if its VUs cannot be ordered.
    pub max_vus: Option<u32>,
    /// Iterations a second by the plan or as ordered, of arrival rates.
    pub planned_rate: Option<f64>,
    /// Whether an order has taken it off its curve.
    pub ordered: bool,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// By which the API names the run.
    pub id: String,
    /// Name of the profile.
    pub profile: String,
    /// Label of every series.
    pub testid: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// RFC 3339; none before the start of the load.
    pub started_at: Option<String>,
    /// Of the load by the clock on the wall, pauses included.
    pub elapsed_seconds: f64,
    /// Of the plan: stands still while the run is paused.
    pub plan_elapsed_seconds: f64,
    /// Of the plan.
    pub plan_seconds: f64,
    /// The latest second.
    pub latest: Point,
    /// Its scenarios in the profile's order.
    pub scenarios: Vec<ScenarioStatus>,
    /// Its thresholds in the profile's order.
    pub thresholds: Vec<ThresholdStatus>,
    /// Of the run so far.
    pub validity: ValidityStatus,
    /// `passed`, `crossed` or `invalid`; none before the end.
    pub verdict: Option<String>,
    /// Of the end.
    pub exit_code: Option<u8>,
    /// Lines for people.
    pub notes: Vec<String>,
}
