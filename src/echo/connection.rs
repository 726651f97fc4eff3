//! One connection of the echo server.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::Poll,
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::CONTENT_LENGTH},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{clock::Instant, echo::Server};

/// The library's default of 128 KiB would be filled with zeros for every read and kept by every connection.
const READ_BUFFER: usize = 4 * 1024;
/// Replies are handed to the kernel when this much waits, or when there is nothing more to read.
const WRITE_BUFFER: usize = 16 * 1024;
/// Largest message that is echoed.
const LARGEST_MESSAGE: usize = 16 * 1024 * 1024;
/// Delayed replies that a connection may have waiting; with more, it stops reading.
const DELAYED: usize = 65_536;
/// Time for a client to ask for the upgrade.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a client to answer our Close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<TcpStream>;

/// Serves `stream` to its end.
pub(super) async fn serve(stream: TcpStream, server: Arc<Server>) {
    let mut stopped = server.stopped.clone();
    let mut stop = pin!(async { drop(stopped.wait_for(|stopped| *stopped).await) });
    let upgraded = tokio::select! {
        biased;
        () = &mut stop => None,
        upgraded = upgrade(stream, &server) => upgraded,
    };
    let Some(socket) = upgraded else {
        server.counters.not_opened.fetch_add(1, Relaxed);
        return;
    };
    server.counters.opened.fetch_add(1, Relaxed);
    let mut session = Session { socket, server: &server, delayed: VecDeque::new(), received: 0, is_closed: false };
    let end = tokio::select! {
        biased;
        () = &mut stop => Ok(End::Close(CloseCode::Away)),
        end = session.run() => end,
    };
    match end {
        Ok(End::Done) | Err(_) => {}
        Ok(End::Reset) => reset(session.socket.get_ref()),
        Ok(End::Close(code)) => session.close(code).await,
        Ok(End::Ignore) => {
            let stream = session.socket.into_inner();
            tokio::select! {
                () = stop => {}
                () = swallow(stream) => {}
            }
            return;
        }
    }
    if !session.is_closed {
        server.counters.aborted.fetch_add(1, Relaxed);
    }
}

/// The opened socket, or nothing if the client or a fault ended it before.
async fn upgrade(stream: TcpStream, server: &Server) -> Option<Socket> {
    let faults = &server.faults;
    if faults.reset_on_accept {
        reset(&stream);
        return None;
    }
    if faults.stall_upgrade {
        swallow(stream).await;
        return None;
    }
    // Without it, Nagle and delayed acknowledgements add 40 ms to small replies.
    stream.set_nodelay(true).ok()?;
    server.thaw().await;
    let refused = faults.refuse_status.and_then(|status| StatusCode::from_u16(status).ok());
    #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
    let answer = |_: &Request, response: Response| match refused {
        None => Ok(response),
        Some(status) => {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = status;
            refusal.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            Err(refusal)
        }
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    let upgraded = Box::pin(accept_hdr_async_with_config(stream, answer, Some(config)));
    tokio::time::timeout(UPGRADE_TIMEOUT, upgraded).await.ok()?.ok()
}

/// How a session ends.
enum End {
    /// The close handshake is over, or the client is gone.
    Done,
    /// Reset the connection.
    Reset,
    /// Close it with this code.
    Close(CloseCode),
    /// Leave it open and say nothing more.
    Ignore,
}

struct Session<'s> {
    socket: Socket,
    server: &'s Server,
    /// Replies with the time they are due, in order.
    delayed: VecDeque<(Instant, Message)>,
    /// Data messages of the client.
    received: u64,
    /// Whether the client has sent a Close frame.
    is_closed: bool,
}

