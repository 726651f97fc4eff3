//! `GET /events`: server-sent events, each with the document of `/status`. A reader that is slow gets the latest state
//! when it is ready for one, never a backlog; one that reads nothing is cut.

use std::{
    cell::Cell,
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{Either, Full};
use hyper::{
    Response, StatusCode,
    body::{Body as HttpBody, Frame},
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{sleep, timeout},
};

use crate::agent::api::{
    answer::{self, Body},
    lane::Lane,
    problem::Problem,
    status::Showcase,
};

/// Streams at one time.
pub(super) const MOST: usize = 128;
/// Proxies cut connections that are silent for 30 s to 60 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between two events, so that a burst of changes is one; a change is told within 100 ms.
const SPACING: Duration = Duration::from_millis(50);
/// For a reader to take an event; a page that sleeps in a pocket comes back with a new stream.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nginx would collect events until its buffer is full.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The streams of one server.
#[derive(Debug)]
pub(super) struct Streams {
    open: Rc<Cell<usize>>,
    cut: Rc<Cell<u64>>,
    closing: watch::Receiver<()>,
}

/// The body of a stream.
#[derive(Debug)]
pub(in crate::agent) struct Events {
    frames: mpsc::Receiver<Bytes>,
}

/// One of [`MOST`], given back when dropped.
#[derive(Debug)]
struct Place(Rc<Cell<usize>>);

impl Streams {
    pub(super) fn new(closing: watch::Receiver<()>) -> Self {
        Self { open: Rc::default(), cut: Rc::default(), closing }
    }

    /// A new stream, on the connection of `lane`.
    pub(super) fn open(&self, showcase: Showcase, lane: &Lane) -> Result<Response<Body>, Problem> {
        if self.open.get() >= MOST {
            let message = format!("{MOST} streams are open; close one, or read /api/v1/status now and then");
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", message));
        }
        self.open.set(self.open.get() + 1);
        let place = Place(Rc::clone(&self.open));
        let (sender, frames) = mpsc::channel(1);
        let feed = Feed { sender, cut: lane.becomes_stream(), cut_before: Rc::clone(&self.cut), _place: place };
        let closing = self.closing.clone();
        tokio::task::spawn_local(feed.run(showcase, closing));
        Ok(head_of(Either::Right(Events { frames })))
    }
}

/// The answer to `HEAD`: a stream without events.
pub(super) fn head() -> Response<Body> {
    head_of(Either::Left(Full::default()))
}

fn head_of(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    answer::guard(&mut response);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(UNBUFFERED, HeaderValue::from_static("no"));
    response
}

/// What fills a stream.
struct Feed {
    sender: mpsc::Sender<Bytes>,
    /// Of the connection.
    cut: Rc<Notify>,
    /// Streams that were cut since the start of the server.
    cut_before: Rc<Cell<u64>>,
    _place: Place,
}

impl Feed {
    async fn run(self, mut showcase: Showcase, mut closing: watch::Receiver<()>) {
        loop {
            showcase.see();
            if !self.send(event(&showcase.body())).await {
                return;
            }
            sleep(SPACING).await;
            loop {
                tokio::select! {
                    () = self.sender.closed() => return,
                    // Its other end goes with the server.
                    _ = closing.changed() => return,
                    changed = showcase.changed() => if changed { break } else { return },
                    () = sleep(HEARTBEAT) => if !self.send(Bytes::from_static(b":\n\n")).await { return },
                }
            }
        }
    }

    /// Whether the stream goes on.
    async fn send(&self, frame: Bytes) -> bool {
        match timeout(PATIENCE, self.sender.send(frame)).await {
            Ok(sent) => sent.is_ok(),
            Err(_) => {
                self.cut_before.set(self.cut_before.get() + 1);
                let so_far = self.cut_before.get();
                tracing::warn!(so_far, "A stream of events was cut: its reader has taken nothing for {PATIENCE:?}.");
                self.cut.notify_one();
                false
            }
        }
    }
}

fn event(status: &Bytes) -> Bytes {
    // The document has no line breaks: serde_json escapes those in texts.
    let (head, tail): (&[u8], &[u8]) = (b"event: status\ndata: ", b"\n\n");
    let mut event = BytesMut::with_capacity(head.len() + status.len() + tail.len());
    event.put(head);
    event.put(status.as_ref());
    event.put(tail);
    event.freeze()
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.frames.poll_recv(context).map(|frame| frame.map(|data| Ok(Frame::data(data))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::{
        agent::{api::tests::status, board::Board},
        outputs::run_status::Phase,
    };

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_cut_and_its_place_given_back() {
        let local = LocalSet::new();
        let cut = local.run_until(async {
            let (board, (_open, closing)) = (Board::default(), watch::channel(()));
            let (streams, lane) = (Streams::new(closing), Lane::default());
            let response = streams.open(Showcase::new(board.reader(), None), &lane);
            assert_eq!(streams.open.get(), 1);
            // The first event waits to be read, and the next for its place.
            let changes = async {
                loop {
                    board.show(status("r1", Phase::Running));
                    sleep(SPACING).await;
                }
            };
            let cut = tokio::select! {
                () = changes => false,
                () = lane.over(Duration::ZERO) => true,
            };
            // Its task ends with the cut.
            while streams.open.get() > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(streams.cut.get(), 1);
            drop(response);
            cut
        });
        assert!(timeout(PATIENCE * 3, cut).await.expect("it is cut"));
    }

    #[test]
    fn an_event_is_one_line_of_data() {
        let event = event(&Bytes::from(serde_json::json!({"note": "two\nlines"}).to_string()));
        assert_eq!(event, "event: status\ndata: {\"note\":\"two\\nlines\"}\n\n");
    }
}
