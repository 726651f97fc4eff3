//! The WebSocket upgrade (RFC 6455 §4.1): request, response, and the checks of the response. The
//! library reads the response; its own checks of it leave extensions out and know one token in
//! `Connection` only.

use std::{fmt::Display, future::poll_fn};

use tokio_tungstenite::tungstenite::{
    handshake::{
        client::{Response, generate_key},
        derive_accept_key,
        machine::{HandshakeMachine, RoundResult, StageResult},
    },
    http::{HeaderMap, StatusCode, header},
};

use crate::{
    config::{profile, template::Values},
    protocol::{
        failure::{ConnectError, ConnectFailure, upgrade_error},
        transport::Transport,
    },
};

/// A request, ready to be sent once.
#[derive(Debug)]
pub struct Request {
    text: String,
    /// What `Sec-WebSocket-Accept` must be.
    accept: String,
}

impl Request {
    /// Renders the request of a site.
    ///
    /// # Errors
    /// A placeholder without a value, or a template that makes an invalid path or header value.
    pub fn new(site: &profile::WebSocket, values: &Values) -> Result<Self, ConnectError> {
        let target = &site.url;
        let key = generate_key();
        let mut text = String::with_capacity(512);
        text.push_str("GET ");
        let path = text.len();
        target.path_and_query.render(values, &mut text)?;
        if text[path..].bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(malformed(&"a space or control character in the path"));
        }
        text.push_str(" HTTP/1.1\r\n");
        // A profile's own replace these two; a server must refuse a second Host (RFC 9112, 3.2).
        let has = |name: &str| site.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
        if !has("host") {
            text.push_str("Host: ");
            if target.host.contains(':') {
                text.extend(["[", &target.host, "]"]);
            } else {
                text.push_str(&target.host);
            }
            if target.port != if target.secure { 443 } else { 80 } {
                text.extend([":", itoa::Buffer::new().format(target.port)]);
            }
            text.push_str("\r\n");
        }
        text.push_str("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
        text.extend([&key, "\r\n"]);
        if !has("user-agent") {
            text.push_str(concat!("User-Agent: rampd/", env!("CARGO_PKG_VERSION"), "\r\n"));
        }
        if !site.subprotocols.is_empty() {
            text.extend(["Sec-WebSocket-Protocol: ", &site.subprotocols.join(", "), "\r\n"]);
        }
        for header in &site.headers {
            text.extend([&header.name, ": "]);
            let value = text.len();
            header.value.render(values, &mut text)?;
            if text[value..].bytes().any(|byte| byte != b'\t' && !(b' '..0x7f).contains(&byte)) {
                // The value may be a secret, so the error names the header only.
                return Err(malformed(&format_args!("invalid characters in the value of header {}", header.name)));
            }
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        Ok(Self { text, accept: derive_accept_key(key.as_bytes()) })
    }
}

fn malformed(detail: &dyn Display) -> ConnectError {
    ConnectError::new(ConnectFailure::BadRequest, detail.to_string())
}

/// Sends the request over `transport` and reads the response; returns what came behind it. Has no time limit of its own.
///
/// # Errors
/// The reason why the connection is not a WebSocket.
pub async fn upgrade(
    transport: Transport,
    request: Request,
    site: &profile::WebSocket,
) -> Result<(Transport, Vec<u8>), ConnectError> {
    let Request { text, accept } = request;
    let mut machine = HandshakeMachine::start_write(transport, text);
    let mut writing = true;
    loop {
        machine = match machine.single_round::<Response>().map_err(upgrade_error)? {
            RoundResult::WouldBlock(waiting) => {
                poll_fn(|cx| {
                    let transport = waiting.get_ref();
                    if writing { transport.poll_writable(cx) } else { transport.poll_unblocked(cx) }
                })
                .await?;
                waiting
            }
            RoundResult::Incomplete(more) => more,
            RoundResult::StageFinished(StageResult::DoneWriting(transport)) => {
                writing = false;
                HandshakeMachine::start_read(transport)
            }
            RoundResult::StageFinished(StageResult::DoneReading { result, stream, mut tail }) => {
                check(&result, &accept, &site.subprotocols)?;
                // Mostly empty, and with the 4 KiB that the response was read into: more than all the rest of a held socket.
                tail.shrink_to_fit();
                return Ok((stream, tail));
            }
        };
    }
}

fn check(response: &Response, accept: &str, offered: &[String]) -> Result<(), ConnectError> {
    let status = response.status();
    let refused = |reason, detail: String| Err(ConnectError { reason, status: Some(status.as_u16()), detail });
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return refused(ConnectFailure::Status, format!("HTTP error: {status}"));
    }
    let headers = response.headers();
    if !has_token(headers, &header::UPGRADE, "websocket") || !has_token(headers, &header::CONNECTION, "upgrade") {
        return refused(ConnectFailure::BadUpgrade, "no `Upgrade: websocket` with `Connection: Upgrade`".to_owned());
    }
    if headers.get(header::SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value != accept) {
        return refused(ConnectFailure::BadUpgrade, "Sec-WebSocket-Accept does not fit the request's key".to_owned());
    }
    if let Some(extension) = headers.get(header::SEC_WEBSOCKET_EXTENSIONS) {
        let detail = format!("the server chose the extension {extension:?}, which was not offered");
        return refused(ConnectFailure::BadExtension, detail);
    }
    let chosen = headers.get(header::SEC_WEBSOCKET_PROTOCOL);
    match chosen {
        None if offered.is_empty() => Ok(()),
        Some(chosen) if offered.iter().any(|one| chosen == one.as_str()) => Ok(()),
        None => refused(ConnectFailure::BadSubprotocol, "the server chose no subprotocol".to_owned()),
        Some(chosen) => {
            let detail = format!("the server chose the subprotocol {chosen:?}, which was not offered");
            refused(ConnectFailure::BadSubprotocol, detail)
        }
    }
}

