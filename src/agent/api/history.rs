//! Earlier runs, and curves of any run. Files are read and pictures drawn on threads that may take their time, so that
//! `/metrics` waits for neither.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::{Mutex, Semaphore};

use crate::{
    agent::{
        api::{
            Api,
            answer::{self, Body},
            problem::Problem,
            query,
        },
        daemon::{
            desk::HistoryPage,
            history::{ReadError, Reader},
        },
    },
    outputs::{
        chart::{self, Chart},
        record::RunRecord,
        run_status::{Phase, RunStatus},
        timeline::Timeline,
    },
};

/// Runs of a page, unless said otherwise.
const LIMIT: usize = 50;
/// Runs of a page at most.
const MOST: usize = 200;

/// Pieces of work at one time for threads beside the server's.
const ASIDE: usize = 2;

/// A run that a request names.
enum Named {
    /// The one on the board.
    Shown(Arc<RunStatus>),
    /// Of the history.
    Kept(Box<RunRecord>),
}

/// The last pictures of the run on the board, with the curves that they are of: all who look at it get the same.
pub(super) type Drawn = Mutex<Option<(Arc<Timeline>, Bytes)>>;

#[derive(Serialize)]
struct Charts {
    charts: Vec<Chart>,
}

impl Api {
    pub(super) fn history(&self, parameters: Option<&str>) -> Result<Response<Body>, Problem> {
        let query = HistoryQuery::read(parameters)?;
        match &self.history {
            Some(reader) => answer::value(&reader.page(query.limit, query.before.as_deref(), query.profile.as_deref())),
            None => answer::value(&HistoryPage { runs: Vec::new(), next: None }),
        }
    }

    pub(super) async fn record(&self, name: &str) -> Result<Response<Body>, Problem> {
        answer::value(&self.finished(name).await?)
    }

    pub(super) async fn timeline(&self, name: &str) -> Result<Response<Body>, Problem> {
        match self.named(name).await? {
            Named::Shown(_) => answer::value(self.showcase.timeline().as_ref()),
            Named::Kept(record) => answer::value(&record.timeline),
        }
    }

    pub(super) async fn charts(&self, name: &str) -> Result<Response<Body>, Problem> {
        let run = match self.named(name).await? {
            Named::Shown(run) => run,
            Named::Kept(record) => {
                let body = aside(move || encoded(chart::of_record(&record))).await?;
                return Ok(answer::json(body?));
            }
        };
        let timeline = self.showcase.timeline();
        // Who comes while they are drawn waits for them.
        let mut drawn = self.drawn.lock().await;
        if let Some((of, body)) = drawn.as_ref()
            && Arc::ptr_eq(of, &timeline)
        {
            return Ok(answer::json(body.clone()));
        }
        let curves = Arc::clone(&timeline);
        let body = aside(move || encoded(chart::all(&curves, &run.thresholds))).await??;
        *drawn = Some((timeline, body.clone()));
        Ok(answer::json(body))
    }

    /// The record of a run that has ended.
    pub(super) async fn finished(&self, name: &str) -> Result<Box<RunRecord>, Problem> {
        match self.named(name).await? {
            Named::Kept(record) => Ok(record),
            Named::Shown(run) if run.phase == Phase::Finished => {
                Err(Problem::not_found(format!("nothing was kept of run {}", run.id)))
            }
            Named::Shown(run) => Err(not_finished(&run.id)),
        }
    }

    /// `current` is the run that goes on, `latest` the newest that has ended.
    async fn named(&self, name: &str) -> Result<Named, Problem> {
        let shown = self.showcase.run();
        let running = shown.clone().filter(|run| run.phase != Phase::Finished);
        if name == "current" {
            let none = || Problem::not_found("no run is going on; `latest` is the one that ended last");
            return running.map(Named::Shown).ok_or_else(none);
        }
        if let Some(run) = running.filter(|run| run.id == name) {
            return Ok(Named::Shown(run));
        }
        let missing = Problem::not_found(format!("there is no run {name:?}; /api/v1/runs lists what is kept"));
        let missing = match &self.history {
            Some(reader) => match read(reader, name).await {
                Ok(record) => return Ok(Named::Kept(record)),
                Err(problem) => problem,
            },
            None => missing,
        };
        // Without a history, and until the record of a run that has just ended is written.
        let of_board = shown.filter(|run| run.id == name || (name == "latest" && self.history.is_none()));
        of_board.filter(|run| run.phase == Phase::Finished).map(Named::Shown).ok_or(missing)
    }
}

async fn read(reader: &Reader, name: &str) -> Result<Box<RunRecord>, Problem> {
    let (reader, name) = (reader.clone(), name.to_owned());
    let record = aside(move || reader.record(&name)).await?;
    record.map(Box::new).map_err(|error| match error {
        ReadError::Unknown(_) | ReadError::NoRecord(_) => {
            Problem::not_found(format!("{error}; /api/v1/runs lists what is kept"))
        }
        ReadError::NotFinished(id) => not_finished(&id),
        ReadError::Damaged { .. } => Problem::internal(&error),
    })
}

fn not_finished(id: &str) -> Problem {
    let message = format!("run {id} has not ended; /api/v1/status shows how it stands");
    Problem::new(StatusCode::CONFLICT, "not_finished", message)
}

/// Work for a thread that others do not wait for. Whoever asks for much waits for himself: the cores are the load's.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    static ROOM: Semaphore = Semaphore::const_new(ASIDE);
    let room = ROOM.acquire().await.map_err(|error| Problem::internal(&error))?;
    // Given back with the work's end, and not when whoever asked goes away.
    let work = move || {
        let _room = room;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

fn encoded(charts: Vec<Chart>) -> Result<Bytes, Problem> {
    serde_json::to_vec(&Charts { charts }).map(Bytes::from).map_err(|error| Problem::internal(&error))
}

/// Which part of the history is asked for.
#[derive(Debug, PartialEq, Eq)]
struct HistoryQuery {
    limit: usize,
    before: Option<String>,
    profile: Option<String>,
}

impl HistoryQuery {
    fn read(parameters: Option<&str>) -> Result<Self, Problem> {
        let mut parameters = query::parameters(parameters, &["limit", "before", "profile"])?;
        let limit = match parameters.remove("limit") {
            None => LIMIT,
            Some(text) => match text.parse() {
                Ok(limit) if (1..=MOST).contains(&limit) => limit,
                _ => return Err(Problem::invalid(format!("`limit` is a number from 1 to {MOST}"))),
            },
        };
        Ok(Self { limit, before: parameters.remove("before"), profile: parameters.remove("profile") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_bounds() {
        let read = HistoryQuery::read;
        assert_eq!(read(None).unwrap(), HistoryQuery { limit: 50, before: None, profile: None });
        assert_eq!(read(Some("limit=200&profile=a")).unwrap().limit, 200);
        for bad in ["limit=0", "limit=201", "limit=-1", "limit=x", "limit="] {
            assert!(read(Some(bad)).is_err(), "{bad}");
        }
    }
}
