//! Every way a request can fail, as a closed set of label values.

use std::{error::Error as _, io};

use nix::errno::Errno;

use crate::{
    config::template::RenderError,
    protocol::failure::{ConnectError, ConnectFailure, tls_error},
};

reasons! {
    /// Why a request counts as failed.
    RequestFailure {
        /// The name has no address, or the look-up failed or took too long.
        Dns = "dns",
        /// Nobody listens.
        Refused = "refused",
        /// TCP or TLS did not finish in time.
        ConnectTimeout = "connect_timeout",
        /// No route.
        Unreachable = "unreachable",
        /// The peer reset the connection, open or not.
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
        /// The peer acknowledged nothing for `network.peerTimeout`.
        PeerTimeout = "peer_timeout",
        /// The TLS layer failed.
        Tls = "tls",
        /// The response was not complete in time.
        Timeout = "timeout",
        /// The server closed the connection before it had answered.
        Eof = "eof",
        /// The server closed the connection within the body.
        BodyEof = "body_eof",
        /// What came is no proper HTTP response.
        Malformed = "malformed",
        /// The server refused to begin with the request and asks for it to be sent again: REFUSED_STREAM, GOAWAY without an error.
        Unprocessed = "unprocessed",
        /// The server broke the request off: RST_STREAM.
        StreamReset = "stream_reset",
        /// The server ended the connection with an error: GOAWAY.
        Goaway = "goaway",
        /// HTTP/2 was asked for and the server does not speak it.
        NoHttp2 = "no_http2",
        /// The response's headers are too large or too many.
        HeadTooBig = "head_too_big",
        /// `expect` has to look into a body above maxBodySize.
        BodyTooBig = "body_too_big",
        /// The body is not what its Content-Encoding says.
        BadEncoding = "bad_encoding",
        /// A template made a path or a header that HTTP does not allow.
        BadRequest = "bad_request",
        /// A placeholder had no value: nothing was sent.
        MissingValue = "missing_value",
        /// A status that is not among expectedStatuses.
        Status = "status",
        /// Anything else.
        Other = "other",
    }
}

impl From<ConnectFailure> for RequestFailure {
    fn from(failure: ConnectFailure) -> Self {
        match failure {
            ConnectFailure::Dns => Self::Dns,
            ConnectFailure::Refused => Self::Refused,
            ConnectFailure::ConnectTimeout => Self::ConnectTimeout,
            ConnectFailure::Unreachable => Self::Unreachable,
            ConnectFailure::Reset => Self::Reset,
            ConnectFailure::NoLocalPort => Self::NoLocalPort,
            ConnectFailure::FdLimit => Self::FdLimit,
            ConnectFailure::NoMemory => Self::NoMemory,
            ConnectFailure::Blocked => Self::Blocked,
            ConnectFailure::NotAllowed => Self::NotAllowed,
            ConnectFailure::ProxyUnreachable => Self::ProxyUnreachable,
            ConnectFailure::ProxyAuth => Self::ProxyAuth,
            ConnectFailure::ProxyRefused => Self::ProxyRefused,
            ConnectFailure::ProxyMalformed => Self::ProxyMalformed,
            ConnectFailure::Tls => Self::Tls,
            ConnectFailure::BadRequest => Self::BadRequest,
            ConnectFailure::MissingValue => Self::MissingValue,
            // What only an upgrade meets.
            ConnectFailure::UpgradeTimeout
            | ConnectFailure::UpgradeEof
            | ConnectFailure::UpgradeMalformed
            | ConnectFailure::Status
            | ConnectFailure::BadUpgrade
            | ConnectFailure::BadSubprotocol
            | ConnectFailure::BadExtension
            | ConnectFailure::Interrupted
            | ConnectFailure::Other => Self::Other,
        }
    }
}

/// A request without a complete response.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", reason.label())]
pub struct RequestError {
    /// The counted reason.
    pub reason: RequestFailure,
    /// For the debug log.
    pub detail: String,
}

