//! An `http` step: one request with what its response should be.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use crate::{
    config::{
        capture::Captures,
        matcher::{Matchers, Room, Test},
        profile::{Header, Target},
        template::Template,
    },
    units::{duration::display, tags::Tags},
};

/// A request.
#[derive(Debug, Clone)]
pub struct Http {
    /// `GET` by default.
    pub method: Method,
    /// `http` or `https`, with a host, without userinfo or fragment; the query of `query:` is in it.
    pub url: Target,
    /// HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// Tag `name` of the samples; the URL without its query by default.
    pub name: String,
    /// Tags on the samples of this request.
    pub tags: Tags,
    /// Headers beside those of the protocol, `Content-Type` of `json:` and `form:` included.
    pub headers: Vec<Header>,
    /// What is sent after the headers.
    pub body: Option<Body>,
    /// From the beginning to the last byte of the response, connecting included. 60 s by default, as in k6.
    pub timeout: Duration,
    /// Name look-up, TCP and TLS. 10 s by default.
    pub connect_timeout: Duration,
    /// Redirects that are followed; the response after that many is the last. 10 by default, as in k6.
    pub redirects: u32,
    /// Statuses that do not count as failed. 200 to 399 by default, as in k6.
    pub expected: Statuses,
    /// Checks of the response.
    pub expect: ResponseExpect,
    /// What is taken out of it.
    pub capture: Captures,
    /// Largest body that `expect` and `capture` may look into, in bytes. 1 MiB by default.
    pub max_body_size: usize,
}

impl Http {
    /// `GET url` with every default.
    #[must_use]
    pub fn get(url: Target) -> Self {
        Self {
            method: Method::Get,
            version: Version::Auto,
            name: url.display.clone(),
            url,
            tags: Tags::new(),
            headers: Vec::new(),
            body: None,
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            redirects: 10,
            expected: Statuses::successful(),
            expect: ResponseExpect::default(),
            capture: Captures::default(),
            max_body_size: 1 << 20,
        }
    }

    /// Whether `expect` or `capture` looks at headers.
    #[must_use]
    pub fn looks_at_headers(&self) -> bool {
        !self.expect.headers.is_empty() || self.capture.needs_headers()
    }

    /// Whether `expect` or `capture` looks into the body.
    #[must_use]
    pub fn looks_into_body(&self) -> bool {
        !self.expect.body.is_empty() || self.capture.needs_body()
    }
}

/// The methods of RFC 9110 that have a meaning for a target, and PATCH: label values come from a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 8] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options, Self::Trace];

    /// As sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
        }
    }
}

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// HTTP/2 if the server chooses it over TLS (ALPN), HTTP/1.1 otherwise.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; without TLS by prior knowledge (RFC 9113, 3.3).
    Http2,
}

impl Version {
    /// Every version with how it is typed.
    pub const ALL: [(&'static str, Self); 3] = [("auto", Self::Auto), ("1.1", Self::Http1), ("2", Self::Http2)];
}

/// A request's body: pieces, one behind the other. It may hold a secret: it is in no `Debug` text.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(pub Vec<Piece>);

impl Body {
    /// A text.
    #[must_use]
    pub fn text(template: Template) -> Self {
        Self(vec![Piece::Text(template)])
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Body(<redacted>)")
    }
}

/// A piece of a body.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// May have placeholders.
    Text(Template),
    /// Of a file, to the letter.
    Bytes(Arc<[u8]>),
}

impl fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Piece(<redacted>)")
    }
}

/// A set of statuses, as typed; not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(pub Vec<RangeInclusive<u16>>);

impl Statuses {
    /// k6's default: 200 to 399.
    #[must_use]
    pub fn successful() -> Self {
        Self(vec![200..=399])
    }

    /// Whether `status` is one of them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl fmt::Display for Statuses {
    /// `200, 300-399`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let (first, last) = (range.start(), range.end());
            if first == last {
                write!(formatter, "{comma}{first}")?;
            } else {
                write!(formatter, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// Checks of a response; each given one is counted by its name.
#[derive(Debug, Clone, Default)]
pub struct ResponseExpect {
    /// The status is one of these.
    pub status: Option<Statuses>,
    /// Tests of headers.
    pub headers: Vec<HeaderTest>,
    /// What should hold of the body.
    pub body: Matchers,
    /// Sending, waiting and receiving of the last response took no longer, as `http_req_duration` has it.
    pub max_duration: Option<Duration>,
}

/// A test of a header.
#[derive(Debug, Clone)]
pub struct HeaderTest {
    /// Name of the check.
    pub name: String,
    /// Name of the header, lower case.
    pub header: String,
    /// What its value should be.
    pub test: Test,
}

impl ResponseExpect {
    /// Names of the checks, in the order of [`Self::verdicts`].
    pub fn names(&self) -> impl Iterator<Item = String> {
        let status = self.status.iter().map(|statuses| format!("status is {statuses}"));
        let limit = self.max_duration.iter().map(|limit| format!("response within {}", display(*limit)));
        let headers = self.headers.iter().map(|test| test.name.clone());
        status.chain(limit).chain(headers).chain(self.body.list().iter().map(|named| named.name.clone()))
    }

    /// Tells `verdict` of each check whether it passed, in the order of [`Self::names`].
    pub fn verdicts<'m>(
        &self,
        response: &Answer<'m>,
        header: impl Fn(&str) -> Option<&'m [u8]>,
        room: &mut Room<'_>,
        mut verdict: impl FnMut(bool),
    ) {
        self.status.iter().for_each(|statuses| verdict(statuses.contains(response.status)));
        self.max_duration.iter().for_each(|limit| verdict(response.duration <= *limit));
        self.headers.iter().for_each(|test| verdict(test.test.of_text(header(&test.header), room)));
        if !self.body.is_empty() {
            let bits = self.body.verdicts(response.body, room);
            (0..self.body.list().len()).for_each(|place| verdict(bits >> place & 1 == 1));
        }
    }
}

/// What is judged of a response besides its headers.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'m> {
    /// Its status.
    pub status: u16,
    /// Sending, waiting and receiving.
    pub duration: Duration,
    /// Its body, if anything looks into it.
    pub body: &'m [u8],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::matcher::Sought;

    #[test]
    fn statuses_read_as_typed_and_hold_their_ends() {
        let statuses = Statuses(vec![200..=200, 300..=399]);
        assert_eq!(statuses.to_string(), "200, 300-399");
        let held: Vec<_> = [199, 200, 201, 300, 399, 400].map(|status| statuses.contains(status)).into();
        assert_eq!(held, [false, true, false, true, true, false]);
    }

    #[test]
    fn secrets_of_a_body_are_in_no_debug_text() {
        let text = Sought::new(Template::literal("s3cret"));
        let debug = format!("{:?} {text:?}", Body::text(Template::literal("s3cret")));
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
