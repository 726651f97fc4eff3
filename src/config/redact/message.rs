//! Credentials in the text of a message: values in a form, and in what looks like JSON. References are masked.

use super::{Place, REDACTED, names_credential, reference, shown};

/// Takes credentials out of a form's body: `user=me&password=…`.
pub(super) fn without_form_values(text: &str) -> String {
    if text.trim().contains(char::is_whitespace) || !text.contains('=') {
        return text.to_owned();
    }
    let pairs = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if names_credential(name) && !value.is_empty() => {
            format!("{name}={}", reference::hidden(value))
        }
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Takes out what follows `"token":` and its like, and shows each other text between quotes as a text of its own.
///
/// No parser, because a message need not be JSON before its placeholders are filled in (`{"seq": {{ seq }}}`), and may have
/// something before it (Socket.IO: `42["login",{"token":"…"}]`).
pub(super) fn without_json_values(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    // Within a credential's value: how many brackets are open in it.
    let mut secret: Option<u32> = None;
    while let Some(first) = rest.chars().next() {
        if let Some((literal, after)) = literal(rest) {
            let content = Content::of(literal);
            if secret != Some(0) && after.trim_start().starts_with(':') {
                out.push_str(literal);
                secret = secret.or_else(|| names_credential(&content.text).then_some(0));
            } else {
                out.push_str(&content.shown(literal, if secret.is_some() { Place::Secret } else { Place::Body }));
            }
            rest = after;
            continue;
        }
        let length = if is_sign(first) { first.len_utf8() } else { rest.find(is_sign).unwrap_or(rest.len()) };
        let (word, after) = rest.split_at(length);
        match (secret, first) {
            (Some(open), '{' | '[') => secret = Some(open + 1),
            (Some(open), '}' | ']') => secret = open.checked_sub(1),
            (Some(0), ',') => secret = None,
            _ => {}
        }
        match secret {
            Some(_) if !is_sign(first) && !matches!(word, "true" | "false" | "null") => {
                let bare = reference::bare(word, |_| false);
                out.push_str(&bare.unwrap_or_else(|| format!("\"{REDACTED}\"")));
            }
            _ => out.push_str(word),
        }
        rest = after;
    }
    out
}

fn is_sign(char: char) -> bool {
    char.is_whitespace() || "\"{}[],:".contains(char)
}

/// The text between quotes, with them, that the text begins with. JSON has no line breaks between quotes: a quote without
/// another in its line is only a sign.
fn literal(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut is_escaped = false;
    for (at, char) in inside.char_indices() {
        match char {
            '\n' => return None,
            '"' if !is_escaped => return Some(text.split_at(at + 2)),
            _ => is_escaped = char == '\\' && !is_escaped,
        }
    }
    None
}

/// What stands between quotes.
struct Content {
    text: String,
    /// Whether it had to be left as typed, because its escapes are not those of JSON.
    is_raw: bool,
}

impl Content {
    fn of(literal: &str) -> Self {
        match serde_json::from_str(literal) {
            Ok(text) => Self { text, is_raw: false },
            Err(_) => Self { text: literal[1..literal.len() - 1].to_owned(), is_raw: true },
        }
    }

    /// As typed, if there is nothing to hide.
    fn shown(&self, literal: &str, place: Place) -> String {
        let shown = shown(&self.text, place);
        match (shown == self.text, self.is_raw) {
            (true, _) => literal.to_owned(),
            (false, true) => format!("\"{shown}\""),
            (false, false) => serde_json::Value::from(shown).to_string(),
        }
    }
}
