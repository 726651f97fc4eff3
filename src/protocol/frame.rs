//! Frames of RFC 6455 §5.2 as bytes: headers that a server sends, and whole masked frames that a
//! client sends. Values in, values out; nothing here reads or writes a socket.

use crate::protocol::failure::Disconnect;

/// The longest header of a server's frame, which has no mask: 2 bytes and a length of 8.
pub const LONGEST_HEADER: usize = 10;
/// The longest payload of a control frame (§5.5).
pub const LONGEST_CONTROL: usize = 125;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const TWO_BYTES: u8 = 126;
const EIGHT_BYTES: u8 = 127;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// The next part of a fragmented message.
    Continuation,
    /// A text message, or its first part.
    Text,
    /// A binary message, or its first part.
    Binary,
    /// Goodbye.
    Close,
    /// A question whether the peer is there.
    Ping,
    /// Its answer.
    Pong,
}

impl Opcode {
    fn parse(byte: u8) -> Option<Self> {
        Some(match byte & 0x0f {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    fn byte(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Control frames stand between the parts of a message and are never fragmented themselves.
    #[must_use]
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Bytes of the whole frame that [`push`] has made at the beginning of `bytes`.
#[must_use]
pub fn length(bytes: &[u8]) -> usize {
    let [_, second, rest @ ..] = bytes else { return bytes.len() };
    let (payload, header) = match second & LENGTH {
        TWO_BYTES => (rest.first_chunk().map_or(0, |length| u16::from_be_bytes(*length).into()), 4),
        EIGHT_BYTES => (rest.first_chunk().map_or(0, |length| u64::from_be_bytes(*length) as usize), 10),
        length => (length.into(), 2),
    };
    // And the mask.
    header + 4 + payload
}

/// The header of a frame from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub last: bool,
    /// What it carries.
    pub opcode: Opcode,
    /// Bytes of payload.
    pub length: u64,
    /// Bytes of the header itself.
    pub size: usize,
}

impl Header {
    /// Reads a header from the beginning of `bytes`; none if it is not complete yet.
    ///
    /// # Errors
    /// [`Disconnect::Protocol`]: what no server may send.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Disconnect> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::parse(*first).ok_or(Disconnect::Protocol)?;
        let (last, short) = (first & FINAL != 0, second & LENGTH);
        // Extensions have not been agreed on, and a server's frames have no mask (§5.1).
        if first & RESERVED != 0 || second & MASKED != 0 {
            return Err(Disconnect::Protocol);
        }
        if opcode.is_control() && (!last || usize::from(short) > LONGEST_CONTROL) {
            return Err(Disconnect::Protocol);
        }
        let (length, size) = match short {
            TWO_BYTES => match rest.first_chunk() {
                Some(length) => (u16::from_be_bytes(*length).into(), 4),
                None => return Ok(None),
            },
            EIGHT_BYTES => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 10),
                None => return Ok(None),
            },
            length => (length.into(), 2),
        };
        // The most significant bit must be 0.
        if length > i64::MAX as u64 {
            return Err(Disconnect::Protocol);
        }
        Ok(Some(Self { last, opcode, length, size }))
    }
}

/// Appends a message or a control frame as one masked frame; returns its length.
pub fn push(bytes: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: [u8; 4]) -> u64 {
    let before = bytes.len();
    let length = payload.len();
    bytes.push(FINAL | opcode.byte());
    if length < usize::from(TWO_BYTES) {
        bytes.push(MASKED | length as u8);
    } else if let Ok(short) = u16::try_from(length) {
        bytes.push(MASKED | TWO_BYTES);
        bytes.extend_from_slice(&short.to_be_bytes());
    } else {
        bytes.push(MASKED | EIGHT_BYTES);
        bytes.extend_from_slice(&(length as u64).to_be_bytes());
    }
    bytes.extend_from_slice(&mask);
    let place = bytes.len();
    bytes.extend_from_slice(payload);
    apply_mask(&mut bytes[place..], mask);
    (bytes.len() - before) as u64
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
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;

    #[test]
    fn what_no_server_may_send_is_refused() {
        for (what, bytes) in [
            ("a reserved bit", [0xc1, 0x00]),
            ("a reserved opcode", [0x83, 0x00]),
            ("a reserved control opcode", [0x8b, 0x00]),
            ("a mask", [0x81, 0x80]),
            ("a fragmented ping", [0x09, 0x00]),
            ("a ping of 126 bytes", [0x89, 126]),
        ] {
            assert_eq!(Header::parse(&bytes), Err(Disconnect::Protocol), "{what}");
        }
        let longest = [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Header::parse(&longest), Err(Disconnect::Protocol), "a length of 2^63");
    }

    proptest! {
        /// tungstenite's parser is the oracle for everything that its frames may be.
        #[test]
        fn headers_read_as_tungstenite_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let theirs = FrameHeader::parse(&mut std::io::Cursor::new(&bytes));
            match (Header::parse(&bytes), theirs) {
                (Ok(Some(mine)), Ok(Some((header, length)))) => {
                    prop_assert_eq!((mine.last, mine.length, mine.opcode.byte()), (header.is_final, length, header.opcode.into()));
                    prop_assert_eq!(mine.size, header.len(length).max(mine.size), "no longer than the shortest form");
                    prop_assert!(!header.rsv1 && !header.rsv2 && !header.rsv3 && header.mask.is_none());
                }
                (Ok(None), Ok(None)) | (Err(_), Err(_)) => {}
                // Refused by us already in the header, by them in the frame or only when it is complete.
                (Err(Disconnect::Protocol), _) => {}
                (mine, theirs) => prop_assert!(false, "{mine:?}, tungstenite {theirs:?}"),
            }
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
}
