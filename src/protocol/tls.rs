//! TLS settings of a run: one client configuration per worker, so that sessions are resumed
//! within a worker and nothing is shared between them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    version::{TLS12, TLS13},
};

use crate::config::profile::{Identity, Tls, TlsVersion};

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or holds no certificate.
    #[error("cannot read certificates from {path}: {source}")]
    CaFile {
        /// As typed.
        path: PathBuf,
        /// What the reader says.
        source: rustls::pki_types::pem::Error,
    },
    /// The file of our certificate or key cannot be read any more.
    #[error("cannot read {path}: {source}")]
    Identity {
        /// As typed.
        path: PathBuf,
        /// What the reader says.
        source: rustls::pki_types::pem::Error,
    },
    /// No certificate could have this name.
    #[error("{0}")]
    ServerName(#[from] rustls::pki_types::InvalidDnsNameError),
    /// A certificate that cannot be a trust anchor, or a broken provider.
    #[error("TLS settings: {0}")]
    Rustls(#[from] rustls::Error),
}

/// Application protocols offered in the handshake (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// `http/1.1` alone. A WebSocket over HTTP/2 is another protocol (RFC 8441); k6 offers this too.
    Http1,
    /// `h2`, then `http/1.1`.
    Http2,
}

/// Settings of one worker: one for each set of protocols offered, over one cache of sessions.
#[derive(Debug, Clone)]
pub struct ClientConfigs {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    /// In place of the URL's host.
    server_name: Option<ServerName<'static>>,
}

impl ClientConfigs {
    fn new(mut config: ClientConfig, server_name: Option<ServerName<'static>>) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut http2 = config.clone();
        http2.alpn_protocols.insert(0, b"h2".to_vec());
        Self { http1: Arc::new(config), http2: Arc::new(http2), server_name }
    }

    /// A handshake with `host`.
    ///
    /// # Errors
    /// The host is no name that a certificate could have.
    pub(super) fn connection(&self, host: &str, alpn: Alpn) -> Result<ClientConnection, Error> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())?,
        };
        let config = match alpn {
            Alpn::Http1 => &self.http1,
            Alpn::Http2 => &self.http2,
        };
        Ok(ClientConnection::new(config.clone(), name)?)
    }
}

/// Builds the client configurations: Mozilla's roots and those of `caFile`, our own certificate if there is one.
///
/// # Errors
/// Says which file is wrong.
pub fn client_configs(tls: &Tls) -> Result<ClientConfigs, Error> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = &tls.ca_file {
        let unreadable = |source| Error::CaFile { path: path.clone(), source };
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            roots.add(certificate.map_err(unreadable)?)?;
        }
    }
    let versions: Vec<_> = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)]
        .into_iter()
        .filter(|(version, _)| (tls.min_version..=tls.max_version).contains(version))
        .map(|(_, version)| version)
        .collect();
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(&versions)?;
    let builder = if tls.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else {
        builder.with_root_certificates(roots)
    };
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = read(identity)?;
            builder.with_client_auth_cert(chain, key)?
        }
    };
    if !tls.resumption {
        config.resumption = Resumption::disabled();
    }
    let server_name = tls.server_name.clone().map(ServerName::try_from).transpose()?;
    Ok(ClientConfigs::new(config, server_name))
}

fn read(identity: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Identity { path, source }
    };
    let certificates = CertificateDer::pem_file_iter(&identity.certificates)
        .and_then(Iterator::collect)
        .map_err(unreadable(&identity.certificates))?;
    let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(unreadable(&identity.key))?;
    Ok((certificates, key))
}

/// `insecureSkipTLSVerify`: any certificate will do, but the handshake's signatures must still be right.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
