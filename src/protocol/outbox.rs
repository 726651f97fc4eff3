//! The sending side of a connection: data frames are encoded straight into a buffer that belongs
//! to the worker, not to the connection, so that a socket that is only held has none, and a message
//! is copied once. tungstenite writes what it has to say by itself (answers to pings and close
//! frames) through the same transport; the two never mix inside a frame, see [`Transport::gate`].
//!
//! [`Transport::gate`]: crate::protocol::transport::Transport::gate

use std::{cell::RefCell, rc::Rc};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// Buffers kept for the next bursts; more are given back to the system.
const KEPT: usize = 16;
/// A buffer that has grown beyond this is not kept.
const LARGEST_KEPT: usize = 256 * 1024;

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

/// Encoded frames of one connection that the kernel has not accepted yet.
#[derive(Debug)]
pub struct Outbox {
    shared: Rc<Outboxes>,
    bytes: Vec<u8>,
    /// How much of `bytes` has been accepted.
    written: usize,
}

impl Outbox {
    /// An empty one, without a buffer.
    #[must_use]
    pub fn new(shared: Rc<Outboxes>) -> Self {
        Self { shared, bytes: Vec::new(), written: 0 }
    }

    /// Appends a text message as one masked frame (RFC 6455 §5.2); returns its length on the wire.
    pub fn push_text(&mut self, text: &str) -> u64 {
        const TEXT_FINAL: u8 = 0x81;
        const MASKED: u8 = 0x80;
        if self.bytes.capacity() == 0
            && let Some(buffer) = self.shared.free.borrow_mut().pop()
        {
            self.bytes = buffer;
        }
        let before = self.bytes.len();
        let length = text.len();
        self.bytes.push(TEXT_FINAL);
        if length < 126 {
            self.bytes.push(MASKED | length as u8);
        } else if let Ok(short) = u16::try_from(length) {
            self.bytes.push(MASKED | 126);
            self.bytes.extend_from_slice(&short.to_be_bytes());
        } else {
            self.bytes.push(MASKED | 127);
            self.bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
        let mask: [u8; 4] = self.shared.masks.borrow_mut().random();
        self.bytes.extend_from_slice(&mask);
        let payload = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        apply_mask(&mut self.bytes[payload..], mask);
        (self.bytes.len() - before) as u64
    }

    /// What is still to be written.
    #[must_use]
    pub fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Whether a frame may have been written in part.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.written > 0
    }

    /// Drops frames of which nothing has been written.
    pub fn discard(&mut self) {
        let unwritten = self.bytes.len() - self.written;
        self.advance(unwritten);
    }

    /// The transport has taken `count` bytes. The buffer goes back when it is empty.
    pub fn advance(&mut self, count: usize) {
        self.written += count;
        if self.written < self.bytes.len() {
            return;
        }
        self.written = 0;
        self.bytes.clear();
        let mut free = self.shared.free.borrow_mut();
        if free.len() < KEPT && self.bytes.capacity() <= LARGEST_KEPT {
            free.push(std::mem::take(&mut self.bytes));
        } else {
            self.bytes = Vec::new();
        }
    }
}

/// XORs the mask in eight bytes at a time.
fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
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
            let total: u64 = texts.iter().map(|text| outbox.push_text(text)).sum();
            prop_assert_eq!(total, outbox.unwritten().len() as u64);
            let expected: Vec<_> = texts.iter().map(|text| Message::text(text.as_str())).collect();
            prop_assert_eq!(read_back(outbox.unwritten(), texts.len()), expected);
        }

        #[test]
        fn masking_twice_is_no_masking(mut payload in prop::collection::vec(any::<u8>(), 0..100), mask in any::<[u8; 4]>()) {
            let before = payload.clone();
            apply_mask(&mut payload, mask);
            for (place, (byte, plain)) in payload.iter().zip(&before).enumerate() {
                prop_assert_eq!(*byte, plain ^ mask[place % 4]);
            }
        }
    }

    #[test]
    fn a_buffer_goes_back_to_the_worker_when_everything_is_written() {
        let shared = Rc::<Outboxes>::default();
        let mut one = Outbox::new(shared.clone());
        let length = one.push_text("hello") as usize;
        one.advance(3);
        assert!(one.is_begun() && shared.free.borrow().is_empty());
        one.advance(length - 3);
        assert!(!one.is_begun() && one.bytes.capacity() == 0);
        assert_eq!(shared.free.borrow().len(), 1);
        let mut other = Outbox::new(shared.clone());
        other.push_text("hello");
        assert!(shared.free.borrow().is_empty(), "used again");
    }
}
