//! An `http` step: one request with what its response should be.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use crate::{
    config::{
        profile::{Header, Target},
        template::Template,
    },
    units::tags::Tags,
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
    /// Largest body that `expect` may look into, in bytes. 1 MiB by default.
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
            max_body_size: 1 << 20,
        }
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseExpect {
    /// The status is one of these.
    pub status: Option<Statuses>,
    /// The body has this text in it.
    pub contains: Option<ContainedText>,
}

/// A text that a body should have in it. It may hold a secret: it is in no `Debug` text.
#[derive(Clone, PartialEq, Eq)]
pub struct ContainedText {
    /// The text.
    pub text: Template,
    /// As typed, variables not filled in: for the check's name.
    pub shown: String,
}

impl fmt::Debug for ContainedText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ContainedText({:?})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_read_as_typed_and_hold_their_ends() {
        let statuses = Statuses(vec![200..=200, 300..=399]);
        assert_eq!(statuses.to_string(), "200, 300-399");
        let held: Vec<_> = [199, 200, 201, 300, 399, 400].map(|status| statuses.contains(status)).into();
        assert_eq!(held, [false, true, false, true, true, false]);
    }

    #[test]
    fn secrets_of_a_body_are_in_no_debug_text() {
        let text = ContainedText { text: Template::literal("s3cret"), shown: "${TOKEN}".into() };
        let debug = format!("{:?} {text:?}", Body::text(Template::literal("s3cret")));
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
