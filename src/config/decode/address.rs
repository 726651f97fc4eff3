//! `url:` of a websocket or http step.

use crate::config::{
    decode::template,
    node::Node,
    problem::shown,
    profile::Target,
    template::{Template, encoding::Encoding},
    tree::Text,
};

/// What addresses of a protocol look like.
pub(crate) struct Scheme {
    what: &'static str,
    /// Without TLS, and with it.
    names: [&'static str; 2],
    /// Schemes that were probably meant to be those, with the message.
    mistaken: [(&'static str, &'static str); 2],
    example: &'static str,
}

/// `ws://` and `wss://`.
pub(crate) const WEBSOCKET: Scheme = Scheme {
    what: "a WebSocket URL",
    names: ["ws", "wss"],
    mistaken: [("http", "`http://` is not for WebSockets"), ("https", "`https://` is not for WebSockets")],
    example: "for example `wss://example.com/ws`",
};

/// `http://` and `https://`.
pub(crate) const HTTP: Scheme = Scheme {
    what: "an HTTP URL",
    names: ["http", "https"],
    mistaken: [("ws", "`ws://` is for WebSockets"), ("wss", "`wss://` is for WebSockets")],
    example: "for example `https://example.com/api`",
};

/// Splits and checks an address. A part is quoted in a message only if no variable filled it in.
pub(crate) fn target(node: &Node<'_>, kind: &Scheme) -> Option<Target> {
    let text = node.text()?;
    let url = text.value.trim();
    let bad = |why: &str, hint: &str| node.bad_text::<Target>(text, kind.what, why, hint.to_owned());
    // The URL standard drops line breaks and tabs and reads `\` as `/`; none of that is meant here.
    if url.chars().any(|char| char.is_control() || char == '\\')
        || url.split("{{").any(|part| outside(part).contains(' '))
    {
        return bad("a URL has no spaces, backslashes or control characters", kind.example);
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return bad(&format!("`{}` has no scheme", shown(url)), kind.example);
    };
    let lower = scheme.to_ascii_lowercase();
    let [plain, encrypted] = kind.names;
    if let Some(index) = kind.mistaken.iter().position(|(name, _)| *name == lower) {
        return refuse(node, kind.mistaken[index].1, &format!("use `{}://`", kind.names[index]));
    }
    if lower != plain && lower != encrypted {
        return bad(&format!("unknown scheme `{}`", shown(scheme)), &format!("use `{plain}://` or `{encrypted}://`"));
    }
    let secure = lower == encrypted;
    let scheme = kind.names[usize::from(secure)];
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        let hint = "send credentials in a header: `headers: { Authorization: \"Basic …\" }`";
        return refuse(node, "a URL with a user or password", hint);
    }
    if authority.contains("{{") {
        return refuse(
            node,
            "a template in the host or port",
            "templates may stand in the path and the query; `${NAME}` may stand anywhere",
        );
    }
    if rest.contains('#') {
        return refuse(
            node,
            "a URL with a fragment (`#…`), which is never sent",
            "remove it, or write `%23` for a `#`",
        );
    }
    if authority.is_empty() || authority.starts_with(':') {
        return refuse(node, "the host is missing", kind.example);
    }
    let parsed = match url::Url::parse(&format!("{scheme}://{authority}/")) {
        Ok(parsed) => parsed,
        Err(url::ParseError::InvalidPort) => {
            return bad(&format!("`{}` has no valid port", shown(authority)), "a port is a number from 1 to 65535");
        }
        Err(error) => return bad(&format!("`{}` is no valid host: {error}", shown(authority)), kind.example),
    };
    let port = parsed.port_or_known_default().unwrap_or_default();
    if port == 0 {
        return refuse(node, "nothing listens on port 0", "a port is a number from 1 to 65535");
    }
    let host_text = parsed.host_str().unwrap_or_default();
    let explicit = parsed.port().map(|port| format!(":{port}")).unwrap_or_default();
    let (path_and_query, path) = path_and_query(node, text, rest)?;
    Some(Target {
        secure,
        host: host_text.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
        path_and_query,
        display: format!("{scheme}://{host_text}{explicit}{path}"),
    })
}

fn refuse(node: &Node<'_>, message: &str, hint: &str) -> Option<Target> {
    node.problem(message, hint.to_owned());
    None
}

/// The part of `{{ … }} …` after the placeholder.
fn outside(part: &str) -> &str {
    part.split_once("}}").map_or(part, |(_, outside)| outside)
}

/// The template to send, and the path alone as typed.
fn path_and_query(node: &Node<'_>, text: &Text, rest: &str) -> Option<(Template, String)> {
    let rooted = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    let path = rooted.split('?').next().unwrap_or_default().to_owned();
    let compiled = template(node, &Text { value: rooted, ..text.clone() })?;
    Some((compiled.encoded(Encoding::Url), path))
}
