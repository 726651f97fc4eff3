//! A value in a message, as it stands there.

use std::fmt;

use serde::de::{Deserializer as _, Error, IgnoredAny, Visitor};

use crate::config::template::variables::Form;

/// The bytes of one JSON value; of a text with its quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'m>(&'m [u8]);

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(self.0))
    }
}

impl<'m> Raw<'m> {
    /// `bytes` begin and end with the value.
    pub(super) fn new(bytes: &'m [u8]) -> Self {
        Self(bytes)
    }

    /// A whole value.
    #[must_use]
    pub fn of(json: &'m str) -> Self {
        Self(json.trim_ascii().as_bytes())
    }

    /// The bytes between the quotes, if it is a text.
    fn inside(self) -> Option<&'m [u8]> {
        self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    /// The text itself, if it is one without escapes.
    fn plain(self) -> Option<&'m [u8]> {
        self.inside().filter(|inside| !inside.contains(&b'\\'))
    }

    /// Whether it is a text.
    #[must_use]
    pub fn is_text(self) -> bool {
        self.0.first() == Some(&b'"')
    }

    /// Whether it is the key `token`.
    pub(super) fn is_key(self, token: &str) -> bool {
        match self.plain() {
            Some(plain) => plain == token.as_bytes(),
            None => self.with_text(|text| text == token).unwrap_or(false),
        }
    }

    /// Calls `read` with the text; none if it is no text, or one with a fault.
    pub fn with_text<T>(self, read: impl FnOnce(&str) -> T) -> Option<T> {
        match self.plain() {
            Some(plain) => str::from_utf8(plain).ok().map(read),
            None if self.is_text() => serde_json::Deserializer::from_slice(self.0).deserialize_str(Read(read)).ok(),
            None => None,
        }
    }

    /// Calls `read` with the value's own text: of a text what is between the quotes, unescaped, of anything else its
    /// JSON; none if it is malformed.
    pub fn with_any<T>(self, read: impl FnOnce(&str, Form) -> T) -> Option<T> {
        if self.is_text() {
            return self.with_text(|text| read(text, Form::Text));
        }
        serde_json::from_slice::<IgnoredAny>(self.0).ok()?;
        str::from_utf8(self.0).ok().map(|json| read(json, Form::Json))
    }

    /// The number, if it is one.
    #[must_use]
    pub fn number(self) -> Option<f64> {
        serde_json::from_slice(self.0).ok()
    }

    /// Whether it stands there as `json`, to the letter.
    #[must_use]
    pub fn is_json(self, json: &str) -> bool {
        self.0 == json.as_bytes()
    }
}

struct Read<F>(F);

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Read<F> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}
