//! An open WebSocket. tungstenite's codec runs directly over the non-blocking [`Transport`]; see
//! docs/adr/0001-tungstenite-without-the-stream-adapter.md.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{
    Error, Message, Utf8Bytes, WebSocket,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::{
    clock::Instant,
    protocol::{
        failure::{Disconnect, disconnect},
        transport::Transport,
    },
};

/// What came from the peer.
#[derive(Debug)]
pub enum Incoming {
    /// A text or binary message.
    Data(Bytes),
    /// The answer to a ping.
    Pong(Bytes),
    /// The peer's close frame with its code, 1005 without one; the answer goes out by itself.
    Close(u16),
    /// TCP ended after both close frames.
    Ended,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    socket: WebSocket<Transport>,
    /// Plain bytes queued so far, to know when the kernel has them.
    queued: u64,
    /// Bytes that the transport accepted beside the queued frames: the upgrade request and answers to pings.
    base: u64,
}

impl Connection {
    /// Takes over an upgraded socket.
    #[must_use]
    pub fn new(socket: WebSocket<Transport>) -> Self {
        let base = socket.get_ref().accepted();
        Self { socket, queued: 0, base }
    }

    /// Queues a text message; returns its length on the wire. Nothing is written before the next
    /// flush unless much is queued (`upgrade::WRITE_BUFFER`).
    ///
    /// # Errors
    /// The connection is over.
    pub fn queue_text(&mut self, text: Utf8Bytes) -> Result<u64, Disconnect> {
        let length = text.len() as u64;
        // Header, mask, payload: RFC 6455 §5.2.
        let header = match length {
            0..126 => 2,
            126..65_536 => 4,
            _ => 10,
        };
        let frame = header + 4 + length;
        match self.socket.write(Message::Text(text)) {
            Ok(()) => {}
            // The frame is queued; the socket only could not take more.
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(disconnect(&error).unwrap_or(Disconnect::Eof)),
        }
        self.queued += frame;
        Ok(frame)
    }

    /// Queues a close frame.
    ///
    /// # Errors
    /// The connection is over.
    pub fn queue_close(&mut self, code: u16, reason: &str) -> Result<(), Disconnect> {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        match self.socket.close(Some(frame)) {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(()),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(disconnect(&error).unwrap_or(Disconnect::Eof)),
        }
    }

    /// Bytes of queued frames that the kernel has accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.socket.get_ref().accepted().saturating_sub(self.base)
    }

    /// Bytes of queued frames that the kernel has not accepted yet.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.queued.saturating_sub(self.accepted())
    }

    /// Writes what is queued.
    ///
    /// # Errors
    /// The connection is over.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Disconnect>> {
        loop {
            match self.socket.flush() {
                Ok(()) => {
                    self.base = self.socket.get_ref().accepted().saturating_sub(self.queued);
                    return Poll::Ready(Ok(()));
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    if ready!(self.socket.get_ref().poll_writable(cx)).is_err() {
                        return Poll::Ready(Err(Disconnect::Other));
                    }
                }
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(disconnect(&error).unwrap_or(Disconnect::Eof))),
            }
        }
    }

    /// The next message, in the order of arrival. Pings are answered by themselves.
    ///
    /// # Errors
    /// The connection ended without a close handshake.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Disconnect>> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Poll::Ready(Ok(Incoming::Data(text.into()))),
                Ok(Message::Binary(data)) => return Poll::Ready(Ok(Incoming::Data(data))),
                Ok(Message::Pong(payload)) => return Poll::Ready(Ok(Incoming::Pong(payload))),
                Ok(Message::Close(frame)) => {
                    return Poll::Ready(Ok(Incoming::Close(frame.map_or(1005, |frame| frame.code.into()))));
                }
                Ok(Message::Ping(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    if ready!(self.socket.get_ref().poll_unblocked(cx)).is_err() {
                        return Poll::Ready(Err(Disconnect::Other));
                    }
                }
                Err(error) => return Poll::Ready(disconnect(&error).map_or(Ok(Incoming::Ended), Err)),
            }
        }
    }

    /// When the bytes of the last message had arrived.
    #[must_use]
    pub fn arrived_at(&self) -> Instant {
        self.socket.get_ref().arrived_at()
    }
}
