//! `certFile` and `keyFile` of `tls:`: who we are for servers that ask.

use std::sync::Arc;

use rustls::{
    CertificateError, Error, InconsistentKeys, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::WebPkiClientVerifier,
    sign::CertifiedKey,
};

use crate::config::{decode::tls::read_pem, node::Node, problem::shown, profile::Identity};

/// Looks into both files: a certificate that no server would take is refused before the load starts.
pub(crate) fn identity(certificates: &Node<'_>, key: &Node<'_>) -> Option<Identity> {
    let (certificates_text, key_text) = (certificates.text(), key.text());
    let (certificates_text, key_text) = (certificates_text?, key_text?);
    let (certificates_file, key_file) = (certificates.file(certificates_text), key.file(key_text));
    let (certificates_file, key_file) = (certificates_file?, key_file?);
    let refuse_certificates = |why: &str, hint: &str| {
        let message = format!("cannot use the certificate in `{}`: {why}", shown(certificates_text.typed()));
        certificates.problem(message, hint.to_owned());
    };
    let refuse_key = |why: &str, hint: &str| {
        key.problem(format!("cannot use the key in `{}`: {why}", shown(key_text.typed())), hint.to_owned());
    };
    let chain = match read_pem(&certificates_file).and_then(|pem| chain(&pem)) {
        Ok(chain) => Some(chain),
        Err(why) => {
            refuse_certificates(&why, "a file of PEM certificates (`-----BEGIN CERTIFICATE-----`), our own first");
            None
        }
    };
    let key = match read_pem(&key_file).and_then(|pem| private_key(&pem)) {
        Ok(key) => Some(key),
        Err(why) => {
            refuse_key(&why, "a file of one PEM key (`-----BEGIN PRIVATE KEY-----`, or RSA, or EC) without a password");
            None
        }
    };
    let (chain, key) = (chain?, key?);
    let signing = match ring::default_provider().key_provider.load_private_key(key) {
        Ok(signing) => signing,
        Err(_) => {
            refuse_key("it is neither RSA (2048 bits or more) nor ECDSA (P-256, P-384) nor Ed25519", "make a new one");
            return None;
        }
    };
    if let Some(why) = fault_of_dates(&chain) {
        refuse_certificates(&why, "ask for a new one, and check this machine's clock");
        return None;
    }
    // A certificate of another kind than the library reads is for the server to judge.
    let mismatch = CertifiedKey::new(chain, signing).keys_match();
    if matches!(mismatch, Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch))) {
        refuse_key(
            "it belongs to another certificate than `certFile`",
            "name the key that the certificate was made for",
        );
        return None;
    }
    Some(Identity { certificates: certificates_file.into_path(), key: key_file.into_path() })
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if chain.is_empty() { Err("there is no certificate in the file".to_owned()) } else { Ok(chain) }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let encrypted = memchr::memmem::find(pem, b"ENCRYPTED").is_some();
        match error {
            _ if encrypted => "it is encrypted; `openssl pkey -in FILE -out PLAIN` decrypts it".to_owned(),
            rustls::pki_types::pem::Error::NoItemsFound => "there is no key in the file".to_owned(),
            error => error.to_string(),
        }
    })
}

/// The library looks at the dates before it looks for an issuer, so that any issuer will do.
fn fault_of_dates(chain: &[CertificateDer<'static>]) -> Option<String> {
    let roots = Arc::new(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()));
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build().ok()?;
    let (own, others) = chain.split_first()?;
    let date = |time: UnixTime| {
        let timestamp = i64::try_from(time.as_secs()).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
        timestamp.map_or_else(String::new, |at| format!(" {}", at.strftime("%Y-%m-%d %H:%M UTC")))
    };
    match verifier.verify_client_cert(own, others, UnixTime::now()).err()? {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            Some(format!("it expired on{}", date(not_after)))
        }
        Error::InvalidCertificate(CertificateError::Expired) => Some("it has expired".to_owned()),
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            Some(format!("it is not valid before{}", date(not_before)))
        }
        Error::InvalidCertificate(CertificateError::NotValidYet) => Some("it is not valid yet".to_owned()),
        Error::InvalidCertificate(CertificateError::BadEncoding) => Some("it is no certificate".to_owned()),
        _ => None,
    }
}
