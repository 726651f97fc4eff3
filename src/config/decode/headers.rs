//! `headers:` of a websocket or http step, and `subprotocols:`.

use std::collections::HashSet;

use crate::config::{
    at::Place,
    decode::{all, template},
    node::Node,
    problem::shown,
    profile::Header,
    template::{Template, encoding::Encoding},
    tree::Tree,
};

/// Headers that are not the profile's to set, with what to do instead.
pub(crate) struct Reserved {
    by: &'static str,
    names: &'static [(&'static str, &'static str)],
}

/// Set by the handshake (RFC 6455, 4.1).
pub(crate) const HANDSHAKE: Reserved = Reserved {
    by: "the handshake",
    names: &[
        ("connection", "remove it"),
        ("upgrade", "remove it"),
        ("sec-websocket-key", "remove it"),
        ("sec-websocket-version", "remove it"),
        ("sec-websocket-extensions", "remove it"),
        ("sec-websocket-accept", "remove it"),
        ("sec-websocket-protocol", "use `subprotocols: […]`"),
        ("content-length", "remove it"),
        ("transfer-encoding", "remove it"),
    ],
};

/// Set by the framing of a request's body (RFC 9112, 6).
pub(crate) const REQUEST: Reserved = Reserved {
    by: "the request",
    names: &[
        ("content-length", "remove it"),
        ("transfer-encoding", "remove it"),
        ("upgrade", "use a `websocket` step"),
    ],
};

/// A map of names to values, in the order typed.
pub(crate) fn headers(node: &Node<'_>, reserved: &Reserved) -> Option<Vec<Header>> {
    let entries = node.entries("for example `headers: { Authorization: \"Bearer ${TOKEN}\" }`")?;
    let mut hosts = 0;
    all(entries.iter().map(|(name, value)| {
        let refuse = |message: String, hint: &str| {
            node.context.problem(&Place::Key(value.path.clone()), message, Some(hint.to_owned()));
            None
        };
        let lower = name.to_ascii_lowercase();
        if !is_token(name) {
            return refuse(format!("`{}` is no name of a header", shown(name)), "use letters, digits and `-`");
        }
        if let Some((_, hint)) = reserved.names.iter().find(|(own, _)| *own == lower) {
            return refuse(format!("{} sets the header `{name}` itself", reserved.by), hint);
        }
        hosts += usize::from(lower == "host");
        if lower == "host" && hosts > 1 {
            return refuse("the header `Host` is there twice".to_owned(), "remove one of the two");
        }
        Some(Header { name: (*name).to_owned(), value: header_value(value)? })
    }))
}

/// Printable text with placeholders.
pub(crate) fn header_value(node: &Node<'_>) -> Option<Template> {
    let text = node.scalar()?;
    if !text.value.chars().all(|char| char == '\t' || char == ' ' || char.is_ascii_graphic()) {
        let hint = "use printable ASCII without line breaks; `${file:PATH}` drops the last line break of a file";
        return node.bad_text(
            &text,
            "a header's value",
            "a header's value with a character that HTTP does not allow",
            hint.to_owned(),
        );
    }
    Some(template(node, &text)?.encoded(Encoding::Header))
}

/// A list of names, or one.
pub(crate) fn subprotocols(node: &Node<'_>) -> Option<Vec<String>> {
    let elements = match node.tree {
        Tree::Text(_) => vec![node.clone()],
        _ => node.list("for example `subprotocols: [graphql-ws]`")?,
    };
    let mut seen = HashSet::new();
    all(elements.iter().map(|element| {
        let text = element.text()?;
        if !is_token(&text.value) {
            let why = format!("`{}` is no name of a subprotocol", shown(&text.value));
            return element.bad_text(text, "a subprotocol's name", &why, "use letters, digits, `-` and `.`".to_owned());
        }
        if !seen.insert(text.value.clone()) {
            return element.bad_text(
                text,
                "a new subprotocol",
                "this subprotocol is there twice",
                "remove one of the two".to_owned(),
            );
        }
        Some(text.value.clone())
    }))
}

/// RFC 9110, 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
