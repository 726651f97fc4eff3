//! An open WebSocket. tungstenite's codec runs directly over the non-blocking [`Transport`]; see
//! docs/adr/0001-tungstenite-without-the-stream-adapter.md.

use std::{
    io,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::{
    clock::Instant,
    protocol::{
        failure::{Disconnect, disconnect},
        outbox::{Outbox, Outboxes},
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
    /// Reads, and writes answers to pings and close frames.
    socket: WebSocket<Transport>,
    /// Data frames on their way out.
    outbox: Outbox,
    /// Bytes of data frames queued so far.
    queued: u64,
    /// How many of them the kernel has accepted.
    accepted: u64,
}

impl Connection {
    /// Takes over an upgraded socket; frames are encoded in buffers of `outboxes`.
    #[must_use]
    pub fn new(socket: WebSocket<Transport>, outboxes: Rc<Outboxes>) -> Self {
        Self { socket, outbox: Outbox::new(outboxes), queued: 0, accepted: 0 }
    }

    /// Queues a text message; returns its length on the wire. Nothing is written before the next flush.
    pub fn queue_text(&mut self, text: &str) -> u64 {
        let length = self.outbox.push_text(text);
        self.queued += length;
        length
    }

    /// Queues a close frame. Messages of which nothing has been written stay unsent.
    ///
    /// # Errors
    /// The connection is over.
    pub fn queue_close(&mut self, code: u16, reason: &str) -> Result<(), Disconnect> {
        if !self.outbox.is_begun() {
            self.queued -= self.outbox.unwritten().len() as u64;
            self.outbox.discard();
        }
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        match self.socket.close(Some(frame)) {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(()),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(disconnect(&error).unwrap_or(Disconnect::Eof)),
        }
    }

    /// Ends by a reset when it is dropped.
    pub fn reset_at_end(&self) {
        self.socket.get_ref().reset_at_end();
    }

    /// Bytes of queued frames that the kernel has accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Bytes of queued frames that the kernel has not accepted yet.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.queued - self.accepted
    }

    /// Writes what is queued.
    ///
    /// # Errors
    /// The connection is over.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Disconnect>> {
        loop {
            match self.flush() {
                Ok(()) => {
                    self.accepted = self.queued;
                    return Poll::Ready(Ok(()));
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.socket.get_ref().is_encrypted() {
                        self.accepted = self.queued - self.outbox.unwritten().len() as u64;
                    }
                    if ready!(self.socket.get_ref().poll_writable(cx)).is_err() {
                        return Poll::Ready(Err(Disconnect::Other));
                    }
                }
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(disconnect(&error).unwrap_or(Disconnect::Eof))),
            }
        }
    }

    /// What tungstenite has begun to write comes first, then data frames, then what tungstenite has
    /// to say meanwhile: no frame inside another.
    fn flush(&mut self) -> Result<(), Error> {
        if !self.outbox.is_begun() {
            self.socket.flush()?;
        }
        while !self.outbox.unwritten().is_empty() {
            let written = self.socket.get_mut().write_frames(self.outbox.unwritten());
            if let Ok(count) = written {
                self.outbox.advance(count);
            }
            self.socket.get_mut().gate(self.outbox.is_begun());
            written?;
        }
        self.socket.flush()
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
