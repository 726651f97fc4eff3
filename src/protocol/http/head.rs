//! The head of an HTTP/1 response: parsed where it was read, copied only if somebody looks at it.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

use crate::protocol::{
    failure::request::{RequestError, RequestFailure},
    http::{body::Framing, response::Headers},
};

/// Bytes of a head; servers that are not broken send less than 16 KiB.
pub(super) const LARGEST: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;

/// What of a head decides how to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// 100 to 999.
    pub(super) status: u16,
    /// Where the body ends.
    pub(super) framing: Framing,
    /// Whether the connection may be used again.
    pub(super) keep_alive: bool,
    /// Bytes of the head.
    pub(super) length: usize,
}

impl Head {
    /// Whether the response is yet to come.
    pub(super) fn is_interim(&self) -> bool {
        // 101 is final: no more HTTP follows.
        matches!(self.status, 100 | 102..=199)
    }
}

/// Parses the beginning of `bytes`; none if the head is not complete. Its fields go to `headers` if they are `wanted`,
/// or if they say where a redirection leads to or set a cookie.
///
/// # Errors
/// It is not the head of an HTTP/1 response, or too large.
pub(super) fn parse(
    bytes: &[u8],
    to_head_request: bool,
    wanted: bool,
    headers: &mut Headers,
) -> Result<Option<Head>, RequestError> {
    // Not filled with anything first: that would be 4 KiB for each response.
    let mut room = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut response, bytes, &mut room) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() < LARGEST => return Ok(None),
        Ok(Status::Partial) => return Err(too_big(&format!("a head of more than {LARGEST} bytes"))),
        Err(httparse::Error::TooManyHeaders) => return Err(too_big(&format!("more than {MOST_HEADERS} headers"))),
        Err(error) => return Err(malformed(&error.to_string())),
    };
    let status = response.code.filter(|status| *status >= 100).ok_or_else(|| malformed("a status below 100"))?;
    let mut fields = Fields::default();
    let mut keep = wanted || matches!(status, 301 | 302 | 303 | 307 | 308);
    for header in response.headers.iter() {
        fields.read(header)?;
        keep |= is(header, "set-cookie");
    }
    if keep {
        response.headers.iter().for_each(|header| headers.push(header.name.as_bytes(), header.value));
    }
    let http_1_1 = response.version == Some(1);
    let mut keep_alive = !fields.close && (http_1_1 || fields.keep_alive);
    let framing = if to_head_request || matches!(status, 100..=199 | 204 | 304) {
        keep_alive &= status != 101;
        Framing::Length(0)
    } else if fields.chunked {
        // Both, or either from before HTTP/1.1: two recipients may see different ends (RFC 9112, 6.1).
        keep_alive &= fields.length.is_none() && http_1_1;
        Framing::Chunked
    } else {
        fields.length.map_or(Framing::UntilEnd, Framing::Length)
    };
    Ok(Some(Head { status, framing, keep_alive: keep_alive && framing != Framing::UntilEnd, length }))
}

