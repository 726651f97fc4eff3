//! One HTTP/1.1 connection: a request is written, its response read into the worker's room and understood there. A
//! response that comes in one piece, as most do, is neither copied nor allocated for. ADR 14 says why this is not hyper.

use std::{
    future::poll_fn,
    io::{self, Read as _, Write as _},
    task::{Context, Poll},
};

use crate::{
    clock::Instant,
    protocol::{
        failure::request::{RequestError, RequestFailure},
        http::{
            Opened, Scratch,
            body::Body,
            head,
            message::Outgoing,
            response::{Response, Wanted},
            timeline::Timeline,
        },
        transport::Transport,
    },
};

/// Reads in a row before other tasks of the worker get their turn: some servers never end.
const TURN: usize = 16;

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    transport: Transport,
    /// It may take another request.
    reusable: bool,
    _opened: Opened,
}

impl Connection {
    pub(super) fn new(transport: Transport, opened: Opened) -> Self {
        Self { transport, reusable: true, _opened: opened }
    }

    /// Whether another request may be sent; the server may have closed the connection since the last one, or said
    /// something that nobody asked for. Costs a system call only if something has come.
    pub(super) fn is_usable(&mut self, scratch: &Scratch) -> bool {
        if !self.reusable {
            return false;
        }
        if !self.transport.is_encrypted() && self.transport.is_quiet() {
            return true;
        }
        let mut buffer = scratch.0.borrow_mut();
        // TLS may have had something to say for itself, which is no data.
        for _ in 0..TURN {
            match self.transport.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // It may not have asked the kernel yet.
                    if self.transport.is_quiet() {
                        return true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) | Ok(_) => return false,
            }
        }
        false
    }

    /// Whether it may be kept for another request.
    pub(super) fn is_reusable(&self) -> bool {
        self.reusable
    }

    /// Sends `request` and reads its response into `response`, of which only what is `wanted` is kept.
    ///
    /// # Errors
    /// There is no complete response; the connection is of no more use.
    pub(super) async fn exchange(
        &mut self,
        request: Outgoing<'_>,
        wanted: Wanted,
        response: &mut Response,
        timeline: &Timeline,
        scratch: &Scratch,
    ) -> Result<(), RequestError> {
        // Until it is known to be.
        self.reusable = false;
        let (to_head_request, closes) = (request.is_head, request.closes);
        let mut exchange = Exchange {
            transport: &mut self.transport,
            timeline,
            unsent: [request.first, request.rest],
            flushed: false,
            broken: None,
            reader: Reader { to_head_request, wanted, response, state: State::Head, carry: Vec::new(), looked_at: 0 },
        };
        self.reusable = poll_fn(|cx| exchange.poll(cx, scratch)).await? && !closes;
        Ok(())
    }
}

/// One request with its response.
struct Exchange<'e> {
    transport: &'e mut Transport,
    timeline: &'e Timeline,
    unsent: [&'e [u8]; 2],
    flushed: bool,
    /// Why no more can be sent; an answer may be there nevertheless.
    broken: Option<io::Error>,
    reader: Reader<'e>,
}

