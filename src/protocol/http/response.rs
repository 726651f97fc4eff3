//! A response: its status, and as much of the rest as somebody looks at. The buffers are the VU's and
//! are used again for its next response.

use std::{fmt, ops::Range};

use crate::protocol::failure::request::{RequestError, RequestFailure};

/// Buffers that have grown beyond this are given back before the next response.
const LARGEST_KEPT: usize = 64 * 1024;

/// How much of a response is kept. Statuses always are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The headers; those of redirections are kept regardless.
    pub(super) headers: bool,
    /// Bytes of the body, 0 for none. A longer body fails the request.
    pub(super) body: usize,
}

/// A response's headers, in the order they came.
#[derive(Default)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<(Range<u32>, Range<u32>)>,
}

impl Headers {
    /// Empty again.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    /// Adds a field; what does not fit into 4 GiB is left out.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        self.text.extend_from_slice(value);
        let range = |from: usize, to: usize| Some(u32::try_from(from).ok()?..u32::try_from(to).ok()?);
        match range(start, middle).zip(range(middle, self.text.len())) {
            Some(field) => self.fields.push(field),
            None => self.text.truncate(start),
        }
    }

    /// Names as they came, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let part = |range: &Range<u32>| &self.text[range.start as usize..range.end as usize];
        self.fields.iter().map(move |(name, value)| (part(name), part(value)))
    }

    /// The values of the fields called `name`, in any case.
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the first field called `name`, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }
}

/// Values may be secrets: cookies, tokens.
impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Headers({} fields)", self.fields.len())
    }
}

/// The last response of a VU.
#[derive(Default)]
pub struct Response {
    /// Its status, 0 before there is one.
    pub status: u16,
    /// Its headers, if they were to be kept.
    pub headers: Headers,
    /// Its body, if it was to be kept.
    pub body: Vec<u8>,
}

impl Response {
    /// Empty again, for the next one.
    pub(super) fn clear(&mut self) {
        self.status = 0;
        self.headers.clear();
        self.body.clear();
        self.headers.text.shrink_to(LARGEST_KEPT);
        self.body.shrink_to(LARGEST_KEPT);
    }

    /// Keeps a part of the body.
    ///
    /// # Errors
    /// The body is longer than `limit`, if that is not 0.
    pub(super) fn append(&mut self, part: &[u8], limit: usize) -> Result<(), RequestError> {
        if limit == 0 {
            return Ok(());
        }
        if self.body.len() + part.len() > limit {
            return Err(RequestError::new(RequestFailure::BodyTooBig, format!("a body of more than {limit} bytes")));
        }
        self.body.extend_from_slice(part);
        Ok(())
    }
}

/// Server's bytes are in no log.
impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers, body } = self;
        write!(formatter, "Response({status}, {headers:?}, {} bytes)", body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_any_case_and_keep_their_order() {
        let mut headers = Headers::default();
        for (name, value) in [("Set-Cookie", "a=1"), ("X", ""), ("set-cookie", "b=2")] {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(headers.all("SET-cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
        assert_eq!((headers.get("x"), headers.get("y")), (Some(&b""[..]), None));
        assert!(!format!("{headers:?}").contains("a=1"));
    }
}