/// Whether a header that is a list of tokens has `token`, in letters of any case.
fn has_token(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| one.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        profile::{Header, Target, Timeouts, WebSocket},
        template::Template,
    };
    use tokio_tungstenite::tungstenite::http;

    fn site(path: &str, header: Option<&str>) -> WebSocket {
        let value = |value| Header { name: "Authorization".into(), value: Template::literal(value) };
        WebSocket {
            url: Target {
                secure: false,
                host: "::1".into(),
                port: 8080,
                path_and_query: Template::literal(path),
                display: "ws://[::1]:8080/".into(),
            },
            name: String::new(),
            tags: Default::default(),
            headers: header.map(value).into_iter().collect(),
            subprotocols: vec!["chat".into(), "superchat".into()],
            timeouts: Timeouts::default(),
            depth: 0,
            reply_ids: None,
            keep_alive: None,
            idle_timeout: None,
            reconnect: None,
            max_message_size: 1 << 20,
            close_mode: Default::default(),
            steps: vec![],
        }
    }

    #[test]
    fn the_request_has_what_the_rfc_asks_for_once() {
        let request = Request::new(&site("/ws?x=1", Some("Bearer t")), &Values::default()).unwrap();
        let mut lines = request.text.lines();
        assert_eq!(lines.next(), Some("GET /ws?x=1 HTTP/1.1"));
        for line in [
            "Host: [::1]:8080",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: chat, superchat",
            "Authorization: Bearer t",
        ] {
            assert_eq!(request.text.lines().filter(|other| *other == line).count(), 1, "{line}");
        }
        assert!(request.text.ends_with("\r\n\r\n") && request.text.matches("Sec-WebSocket-Key: ").count() == 1);
    }

    #[test]
    fn a_profiles_own_host_and_agent_replace_ours() {
        let mut site = site("/", Some("virtual.example.com"));
        site.headers[0].name = "host".to_owned();
        let mut agent = site.headers[0].clone();
        agent.name = "USER-AGENT".to_owned();
        site.headers.push(agent);
        let request = Request::new(&site, &Values::default()).unwrap();
        let named =
            |name: &str| request.text.lines().filter(|line| line.to_ascii_lowercase().starts_with(name)).count();
        assert_eq!((named("host:"), named("user-agent:")), (1, 1), "{}", request.text);
        assert!(request.text.contains("host: virtual.example.com\r\n"));
    }

    #[test]
    fn nothing_can_be_smuggled_in() {
        for (path, value) in [("/a\r\nEvil: 1", "x"), ("/a b", "x"), ("/", "x\r\nEvil: 1"), ("/", "x\0")] {
            let error = Request::new(&site(path, Some(value)), &Values::default()).unwrap_err();
            assert_eq!(error.reason, ConnectFailure::BadRequest);
            assert!(!error.detail.contains("Evil"), "{}", error.detail);
        }
    }

    #[test]
    fn a_response_that_is_no_upgrade_fails_by_its_reason() {
        let good = [("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade"), ("sec-websocket-accept", "key")];
        let reason = |status: u16, change: (&'static str, &str), offered: &[&str]| {
            let mut response = http::Response::new(None);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in good.into_iter().filter(|(name, _)| *name != change.0).chain([change]) {
                if !value.is_empty() {
                    response.headers_mut().append(name, value.parse().unwrap());
                }
            }
            let offered: Vec<_> = offered.iter().map(|one| (*one).to_owned()).collect();
            check(&response, "key", &offered).err().map(|error| error.reason)
        };
        let (fine, protocol) = (("x-fine", "1"), "sec-websocket-protocol");
        for (status, change, offered, expected) in [
            (101, fine, &[][..], None),
            (101, (protocol, "b"), &["a", "b"], None),
            (200, fine, &[], Some(ConnectFailure::Status)),
            (101, ("upgrade", ""), &[], Some(ConnectFailure::BadUpgrade)),
            (101, ("connection", "close"), &[], Some(ConnectFailure::BadUpgrade)),
            (101, ("sec-websocket-accept", "other"), &[], Some(ConnectFailure::BadUpgrade)),
            (101, ("sec-websocket-extensions", "permessage-deflate"), &[], Some(ConnectFailure::BadExtension)),
            (101, fine, &["a"], Some(ConnectFailure::BadSubprotocol)),
            (101, (protocol, "a"), &[], Some(ConnectFailure::BadSubprotocol)),
            (101, (protocol, "c"), &["a", "b"], Some(ConnectFailure::BadSubprotocol)),
        ] {
            assert_eq!(reason(status, change, offered), expected, "{status} {change:?} {offered:?}");
        }
    }
}
