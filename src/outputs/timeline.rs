//! A run over time, in bounded memory: one point a second at first; when there are [`MOST`], each two neighbours become
//! one, and points come half as often. So an hour and a month have curves of the same size.

mod blocks;
pub mod sampler;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Points kept at most.
pub const MOST: usize = 720;

/// Percentiles of one trend over the interval of a point, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Samples in the interval.
    pub count: u64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// One interval of a run. Rates are per second over the interval; gauges are as they were at its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// End of the interval, in seconds since the start of the load.
    pub at: f64,
    /// VUs by the plan.
    pub planned_vus: u64,
    /// VUs that run.
    pub vus: u64,
    /// Iterations to begin a second by the plan, of arrival rates.
    pub planned_rate: f64,
    /// Iterations ended, whole or cut.
    pub iterations: f64,
    /// Iterations that no VU was free for.
    pub dropped: f64,
    /// Open WebSocket connections.
    pub open: u64,
    /// Connections being opened.
    pub connecting: u64,
    /// Messages.
    pub sent: f64,
    /// Messages.
    pub received: f64,
    /// HTTP requests.
    pub requests: f64,
    /// Failed connections, requests and abnormal closes, by `family/reason`; none that is 0.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub failures: BTreeMap<String, f64>,
    /// By the trend's name in profiles (`ws_connecting`, `ws_msg_rtt`, `http_req_duration`, own trends); none without samples.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub trends: BTreeMap<String, Quantiles>,
    /// Whether the run was paused at the end of the interval.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub paused: bool,
}

/// A corner of the plan's curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanCorner {
    /// Seconds since the start of the load.
    pub at: f64,
    /// VUs, over all scenarios.
    pub vus: f64,
    /// Iterations to begin a second, over all scenarios.
    pub rate: f64,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// The curve of the plan to its end, in as few corners as it has.
    pub plan: Vec<PlanCorner>,
    /// Seconds between points.
    pub interval_seconds: f64,
    /// In their order.
    pub points: Vec<Point>,
}
