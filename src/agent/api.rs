//! The HTTP API below `/api/v1`, on the thread of [`crate::agent::admin`]: what a run shows, what is kept of earlier
//! ones, and what may be asked of a daemon. Everything is read from watch channels, asked of a [`Desk`] or read by a
//! thread for files, so that the load waits for no client.

use std::{cell::RefCell, net::IpAddr, sync::Arc};

use hyper::{
    Method, Request, Response,
    body::Incoming,
    header::{AUTHORIZATION, HeaderMap},
};
use tokio::sync::watch;

use crate::{
    agent::{
        api::{
            access::Access,
            answer::Body,
            attempts::Attempts,
            events::Streams,
            history::Drawn,
            lane::Lane,
            problem::Problem,
            route::{Found, Operation},
            status::Showcase,
        },
        board,
        daemon::{
            desk::{DaemonStatus, Desk},
            history::Reader,
        },
    },
    clock::Instant,
};

pub mod access;
pub(in crate::agent) mod answer;
mod attempts;
mod changes;
mod events;
mod history;
pub(in crate::agent) mod lane;
mod openapi;
pub(in crate::agent) mod problem;
mod profiles;
mod query;
mod request;
mod route;
mod runs;
pub mod status;

/// Where the API begins.
pub(in crate::agent) const PREFIX: &str = "/api/v1";
/// The document of the API, also for those who look for it at the root.
pub(in crate::agent) const DOCUMENT: &str = "/openapi.json";

/// What a server shows beside `/metrics`, and who may see and change it.
#[derive(Debug)]
pub struct Surface {
    /// The run that goes on or was the last one.
    pub board: board::Reader,
    /// Where changes are asked for; without it everything is read only.
    pub desk: Option<Desk>,
    /// Earlier runs.
    pub history: Option<Reader>,
    /// May change while the server runs: a token is read anew with the configuration.
    pub access: watch::Receiver<Arc<Access>>,
}

impl Surface {
    /// Of `rampd run`: everybody who can reach the listener may read, and nobody may change anything.
    #[must_use]
    pub fn read_only(board: board::Reader) -> Self {
        // Its sender may go: the value stays.
        let access = watch::channel(Arc::new(Access::default())).1;
        Self { board, desk: None, history: None, access }
    }
}

/// Answers requests.
#[derive(Debug)]
pub(in crate::agent) struct Api {
    showcase: Showcase,
    desk: Option<Desk>,
    history: Option<Reader>,
    drawn: Drawn,
    access: watch::Receiver<Arc<Access>>,
    attempts: RefCell<Attempts>,
    streams: Streams,
}

impl Api {
    /// Streams end when the other end of `closing` is dropped.
    pub(in crate::agent) fn new(surface: Surface, closing: watch::Receiver<()>) -> Self {
        let Surface { board, desk, history, access } = surface;
        let daemon = desk.as_ref().map(|desk| desk.status.clone());
        Self {
            showcase: Showcase::new(board, daemon),
            desk,
            history,
            drawn: Drawn::default(),
            access,
            attempts: RefCell::default(),
            streams: Streams::new(closing),
        }
    }

    /// Whether a request may come from where it says; asked for pages too.
    pub(in crate::agent) fn admit<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        self.access.borrow().admit(request)
    }

    /// Answers one request below [`PREFIX`] or for [`DOCUMENT`].
    pub(in crate::agent) async fn respond(
        &self,
        peer: IpAddr,
        request: Request<Incoming>,
        lane: &Lane,
    ) -> Response<Body> {
        match self.answer(peer, request, lane).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        }
    }

    async fn answer(&self, peer: IpAddr, request: Request<Incoming>, lane: &Lane) -> Result<Response<Body>, Problem> {
        self.admit(&request)?;
        let path = request.uri().path();
        let path = path.strip_prefix(PREFIX).unwrap_or(path);
        if path != DOCUMENT {
            self.identify(peer, request.headers())?;
        }
        let Found { operation, parameter } = route::find(request.method(), path)?;
        if operation.changes() && self.desk.is_none() {
            return Err(Problem::read_only());
        }
        let name = parameter.as_deref().unwrap_or_default();
        match operation {
            Operation::GetStatus => Ok(answer::json(self.showcase.body())),
            Operation::WatchEvents if request.method() == Method::HEAD => Ok(events::head()),
            Operation::WatchEvents => self.streams.open(self.showcase.clone(), lane),
            Operation::ListProfiles => profiles::list(&self.daemon()),
            Operation::GetProfile => profiles::one(&self.daemon(), name),
            Operation::ValidateProfile => profiles::validate(self.desk()?, request).await,
            Operation::StartRun => runs::start(self.desk()?, request).await,
            Operation::ListRuns => self.history(request.uri().query()),
            Operation::GetRun => self.record(name).await,
            Operation::GetCharts => self.charts(name).await,
            Operation::GetTimeline => self.timeline(name).await,
            Operation::StopRun | Operation::PauseRun | Operation::ResumeRun | Operation::ScaleRun => {
                changes::change(self.desk()?, &self.showcase, name, operation, request).await
            }
            Operation::GetDocument => Ok(answer::json(openapi::DOCUMENT)),
        }
    }

    fn desk(&self) -> Result<&Desk, Problem> {
        self.desk.as_ref().ok_or_else(Problem::read_only)
    }

    fn daemon(&self) -> Arc<DaemonStatus> {
        self.showcase.daemon()
    }

    /// Whether the sender has the token, if one is asked for.
    fn identify(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
        let access = self.access.borrow();
        let Some(token) = access.token() else { return Ok(()) };
        let now = Instant::now();
        let mut attempts = self.attempts.borrow_mut();
        // Before the comparison, so that a guess among too many is not confirmed.
        attempts.check(peer, now).map_err(Problem::too_many_attempts)?;
        match headers.get(AUTHORIZATION) {
            Some(value) if token.is_in(value.as_bytes()) => Ok(()),
            Some(_) => {
                attempts.failed(peer, now);
                tracing::warn!(client = %peer, "A request with a wrong token was refused.");
                Err(Problem::unauthorized("the token is wrong"))
            }
            // Nothing was guessed: a page asks without one first.
            None => Err(Problem::unauthorized("a token is needed")),
        }
    }
}

#[cfg(test)]
mod tests;
