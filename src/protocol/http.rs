//! HTTP requests of a VU over connections of its own, which it keeps from one iteration to the next.

mod connection;
pub mod message;
mod redirect;
mod stream;

use std::{rc::Rc, time::Duration};

use crate::{
    clock::Instant,
    config::{
        profile::{Target, http::Http},
        template::Values,
    },
    metrics::{
        recorder::Recorder,
        series::{CounterSlot, GaugeSlot},
    },
    protocol::{
        connect::Connector,
        failure::request::RequestError,
        http::{
            connection::{Connection, Opened},
            message::Message,
            stream::{Stream, Timeline},
        },
        transport::Probe,
    },
};

pub use connection::Response;
pub use stream::{Phases, Scratch};

/// Connections that a VU keeps; more origins than a flow has only come from redirects.
const KEPT: usize = 64;

/// A request of a profile, prepared.
#[derive(Debug)]
pub struct Prepared {
    target: Target,
    message: Message,
    connect_timeout: Duration,
    /// Bytes of the body that are kept for `expect`.
    keep: usize,
}

impl Prepared {
    /// Prepares `request`.
    ///
    /// # Errors
    /// A header that HTTP does not allow.
    pub fn new(request: &Http) -> Result<Self, RequestError> {
        Ok(Self {
            target: request.url.clone(),
            message: Message::new(request)?,
            connect_timeout: request.connect_timeout,
            keep: if request.expect.contains.is_some() { request.max_body_size } else { 0 },
        })
    }

    /// The request that follows a redirection; none if `response` is none, or leads nowhere that HTTP can go.
    #[must_use]
    pub fn redirected(&self, values: &Values, response: &Response) -> Option<Self> {
        let location = response.location.as_ref()?.to_str().ok()?;
        let target = redirect::resolve(&self.target, &self.message.path(values), location)?;
        let same_origin = redirect::same_origin(&self.target, &target);
        let message = self.message.redirected(values, response.status, &target, same_origin).ok()?;
        Some(Self { target, message, connect_timeout: self.connect_timeout, keep: self.keep })
    }
}

/// Where the connections of a request are counted.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSlots {
    /// Opened in all.
    pub opened: CounterSlot,
    /// Open now.
    pub open: GaugeSlot,
    /// Requests sent again on a new connection.
    pub retries: CounterSlot,
}

/// What a request runs on besides its VU's connections.
pub struct Surroundings<'w> {
    /// Opens connections.
    pub connector: &'w Connector,
    /// Counts.
    pub recorder: &'w Rc<Recorder>,
    /// Room for reads.
    pub scratch: &'w Scratch,
    /// Counts bytes and stamps of a new connection.
    pub probe: &'w dyn Fn() -> Probe,
    /// Where connections are counted.
    pub slots: ConnectionSlots,
    /// When the request was to begin, if not now.
    pub intended: Option<Instant>,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Surroundings").field("slots", &self.slots).finish_non_exhaustive()
    }
}

/// One VU's connections. One request at a time.
#[derive(Debug, Default)]
pub struct Client {
    /// The one used last is the last.
    idle: Vec<Kept>,
    timeline: Option<Rc<Timeline>>,
}

#[derive(Debug)]
struct Kept {
    secure: bool,
    host: Box<str>,
    port: u16,
    /// Boxed: connections move between the list and a request.
    connection: Box<Connection>,
}

impl Kept {
    fn leads_to(&self, target: &Target) -> bool {
        self.port == target.port && self.secure == target.secure && *self.host == *target.host
    }
}

impl Client {
    /// Sends a request and reads its response. Has no time limit of its own besides that of
    /// connecting; when it is dropped, the request's connection is closed.
    ///
    /// A kept connection that the server closes before anything of an answer has come is replaced
    /// by a new one once, if the request may be sent twice or was not sent at all (RFC 9110, 9.2.2).
    ///
    /// # Errors
    /// There is no complete response.
    pub async fn send(
        &mut self,
        request: &Prepared,
        values: &Values,
        around: &Surroundings<'_>,
    ) -> Result<Response, RequestError> {
        let timeline = self.timeline.get_or_insert_default().clone();
        timeline.begin(around.intended.unwrap_or_else(Instant::now));
        let mut message = request.message.render(values)?;
        if let Some(mut kept) = self.take(&request.target).await {
            timeline.reuse();
            match kept.connection.exchange(message, request.keep).await {
                Ok(response) => {
                    self.keep(kept);
                    return Ok(response);
                }
                Err(_) if !timeline.is_answered() && (request.message.is_idempotent() || !timeline.is_written()) => {
                    around.recorder.add(around.slots.retries, 1);
                    timeline.disconnect();
                    message = request.message.render(values)?;
                }
                Err(error) => return Err(error),
            }
        }
        // Boxed: opening takes several KiB that are needed once for many requests.
        let mut kept = Box::pin(open(&request.target, request.connect_timeout, &timeline, around)).await?;
        let response = kept.connection.exchange(message, request.keep).await?;
        self.keep(kept);
        Ok(response)
    }

    /// The phases of the last request: complete, or given up at `given_up`; none if it never had a connection.
    #[must_use]
    pub fn phases(&self, given_up: Option<Instant>) -> Option<Phases> {
        self.timeline.as_ref()?.phases(given_up)
    }

    /// A connection to `target` that the server has not closed.
    async fn take(&mut self, target: &Target) -> Option<Kept> {
        while let Some(place) = self.idle.iter().rposition(|kept| kept.leads_to(target)) {
            let mut kept = self.idle.remove(place);
            if kept.connection.is_usable().await {
                return Some(kept);
            }
        }
        None
    }

    fn keep(&mut self, kept: Kept) {
        if !kept.connection.is_open() {
            return;
        }
        if self.idle.len() >= KEPT {
            self.idle.remove(0);
        }
        self.idle.push(kept);
    }
}

async fn open(
    target: &Target,
    limit: Duration,
    timeline: &Rc<Timeline>,
    around: &Surroundings<'_>,
) -> Result<Kept, RequestError> {
    let dialling = Instant::now();
    let dialled = around.connector.dial(target, limit, (around.probe)()).await?;
    around.recorder.add(around.slots.opened, 1);
    let opened = Opened::new(around.recorder.clone(), around.slots.open);
    let stream = Stream::new(dialled.transport, timeline.clone(), around.scratch.clone());
    let connection = Connection::new(stream, opened).await?;
    timeline.connect(dialling, dialled.connected_at, dialled.secured_at, Instant::now());
    let host = target.host.as_str().into();
    Ok(Kept { secure: target.secure, host, port: target.port, connection: Box::new(connection) })
}
