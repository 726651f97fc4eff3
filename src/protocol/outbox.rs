//! The sending side of a connection: frames are encoded straight into a buffer that belongs to the
//! worker, not to the connection, so that a socket that is only held has none, and a message is
//! copied once. Control frames (pings, answers to pings, goodbyes) have a buffer of their own: they
//! go out before data of which nothing is written, and never inside a data frame.

use std::{cell::RefCell, rc::Rc};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::protocol::frame::{self, Opcode};

/// Buffers kept for the next bursts; more are given back to the system.
const KEPT: usize = 16;
/// A buffer that has grown beyond this is not kept.
const LARGEST_KEPT: usize = 256 * 1024;

/// Written bytes that stay before those that are not written yet.
const LARGEST_WRITTEN: usize = 64 * 1024;

/// Buffers and masks of one worker.
#[derive(Debug)]
pub struct Outboxes {
    free: RefCell<Vec<Vec<u8>>>,
    masks: RefCell<SmallRng>,
}

impl Default for Outboxes {
    fn default() -> Self {
        Self { free: RefCell::default(), masks: RefCell::new(SmallRng::from_rng(&mut rand::rng())) }
    }
}

impl Outboxes {
    fn mask(&self) -> [u8; 4] {
        self.masks.borrow_mut().random()
    }
}

/// Encoded frames of one connection that the kernel has not accepted yet.
#[derive(Debug)]
pub struct Outbox {
    shared: Rc<Outboxes>,
    bytes: Vec<u8>,
    /// How much of `bytes` has been accepted.
    written: usize,
    /// The end of the frame that has begun, or `written` between two frames.
    boundary: usize,
    /// Encoded control frames.
    control: Vec<u8>,
}

impl Outbox {
    /// An empty one, without a buffer.
    #[must_use]
    pub fn new(shared: Rc<Outboxes>) -> Self {
        Self { shared, bytes: Vec::new(), written: 0, boundary: 0, control: Vec::new() }
    }

    /// Appends a text or binary message as one masked frame; returns its length on the wire.
    pub fn push(&mut self, opcode: Opcode, payload: &[u8]) -> u64 {
        if self.bytes.capacity() == 0
            && let Some(buffer) = self.shared.free.borrow_mut().pop()
        {
            self.bytes = buffer;
        }
        frame::push(&mut self.bytes, opcode, payload, self.shared.mask())
    }

    /// Appends a control frame.
    pub fn push_control(&mut self, opcode: Opcode, payload: &[u8]) {
        frame::push(&mut self.control, opcode, payload, self.shared.mask());
    }

    /// Bytes of control frames that wait.
    #[must_use]
    pub fn control_waiting(&self) -> usize {
        self.control.len()
    }

    /// Which bytes go out next: control frames that have begun or may come first, or data; of that only the rest of a
    /// frame if a control frame waits for its end.
    #[must_use]
    pub fn next(&self) -> &[u8] {
        if self.control_is_next() {
            &self.control
        } else if self.control.is_empty() {
            self.unwritten()
        } else {
            &self.bytes[self.written..self.boundary]
        }
    }

    fn control_is_next(&self) -> bool {
        !self.control.is_empty() && !self.is_begun()
    }

    /// The transport has taken `count` bytes of [`Self::next`].
    pub fn advance(&mut self, count: usize) {
        if !self.control_is_next() {
            return self.advance_data(count);
        }
        // Rarely cut: what is left of a few short frames moves to the front.
        self.control.drain(..count);
        if self.control.is_empty() {
            self.control = Vec::new();
        }
    }

