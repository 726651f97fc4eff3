//! Every way a request can fail, as a closed set of label values.

use std::io;

use nix::errno::Errno;

use crate::protocol::failure::{ConnectError, ConnectFailure, tls_error};

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
        /// The response's headers are too large or too many.
        HeadTooBig = "head_too_big",
        /// `expect` has to look into a body above maxBodySize.
        BodyTooBig = "body_too_big",
        /// A template made a path or a header that HTTP does not allow.
        BadRequest = "bad_request",
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
            ConnectFailure::Tls => Self::Tls,
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

impl From<ConnectError> for RequestError {
    fn from(error: ConnectError) -> Self {
        Self { reason: error.reason.into(), detail: error.detail }
    }
}

fn io_failure(error: &io::Error, ended: RequestFailure) -> RequestFailure {
    if tls_error(error).is_some() {
        return RequestFailure::Tls;
    }
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNRESET | Errno::EPIPE | Errno::ECONNABORTED) => RequestFailure::Reset,
        Some(_) => RequestFailure::Other,
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof => ended,
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
