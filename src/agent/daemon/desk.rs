//! Where the HTTP API asks the daemon for something: messages to its thread, each answered. What changes nothing is read
//! from [`DaemonStatus`] and never asked for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

/// Requests that may wait.
const WAITING: usize = 64;
/// The daemon's thread answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// Its time had come.
    Schedule,
    /// The daemon had started.
    Startup,
    /// Somebody asked for it.
    Request,
}

/// What to do with a request while a run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhenBusy {
    /// Refuse it.
    #[default]
    Refuse,
    /// Let it wait for its turn.
    Queue,
}

/// Which run is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRequest {
    /// Name of a profile of the configuration. Either this or `profileText`.
    #[serde(default)]
    pub profile: Option<String>,
    /// A profile in YAML: reads no files and no environment.
    #[serde(default)]
    pub profile_text: Option<String>,
    /// What to change in it.
    #[serde(default)]
    pub overrides: StartOverrides,
    /// Label of its series; by default the profile's name and the time.
    #[serde(default)]
    pub testid: Option<String>,
    /// While a run goes on.
    #[serde(default)]
    pub when_busy: WhenBusy,
    /// A second request with the same key is answered as the first was, and starts nothing.
    #[serde(default)]
    pub key: Option<String>,
}

/// Changes to a profile, with the meaning of `rampd run`'s options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartOverrides {
    /// `--vus`.
    #[serde(default)]
    pub vus: Option<u32>,
    /// `--duration`, as typed: `30s`.
    #[serde(default)]
    pub duration: Option<String>,
    /// `--iterations`.
    #[serde(default)]
    pub iterations: Option<u64>,
    /// `--stage`, as typed: `30s:100`.
    #[serde(default)]
    pub stages: Vec<String>,
    /// `--scale`.
    #[serde(default)]
    pub scale: Option<f64>,
    /// `--speed`.
    #[serde(default)]
    pub speed: Option<f64>,
    /// `-e`: variables of the profile.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// `--tag`.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A run that has been accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// By which the API names the run.
    pub id: String,
    /// Whether it waits for another to end.
    pub queued: bool,
    /// Whether it was accepted under the same key before; this request has started nothing.
    #[serde(default)]
    pub repeated: bool,
}

/// A change of the run that goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// Ends it in order; a queued one is taken out of the queue. Again is the same as once.
    Stop,
    /// Nothing new begins. Again is the same as once.
    Pause,
    /// It goes on. Again is the same as once.
    Resume,
    /// VUs of a scenario from now on.
    ScaleVus {
        /// Its name; may be left out if there is one.
        scenario: Option<String>,
        /// How many.
        vus: u32,
    },
    /// Iterations to begin a second, of a scenario with an arrival rate, from now on.
    ScaleRate {
        /// Its name; may be left out if there is one.
        scenario: Option<String>,
        /// How many.
        per_second: f64,
    },
}

/// Why something is not done. The API answers with the status in brackets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A profile or run of that name is not there (404).
    #[error("{0}")]
    NotFound(String),
    /// It does not fit what goes on (409).
    #[error("{0}")]
    Conflict(String),
    /// A run goes on, and the request does not want to wait (409).
    #[error("{0}")]
    Busy(String),
    /// As many runs wait as may (409).
    #[error("{0}")]
    QueueFull(String),
    /// The profile, an override or a value is wrong (422).
    #[error("{0}")]
    Invalid(String),
    /// The operator does not allow it: a cap or a target (403).
    #[error("{0}")]
    Denied(String),
    /// The daemon ends, or its thread does not answer (503).
    #[error("{0}")]
    Unavailable(String),
}

/// One profile of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileStatus {
    /// As the configuration names it.
    pub name: String,
    /// Cron expression, if it has one.
    pub schedule: Option<String>,
    /// RFC 3339; when it runs next.
    pub next_at: Option<String>,
    /// Why it cannot run, if it cannot.
    pub problem: Option<String>,
    /// Its last run, if there is one in the history.
    pub last: Option<RunEntry>,
}

