//! A profile as it was typed, without what may be a credential, for files that are shown to others.
//!
//! Works on the parsed tree, so that comments, anchors and quoting hide nothing. Variables are not filled in: `${NAME}` and
//! `${file:PATH}` stay as typed. Taken out are
//!
//! - values of request headers and cookies, but for headers that describe a message (`Content-Type`, `Accept`, …);
//! - values under keys that name a credential: `password`, `token`, `secret`, `apiKey`, `auth`, …; in messages and bodies
//!   that are JSON too;
//! - values of `env`, and defaults of variables whose names are such;
//! - users and passwords in URLs, and values in their queries;
//! - words that look like a token: 32 characters or more of base64 or of hexadecimal digits.
//!
//! What consists of variables and placeholders only (`Bearer ${TOKEN}`) stays: it tells nothing. A credential that stands
//! in the middle of a message's text, does not look like a token and is not in JSON, is not recognised.

use serde_json::Value;

use crate::config::{document, problem::Report, source::Source, typed};

/// What is shown instead.
const REDACTED: &str = "<redacted>";
/// Parts of names of keys, headers, query parameters and variables whose values are credentials; without `-`, `_` and case.
const CREDENTIALS: [&str; 16] = [
    "passw",
    "passphrase",
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
/// First words of the header `Authorization`.
const SCHEMES: [&str; 3] = ["Bearer", "Basic", "Token"];

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
    /// Below `capture` or `thresholds`: the keys are names of values and metrics.
    Names,
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
        Place::Names => Place::Plain,
        Place::Plain if NAMING.contains(&key) && is_map => Place::Names,
        Place::Plain if key.eq_ignore_ascii_case("headers") && is_map => Place::Headers,
        Place::Plain if key == "env" && is_map => Place::Secret,
        Place::Plain if names_credential(key) => Place::Secret,
        Place::Plain => Place::Plain,
    }
}

fn names_credential(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
    CREDENTIALS.iter().any(|part| plain.contains(part))
}

fn redacted(text: &str, place: Place) -> String {
    if place == Place::Secret {
        return if is_only_references(text) { without_defaults(text, true) } else { REDACTED.to_owned() };
    }
    if let Ok(mut json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str::<Value>(text) {
        let before = json.clone();
        redact(&mut json, Place::Plain);
        // Untouched, it stays as it was typed.
        return if json == before { without_defaults(text, false) } else { json.to_string() };
    }
    let text = without_form_values(&without_query_values(&without_user(text)));
    without_defaults(&without_tokens(&text), false)
}

/// Whether nothing of the text is literal but a scheme's name: `Bearer ${TOKEN}`, `{{ token }}`.
fn is_only_references(text: &str) -> bool {
    let mut rest = text.trim();
    if let Some((first, more)) = rest.split_once(' ')
        && SCHEMES.contains(&first)
    {
        rest = more;
    }
    let mut found = false;
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let after = [("${", "}"), ("{{", "}}")].iter().find_map(|(open, close)| {
            let inside = rest.strip_prefix(open)?;
            inside.split_once(close).map(|(_, after)| after)
        });
        match after {
            Some(after) => (rest, found) = (after, true),
            None => return false,
        }
    }
    found
}

/// Takes the defaults out of `${NAME:-default}`: all, or those of names that name a credential.
fn without_defaults(text: &str, all: bool) -> String {
    replaced(text, "${", "}", |inside| {
        let (name, _) = inside.split_once(":-")?;
        (all || names_credential(name)).then(|| format!("{name}:-{REDACTED}"))
    })
}

/// Replaces what stands between `open` and `close`, each time that `new` has something for it.
fn replaced(text: &str, open: &str, close: &str, new: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let Some((inside, next)) = after.split_once(close) else { break };
        out.push_str(before);
        out.push_str(open);
        out.push_str(&new(inside).unwrap_or_else(|| inside.to_owned()));
        out.push_str(close);
        rest = next;
    }
    out.push_str(rest);
    out
}

/// Takes `user:password@` out of every URL in the text.
fn without_user(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(|char: char| char == '/' || char == '?' || char == '#' || char.is_whitespace());
        let (authority, next) = after.split_at(end.unwrap_or(after.len()));
        match authority.rsplit_once('@') {
            Some((user, host)) if !is_only_references(&user.replace(':', " ")) => {
                out.push_str(REDACTED);
                out.push('@');
                out.push_str(host);
            }
            _ => out.push_str(authority),
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

/// Takes the values out of the queries of URLs and paths; names stay.
fn without_query_values(text: &str) -> String {
    let is_address = text.contains("://") || text.starts_with('/');
    let Some((address, query)) = text.split_once('?').filter(|(address, _)| is_address && !address.contains(' '))
    else {
        return text.to_owned();
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((_, value)) if value.is_empty() || is_only_references(value) => pair.to_owned(),
        Some((name, _)) => format!("{name}={REDACTED}"),
        None if is_only_references(pair) => pair.to_owned(),
        None => REDACTED.to_owned(),
    });
    format!("{address}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// Takes credentials out of a form's body: `user=me&password=…`.
fn without_form_values(text: &str) -> String {
    if text.contains(char::is_whitespace) || text.contains('?') || !text.contains('=') {
        return text.to_owned();
    }
    let pairs = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if names_credential(name) && !value.is_empty() && !is_only_references(value) => {
            format!("{name}={REDACTED}")
        }
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
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
