//! `CONNECT` through an HTTP proxy (RFC 9110, 9.3.6). After its answer the connection leads to the server.

use std::{
    future::poll_fn,
    io::{self, Read as _, Write as _},
};

use crate::{
    config::profile::{Target, proxy::Proxy},
    protocol::{
        failure::{ConnectError, ConnectFailure},
        transport::Socket,
    },
};

/// Largest head of an answer.
const LARGEST_HEAD: usize = 16 * 1024;

/// Why there is no connection to `proxy`. What is the generator's own limit keeps its name.
pub(super) fn unreachable(proxy: &Proxy, error: &ConnectError) -> ConnectError {
    let reason = match error.reason {
        own @ (ConnectFailure::NoLocalPort
        | ConnectFailure::FdLimit
        | ConnectFailure::NoMemory
        | ConnectFailure::Blocked
        | ConnectFailure::NotAllowed) => own,
        _ => ConnectFailure::ProxyUnreachable,
    };
    ConnectError::new(reason, format!("proxy {proxy}: {error}"))
}

/// Asks `proxy`, at the other end of `socket`, for a connection to `target`. Has no time limit of its own.
///
/// # Errors
/// The counted reason. The proxy's status is in the text only: `status` labels are the server's.
pub(super) async fn connect(mut socket: Socket, proxy: &Proxy, target: &Target) -> Result<Socket, ConnectError> {
    let request = request(proxy, target);
    let mut unwritten = request.as_bytes();
    while !unwritten.is_empty() {
        match socket.write(unwritten) {
            Ok(count) => unwritten = &unwritten[count..],
            Err(error) => unblocked(&socket, error, proxy).await?,
        }
    }
    let mut head = Vec::new();
    let mut part = [0; 1024];
    loop {
        match socket.read(&mut part) {
            Ok(0) => return Err(malformed(proxy, "it closed the connection before it had answered")),
            Ok(count) => head.extend_from_slice(&part[..count]),
            Err(error) => {
                unblocked(&socket, error, proxy).await?;
                continue;
            }
        }
        if let Some(end) = memchr::memmem::find(&head, b"\r\n\r\n") {
            judge(&head, proxy, target)?;
            // The server speaks after the client, in TLS as in HTTP.
            let rest = head.len() - end - 4;
            return if rest == 0 { Ok(socket) } else { Err(malformed(proxy, "there is more after its answer")) };
        }
        if head.len() > LARGEST_HEAD {
            return Err(malformed(proxy, "its answer has too large a head"));
        }
    }
}

fn request(proxy: &Proxy, target: &Target) -> String {
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    let port = target.port;
    let authorization = proxy.authorization.as_ref().map(|value| format!("Proxy-Authorization: {value}\r\n"));
    format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: rampd/{}\r\n{}\r\n",
        env!("CARGO_PKG_VERSION"),
        authorization.unwrap_or_default()
    )
}

fn judge(head: &[u8], proxy: &Proxy, target: &Target) -> Result<(), ConnectError> {
    let status = head.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(1..5)).and_then(|status| {
        let digits = status.strip_prefix(b" ").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        std::str::from_utf8(digits).ok()?.parse::<u16>().ok()
    });
    let refused = |reason, status| {
        let to = target.address();
        Err(ConnectError::new(reason, format!("proxy {proxy} answered {status} to CONNECT {to}")))
    };
    match status {
        Some(200..=299) => Ok(()),
        // tinyproxy says 401 where RFC 9110 has 407.
        Some(status @ (401 | 407)) => refused(ConnectFailure::ProxyAuth, status),
        Some(status) => refused(ConnectFailure::ProxyRefused, status),
        None => Err(malformed(proxy, "its answer is no HTTP")),
    }
}

fn malformed(proxy: &Proxy, why: &str) -> ConnectError {
    ConnectError::new(ConnectFailure::ProxyMalformed, format!("proxy {proxy}: {why}"))
}

/// Waits until the operation may be tried again, or gives up.
async fn unblocked(socket: &Socket, error: io::Error, proxy: &Proxy) -> Result<(), ConnectError> {
    let ended = |error: &io::Error| malformed(proxy, &error.to_string());
    match error.kind() {
        io::ErrorKind::WouldBlock => poll_fn(|cx| socket.poll_unblocked(cx)).await.map_err(|error| ended(&error)),
        io::ErrorKind::Interrupted => Ok(()),
        _ => Err(ended(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::template::Template;

    fn target(host: &str) -> Target {
        let path_and_query = Template::literal("/");
        Target { secure: true, host: host.into(), port: 443, path_and_query, display: String::new() }
    }

    fn proxy() -> Proxy {
        Proxy { host: "p".into(), port: 3128, authorization: Some("Basic eA==".into()) }
    }

    #[test]
    fn an_ipv6_address_has_brackets_and_credentials_go_to_the_proxy() {
        let asked = request(&proxy(), &target("::1"));
        assert!(asked.starts_with("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n"), "{asked}");
        assert!(asked.ends_with("\r\nProxy-Authorization: Basic eA==\r\n\r\n"), "{asked}");
    }

    #[test]
    fn answers_are_told_apart() {
        for (head, reason) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", None),
            ("HTTP/1.0 204\r\n\r\n", None),
            ("HTTP/1.1 407 No\r\n\r\n", Some(ConnectFailure::ProxyAuth)),
            ("HTTP/1.0 401 No\r\n\r\n", Some(ConnectFailure::ProxyAuth)),
            ("HTTP/1.1 502 No\r\n\r\n", Some(ConnectFailure::ProxyRefused)),
            ("HTTP/2 200\r\n\r\n", Some(ConnectFailure::ProxyMalformed)),
            ("HTTP/1.1 2xx\r\n\r\n", Some(ConnectFailure::ProxyMalformed)),
            ("\r\n\r\n", Some(ConnectFailure::ProxyMalformed)),
        ] {
            let judged = judge(head.as_bytes(), &proxy(), &target("h"));
            assert_eq!(judged.err().map(|error| error.reason), reason, "{head}");
        }
    }
}