impl Session<'_> {
    async fn run(&mut self) -> Result<End, Error> {
        loop {
            let due = self.delayed.front().map(|(due, _)| tokio::time::Instant::from_std(due.to_std()));
            let next = tokio::select! {
                biased;
                () = sleep_until(due) => None,
                next = self.socket.next(), if self.delayed.len() < DELAYED => Some(next),
            };
            self.server.thaw().await;
            let end = match next {
                None => self.reply_due().await?,
                Some(None) => Some(End::Done),
                Some(Some(message)) => self.answer(message?).await?,
            };
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    /// Answers `first` and all messages that can be read without waiting; then hands the replies to the kernel at once.
    async fn answer(&mut self, first: Message) -> Result<Option<End>, Error> {
        let mut message = Some(Ok(first));
        let mut replies = 0;
        let mut end = None;
        while let Some(next) = message {
            let next = next?;
            let is_data = matches!(next, Message::Text(_) | Message::Binary(_));
            if matches!(next, Message::Close(_)) {
                self.is_closed = true;
                self.server.counters.closes.fetch_add(1, Relaxed);
                if self.server.faults.drop_close {
                    end = Some(End::Ignore);
                    break;
                }
            }
            if is_data {
                self.received += 1;
                self.server.counters.messages_in.fetch_add(1, Relaxed);
                replies += u64::from(self.reply(next).await?);
                end = self.end_after_message();
                if end.is_some() {
                    break;
                }
            }
            let socket = &mut self.socket;
            message = poll_fn(|cx| match socket.poll_next_unpin(cx) {
                Poll::Ready(next) => Poll::Ready(next),
                Poll::Pending => Poll::Ready(None),
            })
            .await;
        }
        if !matches!(end, Some(End::Ignore)) {
            self.flush(replies).await?;
        }
        Ok(end)
    }

    /// Whether a reply is on its way to the kernel; a delayed one is not yet.
    async fn reply(&mut self, message: Message) -> Result<bool, Error> {
        let faults = &self.server.faults;
        if faults.silent {
            return Ok(false);
        }
        if faults.delay.is_zero() {
            self.socket.feed(message).await?;
            return Ok(true);
        }
        // The payload is a slice of the read buffer, which would stay allocated as long as it waits.
        let copy = match message {
            Message::Binary(data) => Message::binary(data.to_vec()),
            Message::Text(text) => Message::text(text.as_str().to_owned()),
            other => other,
        };
        self.delayed.push_back((Instant::now() + faults.delay, copy));
        Ok(false)
    }

    async fn reply_due(&mut self) -> Result<Option<End>, Error> {
        let now = Instant::now();
        let mut replies = 0;
        while self.delayed.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, message)) = self.delayed.pop_front() {
                self.socket.feed(message).await?;
                replies += 1;
            }
        }
        self.flush(replies).await?;
        Ok(None)
    }

    async fn flush(&mut self, replies: u64) -> Result<(), Error> {
        self.socket.flush().await?;
        self.server.counters.messages_out.fetch_add(replies, Relaxed);
        Ok(())
    }

    fn end_after_message(&self) -> Option<End> {
        let faults = &self.server.faults;
        if faults.reset_after.is_some_and(|messages| self.received >= messages) {
            return Some(End::Reset);
        }
        let close = faults.close_after.filter(|close| self.received >= close.messages)?;
        Some(End::Close(CloseCode::from(close.code)))
    }

    /// Sends a Close frame and waits for the client's, counting what it still sends.
    async fn close(&mut self, code: CloseCode) {
        let frame = CloseFrame { code, reason: "".into() };
        let handshake = async {
            self.socket.close(Some(frame)).await?;
            while let Some(message) = self.socket.next().await {
                match message? {
                    Message::Text(_) | Message::Binary(_) => {
                        self.server.counters.messages_in.fetch_add(1, Relaxed);
                    }
                    Message::Close(_) => {
                        self.is_closed = true;
                        self.server.counters.closes.fetch_add(1, Relaxed);
                    }
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                }
            }
            Ok::<_, Error>(())
        };
        if !matches!(tokio::time::timeout(CLOSE_TIMEOUT, handshake).await, Ok(Ok(()))) {
            tracing::debug!("the client did not finish the close handshake");
        }
    }
}

impl Server {
    /// Waits for the end of a freeze that is going on.
    async fn thaw(&self) {
        if let Some(freeze) = self.faults.freeze
            && let Some(remaining) = freeze.remaining(Instant::now().since(self.epoch))
        {
            tokio::time::sleep(remaining).await;
        }
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Makes the close that follows a reset (RST).
fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "cannot reset a connection");
    }
}

/// Reads until the client ends the connection.
async fn swallow(mut stream: TcpStream) {
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await.is_ok_and(|bytes| bytes > 0) {}
}
