//! Orders and questions to a daemon, but for a start.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    agent::{api::status::Status, daemon::desk::HistoryPage},
    cli::{
        console::print,
        ctl::{
            client::{Daemon, Error},
            show,
        },
    },
    exit::Exit,
    outputs::run_status::Phase,
};

/// Between two looks at a run.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Which run.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Its id; the one that goes on if left out
    #[arg(value_name = "RUN", default_value = "current")]
    id: String,
}

impl Run {
    /// Whether it is the one that goes on.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.id == "current"
    }
}

/// Which part of the history.
#[derive(Debug, Clone, Args)]
pub struct History {
    /// How many runs, at most 200
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Runs of this profile only
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Runs that are older than this one
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
}

/// Which report, and where it goes.
#[derive(Debug, Clone, Args)]
pub struct Report {
    /// Id of the run; `latest` is the one that ended last
    #[arg(value_name = "RUN", default_value = "latest")]
    id: String,
    /// Write it to this file in place of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Changed {
    id: String,
    phase: Option<Phase>,
}

pub(super) async fn status(daemon: &mut Daemon, json: bool) -> Result<String, Error> {
    if json {
        return raw(daemon, "/status", &[]).await;
    }
    let status: Status = daemon.get("/status", &[]).await?;
    Ok(show::status(&status))
}

/// A line a second until the run has ended; ends with its code.
pub(super) async fn watch(daemon: &mut Daemon, json: bool) -> Result<Exit, Error> {
    let mut watched: Option<String> = None;
    loop {
        let status: Status = daemon.get("/status", &[]).await?;
        let run = status.run.as_ref().filter(|run| watched.as_ref().is_none_or(|id| *id == run.id));
        let Some(run) = run else {
            return match watched {
                Some(id) => super::start::ended(daemon, &id).await,
                None => Err(Error::Wrong { message: "no run is going on; `rampd ctl start` starts one".to_owned() }),
            };
        };
        if json {
            print(&format!("{}\n", serde_json::json!(run)));
        } else {
            print(&show::line(run));
        }
        if run.phase == Phase::Finished {
            return Ok(run.exit_code.and_then(Exit::of_code).unwrap_or(Exit::Failed));
        }
        watched = Some(run.id.clone());
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) async fn change(daemon: &mut Daemon, run: &Run, verb: &str, json: bool) -> Result<String, Error> {
    let path = format!("{}/{verb}", path_of(&run.id));
    changed(daemon.post(&path, &serde_json::json!({})).await?, json)
}

pub(super) async fn scale(daemon: &mut Daemon, body: &Value, json: bool) -> Result<String, Error> {
    changed(daemon.post("/runs/current/scale", body).await?, json)
}

fn changed(answer: Changed, json: bool) -> Result<String, Error> {
    if json {
        return serde_json::to_string(&answer).map(|text| text + "\n").map_err(Error::Foreign);
    }
    let Changed { id, phase } = answer;
    Ok(match phase {
        Some(phase) => format!("{id} is {}\n", show::phase(phase)),
        None => format!("{id} waits no longer\n"),
    })
}

pub(super) async fn history(daemon: &mut Daemon, which: &History, json: bool) -> Result<String, Error> {
    let limit = which.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(which.profile.as_deref().map(|profile| ("profile", profile)));
    query.extend(which.before.as_deref().map(|before| ("before", before)));
    if json {
        return raw(daemon, "/runs", &query).await;
    }
    let page: HistoryPage = daemon.get("/runs", &query).await?;
    Ok(show::history(&page))
}

pub(super) async fn report(daemon: &mut Daemon, which: &Report) -> Result<(), Error> {
    let path = format!("{}/report", path_of(&which.id));
    let html = daemon.read(&path, &[]).await.map_err(|answered| answered.error)?;
    match &which.output {
        Some(path) => std::fs::write(path, html).map_err(|source| Error::File { path: path.clone(), source }),
        None => {
            print(&String::from_utf8_lossy(&html));
            Ok(())
        }
    }
}

async fn raw(daemon: &mut Daemon, path: &str, query: &[(&str, &str)]) -> Result<String, Error> {
    let body = daemon.read(path, query).await.map_err(|answered| answered.error)?;
    Ok(format!("{}\n", String::from_utf8_lossy(&body).trim_end()))
}

/// The address of a run, below the API's prefix.
pub(super) fn path_of(id: &str) -> String {
    format!("/runs/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}
