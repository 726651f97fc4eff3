//! The receiving side of a connection: what a read brought becomes messages. The bytes lie in a
//! buffer that belongs to the worker, and a message that came whole is handed over where it lies; a
//! connection keeps only what is not complete yet, so that a socket that is only held has no buffer.

use std::{cell::RefCell, rc::Rc};

use crate::protocol::{
    failure::Disconnect,
    frame::{Header, LONGEST_HEADER, Opcode},
};

/// Room for one read, in bytes. A TLS record has at most as many; a larger one does not fit the
/// first-level cache of a core beside everything else.
const READ_BUFFER: usize = 16 * 1024;
/// A buffer for unfinished messages that has grown beyond this is given back.
const LARGEST_KEPT: usize = 1 << 20;

/// Buffers of one worker.
#[derive(Debug)]
pub struct Inboxes {
    /// Where reads go.
    pub scratch: RefCell<Box<[u8]>>,
    /// The buffer of the last message that came in parts.
    spare: RefCell<Vec<u8>>,
}

impl Default for Inboxes {
    fn default() -> Self {
        Self { scratch: RefCell::new(vec![0; READ_BUFFER].into_boxed_slice()), spare: RefCell::default() }
    }
}

/// What came from the peer, valid until the next read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'b> {
    /// A whole text message; it is UTF-8.
    Text(&'b [u8]),
    /// A whole binary message.
    Binary(&'b [u8]),
    /// A question whether we are there.
    Ping(&'b [u8]),
    /// The answer to a ping.
    Pong(&'b [u8]),
    /// The peer's goodbye with its code, 1005 without one. Nothing comes after it.
    Close(u16),
}

/// A frame whose payload is not complete.
#[derive(Debug, Clone, Copy)]
struct Open {
    opcode: Opcode,
    last: bool,
    left: u64,
}

/// What one connection has received and could not hand over yet.
#[derive(Debug)]
pub struct Inbox {
    shared: Rc<Inboxes>,
    /// Largest message, in bytes.
    limit: u64,
    /// The beginning of a header.
    head: [u8; LONGEST_HEADER],
    head_length: u8,
    frame: Option<Open>,
    /// The message that has begun: text or binary.
    message: Option<Opcode>,
    /// Its payload so far.
    gathered: Vec<u8>,
    /// The payload so far of a control frame.
    control: Vec<u8>,
    closed: bool,
}

impl Inbox {
    /// An empty one that accepts messages of up to `limit` bytes.
    #[must_use]
    pub fn new(shared: Rc<Inboxes>, limit: usize) -> Self {
        Self {
            shared,
            limit: limit as u64,
            head: [0; LONGEST_HEADER],
            head_length: 0,
            frame: None,
            message: None,
            gathered: Vec::new(),
            control: Vec::new(),
            closed: false,
        }
    }

    /// The worker's buffers.
    #[must_use]
    pub fn shared(&self) -> Rc<Inboxes> {
        self.shared.clone()
    }

    /// Hands everything over that `bytes` complete, in order. What follows a goodbye is discarded (§1.4).
    ///
    /// # Errors
    /// The peer broke the protocol or the limit; the connection is of no more use.
    pub fn feed(&mut self, mut bytes: &[u8], take: &mut impl FnMut(Incoming<'_>)) -> Result<(), Disconnect> {
        while !bytes.is_empty() && !self.closed {
            bytes = match self.frame.take() {
                Some(open) => self.go_on(open, bytes, take)?,
                None => self.begin(bytes, take)?,
            };
        }
        Ok(())
    }

    /// Reads a header, and its payload if all of it is there. Returns what is left.
    fn begin<'b>(&mut self, bytes: &'b [u8], take: &mut impl FnMut(Incoming<'_>)) -> Result<&'b [u8], Disconnect> {
        let Some((header, rest)) = self.header(bytes)? else { return Ok(&[]) };
        self.admit(&header)?;
        let Header { last, opcode, length, .. } = header;
        match rest.split_at_checked(usize::try_from(length).unwrap_or(usize::MAX)) {
            Some((payload, rest)) if opcode.is_control() => {
                self.control(opcode, payload, take)?;
                Ok(rest)
            }
            Some((payload, rest)) if last && opcode != Opcode::Continuation => {
                message(opcode, payload, take)?;
                Ok(rest)
            }
            _ => {
                if !opcode.is_control() && opcode != Opcode::Continuation {
                    self.message = Some(opcode);
                    self.gathered = std::mem::take(&mut *self.shared.spare.borrow_mut());
                }
                self.go_on(Open { opcode, last, left: length }, rest, take)
            }
        }
    }

    fn header<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<(Header, &'b [u8])>, Disconnect> {
        if self.head_length == 0 {
            if let Some(header) = Header::parse(bytes)? {
                return Ok(Some((header, &bytes[header.size..])));
            }
            self.head[..bytes.len()].copy_from_slice(bytes);
            self.head_length = bytes.len() as u8;
            return Ok(None);
        }
        let before = usize::from(self.head_length);
        let more = bytes.len().min(LONGEST_HEADER - before);
        self.head[before..before + more].copy_from_slice(&bytes[..more]);
        let parsed = Header::parse(&self.head[..before + more])?;
        // A header that is not complete with all of `bytes` is shorter than the longest one.
        self.head_length = if parsed.is_some() { 0 } else { (before + more) as u8 };
        Ok(parsed.map(|header| (header, &bytes[header.size - before..])))
    }

    fn admit(&self, header: &Header) -> Result<(), Disconnect> {
        if header.opcode.is_control() {
            return Ok(());
        }
        if (header.opcode == Opcode::Continuation) != self.message.is_some() {
            return Err(Disconnect::Protocol);
        }
        if header.length.saturating_add(self.gathered.len() as u64) > self.limit {
            return Err(Disconnect::TooBig);
        }
        Ok(())
    }

    /// Takes more of an open frame's payload. Returns what is left.
    fn go_on<'b>(
        &mut self,
        mut open: Open,
        bytes: &'b [u8],
        take: &mut impl FnMut(Incoming<'_>),
    ) -> Result<&'b [u8], Disconnect> {
        let (payload, rest) = bytes.split_at(bytes.len().min(usize::try_from(open.left).unwrap_or(usize::MAX)));
        open.left -= payload.len() as u64;
        let gathered = if open.opcode.is_control() { &mut self.control } else { &mut self.gathered };
        gathered.extend_from_slice(payload);
        if open.left > 0 {
            self.frame = Some(open);
        } else if open.opcode.is_control() {
            let payload = std::mem::take(&mut self.control);
            self.control(open.opcode, &payload, take)?;
        } else if open.last
            && let Some(opcode) = self.message.take()
        {
            let mut gathered = std::mem::take(&mut self.gathered);
            message(opcode, &gathered, take)?;
            if gathered.capacity() <= LARGEST_KEPT {
                gathered.clear();
                *self.shared.spare.borrow_mut() = gathered;
            }
        }
        Ok(rest)
    }

    fn control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        take: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), Disconnect> {
        take(match opcode {
            Opcode::Ping => Incoming::Ping(payload),
            Opcode::Pong => Incoming::Pong(payload),
            _ => {
                self.closed = true;
                Incoming::Close(close_code(payload)?)
            }
        });
        Ok(())
    }
}

fn message(opcode: Opcode, payload: &[u8], take: &mut impl FnMut(Incoming<'_>)) -> Result<(), Disconnect> {
    if opcode == Opcode::Binary {
        take(Incoming::Binary(payload));
        return Ok(());
    }
    match std::str::from_utf8(payload) {
        Ok(_) => take(Incoming::Text(payload)),
        Err(_) => return Err(Disconnect::BadUtf8),
    }
    Ok(())
}

/// The code of a close frame (§5.5.1, §7.4); 1005 stands for none.
fn close_code(payload: &[u8]) -> Result<u16, Disconnect> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(1005) } else { Err(Disconnect::BadCloseCode) };
    };
    match u16::from_be_bytes(*code) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => match std::str::from_utf8(reason) {
            Ok(_) => Ok(code),
            Err(_) => Err(Disconnect::BadUtf8),
        },
        _ => Err(Disconnect::BadCloseCode),
    }
}

#[cfg(test)]
mod tests;