/// What the fields say about framing and the connection.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    /// The body comes in chunks.
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    fn read(&mut self, header: &Header<'_>) -> Result<(), RequestError> {
        if is(header, "content-length") {
            // A list of equal numbers is one number (RFC 9110, 8.6).
            for number in elements(header.value) {
                let number = decimal(number).ok_or_else(|| malformed("a content-length that is no number"))?;
                if self.length.is_some_and(|length| length != number) {
                    return Err(malformed("two different content-lengths"));
                }
                self.length = Some(number);
            }
        } else if is(header, "transfer-encoding") {
            // Nobody asked for another coding (`TE`), and what is not undone must not pass for a body.
            for coding in elements(header.value) {
                if self.chunked || !coding.eq_ignore_ascii_case(b"chunked") {
                    return Err(malformed("a transfer coding other than `chunked`"));
                }
                self.chunked = true;
            }
        } else if is(header, "connection") {
            for option in elements(header.value) {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        Ok(())
    }
}

fn is(header: &Header<'_>, name: &str) -> bool {
    header.name.len() == name.len() && header.name.eq_ignore_ascii_case(name)
}

fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Digits only: a sign or a space is no number here.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

fn malformed(detail: &str) -> RequestError {
    RequestError::new(RequestFailure::Malformed, detail)
}

fn too_big(detail: &str) -> RequestError {
    RequestError::new(RequestFailure::HeadTooBig, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str, to_head_request: bool) -> Result<Option<Head>, RequestFailure> {
        let text = format!("{}\r\n\r\n", text.replace('\n', "\r\n"));
        let head = parse(text.as_bytes(), to_head_request, false, &mut Headers::default());
        head.map_err(|error| error.reason)
    }

    #[test]
    fn the_end_of_a_body_is_where_rfc_9112_says() {
        use Framing::{Chunked, Length, UntilEnd};
        for (text, framing, keep_alive) in [
            ("HTTP/1.1 200 OK\nContent-Length: 5", Length(5), true),
            ("HTTP/1.1 200\ncontent-length: 5, 5\nContent-Length:5", Length(5), true),
            ("HTTP/1.1 200 OK", UntilEnd, false),
            ("HTTP/1.1 204 No Content\nContent-Length: 5", Length(0), true),
            ("HTTP/1.1 304 Not Modified\nContent-Length: 5", Length(0), true),
            ("HTTP/1.1 101 Switching Protocols", Length(0), false),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", Chunked, true),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 5", Chunked, false),
            ("HTTP/1.0 200 OK\nTransfer-Encoding: chunked\nConnection: keep-alive", Chunked, false),
            ("HTTP/1.1 200 OK\nContent-Length: 5\nConnection: Close", Length(5), false),
            ("HTTP/1.1 200 OK\nContent-Length: 5\nConnection: x, close", Length(5), false),
            ("HTTP/1.0 200 OK\nContent-Length: 5", Length(5), false),
            ("HTTP/1.0 200 OK\nContent-Length: 5\nConnection: keep-alive", Length(5), true),
        ] {
            let head = of(text, false).unwrap().unwrap();
            assert_eq!((head.framing, head.keep_alive), (framing, keep_alive), "{text:?}");
        }
        let head = of("HTTP/1.1 200 OK\nContent-Length: 5", true).unwrap().unwrap();
        assert_eq!((head.framing, head.keep_alive), (Length(0), true), "of HEAD");
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for text in [
            "HTTP/2.0 200 OK",
            "HTTP/1.1 99 Low",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 200 OK\nContent-Length: five",
            "HTTP/1.1 200 OK\nContent-Length: +5",
            "HTTP/1.1 200 OK\nContent-Length: -5",
            "HTTP/1.1 200 OK\nContent-Length:",
            "HTTP/1.1 200 OK\nContent-Length: 5,",
            "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6",
            "HTTP/1.1 200 OK\nContent-Length: 18446744073709551616",
            "HTTP/1.1 200 OK\nno colon",
            "HTTP/1.1 200 OK\nName : value",
            "HTTP/1.1 200 OK\nName: a\n folded",
            "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\nTransfer-Encoding: Chunked",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked, gzip",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked, chunked",
            "SSH-2.0-OpenSSH",
        ] {
            assert_eq!(of(text, false), Err(RequestFailure::Malformed), "{text:?}");
        }
        let many = format!("HTTP/1.1 200 OK{}", "\nA: b".repeat(MOST_HEADERS + 1));
        assert_eq!(of(&many, false), Err(RequestFailure::HeadTooBig));
        let large = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(LARGEST));
        let refused = parse(large.as_bytes(), false, false, &mut Headers::default()).unwrap_err();
        assert_eq!(refused.reason, RequestFailure::HeadTooBig);
    }

    #[test]
    fn interim_responses_are_those_that_another_one_follows() {
        for (status, interim) in [(100, true), (101, false), (103, true), (200, false)] {
            assert_eq!(of(&format!("HTTP/1.1 {status} X"), false).unwrap().unwrap().is_interim(), interim, "{status}");
        }
    }

    #[test]
    fn fields_are_kept_when_somebody_looks_at_them() {
        let kept = |text: &str, wanted| {
            let mut headers = Headers::default();
            parse(text.as_bytes(), false, wanted, &mut headers).unwrap().unwrap();
            headers.iter().count()
        };
        assert_eq!(kept("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", false), 0);
        assert_eq!(kept("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", true), 1);
        assert_eq!(kept("HTTP/1.1 302 Found\r\nA: b\r\nLocation: /\r\n\r\n", false), 2);
        assert_eq!(kept("HTTP/1.1 200 OK\r\nset-cookie: b\r\nA: b\r\n\r\n", false), 2);
    }

    proptest! {
        #[test]
        fn a_head_that_is_cut_anywhere_is_incomplete(value in "[!-~]{0,30}", cut in any::<prop::sample::Index>()) {
            let text = format!("HTTP/1.1 200 OK\r\nX: {value}\r\nContent-Length: 5\r\n\r\n");
            let cut = cut.index(text.len());
            let none = parse(&text.as_bytes()[..cut], false, true, &mut Headers::default());
            prop_assert!(matches!(none, Ok(None)));
            let bytes = [text.as_bytes(), b"hello"].concat();
            let head = parse(&bytes, false, true, &mut Headers::default()).unwrap().unwrap();
            prop_assert_eq!((head.length, head.framing), (text.len(), Framing::Length(5)));
        }

        #[test]
        fn no_bytes_whatever_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _either = parse(&bytes, false, true, &mut Headers::default());
        }
    }
}
