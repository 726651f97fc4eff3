//! HTTP requests of a VU over connections of its own, which it keeps from one iteration to the next.

mod body;
mod head;
mod http1;
pub mod message;
mod redirect;
mod response;
mod scratch;
mod timeline;

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
            http1::Connection,
            message::{Message, Room},
            response::Wanted,
            timeline::Timeline,
        },
        tls::Alpn,
        transport::Probe,
    },
};

pub use response::{Headers, Response};
pub use scratch::Scratch;
pub use timeline::Phases;

/// Connections that a VU keeps; more origins than a flow has only come from redirects.
const KEPT: usize = 64;

/// A request of a profile, prepared.
#[derive(Debug)]
pub struct Prepared {
    target: Target,
    message: Message,
    connect_timeout: Duration,
    /// What `expect` looks at.
    wanted: Wanted,
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
            wanted: Wanted {
                headers: false,
                body: if request.expect.contains.is_some() { request.max_body_size } else { 0 },
            },
        })
    }

    /// The request that follows a redirection; none if `response` is none, or leads nowhere that HTTP can go.
    #[must_use]
    pub fn redirected(&self, values: &Values, response: &Response) -> Option<Self> {
        if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = std::str::from_utf8(response.headers.get("location")?).ok()?;
        let target = redirect::resolve(&self.target, &self.message.path(values), location)?;
        let same_origin = redirect::same_origin(&self.target, &target);
        let message = self.message.redirected(values, response.status, &target, same_origin).ok()?;
        Some(Self { target, message, connect_timeout: self.connect_timeout, wanted: self.wanted })
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
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Surroundings").field("slots", &self.slots).finish_non_exhaustive()
    }
}

/// Counts an open connection as long as it lives.
#[derive(Debug)]
struct Opened {
    recorder: Rc<Recorder>,
    open: GaugeSlot,
}

impl Opened {
    fn new(recorder: Rc<Recorder>, open: GaugeSlot) -> Self {
        recorder.gauge_add(open, 1);
        Self { recorder, open }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.recorder.gauge_add(self.open, -1);
    }
}

/// One VU's connections. One request at a time.
#[derive(Debug, Default)]
pub struct Client {
    /// The one used last is the last.
    idle: Vec<Kept>,
    timeline: Timeline,
    room: Room,
    response: Response,
}

#[derive(Debug)]
struct Kept {
    secure: bool,
    host: Box<str>,
    port: u16,
    connection: Connection,
}

impl Kept {
    fn leads_to(&self, target: &Target) -> bool {
        self.port == target.port && self.secure == target.secure && *self.host == *target.host
    }
}

impl Client {
    /// Sends a request, begun at `now`, and reads its response. Has no time limit of its own besides that of
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
        now: Instant,
        around: &Surroundings<'_>,
    ) -> Result<(), RequestError> {
        self.timeline.begin(now);
        self.response.clear();
        let kept = self.take(&request.target, around.scratch);
        let Self { idle, timeline, room, response } = self;
        let outgoing = request.message.outgoing(values, room)?;
        if let Some(mut kept) = kept {
            timeline.reuse();
            match kept.connection.exchange(outgoing, request.wanted, response, timeline, around.scratch).await {
                Ok(()) => {
                    keep(idle, kept);
                    return Ok(());
                }
                Err(_) if !timeline.is_answered() && (request.message.is_idempotent() || !timeline.is_written()) => {
                    around.recorder.add(around.slots.retries, 1);
                    timeline.disconnect();
                }
                Err(error) => return Err(error),
            }
        }
        // Boxed: opening takes several KiB that are needed once for many requests.
        let mut kept = Box::pin(open(&request.target, request.connect_timeout, timeline, around)).await?;
        kept.connection.exchange(outgoing, request.wanted, response, timeline, around.scratch).await?;
        keep(idle, kept);
        Ok(())
    }

    /// The last response; empty while there is none.
    #[must_use]
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The phases of the last request: complete, or given up at `given_up`; none if it never had a connection.
    #[must_use]
    pub fn phases(&self, given_up: Option<Instant>) -> Option<Phases> {
        self.timeline.phases(given_up)
    }

    /// A connection to `target` that the server has not closed.
    fn take(&mut self, target: &Target, scratch: &Scratch) -> Option<Kept> {
        while let Some(place) = self.idle.iter().rposition(|kept| kept.leads_to(target)) {
            let mut kept = self.idle.remove(place);
            if kept.connection.is_usable(scratch) {
                return Some(kept);
            }
        }
        None
    }
}

fn keep(idle: &mut Vec<Kept>, kept: Kept) {
    if !kept.connection.is_reusable() {
        return;
    }
    if idle.len() >= KEPT {
        idle.remove(0);
    }
    idle.push(kept);
}

async fn open(
    target: &Target,
    limit: Duration,
    timeline: &Timeline,
    around: &Surroundings<'_>,
) -> Result<Kept, RequestError> {
    let dialling = Instant::now();
    let dialled = around.connector.dial(target, Alpn::Http1, limit, (around.probe)()).await?;
    around.recorder.add(around.slots.opened, 1);
    let opened = Opened::new(around.recorder.clone(), around.slots.open);
    let connection = Connection::new(dialled.transport, opened);
    timeline.connect(dialling, dialled.connected_at, dialled.secured_at, Instant::now());
    let host = target.host.as_str().into();
    Ok(Kept { secure: target.secure, host, port: target.port, connection })
}
