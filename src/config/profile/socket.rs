//! What a `websocket` step has beside its address and its steps: messages, the matching of replies,
//! the watch over a silent connection, and what follows its loss.

use std::{sync::Arc, time::Duration};

use regex::bytes::CaptureLocations;

use crate::config::{matcher::Pattern, pointer::Pointers, template::Template};

/// What is sent.
#[derive(Debug, Clone)]
pub enum Message {
    /// A text that may have placeholders; JSON is compiled to a template too.
    Text(Template),
    /// Bytes that were read with the profile.
    Bytes {
        /// Sent as a text message: they are UTF-8.
        is_text: bool,
        /// The payload.
        bytes: Arc<[u8]>,
    },
}

impl Message {
    /// The payload, if it is always the same.
    #[must_use]
    pub fn constant(&self) -> Option<&[u8]> {
        match self {
            Self::Text(template) => template.constant().map(str::as_bytes),
            Self::Bytes { bytes, .. } => Some(bytes),
        }
    }
}

/// Where a message has its id.
#[derive(Debug, Clone)]
pub enum IdSource {
    /// What one JSON pointer leads to. A number and the text of its digits are the same id.
    Pointer(Pointers),
    /// The first group of the expression, or its whole match without one.
    Regex(Pattern),
}

impl IdSource {
    /// Room for the groups of an expression that has some; [`Self::read`] needs it.
    #[must_use]
    pub fn room(&self) -> Option<CaptureLocations> {
        match self {
            Self::Regex(Pattern(regex)) if regex.captures_len() > 1 => Some(regex.capture_locations()),
            _ => None,
        }
    }

    /// Calls `read` with the id of `message`, if it has one; `null` is none.
    pub fn read<T>(
        &self,
        message: &[u8],
        room: Option<&mut CaptureLocations>,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        match self {
            Self::Pointer(_) if is_cut(message) => None,
            Self::Pointer(pointers) => {
                let (mut read, mut found) = (Some(read), None);
                pointers.scan(message, &mut |_, raw| {
                    if !raw.is_json("null")
                        && let Some(read) = read.take()
                    {
                        found = raw.with_any(|text, _| read(text.as_bytes()));
                    }
                });
                found
            }
            Self::Regex(Pattern(regex)) => match room {
                Some(room) => {
                    regex.captures_read(room, message)?;
                    let (start, end) = room.get(1)?;
                    message.get(start..end).map(read)
                }
                None => regex.find(message).map(|found| read(found.as_bytes())),
            },
        }
    }
}

/// Whether the end of a list or a map is missing: a number that stands there may be a part of another one.
fn is_cut(message: &[u8]) -> bool {
    let message = message.trim_ascii();
    match (message.first(), message.last()) {
        (Some(b'{'), last) => last != Some(&b'}'),
        (Some(b'['), last) => last != Some(&b']'),
        _ => false,
    }
}

/// How the replies of one connection find their messages, if by an id.
#[derive(Debug, Clone)]
pub struct ReplyIds {
    /// Where sent messages have it; [`super::Reply::Id`] says which of these holds for a message.
    pub sent: Vec<IdSource>,
    /// Where received messages have it.
    pub received: IdSource,
}

/// Pings while nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// Time without anything from the server after which it is pinged.
    pub interval: Duration,
    /// Time after such a ping without anything from the server after which the connection is given up.
    pub timeout: Duration,
}

/// What follows when a connection ends early.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reconnect {
    /// Attempts in a row after which the iteration fails; a connection that lasts `backoff.max` begins a new row.
    pub attempts: u32,
    /// Pauses before them.
    pub backoff: Backoff,
    /// Most attempts per second of all VUs of the agent at this step.
    pub rate: f64,
}

/// Pauses that double.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The first.
    pub initial: Duration,
    /// The longest.
    pub max: Duration,
    /// Each is drawn evenly from `1 - jitter` to `1 + jitter` of what it would be; 0 to 1.
    pub jitter: f64,
}

impl Default for Reconnect {
    fn default() -> Self {
        let backoff = Backoff { initial: Duration::from_millis(500), max: Duration::from_secs(30), jitter: 0.5 };
        Self { attempts: 10, backoff, rate: 100.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::bytes::Regex;

    fn id(source: &IdSource, message: &str) -> Option<String> {
        let mut room = source.room();
        source.read(message.as_bytes(), room.as_mut(), |id| String::from_utf8_lossy(id).into_owned())
    }

    #[test]
    fn an_id_is_read_where_it_stands() {
        let mut pointers = Pointers::default();
        pointers.add("/data/seq").unwrap();
        let pointer = IdSource::Pointer(pointers);
        let [group, whole] =
            [r"id=(\d+);", r"id=\d+"].map(|regex| IdSource::Regex(Pattern(Regex::new(regex).unwrap())));
        for (source, message, expected) in [
            (&pointer, r#"{"a":[1,{}],"data":{"seq":17}}"#, Some("17")),
            (&pointer, r#"{"data":{"seq":"17"}}"#, Some("17")),
            (&pointer, r#"{"data":{"seq":"a\u0062"}}"#, Some("ab")),
            (&pointer, r#"{"data":{"seq":null}}"#, None),
            (&pointer, r#"{"data":{"other":1}}"#, None),
            (&pointer, r#"{"data":{"seq":17"#, None),
            (&pointer, "not JSON", None),
            (&group, "x id=17; y", Some("17")),
            (&group, "x id=; y", None),
            (&whole, "x id=17; y", Some("id=17")),
            (&whole, "", None),
        ] {
            assert_eq!(id(source, message).as_deref(), expected, "{message}");
        }
    }
}
