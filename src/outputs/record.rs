//! A finished run as one JSON document, `--record FILE`: what a report, a comparison, the history of `rampd serve` and
//! its API show. Everything is in it; nothing has to be asked of Prometheus or of the profile's file again. Times are
//! milliseconds as in profiles, unless a name says seconds; values of variables and secrets are not in it.

pub mod build;
mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outputs::{
    run_status::{ThresholdStatus, ValidityStatus},
    timeline::Timeline,
};

pub use build::build;
pub use read::{Error, LARGEST, read, write};

/// Raised when a reader of an older version could misunderstand the document.
pub const FORMAT: u32 = 1;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// By which the API names the run.
    pub id: String,
    /// Of the program that ran it.
    pub version: String,
    /// Name of the profile.
    pub profile: String,
    /// Label of every series.
    pub testid: String,
    /// Tags of the run.
    pub tags: BTreeMap<String, String>,
    /// Of the profile as it was meant: equal for runs of the same load.
    pub digest: String,
    /// RFC 3339, start of the load; empty if it is not known, as of merged results.
    pub started_at: String,
    /// RFC 3339, end of the load; empty if it is not known.
    pub ended_at: String,
    /// From the start of the load to its end.
    pub elapsed_seconds: f64,
    /// Of the plan; 0 if it has no end.
    pub plan_seconds: f64,
    /// Orders that changed the run while it went on: scale, rate, pause, resume. 0 in a record without it.
    #[serde(default)]
    pub orders: u32,
    /// In which the run was paused; part of `elapsed_seconds`.
    #[serde(default)]
    pub paused_seconds: f64,
    /// `completed`, `aborted`, `interrupted`, `stopped` or `failed`.
    pub ended: String,
    /// `passed`, `crossed` or `invalid`.
    pub verdict: String,
    /// Of the command.
    pub exit_code: u8,
    /// With reasons.
    pub validity: ValidityStatus,
    /// In the profile's order.
    pub thresholds: Vec<ThresholdStatus>,
    /// Every metric that has samples, in the catalogue's order.
    pub metrics: Vec<MetricRecord>,
    /// What failed, most often first.
    pub failures: Vec<FailureRecord>,
    /// Curves.
    pub timeline: Timeline,
    /// The profile as it was typed, without comments, variables unfilled and credentials taken out, see
    /// [`crate::config::redact`].
    pub profile_text: Option<String>,
    /// What the agent ran on.
    pub machine: Machine,
    /// Agents of a fleet; 1 if alone.
    pub agents: u32,
    /// Lines for people.
    pub notes: Vec<String>,
}

/// One metric of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricRecord {
    /// With the selector of a part: `http_req_duration{expected_response:true}`.
    pub name: String,
    /// `counter`, `gauge`, `rate` or `trend`.
    pub kind: String,
    /// `ms`, `bytes` or empty.
    pub unit: String,
    /// As in the summary: `count`, `rate`, `avg`, `p(99)`…
    pub values: BTreeMap<String, f64>,
    /// Of a trend: the histogram in HdrHistogram's V2 encoding with DEFLATE, base64, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub histogram: Option<String>,
    /// Of a trend: the histograms of up to [`BLOCKS`] consecutive parts of the run of equal length, encoded alike. What a
    /// comparison draws its intervals from: samples near each other are alike, those of different blocks less so.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocks: Vec<String>,
}

/// Parts of a run of equal length whose histograms are kept.
pub const BLOCKS: usize = 60;

/// A kind of failure with how often it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureRecord {
    /// `ws_connect`, `http_req`, `ws_close`, `check`…
    pub what: String,
    /// A word of a closed set, or a check's name.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// What the agent ran on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Name of the host.
    pub host: String,
    /// Model of the CPU, if the system says.
    pub cpu: Option<String>,
    /// That the process may use.
    pub cores: u32,
    /// Of the machine or of the cgroup, in bytes.
    pub memory_bytes: Option<u64>,
    /// System and version of its kernel.
    pub kernel: String,
    /// Open files that the process may have.
    pub files: u64,
    /// Threads that drove the load.
    pub workers: u32,
}

#[cfg(test)]
mod tests;
