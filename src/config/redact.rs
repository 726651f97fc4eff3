//! A profile as it was typed, without what may be a credential, for files that are shown to others.
//!
//! Works on the parsed tree, so that comments, anchors and quoting hide nothing. Variables are not filled in: `${NAME}` and
//! `${file:PATH}` stay as typed. Taken out are
//!
//! - values of request headers and cookies, but for headers that describe a message (`Content-Type`, `Accept`, …);
//! - values under keys that name a credential: `password`, `token`, `secret`, `apiKey`, `auth`, …; in messages and bodies
//!   that are JSON, or would be without placeholders, too;
//! - values of `env`, and defaults of variables whose names are such or that stand for one of these values;
//! - users and passwords in URLs, and values in their queries and under `query`;
//! - words that look like a token: 32 characters or more of base64 or of hexadecimal digits.
//!
//! What consists of variables and placeholders only (`Bearer ${TOKEN}`) stays: it tells nothing. A credential that stands
//! in the middle of a message's text, does not look like a token and is not in JSON, is not recognised.

mod address;
mod message;
mod reference;

use serde_json::Value;

use crate::config::{document, problem::Report, source::Source, typed};

/// What is shown instead.
const REDACTED: &str = "<redacted>";
/// Parts of names of keys, headers, query parameters and variables whose values are credentials; without `-`, `_` and case.
const CREDENTIALS: [&str; 15] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "auth",
    "cookie",
    "credential",
    "session",
    "bearer",
    "jwt",
    "signature",
    "otp",
];
/// Headers that describe a message or a browser.
const DESCRIPTIONS: [&str; 9] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-type",
    "host",
    "origin",
    "user-agent",
    "sec-websocket-protocol",
];
/// Keys below which keys are names of values and metrics, and values say where something is found or what it may be.
const NAMING: [&str; 3] = ["capture", "thresholds", "metrics"];
/// Keys of what is sent or set: names in it are the tested system's, not rampd's.
const BODIES: [&str; 4] = ["json", "form", "multipart", "set"];

/// The text.
///
/// # Errors
/// One problem, if the source is no YAML.
pub fn text(source: &Source) -> Result<String, Report> {
    let mut value = typed(source)?;
    redact(&mut value, Place::Plain);
    Ok(document::text(&value))
}

/// Characters of a word that may be a token: 128 bits in hexadecimal digits.
const SHORTEST_TOKEN: usize = 32;

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Plain,
    /// Below `headers`, by their names.
    Headers,
    /// Below `scenarios`, by their names.
    Scenarios,
    /// Below `capture` or `thresholds`: the keys are names of values and metrics.
    Names,
    /// Below such a name.
    Finding,
    /// In a message or a body.
    Body,
    /// Below a key that names credentials.
    Secret,
}

fn redact(value: &mut Value, place: Place) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries.iter_mut() {
                let place = below(key, place, value.is_object());
                redact(value, place);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| redact(element, place)),
        Value::String(text) => *text = redacted(text, place),
        // A PIN is a number. Of other places numbers are the load's.
        Value::Number(_) if place == Place::Secret => *value = REDACTED.into(),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn below(key: &str, place: Place, is_map: bool) -> Place {
    match place {
        Place::Secret => Place::Secret,
        Place::Headers if DESCRIPTIONS.iter().any(|known| key.eq_ignore_ascii_case(known)) => Place::Plain,
        Place::Headers => Place::Secret,
        Place::Scenarios => Place::Plain,
        Place::Names => Place::Finding,
        Place::Plain if NAMING.contains(&key) && is_map => Place::Names,
        Place::Plain if key == "scenarios" && is_map => Place::Scenarios,
        Place::Plain if key == "query" && is_map => Place::Secret,
        Place::Plain if BODIES.contains(&key) => Place::Body,
        _ if key.eq_ignore_ascii_case("headers") && is_map => Place::Headers,
        _ if key == "env" && is_map => Place::Secret,
        _ if names_credential(key) => Place::Secret,
        Place::Plain | Place::Finding | Place::Body => place,
    }
}

fn names_credential(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
    CREDENTIALS.iter().any(|part| plain.contains(part))
}

fn redacted(text: &str, place: Place) -> String {
    let mut is_json = false;
    if place != Place::Secret
        && let Ok(mut json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str::<Value>(text)
    {
        let before = json.clone();
        redact(&mut json, Place::Body);
        if json != before {
            return json.to_string();
        }
        // It stays as it was typed, but for values that another of the same key has covered.
        is_json = true;
    }
    let (masked, references) = reference::mask(text);
    let shown = if is_json { message::without_json_values(&masked) } else { shown(&masked, place) };
    reference::unmask(&shown, &references, |reference, is_bare| {
        let variable = reference.strip_prefix("${").and_then(|inside| inside.strip_suffix('}')?.split_once(":-"));
        match variable {
            Some((name, _)) if is_bare || names_credential(name) => format!("${{{name}:-{REDACTED}}}"),
            Some((name, default)) => format!("${{{name}:-{}}}", redacted(default, Place::Plain)),
            None => without_tokens(reference),
        }
    })
}

/// Of a text whose references are masked.
fn shown(masked: &str, place: Place) -> String {
    if place == Place::Secret {
        return reference::hidden(masked);
    }
    let text = address::without_query_values(&address::without_user(masked));
    // A pattern may have `"token":"` to find what follows.
    let text =
        if place == Place::Finding { text } else { message::without_form_values(&message::without_json_values(&text)) };
    without_tokens(&text)
}

/// Takes out what looks like a token.
fn without_tokens(text: &str) -> String {
    let is_inside = |char: char| char.is_ascii_alphanumeric() || "_-+=".contains(char);
    let mut out = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(is_inside) {
        let (before, from) = rest.split_at(begin);
        let (word, after) = from.split_at(from.find(|char| !is_inside(char)).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(if is_token(word) { REDACTED } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A long word of letters, digits and signs; names of hosts and tests have no capital letters between small ones and digits.
fn is_token(word: &str) -> bool {
    let has = |kind: fn(&char) -> bool| word.chars().any(|char| kind(&char));
    let is_mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
    let is_hex = has(char::is_ascii_digit) && word.chars().all(|char| char.is_ascii_hexdigit());
    word.len() >= SHORTEST_TOKEN && (is_mixed || is_hex)
}

#[cfg(test)]
mod tests;
