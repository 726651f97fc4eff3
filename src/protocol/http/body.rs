//! Where a response's body ends (RFC 9112, 6), and its bytes without the framing.

use crate::protocol::failure::request::{RequestError, RequestFailure};

/// Bytes of the extensions of one chunk, and of all trailers. Nobody reads them.
const MOST_IGNORED: usize = 64 * 1024;

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, or so many bytes.
    Length(u64),
    /// By the last chunk.
    Chunked,
    /// By the end of the connection.
    UntilEnd,
}

/// What is still to come of a body.
#[derive(Debug)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Whatever comes until the connection ends.
    UntilEnd,
}

impl From<Framing> for Body {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::default()),
            Framing::UntilEnd => Self::UntilEnd,
        }
    }
}

impl Body {
    /// Takes from `bytes` what belongs to the body and hands its content to `sink`; returns how many bytes those were.
    ///
    /// # Errors
    /// The framing is broken, or the sink's.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), RequestError>,
    ) -> Result<usize, RequestError> {
        match self {
            Self::Length(left) => {
                let count = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= count as u64;
                sink(&bytes[..count]).map(|()| count)
            }
            Self::Chunked(chunks) => chunks.take(bytes, sink),
            Self::UntilEnd => sink(bytes).map(|()| bytes.len()),
        }
    }

    /// Whether nothing more belongs to it.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.place == Place::End,
            Self::UntilEnd => false,
        }
    }

    /// Whether the end of the connection is the end of the body.
    pub(super) fn ends_with_the_connection(&self) -> bool {
        matches!(self, Self::UntilEnd)
    }
}

/// A place in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first digit of a chunk's size.
    Size,
    /// After a digit of it.
    SizeDigits,
    /// Between the size and its line's end.
    Extension,
    /// After the CR of the size's line.
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the beginning of a line after the last chunk.
    Trailers,
    /// Within such a line.
    Trailer,
    TrailerLf,
    /// After the CR of the empty line.
    LastLf,
    End,
}

/// A chunked body (RFC 9112, 7.1), wherever the reads cut it.
#[derive(Debug)]
pub(super) struct Chunks {
    place: Place,
    /// Of the present chunk.
    left: u64,
    /// Bytes of extensions and trailers so far.
    ignored: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { place: Place::Size, left: 0, ignored: 0 }
    }
}

impl Chunks {
    fn take(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), RequestError>,
    ) -> Result<usize, RequestError> {
        let mut at = 0;
        while self.place != Place::End {
            let Some(byte) = bytes.get(at) else { break };
            if self.place == Place::Data {
                let rest = &bytes[at..];
                let count = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                sink(&rest[..count])?;
                self.left -= count as u64;
                at += count;
                if self.left == 0 {
                    self.place = Place::DataCr;
                }
                continue;
            }
            self.place = self.step(*byte)?;
            at += 1;
        }
        Ok(at)
    }

    /// The place after a byte that is not data.
    fn step(&mut self, byte: u8) -> Result<Place, RequestError> {
        Ok(match (self.place, byte) {
            (Place::Size | Place::SizeDigits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                let size = self.left.checked_mul(16).ok_or_else(|| malformed("a chunk's size is above 2^64"))?;
                self.left = size + u64::from(digit);
                Place::SizeDigits
            }
            (Place::SizeDigits, b';' | b' ' | b'\t') => Place::Extension,
            (Place::SizeDigits | Place::Extension, b'\r') => Place::SizeLf,
            // A bare line feed would be a way to smuggle a chunk past others (RFC 9112, 2.2).
            (Place::Extension, byte) if byte != b'\n' => self.ignore(Place::Extension)?,
            (Place::SizeLf, b'\n') => {
                if self.left == 0 {
                    Place::Trailers
                } else {
                    // Servers that sign each chunk are not to run out of room over a long body.
                    self.ignored = 0;
                    Place::Data
                }
            }
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => Place::Size,
            (Place::Trailers, b'\r') => Place::LastLf,
            (Place::Trailer, b'\r') => Place::TrailerLf,
            (Place::Trailers | Place::Trailer, byte) if byte != b'\n' => self.ignore(Place::Trailer)?,
            (Place::TrailerLf, b'\n') => Place::Trailers,
            (Place::LastLf, b'\n') => Place::End,
            (Place::Size | Place::SizeDigits, _) => return Err(malformed("a chunk's size is no number")),
            _ => return Err(malformed("a chunk does not end where its size says")),
        })
    }

    fn ignore(&mut self, place: Place) -> Result<Place, RequestError> {
        self.ignored += 1;
        if self.ignored > MOST_IGNORED {
            let detail = format!("more than {MOST_IGNORED} bytes of chunk extensions and trailers");
            return Err(RequestError::new(RequestFailure::HeadTooBig, detail));
        }
        Ok(place)
    }
}

