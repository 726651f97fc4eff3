//! Every way a connection can fail, as closed sets: these are label values, so what a server or
//! an operating system says never becomes one.

use std::io;

use tokio_tungstenite::tungstenite::{Error, error::ProtocolError};

use crate::config::{policy::Denied, template::RenderError};

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every reason, in the order of their slots.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The label value.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            /// Place in [`Self::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use reasons;

pub mod request;

reasons! {
    /// Why a connection did not open.
    ConnectFailure {
        /// The name has no address, or the look-up failed or took too long.
        Dns = "dns",
        /// Nobody listens.
        Refused = "refused",
        /// TCP or TLS did not finish in time.
        ConnectTimeout = "connect_timeout",
        /// No route.
        Unreachable = "unreachable",
        /// The peer reset the connection before it was open.
        Reset = "reset",
        /// Every local port to this address is in use: the generator's limit, not the server's.
        NoLocalPort = "no_local_port",
        /// The limit of open files: the generator's limit, not the server's.
        FdLimit = "fd_limit",
        /// The kernel is out of memory or buffers: the generator's limit, not the server's.
        NoMemory = "no_memory",
        /// `blockHostnames` or `blacklistIPs` forbid it.
        Blocked = "blocked",
        /// The operator's policy does not allow it.
        NotAllowed = "not_allowed",
        /// There was no connection to the proxy.
        ProxyUnreachable = "proxy_unreachable",
        /// The proxy wants other credentials, or any.
        ProxyAuth = "proxy_auth",
        /// The proxy did not connect to the server.
        ProxyRefused = "proxy_refused",
        /// What the proxy answered is no HTTP response to CONNECT, or ended early.
        ProxyMalformed = "proxy_malformed",
        /// The TLS handshake failed.
        Tls = "tls",
        /// The server did not answer the upgrade request in time.
        UpgradeTimeout = "upgrade_timeout",
        /// The server closed the connection before it had answered the upgrade.
        UpgradeEof = "upgrade_eof",
        /// The answer is not a proper HTTP response, is too large, or came in too small pieces.
        UpgradeMalformed = "upgrade_malformed",
        /// A status other than 101.
        Status = "status",
        /// A 101 without the headers that RFC 6455 asks for, or with a wrong Sec-WebSocket-Accept.
        BadUpgrade = "bad_upgrade",
        /// A subprotocol that was not offered, or none although some were.
        BadSubprotocol = "bad_subprotocol",
        /// An extension that was not offered.
        BadExtension = "bad_extension",
        /// A template made a path or a header that HTTP does not allow.
        BadRequest = "bad_request",
        /// A placeholder had no value: nothing was sent.
        MissingValue = "missing_value",
        /// The iteration was cut while the connection was opening.
        Interrupted = "interrupted",
        /// Anything else.
        Other = "other",
    }
}

reasons! {
    /// Why an open connection ended without a complete close handshake.
    Disconnect {
        /// The peer reset the connection.
        Reset = "reset",
        /// The peer closed TCP without a close frame.
        Eof = "eof",
        /// The peer acknowledged nothing for `network.peerTimeout`.
        PeerTimeout = "peer_timeout",
        /// The kernel did not accept what was to be sent in time.
        WriteTimeout = "write_timeout",
        /// The server did not answer our close frame in time.
        CloseTimeout = "close_timeout",
        /// The server did not answer a ping of keepAlive in time: the connection is half open.
        KeepAliveTimeout = "keep_alive_timeout",
        /// Nothing came within idleTimeout.
        IdleTimeout = "idle_timeout",
        /// The peer broke RFC 6455.
        Protocol = "protocol",
        /// A close frame with a code that must not be sent, or with half of one.
        BadCloseCode = "bad_close_code",
        /// A text message that is not UTF-8.
        BadUtf8 = "bad_utf8",
        /// A message above maxMessageSize.
        TooBig = "message_too_big",
        /// The TLS layer failed.
        Tls = "tls",
        /// Anything else.
        Other = "other",
    }
}

/// A connection that did not open.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", reason.label())]
pub struct ConnectError {
    /// The counted reason.
    pub reason: ConnectFailure,
    /// HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// For the debug log.
    pub detail: String,
}

impl ConnectError {
    /// An error without an HTTP answer.
    #[must_use]
    pub fn new(reason: ConnectFailure, detail: impl Into<String>) -> Self {
        Self { reason, status: None, detail: detail.into() }
    }
}

