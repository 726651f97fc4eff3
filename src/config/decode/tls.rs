//! `tls:`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::config::{node::Node, problem::shown, profile::Tls};

/// Reads the map and looks into the file, so that a bad one is found before the load starts.
pub(crate) fn tls(node: &Node<'_>) -> Tls {
    let Some(mut fields) = node.fields("for example `tls: { caFile: ca.pem }`") else {
        return Tls::default();
    };
    let ca_file = fields.take("caFile").and_then(|node| ca_file(&node));
    let insecure_skip_verify = fields.take("insecureSkipTLSVerify").and_then(|node| node.flag()).unwrap_or_default();
    fields.finish(&[], &BTreeMap::new());
    Tls { ca_file, insecure_skip_verify }
}

fn ca_file(node: &Node<'_>) -> Option<PathBuf> {
    let text = node.text()?;
    let path = node.context.resolve(&text.value);
    let hint = "a file of PEM certificates (`-----BEGIN CERTIFICATE-----`)".to_owned();
    let refuse = |why: &str| {
        node.problem(format!("cannot use the certificates in `{}`: {why}", shown(text.typed())), hint.clone());
        None
    };
    // A directory or a huge file is no bundle: the public one has 200 KiB.
    let pem = match fs::metadata(&path) {
        Ok(metadata) if metadata.len() > 16 << 20 => return refuse("the file is larger than 16 MiB"),
        Ok(_) => fs::read(&path),
        Err(error) => Err(error),
    };
    let pem = match pem {
        Ok(pem) => pem,
        Err(error) => return refuse(&error.to_string()),
    };
    let certificates: Vec<_> = match CertificateDer::pem_slice_iter(&pem).collect() {
        Ok(certificates) => certificates,
        Err(error) => return refuse(&error.to_string()),
    };
    if certificates.is_empty() {
        return refuse("there is no certificate in the file");
    }
    // Bundles carry old certificates that no one can parse; one good one is enough.
    let (good, _) = RootCertStore::empty().add_parsable_certificates(certificates);
    if good == 0 { refuse("no certificate in the file is valid") } else { Some(path) }
}
