//! One HTTP/1.1 connection. hyper's two halves, the connection and the handle that sends into it,
//! are polled by one task: nothing is spawned, and no request waits for another task's turn.

use std::{
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::{
    HeaderMap, Request,
    body::{Body as _, Incoming},
    client::conn::http1,
    header::{HeaderValue, LOCATION},
    http::response::Parts,
};

use crate::{
    metrics::{recorder::Recorder, series::GaugeSlot},
    protocol::{
        failure::request::{RequestError, RequestFailure, request_error},
        http::stream::Stream,
    },
};

/// Parts of a response taken before other tasks of the worker get their turn.
const TURN: usize = 16;

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// The body, if it was to be kept.
    pub body: Bytes,
    /// Where a redirection leads to.
    pub location: Option<HeaderValue>,
    /// All headers.
    pub headers: HeaderMap,
}

/// Counts an open connection as long as it lives.
#[derive(Debug)]
pub(super) struct Opened {
    recorder: Rc<Recorder>,
    open: GaugeSlot,
}

impl Opened {
    pub(super) fn new(recorder: Rc<Recorder>, open: GaugeSlot) -> Self {
        recorder.gauge_add(open, 1);
        Self { recorder, open }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.recorder.gauge_add(self.open, -1);
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<Stream, Full<Bytes>>,
    /// The driver must not be polled any more.
    over: bool,
    _opened: Opened,
}

impl Connection {
    /// HTTP/1.1 over `stream`; nothing is sent yet.
    ///
    /// # Errors
    /// The library's.
    pub(super) async fn new(stream: Stream, opened: Opened) -> Result<Self, RequestError> {
        let mut builder = http1::Builder::new();
        // One write for head and body; header names as every other client writes them.
        builder.writev(false).title_case_headers(true);
        let (sender, driver) = builder.handshake(stream).await.map_err(|error| request_error(&error, false))?;
        Ok(Self { sender, driver, over: false, _opened: opened })
    }

    /// Whether the connection can take another request; the server may have closed it meanwhile.
    pub(super) async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            let _error_of_an_idle_connection = self.drive(cx);
            Poll::Ready(!self.over && !self.sender.is_closed())
        })
        .await
    }

    /// Whether the connection was open when it was last driven.
    pub(super) fn is_open(&self) -> bool {
        !self.over
    }

    /// Sends `request` and reads its response, of whose body at most `keep` bytes are kept, none if 0.
    ///
    /// # Errors
    /// There is no complete response; the connection is of no more use.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        keep: usize,
    ) -> Result<Response, RequestError> {
        let mut head = pin!(self.sender.send_request(request));
        let mut receiving: Option<Receiving> = None;
        poll_fn(|cx| {
            // Both are fed by the driver, which this task drives itself: no need to be woken by them.
            let mut quiet = Context::from_waker(Waker::noop());
            for _ in 0..TURN {
                let failed = Self::drive_parts(&mut self.driver, &mut self.over, cx);
                let step = match &mut receiving {
                    None => head.as_mut().poll(&mut quiet).map(|answer| {
                        let (head, body) = answer.map_err(|error| request_error(&error, false))?.into_parts();
                        receiving = Some(Receiving::new(head, body));
                        Ok(None)
                    }),
                    Some(receiving) => receiving.poll_part(&mut quiet, keep),
                };
                match step {
                    Poll::Ready(Ok(None)) => {}
                    Poll::Ready(Ok(Some(response))) => return Poll::Ready(Ok(response)),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(failed.unwrap_or(error))),
                    Poll::Pending if self.over => {
                        let reason = if receiving.is_some() { RequestFailure::BodyEof } else { RequestFailure::Eof };
                        let ended = || RequestError::new(reason, "the connection ended");
                        return Poll::Ready(Err(failed.unwrap_or_else(ended)));
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    fn drive(&mut self, cx: &mut Context<'_>) -> Option<RequestError> {
        Self::drive_parts(&mut self.driver, &mut self.over, cx)
    }

    /// Reads and writes what there is; the connection's own error, if it ends with one.
    fn drive_parts(
        driver: &mut http1::Connection<Stream, Full<Bytes>>,
        over: &mut bool,
        cx: &mut Context<'_>,
    ) -> Option<RequestError> {
        if *over {
            return None;
        }
        match Pin::new(driver).poll(cx) {
            Poll::Pending => None,
            Poll::Ready(ended) => {
                *over = true;
                ended.err().map(|error| request_error(&error, false))
            }
        }
    }
}

/// A response whose head has been read.
struct Receiving {
    status: u16,
    location: Option<HeaderValue>,
    headers: HeaderMap,
    body: Incoming,
    kept: BytesMut,
}

impl Receiving {
    fn new(head: Parts, body: Incoming) -> Self {
        let status = head.status.as_u16();
        let location = matches!(status, 301 | 302 | 303 | 307 | 308).then(|| head.headers.get(LOCATION).cloned());
        Self { status, location: location.flatten(), headers: head.headers, body, kept: BytesMut::new() }
    }

    /// Takes the next part; the response when it was the last.
    fn poll_part(&mut self, cx: &mut Context<'_>, keep: usize) -> Poll<Result<Option<Response>, RequestError>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), true) = (frame.data_ref(), keep > 0) {
                    if self.kept.len() + data.len() > keep {
                        let detail = format!("a body of more than {keep} bytes");
                        return Poll::Ready(Err(RequestError::new(RequestFailure::BodyTooBig, detail)));
                    }
                    self.kept.extend_from_slice(data);
                }
                Poll::Ready(Ok(None))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(request_error(&error, true))),
            Poll::Ready(None) => {
                let body = std::mem::take(&mut self.kept).freeze();
                let headers = std::mem::take(&mut self.headers);
                Poll::Ready(Ok(Some(Response { status: self.status, body, location: self.location.take(), headers })))
            }
        }
    }
}
