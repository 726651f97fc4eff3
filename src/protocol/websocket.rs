//! An open WebSocket: our own frames over the non-blocking [`Transport`]; see
//! docs/adr/0009-frames-in-the-workers-buffers.md.

use std::{
    io::{self, Read, Write},
    rc::Rc,
    task::{Context, Poll, ready},
};

use crate::{
    clock::Instant,
    protocol::{
        failure::{Disconnect, disconnect},
        frame::{LONGEST_CONTROL, Opcode},
        inbox::{Inbox, Inboxes, Incoming},
        outbox::{Outbox, Outboxes},
        transport::Transport,
    },
};

/// Answers to pings that may wait for a peer that reads nothing, in bytes; further pings are then not answered (§5.5.3
/// asks for the last one only).
const MOST_CONTROL: usize = 16 * 1024;

/// Buffers that the connections of one worker share.
#[derive(Debug, Clone, Default)]
pub struct Buffers {
    /// For reads.
    pub inboxes: Rc<Inboxes>,
    /// For writes.
    pub outboxes: Rc<Outboxes>,
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Bytes; the messages in them have been handed over.
    Some,
    /// The end of TCP after both goodbyes.
    End,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    transport: Transport,
    inbox: Inbox,
    outbox: Outbox,
    /// What came with the response to the upgrade.
    tail: Vec<u8>,
    /// Bytes of data frames queued so far.
    queued: u64,
    /// How many of them the kernel has accepted.
    accepted: u64,
    /// Our close frame is queued or sent.
    said_goodbye: bool,
    /// The peer's close frame has come.
    heard_goodbye: bool,
}

impl Connection {
    /// Takes over an upgraded transport. `tail` came with the response; messages have up to `limit` bytes.
    #[must_use]
    pub fn new(transport: Transport, tail: Vec<u8>, limit: usize, buffers: &Buffers) -> Self {
        Self {
            transport,
            inbox: Inbox::new(buffers.inboxes.clone(), limit),
            outbox: Outbox::new(buffers.outboxes.clone()),
            tail,
            queued: 0,
            accepted: 0,
            said_goodbye: false,
            heard_goodbye: false,
        }
    }

    /// Queues a text or binary message; returns its length on the wire. Nothing is written before the next flush.
    pub fn queue(&mut self, opcode: Opcode, payload: &[u8]) -> u64 {
        let length = self.outbox.push(opcode, payload);
        self.queued += length;
        length
    }

    /// Queues a close frame. Messages of which nothing has been written stay unsent.
    pub fn queue_close(&mut self, code: Option<u16>, reason: &str) {
        if std::mem::replace(&mut self.said_goodbye, true) {
            return;
        }
        self.queued -= self.outbox.discard();
        let mut payload = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
        payload.extend_from_slice(reason.as_bytes());
        payload.truncate(LONGEST_CONTROL);
        self.outbox.push_control(Opcode::Close, &payload);
    }

    /// Queues a ping; whoever sends many watches [`Self::backlog`].
    pub fn queue_ping(&mut self, payload: &[u8]) {
        self.outbox.push_control(Opcode::Ping, payload);
    }

    /// Ends by a reset when it is dropped.
    pub fn reset_at_end(&self) {
        self.transport.reset_at_end();
    }

    /// Bytes of queued data frames that the kernel has accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Bytes of queued data frames that the kernel has not accepted yet.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.queued - self.accepted
    }

    /// Bytes that wait to be written, pings and answers to pings included.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.unsent() + self.outbox.control_waiting() as u64
    }

    /// Bytes that the kernel has taken, of TLS its records.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.transport.written()
    }

    /// Whether anything is to be flushed.
    #[must_use]
    pub fn has_unwritten(&self) -> bool {
        !self.outbox.next().is_empty()
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
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // rustls merges frames into records: which of them are out is known when all are.
                    if !self.transport.is_encrypted() {
                        self.accepted = self.queued - self.outbox.unwritten().len() as u64;
                    }
                    if ready!(self.transport.poll_writable(cx)).is_err() {
                        return Poll::Ready(Err(Disconnect::Other));
                    }
                }
                // A peer that has said goodbye need not read our answer.
                Err(_) if self.heard_goodbye => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(disconnect(&error))),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.next().is_empty() {
            let count = self.transport.write(self.outbox.next())?;
            self.outbox.advance(count);
        }
        self.transport.flush()
    }

    /// One read. Hands the data messages, pongs and the goodbye in it to `take` with the instant of their arrival, in
    /// order. Answers to pings and to the goodbye are queued; see [`Self::has_unwritten`].
    ///
    /// # Errors
    /// The connection ended without a close handshake.
    pub fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(Incoming<'_>, Instant),
    ) -> Poll<Result<Received, Disconnect>> {
        let shared = self.inbox.shared();
        let mut scratch = shared.scratch.borrow_mut();
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            return Poll::Ready(self.hand_over(&tail, take));
        }
        loop {
            match self.transport.read(&mut scratch) {
                Ok(0) => return Poll::Ready(self.ended(Disconnect::Eof)),
                Ok(count) => return Poll::Ready(self.hand_over(&scratch[..count], take)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if ready!(self.transport.poll_unblocked(cx)).is_err() {
                        return Poll::Ready(Err(Disconnect::Other));
                    }
                }
                Err(error) => return Poll::Ready(self.ended(disconnect(&error))),
            }
        }
    }

    /// When the bytes last read had arrived; at first, the response to the upgrade.
    #[must_use]
    pub fn arrived_at(&self) -> Instant {
        self.transport.arrived_at()
    }

    /// After both goodbyes it does not matter how TCP ends.
    fn ended(&self, reason: Disconnect) -> Result<Received, Disconnect> {
        if self.heard_goodbye { Ok(Received::End) } else { Err(reason) }
    }

    fn hand_over(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Incoming<'_>, Instant),
    ) -> Result<Received, Disconnect> {
        let arrived = self.transport.arrived_at();
        let (outbox, mut goodbye) = (&mut self.outbox, None);
        let fed = self.inbox.feed(bytes, &mut |incoming| match incoming {
            Incoming::Ping(payload) => {
                if outbox.control_waiting() < MOST_CONTROL {
                    outbox.push_control(Opcode::Pong, payload);
                }
            }
            Incoming::Close(code) => {
                goodbye = Some(code);
                take(incoming, arrived);
            }
            _ => take(incoming, arrived),
        });
        if let Some(code) = goodbye {
            self.heard_goodbye = true;
            self.queue_close(if code == 1005 { None } else { Some(code) }, "");
        }
        if let Err(reason) = fed {
            self.complain(reason);
            return Err(reason);
        }
        Ok(Received::Some)
    }

    /// Tells the peer what it did wrong (§7.1.7), if the kernel takes that at once.
    fn complain(&mut self, reason: Disconnect) {
        self.queue_close(Some(reason.close_code()), "");
        if let Err(error) = self.flush() {
            tracing::trace!(%error, "The peer is not told why the connection ends.");
        }
    }
}
