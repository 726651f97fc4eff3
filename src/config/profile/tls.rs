//! How encrypted connections are made.

use std::path::PathBuf;

/// TLS of a profile's connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM certificates to trust beside the built-in roots.
    pub ca_file: Option<PathBuf>,
    /// Accepts any certificate; said loudly at the start.
    pub insecure_skip_verify: bool,
    /// Who we are, for servers that ask (mTLS).
    pub identity: Option<Identity>,
    /// Asked for (SNI) and looked for in the server's certificate, in place of the URL's host.
    pub server_name: Option<String>,
    /// Lowest version spoken.
    pub min_version: TlsVersion,
    /// Highest version spoken.
    pub max_version: TlsVersion,
    /// Whether a server's sessions are resumed; otherwise each handshake is a full one.
    pub resumption: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            ca_file: None,
            insecure_skip_verify: false,
            identity: None,
            server_name: None,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            resumption: true,
        }
    }
}

/// Files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// PEM: our certificate first, then those that lead from it to a root.
    pub certificates: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// Versions that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}