impl From<RenderError<'_>> for ConnectError {
    fn from(error: RenderError<'_>) -> Self {
        let reason = match error {
            RenderError::Missing(_) | RenderError::TooLarge(_) => ConnectFailure::MissingValue,
            RenderError::Control(_) => ConnectFailure::BadRequest,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<Denied> for ConnectError {
    fn from(denied: Denied) -> Self {
        Self::new(ConnectFailure::NotAllowed, denied.to_string())
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::new(connect_failure(&error), error.to_string())
    }
}

/// The reason behind an error of the operating system or the TLS layer while connecting.
#[must_use]
pub fn connect_failure(error: &io::Error) -> ConnectFailure {
    use nix::errno::Errno;
    if tls_error(error).is_some() {
        return ConnectFailure::Tls;
    }
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED) => ConnectFailure::Refused,
        Some(Errno::ECONNRESET | Errno::EPIPE | Errno::ECONNABORTED) => ConnectFailure::Reset,
        Some(Errno::ETIMEDOUT) => ConnectFailure::ConnectTimeout,
        Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN) => ConnectFailure::Unreachable,
        Some(Errno::EADDRNOTAVAIL | Errno::EADDRINUSE) => ConnectFailure::NoLocalPort,
        Some(Errno::EMFILE | Errno::ENFILE) => ConnectFailure::FdLimit,
        Some(Errno::ENOBUFS | Errno::ENOMEM) => ConnectFailure::NoMemory,
        _ if error.kind() == io::ErrorKind::UnexpectedEof => ConnectFailure::Reset,
        _ => ConnectFailure::Other,
    }
}

pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// The reason behind a failed upgrade.
#[must_use]
pub fn upgrade_error(error: Error) -> ConnectError {
    let detail = error.to_string();
    let (reason, status) = match error {
        Error::Io(error) if tls_error(&error).is_some() => (ConnectFailure::Tls, None),
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => (ConnectFailure::UpgradeEof, None),
        Error::Io(error) => (connect_failure(&error), None),
        Error::Http(response) => (ConnectFailure::Status, Some(response.status().as_u16())),
        Error::Protocol(ProtocolError::HandshakeIncomplete) => (ConnectFailure::UpgradeEof, None),
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => (ConnectFailure::BadSubprotocol, Some(101)),
        Error::Protocol(
            ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader
            | ProtocolError::SecWebSocketAcceptKeyMismatch,
        ) => (ConnectFailure::BadUpgrade, Some(101)),
        Error::Protocol(_) | Error::Capacity(_) | Error::AttackAttempt | Error::HttpFormat(_) | Error::Utf8(_) => {
            (ConnectFailure::UpgradeMalformed, None)
        }
        _ => (ConnectFailure::Other, None),
    };
    ConnectError { reason, status, detail }
}

impl Disconnect {
    /// The code of the close frame with which we end the connection for this reason (RFC 6455 §7.4.1).
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::Protocol | Self::BadCloseCode => 1002,
            Self::BadUtf8 => 1007,
            Self::TooBig => 1009,
            _ => 1006,
        }
    }
}

/// The reason behind an error of the operating system or the TLS layer on an open connection.
#[must_use]
pub fn disconnect(error: &io::Error) -> Disconnect {
    use nix::errno::Errno;
    if tls_error(error).is_some() {
        return Disconnect::Tls;
    }
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNRESET | Errno::EPIPE | Errno::ECONNABORTED) => Disconnect::Reset,
        Some(Errno::ETIMEDOUT) => Disconnect::PeerTimeout,
        _ if error.kind() == io::ErrorKind::UnexpectedEof => Disconnect::Eof,
        _ => Disconnect::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn labels_are_unique_and_in_the_order_of_the_slots() {
        for (index, reason) in ConnectFailure::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
        let mut labels: Vec<_> = ConnectFailure::ALL.iter().map(|reason| reason.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), ConnectFailure::ALL.len());
    }

    #[test]
    fn every_reason_is_explained_in_the_documentation() {
        let page = std::fs::read_to_string("docs/metrics.md").unwrap();
        let failures = ConnectFailure::ALL.iter().map(|reason| ("ws_connect_failures_total", reason.label()));
        let disconnects = Disconnect::ALL.iter().map(|reason| ("ws_disconnects_total", reason.label()));
        for (family, label) in failures.chain(disconnects) {
            let (_, explained) = page.split_once(&format!("\n### `reason` of `{family}`\n")).unwrap();
            let explained = explained.split("\n#").next().unwrap();
            assert!(explained.contains(&format!("\n- `{label}`: ")), "{family}: {label}");
        }
    }

    #[test]
    fn the_generators_own_limits_are_told_from_the_servers() {
        for (errno, reason) in [
            (Errno::ECONNREFUSED, ConnectFailure::Refused),
            (Errno::EADDRNOTAVAIL, ConnectFailure::NoLocalPort),
            (Errno::EMFILE, ConnectFailure::FdLimit),
            (Errno::ENOBUFS, ConnectFailure::NoMemory),
            (Errno::ECONNRESET, ConnectFailure::Reset),
            (Errno::EIO, ConnectFailure::Other),
        ] {
            assert_eq!(connect_failure(&io::Error::from_raw_os_error(errno as i32)), reason);
        }
    }

    #[test]
    fn ends_of_open_connections_are_told_apart() {
        let reason = |errno: Errno| disconnect(&io::Error::from_raw_os_error(errno as i32));
        assert_eq!(reason(Errno::ECONNRESET), Disconnect::Reset);
        assert_eq!(reason(Errno::EPIPE), Disconnect::Reset);
        assert_eq!(reason(Errno::ETIMEDOUT), Disconnect::PeerTimeout);
        assert_eq!(reason(Errno::EIO), Disconnect::Other);
        assert_eq!(disconnect(&io::ErrorKind::UnexpectedEof.into()), Disconnect::Eof);
    }
}
