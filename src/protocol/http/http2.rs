//! One HTTP/2 connection: hyper's client over our own transport. A task of its own drives it, so that a server's pings are
//! answered while the VU does something else.

use std::{
    cell::RefCell,
    future::Future,
    rc::{Rc, Weak},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Body as _, client::conn::http2};
use tokio::task::JoinSet;

use crate::{
    clock::Instant,
    protocol::{
        failure::request::{RequestError, RequestFailure, http2_error},
        http::{
            Opened, Scratch,
            response::{Response, Wanted},
            stream::{Marks, Stream},
            timeline::Timeline,
        },
        transport::Transport,
    },
};

/// Bytes of a response's headers, as for HTTP/1.1.
const LARGEST_HEAD: u32 = 64 * 1024;

type Tasks = RefCell<JoinSet<()>>;

/// Spawns what a connection consists of on the worker's thread.
#[derive(Debug, Clone)]
struct Local(Weak<Tasks>);

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        if let Some(tasks) = self.0.upgrade() {
            let mut tasks = tasks.borrow_mut();
            while tasks.try_join_next().is_some() {}
            tasks.spawn_local(future);
        }
    }
}

/// An open connection. Its tasks end with it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: http2::SendRequest<Full<Bytes>>,
    marks: Rc<Marks>,
    _tasks: Rc<Tasks>,
    _opened: Opened,
}

impl Connection {
    /// HTTP/2 over `transport`, whose server has agreed to it or is known to speak it.
    ///
    /// # Errors
    /// The first bytes cannot be sent.
    pub(super) async fn new(transport: Transport, scratch: &Scratch, opened: Opened) -> Result<Self, RequestError> {
        let marks = Rc::new(Marks::default());
        let tasks = Rc::new(RefCell::new(JoinSet::new()));
        let stream = Stream::new(transport, marks.clone(), scratch.clone());
        let mut builder = http2::Builder::new(Local(Rc::downgrade(&tasks)));
        builder.max_header_list_size(LARGEST_HEAD);
        let (sender, driver) = builder.handshake(stream).await.map_err(|error| http2_error(&error, false))?;
        tasks.borrow_mut().spawn_local(async move {
            // What ends a connection is told to the request that meets it.
            let _ended = driver.await;
        });
        Ok(Self { sender, marks, _tasks: tasks, _opened: opened })
    }

    /// Whether another request may be sent, as far as is known.
    pub(super) fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends `request` and reads its response into `response`, of which only what is `wanted` is kept.
    ///
    /// # Errors
    /// There is no complete response. Other requests may go on; the caller gives the connection up.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        wanted: Wanted,
        response: &mut Response,
        timeline: &Timeline,
    ) -> Result<(), RequestError> {
        self.marks.written.set(None);
        let answer = self.sender.send_request(request).await;
        let written = self.marks.written.get();
        let (head, mut body) = match answer {
            Ok(answer) => {
                timeline.write(written.unwrap_or_else(Instant::now));
                timeline.read(self.marks.arrived.get());
                answer.into_parts()
            }
            Err(error) => {
                let error = http2_error(&error, false);
                match error.reason {
                    // Refused before anything was done with it: as if it had not been sent (RFC 9113, 8.7).
                    RequestFailure::Unprocessed => {}
                    // That is the server's answer to this very request.
                    RequestFailure::StreamReset => {
                        timeline.write(written.unwrap_or_else(Instant::now));
                        timeline.read(self.marks.arrived.get());
                    }
                    _ => {
                        if let Some(written) = written {
                            timeline.write(written);
                        }
                    }
                }
                return Err(error);
            }
        };
        response.status = head.status.as_u16();
        let redirects = matches!(response.status, 301 | 302 | 303 | 307 | 308);
        if wanted.headers || redirects || head.headers.contains_key(hyper::header::SET_COOKIE) {
            for (name, value) in &head.headers {
                response.headers.push(name.as_str().as_bytes(), value.as_bytes());
            }
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| http2_error(&error, true))?;
            if let Some(data) = frame.data_ref() {
                response.append(data, wanted.body)?;
            }
        }
        // A reset without an error looks like the end (RFC 9113, 8.1), and is one only behind it.
        if !body.is_end_stream() {
            return Err(RequestError::new(RequestFailure::BodyEof, "the server reset the stream within the body"));
        }
        timeline.read(self.marks.arrived.get());
        Ok(())
    }
}
