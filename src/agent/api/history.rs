//! Earlier runs, and curves of any run.

use std::sync::Arc;

use hyper::{Response, StatusCode};

use crate::{
    agent::{
        api::{
            Api,
            answer::{self, Body},
            archive::{Archive, ArchiveError, HistoryQuery},
            problem::Problem,
            query,
        },
        daemon::desk::HistoryPage,
    },
    outputs::{
        record::RunRecord,
        run_status::{Phase, RunStatus},
    },
};

/// Runs of a page, unless said otherwise.
const LIMIT: usize = 50;
/// Runs of a page at most.
const MOST: usize = 200;

/// A run that a request names.
enum Named {
    /// The one on the board.
    Shown(Arc<RunStatus>),
    /// Of the history.
    Kept(Arc<RunRecord>),
}

impl Api {
    pub(super) async fn history(&self, parameters: Option<&str>) -> Result<Response<Body>, Problem> {
        let query = history_query(parameters)?;
        match &self.archive {
            Some(archive) => answer::value(&read(archive, move |archive| archive.page(&query)).await?),
            None => answer::value(&HistoryPage { runs: Vec::new(), next: None }),
        }
    }

    pub(super) async fn record(&self, name: &str) -> Result<Response<Body>, Problem> {
        match self.named(name).await? {
            Named::Kept(record) => answer::value(record.as_ref()),
            Named::Shown(run) if run.phase == Phase::Finished => {
                Err(Problem::not_found(format!("nothing was kept of run {}", run.id)))
            }
            Named::Shown(run) => {
                let message = format!("run {} has not ended; /api/v1/status shows how it stands", run.id);
                Err(Problem::new(StatusCode::CONFLICT, "not_finished", message))
            }
        }
    }

    pub(super) async fn timeline(&self, name: &str) -> Result<Response<Body>, Problem> {
        match self.named(name).await? {
            Named::Shown(_) => answer::value(self.showcase.timeline().as_ref()),
            Named::Kept(record) => answer::value(&record.timeline),
        }
    }

    /// `current` is the run that goes on, `latest` the newest that has ended and is kept, or else the one on the board.
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
        let wanted = name.to_owned();
        let kept = match &self.archive {
            Some(archive) if name == "latest" => read(archive, newest).await?,
            Some(archive) => read(archive, move |archive| archive.record(&wanted)).await?,
            None => None,
        };
        let of_board = || shown.filter(|run| run.id == name || name == "latest").map(Named::Shown);
        let missing = || Problem::not_found(format!("there is no run {name:?}; /api/v1/runs lists what is kept"));
        kept.map(Named::Kept).or_else(of_board).ok_or_else(missing)
    }
}

/// The newest run that has a record.
fn newest(archive: &dyn Archive) -> Result<Option<Arc<RunRecord>>, ArchiveError> {
    let page = archive.page(&HistoryQuery { limit: MOST, before: None, profile: None })?;
    match page.runs.iter().find(|run| run.has_record) {
        Some(run) => archive.record(&run.id),
        None => Ok(None),
    }
}

/// Reads files on a thread that may wait for a disk.
async fn read<T: Send + 'static>(
    archive: &Arc<dyn Archive>,
    reading: impl FnOnce(&dyn Archive) -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, Problem> {
    let archive = Arc::clone(archive);
    let read = tokio::task::spawn_blocking(move || reading(archive.as_ref())).await;
    read.map_err(|error| Problem::internal(&error))?.map_err(|error| Problem::internal(&error))
}

fn history_query(parameters: Option<&str>) -> Result<HistoryQuery, Problem> {
    let mut parameters = query::parameters(parameters, &["limit", "before", "profile"])?;
    let limit = match parameters.remove("limit") {
        None => LIMIT,
        Some(text) => match text.parse() {
            Ok(limit) if (1..=MOST).contains(&limit) => limit,
            _ => return Err(Problem::invalid(format!("`limit` is a number from 1 to {MOST}"))),
        },
    };
    Ok(HistoryQuery { limit, before: parameters.remove("before"), profile: parameters.remove("profile") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(history_query(None).unwrap(), HistoryQuery { limit: 50, before: None, profile: None });
        assert_eq!(history_query(Some("limit=200&profile=a")).unwrap().limit, 200);
        for bad in ["limit=0", "limit=201", "limit=-1", "limit=x", "limit="] {
            assert!(history_query(Some(bad)).is_err(), "{bad}");
        }
    }
}