impl RequestError {
    /// An error with its text.
    #[must_use]
    pub fn new(reason: RequestFailure, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// The error of a connection; `in_body` when the response's head has been read.
    #[must_use]
    pub fn from_io(error: &io::Error, in_body: bool) -> Self {
        let ended = if in_body { RequestFailure::BodyEof } else { RequestFailure::Eof };
        Self { reason: io_failure(error, ended), detail: error.to_string() }
    }
}

impl From<RenderError<'_>> for RequestError {
    fn from(error: RenderError<'_>) -> Self {
        let reason = match error {
            RenderError::Missing(_) | RenderError::TooLarge(_) => RequestFailure::MissingValue,
            RenderError::Control(_) => RequestFailure::BadRequest,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<ConnectError> for RequestError {
    fn from(error: ConnectError) -> Self {
        Self { reason: error.reason.into(), detail: error.detail }
    }
}

/// The reason behind an error of an HTTP/2 connection; `in_body` when the response's head has been read.
#[must_use]
pub fn http2_error(error: &hyper::Error, in_body: bool) -> RequestError {
    let ended = if in_body { RequestFailure::BodyEof } else { RequestFailure::Eof };
    let causes = || std::iter::successors(error.source(), |cause| (*cause).source());
    let http2 = causes().find_map(|cause| cause.downcast_ref::<h2::Error>());
    let io_error =
        http2.and_then(h2::Error::get_io).or_else(|| causes().find_map(|cause| cause.downcast_ref::<io::Error>()));
    let reason = match (http2, io_error) {
        (_, Some(io_error)) => io_failure(io_error, ended),
        (Some(http2), None) => http2_failure(http2, in_body),
        // The connection was over before the request left.
        (None, None) if error.is_canceled() || error.is_closed() => RequestFailure::Unprocessed,
        (None, None) if error.is_incomplete_message() => ended,
        (None, None) => RequestFailure::Other,
    };
    let cause = causes().last().map(|cause| format!(": {cause}")).unwrap_or_default();
    RequestError { reason, detail: format!("{error}{cause}") }
}

fn http2_failure(error: &h2::Error, in_body: bool) -> RequestFailure {
    match (error.is_remote(), error.is_reset(), error.reason()) {
        (true, true, Some(h2::Reason::REFUSED_STREAM)) if !in_body => RequestFailure::Unprocessed,
        (true, true, _) => RequestFailure::StreamReset,
        (true, false, Some(h2::Reason::NO_ERROR)) if !in_body => RequestFailure::Unprocessed,
        (true, false, _) => RequestFailure::Goaway,
        // What we refuse is the server's mistake.
        (false, _, Some(_)) => RequestFailure::Malformed,
        (false, _, None) => RequestFailure::Other,
    }
}

fn io_failure(error: &io::Error, ended: RequestFailure) -> RequestFailure {
    if tls_error(error).is_some() {
        return RequestFailure::Tls;
    }
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNRESET | Errno::EPIPE | Errno::ECONNABORTED) => RequestFailure::Reset,
        Some(Errno::ETIMEDOUT) => RequestFailure::PeerTimeout,
        Some(_) => RequestFailure::Other,
        None => match error.kind() {
            // The second is what h2 says of the streams of a connection that has ended.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => ended,
            _ => RequestFailure::Other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_fail_a_connection_keeps_its_label() {
        for failure in ConnectFailure::ALL {
            let label = RequestFailure::from(*failure).label();
            let of_an_upgrade = failure.label().starts_with("upgrade_")
                || matches!(
                    failure.label(),
                    "status" | "bad_upgrade" | "bad_subprotocol" | "bad_extension" | "interrupted"
                );
            assert_eq!(label, if of_an_upgrade { "other" } else { failure.label() });
        }
    }

    #[test]
    fn ends_of_a_connection_are_told_apart() {
        let os = |errno: Errno| io::Error::from_raw_os_error(errno as i32);
        assert_eq!(io_failure(&os(Errno::ECONNRESET), RequestFailure::Eof), RequestFailure::Reset);
        assert_eq!(io_failure(&io::ErrorKind::UnexpectedEof.into(), RequestFailure::BodyEof), RequestFailure::BodyEof);
    }
}
