//! What a body says when its `Content-Encoding` is taken away (RFC 9110, 8.4). Only bodies that somebody looks into are
//! decoded, and never to more than they may have.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

use crate::protocol::{
    failure::request::{RequestError, RequestFailure},
    http::response::Response,
};

/// Codings of one body; more are nobody's.
const MOST_CODINGS: usize = 4;
/// Room of the brotli decoder for its input.
const BROTLI_INPUT: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Decodes the kept body in place. One with a coding that nobody here knows stays as it came, as in k6.
///
/// # Errors
/// The body is not what its headers say, or has more than `limit` bytes.
pub(super) fn decode(response: &mut Response, limit: usize) -> Result<(), RequestError> {
    if response.body.is_empty() {
        return Ok(());
    }
    let mut codings = Vec::new();
    for value in response.headers.all("content-encoding") {
        for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let name = name.to_ascii_lowercase();
            match name.as_slice() {
                b"identity" | b"" => {}
                b"gzip" | b"x-gzip" => codings.push(Coding::Gzip),
                b"deflate" => codings.push(Coding::Deflate),
                b"br" => codings.push(Coding::Brotli),
                b"zstd" => codings.push(Coding::Zstd),
                _ => return Ok(()),
            }
        }
    }
    if codings.len() > MOST_CODINGS {
        return Err(bad(format!("more than {MOST_CODINGS} codings")));
    }
    // The last one was applied last.
    for coding in codings.into_iter().rev() {
        response.body = decoded(coding, &response.body, limit)?;
    }
    Ok(())
}

/// Of zstd over HTTP (RFC 9659, 3). A decoder holds a whole window before it yields its first byte.
const LARGEST_WINDOW: u64 = 8 << 20;

fn decoded(coding: Coding, bytes: &[u8], limit: usize) -> Result<Vec<u8>, RequestError> {
    let mut out = Vec::new();
    match coding {
        Coding::Gzip => read(MultiGzDecoder::new(bytes), &mut out, limit)?,
        // Most mean zlib's form (RFC 1950), some the bare one (RFC 1951).
        Coding::Deflate if is_zlib(bytes) => read(ZlibDecoder::new(bytes), &mut out, limit)?,
        Coding::Deflate => read(DeflateDecoder::new(bytes), &mut out, limit)?,
        Coding::Brotli => read(brotli_decompressor::Decompressor::new(bytes, BROTLI_INPUT), &mut out, limit)?,
        Coding::Zstd => {
            let mut rest = bytes;
            // One frame after the other (RFC 8878, 3).
            while !rest.is_empty() {
                let frame = StreamingDecoder::new_with_max_window_size(&mut rest, LARGEST_WINDOW)
                    .map_err(|error| bad(error.to_string()))?;
                read(frame, &mut out, limit)?;
            }
        }
    }
    Ok(out)
}

fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..] if first & 15 == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0)
}

fn read(reader: impl Read, out: &mut Vec<u8>, limit: usize) -> Result<(), RequestError> {
    let room = (limit - out.len().min(limit)) as u64;
    reader.take(room + 1).read_to_end(out).map_err(|error| bad(error.to_string()))?;
    if out.len() > limit {
        let detail = format!("a body of more than {limit} bytes when it is decoded");
        return Err(RequestError::new(RequestFailure::BodyTooBig, detail));
    }
    Ok(())
}

fn bad(detail: String) -> RequestError {
    RequestError::new(RequestFailure::BadEncoding, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn decode_as(coding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, RequestFailure> {
        let mut response = Response { status: 200, body: body.to_vec(), ..Response::default() };
        response.headers.push(b"Content-Encoding", coding.as_bytes());
        decode(&mut response, limit).map(|()| response.body).map_err(|error| error.reason)
    }

    #[test]
    fn every_coding_gives_back_what_went_in() {
        let text = "hello, hello, hello. ".repeat(50);
        let text = text.as_bytes();
        // `hello`, by Node's zlib.brotliCompressSync.
        let brotli: &[u8] = b"\x0b\x02\x80hello\x03";
        assert_eq!(decode_as("br", brotli, 100).unwrap(), b"hello");
        for (coding, body) in [
            ("gzip", gzip(text)),
            ("X-GZIP", gzip(text)),
            ("deflate", zlib(text)),
            ("deflate", raw(text)),
            ("zstd", zstd(text)),
            ("gzip, identity", gzip(text)),
            ("deflate, gzip", gzip(&zlib(text))),
            ("identity", text.to_vec()),
            ("", text.to_vec()),
            ("unheard-of", text.to_vec()),
        ] {
            assert_eq!(decode_as(coding, &body, text.len()).unwrap(), text, "{coding}");
        }
        let two_frames = [zstd(&text[..10]), zstd(&text[10..])].concat();
        assert_eq!(decode_as("zstd", &two_frames, text.len()).unwrap(), text);
        assert_eq!(decode_as("gzip", b"", 5), Ok(Vec::new()), "as of HEAD");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let large = vec![0; 10 << 20];
        for (coding, body) in [("gzip", gzip(&large)), ("deflate", zlib(&large)), ("zstd", zstd(&large))] {
            assert_eq!(decode_as(coding, &body, 1 << 20), Err(RequestFailure::BodyTooBig), "{coding}");
        }
        assert_eq!(decode_as("gzip, gzip, gzip, gzip, gzip", b"x", 9), Err(RequestFailure::BadEncoding));
    }

    #[test]
    fn what_is_not_what_it_says_is_told() {
        let cut = gzip(b"hello hello hello");
        for (coding, body) in [
            ("gzip", &cut[..cut.len() - 9]),
            ("gzip", b"hello"),
            ("deflate", b"\xff\xff"),
            ("br", b"\xff\xff\xff\xff"),
            ("zstd", b"hello"),
        ] {
            assert_eq!(decode_as(coding, body, 100), Err(RequestFailure::BadEncoding), "{coding}");
        }
    }
}