/// A run in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuedRun {
    /// By which the API names the run.
    pub id: String,
    /// Name of the profile.
    pub profile: String,
    /// Why it is there.
    pub trigger: Trigger,
    /// RFC 3339.
    pub since: String,
}

/// A run in the history, without its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunEntry {
    /// By which the API names the run.
    pub id: String,
    /// Name of the profile.
    pub profile: String,
    /// Label of its series.
    pub testid: String,
    /// Why it started.
    pub trigger: Trigger,
    /// RFC 3339, when it was taken up.
    pub started_at: String,
    /// From the start of the load to its end; none if it never ended.
    pub elapsed_seconds: Option<f64>,
    /// `passed`, `crossed`, `invalid`, `stopped`, `interrupted`, `failed`, or `missed`: its time came and it did not start.
    pub outcome: String,
    /// Of the run.
    pub exit_code: Option<u8>,
    /// Metrics of crossed thresholds, or why it did not run or end.
    pub note: Option<String>,
    /// Whether there is a record of it.
    pub has_record: bool,
}

/// The daemon's state beside that of its run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonStatus {
    /// `serve` for the daemon, `run` for `rampd run`, where nothing can be changed.
    pub mode: String,
    /// Of the program.
    pub version: String,
    /// In the configuration's order.
    pub profiles: Vec<ProfileStatus>,
    /// First come, first served.
    pub queue: Vec<QueuedRun>,
    /// The newest, at most 20; the rest is asked for.
    pub recent: Vec<RunEntry>,
    /// Why the last reload was refused, if it was.
    pub config_problem: Option<String>,
    /// RFC 3339, of the configuration in force.
    pub config_loaded_at: Option<String>,
}

/// A page of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryPage {
    /// Newest first.
    pub runs: Vec<RunEntry>,
    /// Pass it as `before` for the next page.
    pub next: Option<String>,
}

/// What is asked of the daemon's thread.
#[derive(Debug)]
pub enum Request {
    /// Start a run.
    Start(Box<StartRequest>, oneshot::Sender<Result<Accepted, Refusal>>),
    /// Change a run; `current` names the one that goes on.
    Change(String, Change, oneshot::Sender<Result<(), Refusal>>),
    /// Checks a profile, given as [`StartRequest::profile_text`], as a start would; answers with its plan for people.
    Validate(Box<StartRequest>, oneshot::Sender<Result<String, Refusal>>),
}

/// The API's end.
#[derive(Debug, Clone)]
pub struct Desk {
    requests: mpsc::Sender<Request>,
    /// Beside the run's own.
    pub status: watch::Receiver<Arc<DaemonStatus>>,
}

/// The daemon's end.
#[derive(Debug)]
pub struct Counter {
    /// Served in their order.
    pub requests: mpsc::Receiver<Request>,
    /// Shown to everybody.
    pub status: watch::Sender<Arc<DaemonStatus>>,
}

/// Connects the two.
#[must_use]
pub fn channel() -> (Desk, Counter) {
    let (sender, requests) = mpsc::channel(WAITING);
    let (status, seen) = watch::channel(Arc::default());
    (Desk { requests: sender, status: seen }, Counter { requests, status })
}

impl Desk {
    /// Asks for a run.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn start(&self, request: StartRequest) -> Result<Accepted, Refusal> {
        self.ask(|reply| Request::Start(Box::new(request), reply)).await
    }

    /// Asks for a change; returns when it has taken effect.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn change(&self, run: String, change: Change) -> Result<(), Refusal> {
        self.ask(|reply| Request::Change(run, change, reply)).await
    }

    /// Asks whether a profile could be started.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn validate(&self, request: StartRequest) -> Result<String, Refusal> {
        self.ask(|reply| Request::Validate(Box::new(request), reply)).await
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Request) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let ended = || Refusal::Unavailable("the daemon is about to end".to_owned());
        let asked = async {
            self.requests.send(request(reply)).await.map_err(|_| ended())?;
            answer.await.map_err(|_| ended())?
        };
        let late = || Refusal::Unavailable(format!("no answer within {PATIENCE:?}; the agent is overloaded"));
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
    }
}