fn malformed(detail: &str) -> RequestError {
    RequestError::new(RequestFailure::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes `bytes` in parts of the lengths `cuts`, repeated; the content, and how many bytes belonged to the body.
    fn take(framing: Framing, bytes: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, usize, bool), RequestFailure> {
        let (mut body, mut content, mut taken) = (Body::from(framing), Vec::new(), 0);
        let mut cuts = cuts.iter().cycle();
        while taken < bytes.len() && !body.is_complete() {
            let part = &bytes[taken..];
            let part = &part[..part.len().min(*cuts.next().unwrap())];
            let mut sink = |data: &[u8]| {
                content.extend_from_slice(data);
                Ok(())
            };
            taken += body.take(part, &mut sink).map_err(|error| error.reason)?;
        }
        Ok((content, taken, body.is_complete()))
    }

    /// A chunked body with its content, as written down by RFC 9112, 7.1.
    fn chunked() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let chunk = (proptest::collection::vec(any::<u8>(), 1..300), "(;[a-z]{1,5}(=[a-z0-9]{1,5})?)?", any::<bool>());
        let trailer = "[A-Za-z-]{1,9}: [ -~]{0,20}\r\n";
        (proptest::collection::vec(chunk, 0..6), proptest::collection::vec(trailer, 0..3)).prop_map(
            |(chunks, trailers)| {
                let (mut wire, mut content) = (Vec::new(), Vec::new());
                for (data, extension, upper) in chunks {
                    let size = if upper { format!("{:X}", data.len()) } else { format!("00{:x}", data.len()) };
                    wire.extend_from_slice(format!("{size}{extension}\r\n").as_bytes());
                    wire.extend_from_slice(&data);
                    wire.extend_from_slice(b"\r\n");
                    content.extend_from_slice(&data);
                }
                wire.extend_from_slice(format!("0\r\n{}\r\n", trailers.concat()).as_bytes());
                (wire, content)
            },
        )
    }

    proptest! {
        #[test]
        fn chunks_are_put_together_wherever_the_reads_cut_them(
            (wire, content) in chunked(),
            cuts in proptest::collection::vec(1_usize..40, 1..8),
            after in proptest::collection::vec(any::<u8>(), 0..10),
        ) {
            let bytes = [wire.as_slice(), &after].concat();
            prop_assert_eq!(take(Framing::Chunked, &bytes, &cuts), Ok((content, wire.len(), true)));
        }

        #[test]
        fn a_chunked_body_without_its_end_is_not_complete(
            (wire, content) in chunked(),
            cut in any::<prop::sample::Index>(),
        ) {
            let cut = cut.index(wire.len());
            let (got, taken, complete) = take(Framing::Chunked, &wire[..cut], &[7]).unwrap();
            prop_assert!(!complete && taken == cut && content.starts_with(&got));
        }

        #[test]
        fn no_bytes_whatever_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 1_usize..9) {
            let _either = take(Framing::Chunked, &bytes, &[cut]);
        }

        #[test]
        fn a_length_takes_that_many(length in 0_u64..100, all in 0_usize..100, cut in 1_usize..9) {
            let bytes = vec![b'x'; all];
            let (content, taken, complete) = take(Framing::Length(length), &bytes, &[cut]).unwrap();
            prop_assert_eq!(taken, all.min(length as usize));
            prop_assert_eq!(content.len(), taken);
            prop_assert_eq!(complete, all as u64 >= length);
        }
    }

    #[test]
    fn broken_chunks_are_told() {
        for broken in [
            "\r\n",
            "zz\r\n",
            "-1\r\n",
            "5 \n",
            "5\nhello",
            "5\r\nhelloX",
            "5\r\nhello\r5",
            "5;a\nb\r\n",
            "0\r\nX: y\n\r\n",
            "10000000000000000\r\n",
            "0\r\n\rX",
        ] {
            for cut in [1, 100] {
                assert_eq!(
                    take(Framing::Chunked, broken.as_bytes(), &[cut]),
                    Err(RequestFailure::Malformed),
                    "{broken:?}"
                );
            }
        }
        assert!(take(Framing::Chunked, b"ffffffffffffffff\r\n", &[100]).is_ok(), "2^64-1 is a size");
    }

    #[test]
    fn extensions_and_trailers_have_a_bound() {
        let endless = [b"5;".as_slice(), &[b'x'; MOST_IGNORED + 1]].concat();
        assert_eq!(take(Framing::Chunked, &endless, &[1000]), Err(RequestFailure::HeadTooBig));
        let endless = [b"0\r\n".as_slice(), &b"X: y\r\n".repeat(MOST_IGNORED / 4 + 1)].concat();
        assert_eq!(take(Framing::Chunked, &endless, &[1000]), Err(RequestFailure::HeadTooBig));
    }
}
