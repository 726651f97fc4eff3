//! HTTP requests of a VU over connections of its own, which it keeps from one iteration to the next.

mod body;
mod content;
mod cookies;
mod head;
mod http1;
mod http2;
pub mod message;
mod redirect;
mod response;
mod scratch;
mod stream;
mod timeline;

use std::{rc::Rc, time::Duration};

use crate::{
    clock::Instant,
    config::{
        profile::{
            Target,
            http::{Http, Version},
        },
        template::Values,
    },
    metrics::{
        recorder::Recorder,
        series::{CounterSlot, GaugeSlot},
    },
    protocol::{
        connect::Connector,
        failure::request::{RequestError, RequestFailure},
        http::{
            cookies::Jar,
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
    version: Version,
    message: Message,
    connect_timeout: Duration,
    /// What `expect` and `capture` look at.
    wanted: Wanted,
}

impl Prepared {
    /// Prepares `request`.
    ///
    /// # Errors
    /// A header that HTTP does not allow.
    pub fn new(request: &Http) -> Result<Self, RequestError> {
        let looks_into_body = request.looks_into_body();
        Ok(Self {
            target: request.url.clone(),
            version: request.version,
            message: Message::new(request)?,
            connect_timeout: request.connect_timeout,
            // A body is what its headers say it is.
            wanted: Wanted {
                headers: looks_into_body || request.looks_at_headers(),
                body: if looks_into_body { request.max_body_size } else { 0 },
            },
        })
    }

    /// The same request, of whose response's body up to `most` bytes are kept.
    #[must_use]
    pub fn keeping(mut self, most: usize) -> Self {
        self.wanted.body = most;
        self
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
        // A server that is known to speak HTTP/2 says nothing about another one.
        let version = if same_origin || target.secure { self.version } else { Version::Auto };
        Some(Self { target, version, message, connect_timeout: self.connect_timeout, wanted: self.wanted })
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
    jar: Jar,
}

#[derive(Debug)]
struct Kept {
    secure: bool,
    host: Box<str>,
    port: u16,
    /// By the request that opened it.
    asked_for: Version,
    connection: Connection,
}

/// An open connection.
#[derive(Debug)]
enum Connection {
    Http1(http1::Connection),
    /// Boxed: it is larger, and rarer.
    Http2(Box<http2::Connection>),
}

impl Kept {
    fn serves(&self, target: &Target, version: Version) -> bool {
        let speaks = match version {
            // Only the server's own choice, where it had one.
            Version::Auto if target.secure => self.asked_for != Version::Http1,
            Version::Auto => matches!(self.connection, Connection::Http1(_)),
            Version::Http1 => matches!(self.connection, Connection::Http1(_)),
            Version::Http2 => matches!(self.connection, Connection::Http2(_)),
        };
        speaks && self.port == target.port && self.secure == target.secure && *self.host == *target.host
    }

    fn is_usable(&mut self, scratch: &Scratch) -> bool {
        match &mut self.connection {
            Connection::Http1(connection) => connection.is_usable(scratch),
            Connection::Http2(connection) => connection.is_usable(),
        }
    }

    /// Whether it may be kept for another request.
    fn is_reusable(&self) -> bool {
        match &self.connection {
            Connection::Http1(connection) => connection.is_reusable(),
            Connection::Http2(connection) => connection.is_usable(),
        }
    }

    async fn exchange(&mut self, exchange: Exchange<'_>, response: &mut Response) -> Result<(), RequestError> {
        let Exchange { request, values, cookies, room, timeline, scratch } = exchange;
        match &mut self.connection {
            Connection::Http1(connection) => {
                let outgoing = request.message.outgoing(values, cookies, room)?;
                connection.exchange(outgoing, request.wanted, response, timeline, scratch).await
            }
            Connection::Http2(connection) => {
                let outgoing = request.message.http2(&request.target, values, cookies)?;
                // Boxed: hyper's futures would make every other request's larger.
                Box::pin(connection.exchange(outgoing, request.wanted, response, timeline)).await
            }
        }
    }
}

/// What an exchange is about.
struct Exchange<'e> {
    request: &'e Prepared,
    values: &'e Values,
    /// Of the jar, for the header.
    cookies: &'e str,
    room: &'e mut Room,
    timeline: &'e Timeline,
    scratch: &'e Scratch,
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
        self.exchange(request, values, now, around).await?;
        let Self { response, jar, .. } = self;
        if response.headers.get("set-cookie").is_some() {
            jar.take(response, &request.target, &request.message.path(values));
        }
        content::decode(response, request.wanted.body)
    }

    /// Forgets the cookies, as k6 does when an iteration begins.
    pub fn forget_cookies(&mut self) {
        self.jar.clear();
    }

    async fn exchange(
        &mut self,
        request: &Prepared,
        values: &Values,
        now: Instant,
        around: &Surroundings<'_>,
    ) -> Result<(), RequestError> {
        self.timeline.begin(around.intended.unwrap_or(now));
        self.response.clear();
        values.draws.mark();
        let kept = self.take(request, around.scratch);
        let Self { idle, timeline, room, response, jar } = self;
        let cookies = if jar.is_empty() { "" } else { jar.line(&request.target, &request.message.path(values)) };
        let scratch = around.scratch;
        if let Some(mut kept) = kept {
            timeline.reuse();
            match kept.exchange(Exchange { request, values, cookies, room, timeline, scratch }, response).await {
                Ok(()) => {
                    keep(idle, kept);
                    return Ok(());
                }
                Err(error) if is_unsendable(&error) => {
                    timeline.disconnect();
                    keep(idle, kept);
                    return Err(error);
                }
                Err(_) if !timeline.is_answered() && (request.message.is_idempotent() || !timeline.is_written()) => {
                    around.recorder.add(around.slots.retries, 1);
                    timeline.disconnect();
                    // The same request again, with the same random values.
                    values.draws.rewind();
                }
                Err(error) => return Err(error),
            }
        }
        // Boxed: opening takes several KiB that are needed once for many requests.
        let mut kept = Box::pin(open(request, timeline, around)).await?;
        let answered = kept.exchange(Exchange { request, values, cookies, room, timeline, scratch }, response).await;
        match &answered {
            Ok(()) => keep(idle, kept),
            Err(error) if is_unsendable(error) => {
                timeline.disconnect();
                keep(idle, kept);
            }
            Err(_) => {}
        }
        answered
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

    /// A connection for `request` that the server has not closed.
    fn take(&mut self, request: &Prepared, scratch: &Scratch) -> Option<Kept> {
        while let Some(place) = self.idle.iter().rposition(|kept| kept.serves(&request.target, request.version)) {
            let mut kept = self.idle.remove(place);
            if kept.is_usable(scratch) {
                return Some(kept);
            }
        }
        None
    }
}

/// The request could not be rendered: its connection has nothing to do with that, and there is nothing to measure.
fn is_unsendable(error: &RequestError) -> bool {
    matches!(error.reason, RequestFailure::BadRequest | RequestFailure::MissingValue)
}

fn keep(idle: &mut Vec<Kept>, kept: Kept) {
    if !kept.is_reusable() {
        return;
    }
    if idle.len() >= KEPT {
        idle.remove(0);
    }
    idle.push(kept);
}

async fn open(request: &Prepared, timeline: &Timeline, around: &Surroundings<'_>) -> Result<Kept, RequestError> {
    let Prepared { target, version, connect_timeout, .. } = request;
    let alpn = if *version == Version::Http1 { Alpn::Http1 } else { Alpn::Http2 };
    let dialling = Instant::now();
    let dialled = around.connector.dial(target, alpn, *connect_timeout, (around.probe)()).await?;
    around.recorder.add(around.slots.opened, 1);
    let opened = Opened::new(around.recorder.clone(), around.slots.open);
    // Without TLS there is nobody to ask.
    let http2 = dialled.http2 || *version == Version::Http2 && !target.secure;
    if *version == Version::Http2 && !http2 {
        return Err(RequestError::new(RequestFailure::NoHttp2, "the server did not choose h2 (ALPN)"));
    }
    let connection = if http2 {
        let connection = http2::Connection::new(dialled.transport, around.scratch, opened).await?;
        Connection::Http2(Box::new(connection))
    } else {
        Connection::Http1(http1::Connection::new(dialled.transport, opened))
    };
    timeline.connect(dialling, dialled.connected_at, dialled.secured_at, Instant::now());
    let host = target.host.as_str().into();
    Ok(Kept { secure: target.secure, host, port: target.port, asked_for: *version, connection })
}
