//! The leader's endpoints, on a thread of their own.

use std::{cell::Cell, convert::Infallible, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::watch, time::sleep};

use crate::{
    agent::{
        fleet::leader::Room,
        server::{self, Server},
    },
    clock::Instant,
    config::profile::fleet::FleetPolicy,
    fleet::{
        message::{Answer, Hello, INDEX, INSTANCE, JOIN, LEAVE, Order, REPORT, RESULT, Refused, SEQUENCE},
        roster::{Refusal, reports_every},
        token::Token,
    },
    metrics::{series::SeriesTable, snapshot::Snapshot, wire},
};

/// Beside one connection of each agent: for those that are being made anew, and for strangers.
const SPARE_CONNECTIONS: usize = 256;
/// Who has not shown the token within this is cut, so that strangers keep no agent out.
const STRANGER: Duration = Duration::from_secs(3);
/// Between two requests of a follower; it asks every 5 s at the latest in a fleet of 1,000.
const IDLE: Duration = Duration::from_secs(30);
/// For a body; results of a large fleet come at one moment.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// A result of 100 scenarios has 1.5 MB (docs/scale.md).
const BODY_BYTES: usize = 64 * 1024 * 1024;
/// Largest request head.
const HEAD_BYTES: usize = 16 * 1024;
/// The counts of all agents are added up so often at most, and twice between two reports of each.
const ADD_UP: Duration = Duration::from_secs(1);
/// And then rested for as long as it took, at least: 1,000 reports of 20 scenarios take two seconds, and the leader has a
/// load of its own (docs/scale.md).
const REST: u32 = 1;

struct Endpoints {
    token: Token,
    room: Room,
    table: Arc<SeriesTable>,
}

/// Answers a fleet of `of` agents, and adds up what they count.
pub(super) fn serve(
    listen: SocketAddr,
    token: Token,
    of: u32,
    policy: FleetPolicy,
    room: Room,
    table: Arc<SeriesTable>,
    totals: watch::Sender<Option<Arc<Snapshot>>>,
) -> Result<Server, server::Error> {
    Server::start(listen, "rampd-fleet", of as usize + SPARE_CONNECTIONS, move || {
        let every = ADD_UP.max(reports_every(of, policy) / 2);
        tokio::task::spawn_local(add_up(every, room.clone(), table.clone(), totals));
        let endpoints = Rc::new(Endpoints { token, room, table });
        move |stream, peer| connection(stream, peer, Rc::clone(&endpoints))
    })
}

/// The sum of the others' counts, for as long as there is somebody to read it.
async fn add_up(every: Duration, room: Room, table: Arc<SeriesTable>, totals: watch::Sender<Option<Arc<Snapshot>>>) {
    while !totals.is_closed() {
        let began = Instant::now();
        let counts: Vec<_> = room.roster().counts().map(|(_, counts)| counts.clone()).collect();
        let mut sum: Option<Snapshot> = None;
        // The first report may come before anything is counted.
        for counts in counts.into_iter().filter(|counts| !counts.is_empty()) {
            // Each was looked at when it came.
            if let Err(error) = wire::add(&counts, &table, sum.get_or_insert_with(|| Snapshot::empty(&table))) {
                tracing::error!(%error, "A report that was whole when it came is not; please report this as a bug.");
            }
            // Answers between them: a fleet of 1,000 takes a while to add up.
            tokio::task::yield_now().await;
        }
        totals.send_replace(sum.map(Arc::new));
        sleep(every.max(Instant::now().since(began) * REST)).await;
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, endpoints: Rc<Endpoints>) {
    let shown = Cell::new(false);
    let service = service_fn(|request| endpoints.respond(peer, request, &shown));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let stranger = async {
        sleep(STRANGER).await;
        if shown.get() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        outcome = serving => {
            if let Err(error) = outcome {
                tracing::debug!(%peer, %error, "connection of an agent failed");
            }
        }
        () = stranger => tracing::debug!(%peer, "cut: it has not shown the token"),
    }
}

impl Endpoints {
    async fn respond(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
        shown: &Cell<bool>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match self.answer(peer, request, shown).await {
            Ok(answer) => json(StatusCode::OK, &serde_json::json!(answer)),
            Err((status, refused)) => {
                tracing::warn!(agent = %peer.ip(), "refused: {refused}");
                json(status, &serde_json::json!(refused))
            }
        })
    }

    async fn answer(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
        shown: &Cell<bool>,
    ) -> Result<Answer, (StatusCode, Refused)> {
        shown.set(request.headers().get(AUTHORIZATION).is_some_and(|value| self.token.is_in(value.as_bytes())));
        if !shown.get() {
            let message = "the token is missing or wrong; give all agents the same RAMPD_FLEET_TOKEN".to_owned();
            return Err((StatusCode::UNAUTHORIZED, for_good(message)));
        }
        let path = request.uri().path().to_owned();
        if request.method() != Method::POST || ![JOIN, LEAVE, REPORT, RESULT].contains(&path.as_str()) {
            return Err((StatusCode::NOT_FOUND, for_good("there is nothing here".to_owned())));
        }
        let number = |name| request.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
        let index = number(INDEX).and_then(|index| u32::try_from(index).ok());
        let (instance, sequence) = (number(INSTANCE), number(SEQUENCE));
        if let (Some(index), Some(instance)) = (index, instance) {
            self.room.roster().hear((index, instance), Instant::now());
        }
        let body = body(request.into_body()).await?;
        if path == JOIN || path == LEAVE {
            let hello: Hello = serde_json::from_slice(&body).map_err(|error| malformed(&error))?;
            let now = Instant::now();
            let mut roster = self.room.roster();
            let order = if path == JOIN { roster.join(&hello, peer.ip(), now) } else { roster.leave(&hello) };
            let order = order.map_err(|refusal| refused(&refusal))?;
            return Ok(roster.answer(order, now));
        }
        let (Some(index), Some(instance)) = (index, instance) else {
            return Err((StatusCode::BAD_REQUEST, for_good(format!("{INDEX} or {INSTANCE} is missing"))));
        };
        let who = (index, instance);
        // Outside the lock: it takes a while.
        if path == REPORT && !body.is_empty() {
            wire::check(&body, &self.table).map_err(|error| malformed(&error))?;
        }
        let now = Instant::now();
        let mut roster = self.room.roster();
        let order: Result<Order, Refusal> = if path == REPORT {
            roster.report(who, sequence.unwrap_or(0), body, now)
        } else {
            roster.hand_in(who, body, now)
        };
        let order = order.map_err(|refusal| refused(&refusal))?;
        Ok(roster.answer(order, now))
    }
}

async fn body(incoming: Incoming) -> Result<Bytes, (StatusCode, Refused)> {
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, for_good(format!("more than {BODY_BYTES} bytes")));
    if incoming.size_hint().lower() > BODY_BYTES as u64 {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(incoming, BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err((StatusCode::BAD_REQUEST, for_now(error.to_string()))),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, for_now(format!("no whole request within {BODY_TIMEOUT:?}")))),
    }
}

fn for_good(message: String) -> Refused {
    Refused { may_pass: false, late: false, message }
}

fn for_now(message: String) -> Refused {
    Refused { may_pass: true, late: false, message }
}

fn malformed(error: &dyn std::fmt::Display) -> (StatusCode, Refused) {
    (StatusCode::BAD_REQUEST, for_good(format!("malformed: {error}")))
}

fn refused(refusal: &Refusal) -> (StatusCode, Refused) {
    (StatusCode::CONFLICT, Refused { may_pass: false, late: refusal.is_late(), message: refusal.to_string() })
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.status_mut() = status;
    response
}