impl Exchange<'_> {
    /// Ready when the response is complete, with whether the connection may be used again.
    fn poll(&mut self, cx: &mut Context<'_>, scratch: &Scratch) -> Poll<Result<bool, RequestError>> {
        if !self.flushed
            && self.broken.is_none()
            && let Poll::Ready(Err(error)) = self.poll_write(cx)
        {
            self.broken = Some(error);
        }
        let mut buffer = scratch.0.borrow_mut();
        for _ in 0..TURN {
            match self.transport.read(&mut buffer) {
                Ok(0) => {
                    let keep_alive = self.reader.end().map_err(|error| self.cause(error))?;
                    return Poll::Ready(Ok(keep_alive));
                }
                Ok(count) => {
                    self.timeline.read(self.transport.arrived_at());
                    if let Some(keep_alive) = self.reader.take(&buffer[..count])? {
                        return Poll::Ready(Ok(keep_alive && self.flushed));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.transport.poll_unblocked(cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(self.reader.failed(&error))),
                        // A server that takes no more may still answer; but not for ever.
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let error = self.reader.failed(&error);
                    return Poll::Ready(Err(self.cause(error)));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let result = match self.unsent.iter_mut().find(|part| !part.is_empty()) {
                Some(part) => self.transport.write(part).map(|count| *part = &part[count..]),
                None => {
                    let flushed = self.transport.flush();
                    self.flushed = flushed.is_ok();
                    flushed
                }
            };
            match result {
                Ok(()) if self.flushed => {
                    self.timeline.write(Instant::now());
                    return Poll::Ready(Ok(()));
                }
                // The kernel has taken some of it.
                Ok(()) => {
                    if self.unsent.iter().any(|part| !part.is_empty()) {
                        self.timeline.write(Instant::now());
                    }
                }
                // Not what blocked last: over TLS that was a look for something to read.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match self.transport.poll_writable(cx) {
                    Poll::Ready(Ok(())) => {}
                    other => return other,
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// A connection that broke while the request was sent explains why there is no response.
    fn cause(&mut self, error: RequestError) -> RequestError {
        match self.broken.take() {
            Some(broken) => self.reader.failed(&broken),
            None => error,
        }
    }
}

/// Where in a response the next byte belongs.
#[derive(Debug)]
enum State {
    Head,
    Body { body: Body, keep_alive: bool },
}

/// Understands a response as its bytes come.
struct Reader<'r> {
    to_head_request: bool,
    wanted: Wanted,
    response: &'r mut Response,
    state: State,
    /// The beginning of a head that came in pieces.
    carry: Vec<u8>,
    /// How much of `carry` has been parsed in vain.
    looked_at: usize,
}

impl Reader<'_> {
    /// Takes the next bytes. When the response is complete, whether the connection may be used again.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<bool>, RequestError> {
        if self.carry.is_empty() {
            return self.take_from(bytes);
        }
        let before = self.carry.len();
        self.carry.extend_from_slice(bytes);
        // A server that sends its head byte by byte must not make each one cost a look at all of them.
        let size = self.carry.len();
        if !has_empty_line(&self.carry[before.saturating_sub(3)..]) && size < 2 * self.looked_at && size < head::LARGEST
        {
            return Ok(None);
        }
        let carry = std::mem::take(&mut self.carry);
        self.take_from(&carry)
    }

    fn take_from(&mut self, bytes: &[u8]) -> Result<Option<bool>, RequestError> {
        let mut rest = bytes;
        loop {
            match &mut self.state {
                State::Head => {
                    let Some(head) =
                        head::parse(rest, self.to_head_request, self.wanted.headers, &mut self.response.headers)?
                    else {
                        self.carry.extend_from_slice(rest);
                        self.looked_at = rest.len();
                        return Ok(None);
                    };
                    rest = &rest[head.length..];
                    if head.is_interim() {
                        self.response.headers.clear();
                        if rest.is_empty() {
                            return Ok(None);
                        }
                        continue;
                    }
                    self.response.status = head.status;
                    self.state = State::Body { body: head.framing.into(), keep_alive: head.keep_alive };
                }
                State::Body { body, keep_alive } => {
                    let (response, limit) = (&mut *self.response, self.wanted.body);
                    let taken = body.take(rest, &mut |data| response.append(data, limit))?;
                    // What follows was not asked for, so nobody knows what it answers.
                    let nothing_more = taken == rest.len();
                    return Ok(body.is_complete().then_some(*keep_alive && nothing_more));
                }
            }
        }
    }

    /// The end of the stream; an error unless it is the end of the response.
    fn end(&mut self) -> Result<bool, RequestError> {
        match &self.state {
            State::Body { body, .. } if body.ends_with_the_connection() => Ok(false),
            State::Body { .. } => {
                Err(RequestError::new(RequestFailure::BodyEof, "the connection ended within the body"))
            }
            State::Head => Err(RequestError::new(RequestFailure::Eof, "the connection ended before the response")),
        }
    }

    fn failed(&self, error: &io::Error) -> RequestError {
        RequestError::from_io(error, matches!(self.state, State::Body { .. }))
    }
}

/// Whether a head may end in `bytes`.
fn has_empty_line(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"\n\r\n").is_some() || memchr::memmem::find(bytes, b"\n\n").is_some()
}