    /// Data that is still to be written.
    #[must_use]
    pub fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Whether a frame has been written in part.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.written < self.boundary
    }

    /// Drops frames of which nothing has been written; returns how many bytes those were.
    pub fn discard(&mut self) -> u64 {
        let dropped = self.bytes.len() - self.boundary;
        self.bytes.truncate(self.boundary);
        self.advance_data(0);
        dropped as u64
    }

    /// The buffer goes back when it is empty. A peer that is always behind must not make it grow by all that was ever
    /// written, so the written half goes before.
    fn advance_data(&mut self, count: usize) {
        self.written += count;
        if self.written < self.bytes.len() {
            while self.boundary < self.written {
                self.boundary += frame::length(&self.bytes[self.boundary..]);
            }
            if self.written > LARGEST_WRITTEN && 2 * self.written > self.bytes.len() {
                self.bytes.drain(..self.written);
                self.boundary -= self.written;
                self.written = 0;
            }
            return;
        }
        (self.written, self.boundary) = (0, 0);
        self.bytes.clear();
        let mut free = self.shared.free.borrow_mut();
        if free.len() < KEPT && self.bytes.capacity() <= LARGEST_KEPT {
            free.push(std::mem::take(&mut self.bytes));
        } else {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::{
        Message,
        protocol::{Role, WebSocket, WebSocketConfig},
    };

    /// A server of the library reads what we have encoded.
    fn read_back(bytes: &[u8], messages: usize) -> Vec<Message> {
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let stream = std::io::Cursor::new(bytes.to_vec());
        let mut server = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
        (0..messages).map(|_| server.read().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn frames_of_any_length_read_back_with_another_codec(lengths in prop::collection::vec(0usize..70_000, 1..6)) {
            let mut outbox = Outbox::new(Rc::default());
            let texts: Vec<String> = lengths.iter().map(|length| "payload-".chars().cycle().take(*length).collect()).collect();
            let total: u64 = texts.iter().map(|text| outbox.push(Opcode::Text, text.as_bytes())).sum();
            prop_assert_eq!(total, outbox.unwritten().len() as u64);
            let expected: Vec<_> = texts.iter().map(|text| Message::text(text.as_str())).collect();
            prop_assert_eq!(read_back(outbox.unwritten(), texts.len()), expected);
        }
    }

    #[test]
    fn a_buffer_goes_back_to_the_worker_when_everything_is_written() {
        let shared = Rc::<Outboxes>::default();
        let mut one = Outbox::new(shared.clone());
        let length = one.push(Opcode::Text, b"hello") as usize;
        one.advance(3);
        assert!(one.is_begun() && shared.free.borrow().is_empty(), "a frame is under way");
        one.advance(length - 3);
        assert!(!one.is_begun() && one.bytes.capacity() == 0);
        assert_eq!(shared.free.borrow().len(), 1);
        let mut other = Outbox::new(shared.clone());
        other.push(Opcode::Text, b"hello");
        assert!(shared.free.borrow().is_empty(), "used again");
    }

    #[test]
    fn behind_a_peer_that_is_always_behind_nothing_piles_up_and_control_frames_get_through() {
        let mut outbox = Outbox::new(Rc::default());
        let (mut queued, mut wire) = (0, Vec::new());
        for round in 0..2_000 {
            while outbox.unwritten().len() < 32 * 1024 {
                outbox.push(Opcode::Binary, &[7; 1000]);
                queued += 1;
            }
            if round == 1_000 {
                outbox.push_control(Opcode::Pong, b"alive");
            }
            // Less than there is, and never the end of a frame.
            for _ in 0..2 {
                let count = outbox.next().len().min(9_999);
                wire.extend_from_slice(&outbox.next()[..count]);
                outbox.advance(count);
            }
        }
        assert!(outbox.bytes.capacity() < 512 * 1024, "{}", outbox.bytes.capacity());
        let left = outbox.unwritten().len() as u64;
        let dropped = outbox.discard();
        assert!(dropped > 0 && dropped <= left);
        while !outbox.next().is_empty() {
            let count = outbox.next().len();
            wire.extend_from_slice(outbox.next());
            outbox.advance(count);
        }
        let sent = (wire.len() - 11) / 1008;
        assert_eq!(wire.len(), sent * 1008 + 11, "whole frames and the pong");
        let read = read_back(&wire, sent + 1);
        let pong = read.iter().position(Message::is_pong).unwrap();
        assert!((sent / 3..sent * 2 / 3).contains(&pong), "{pong} of {sent}");
        assert!(queued > sent);
    }

    #[test]
    fn control_frames_go_between_data_frames_only() {
        let mut outbox = Outbox::new(Rc::default());
        let mut wire = Vec::new();
        let mut written = |outbox: &mut Outbox, count: usize| {
            let count = count.min(outbox.next().len());
            wire.extend_from_slice(&outbox.next()[..count]);
            outbox.advance(count);
        };
        outbox.push(Opcode::Text, b"first");
        written(&mut outbox, 3);
        outbox.push_control(Opcode::Pong, b"hello");
        written(&mut outbox, 3);
        outbox.push(Opcode::Binary, b"second");
        while !outbox.next().is_empty() {
            written(&mut outbox, 4);
        }
        outbox.push(Opcode::Text, b"third");
        outbox.push_control(Opcode::Ping, b"");
        while !outbox.next().is_empty() {
            written(&mut outbox, 4);
        }
        let expected = [
            Message::text("first"),
            Message::Pong(b"hello".as_slice().into()),
            Message::binary(b"second".as_slice()),
            Message::Ping(b"".as_slice().into()),
            Message::text("third"),
        ];
        assert_eq!(read_back(&wire, 5), expected);
    }
}
