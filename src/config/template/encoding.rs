//! How a text is written where it stands, so that no value can end the string, the header or the
//! part of a URL that it stands in.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use crate::config::template::{placeholder::Fault, variables::Form};

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Anywhere: as it is.
    #[default]
    Plain,
    /// In a header's value: as it is, without control characters.
    Header,
    /// In the path or query of a URL: what may not stand there is percent-encoded as a browser does, what is encoded
    /// already stays; no control characters.
    Url,
    /// A key or value of a query: all but RFC 3986's unreserved characters is percent-encoded.
    Component,
    /// The same for a form, where a space is `+`.
    Form,
    /// Inside a JSON string.
    JsonText,
    /// A whole JSON value: JSON stays as it is, a text gets its quotes.
    JsonValue,
}

impl Encoding {
    /// Encodes a text of the profile, which is checked already.
    #[must_use]
    pub fn literal(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Plain | Self::Header => Cow::Borrowed(text),
            Self::Url | Self::Component | Self::Form | Self::JsonText | Self::JsonValue => {
                let mut out = String::new();
                let _refused_for_values_only = self.write(text, Form::Text, &mut out);
                Cow::Owned(out)
            }
        }
    }

    /// Appends a value.
    ///
    /// # Errors
    /// A character that must not stand there.
    pub(super) fn write(self, text: &str, form: Form, out: &mut impl Write) -> Result<(), Fault> {
        let written = match (self, form) {
            (Self::Plain, _) | (Self::JsonValue, Form::Json) => out.write_str(text),
            (Self::Header, _) => {
                refuse_control(text, |byte| byte == b'\t')?;
                out.write_str(text)
            }
            (Self::Url, _) => {
                refuse_control(text, |_| false)?;
                percent(text, out, |byte| byte.is_ascii_graphic() && !b"\"#<>^`{|}".contains(&byte))
            }
            (Self::Component, _) => percent(text, out, is_unreserved),
            (Self::Form, _) => percent(text, out, |byte| byte == b' ' || is_unreserved(byte)),
            (Self::JsonText, _) => json_text(text, out),
            (Self::JsonValue, _) => quoted(text, out),
        };
        debug_assert!(written.is_ok(), "buffers cannot refuse, see `Template::render`");
        Ok(())
    }
}

fn refuse_control(text: &str, is_allowed: impl Fn(u8) -> bool) -> Result<(), Fault> {
    let refused = text.bytes().any(|byte| byte.is_ascii_control() && !is_allowed(byte));
    if refused { Err(Fault::Control) } else { Ok(()) }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Writes what may stay in spans and the rest as `%XX`; a space that may stay is `+`.
fn percent(text: &str, out: &mut impl Write, stays: impl Fn(u8) -> bool) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if stays(byte) && byte != b' ' {
            continue;
        }
        // Bytes that stay are ASCII, so that spans begin and end at characters; an empty one may stand within one.
        out.write_str(text.get(written..at).unwrap_or_default())?;
        if stays(byte) {
            out.write_char('+')?;
        } else {
            out.write_char('%')?;
            out.write_char(char::from(DIGITS[usize::from(byte >> 4)]))?;
            out.write_char(char::from(DIGITS[usize::from(byte & 15)]))?;
        }
        written = at + 1;
    }
    out.write_str(text.get(written..).unwrap_or_default())
}

fn quoted(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    json_text(text, out)?;
    out.write_char('"')
}

/// The inside of a JSON string, escaped as `serde_json` does.
fn json_text(text: &str, out: &mut impl Write) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.write_str(&text[written..at])?;
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            0x08 => out.write_str("\\b")?,
            0x0c => out.write_str("\\f")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            _ => {
                out.write_str("\\u00")?;
                out.write_char(char::from(DIGITS[usize::from(byte >> 4)]))?;
                out.write_char(char::from(DIGITS[usize::from(byte & 15)]))?;
            }
        }
        written = at + 1;
    }
    out.write_str(&text[written..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(encoding: Encoding, text: &str) -> Result<String, Fault> {
        let mut out = String::new();
        encoding.write(text, Form::Text, &mut out).map(|()| out)
    }

    proptest! {
        #[test]
        fn json_is_the_librarys(text in any::<String>()) {
            let expected = serde_json::Value::from(text.as_str()).to_string();
            prop_assert_eq!(encoded(Encoding::JsonValue, &text).unwrap(), expected);
        }

        #[test]
        fn components_and_forms_read_back(text in any::<String>()) {
            for encoding in [Encoding::Component, Encoding::Form] {
                let sent = format!("a={}&b=1", encoded(encoding, &text).unwrap());
                let read: Vec<_> = url::form_urlencoded::parse(sent.as_bytes()).into_owned().collect();
                prop_assert_eq!(read, [("a".to_owned(), text.clone()), ("b".to_owned(), "1".to_owned())]);
            }
        }

        #[test]
        fn no_value_ends_a_header_or_a_request_line(text in "[a-z\\r\\n\\t\0 #é]{0,9}") {
            if let Ok(header) = encoded(Encoding::Header, &text) {
                prop_assert!(!header.contains(['\r', '\n', '\0']));
            }
            if let Ok(url) = encoded(Encoding::Url, &text) {
                prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{}", url);
            }
        }
    }

    #[test]
    fn a_url_keeps_what_may_stand_in_it() {
        assert_eq!(encoded(Encoding::Url, "/a%20b?c=d&e=é f#").unwrap(), "/a%20b?c=d&e=%C3%A9%20f%23");
        assert_eq!(encoded(Encoding::Url, "a\r\nHost: b"), Err(Fault::Control));
        assert_eq!(encoded(Encoding::Header, "a\nb"), Err(Fault::Control));
    }

    #[test]
    fn json_keeps_its_form_as_a_whole_value_only() {
        let of = |encoding: Encoding| {
            let mut out = String::new();
            encoding.write(r#"["a"]"#, Form::Json, &mut out).unwrap();
            out
        };
        assert_eq!((of(Encoding::JsonValue).as_str(), of(Encoding::JsonText).as_str()), (r#"["a"]"#, r#"[\"a\"]"#));
    }
}
