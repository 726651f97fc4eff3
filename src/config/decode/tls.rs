//! `tls:` and k6's `tlsVersion`.

use std::{collections::BTreeMap, io::Read as _, path::PathBuf};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use crate::config::{
    access::Readable,
    decode::identity,
    node::{Node, quoted},
    problem::shown,
    profile::{Tls, TlsVersion},
};

/// Largest file of PEM: the public bundle has 200 KiB.
const LARGEST_PEM: u64 = 16 << 20;
/// What k6 calls the versions.
const VERSIONS: [(&str, TlsVersion); 2] = [("tls1.2", TlsVersion::Tls12), ("tls1.3", TlsVersion::Tls13)];

/// Reads the map and looks into the files, so that a bad one is found before the load starts.
pub(crate) fn tls(node: &Node<'_>) -> Tls {
    let mut tls = Tls::default();
    let Some(mut fields) = node.fields("for example `tls: { caFile: ca.pem }`") else {
        return tls;
    };
    tls.ca_file = fields.take("caFile").and_then(|node| ca_file(&node));
    tls.insecure_skip_verify = fields.take("insecureSkipTLSVerify").and_then(|node| node.flag()).unwrap_or_default();
    tls.identity = match (fields.take("certFile"), fields.take("keyFile")) {
        (None, None) => None,
        (Some(certificates), Some(key)) => identity::identity(&certificates, &key),
        (Some(given), None) => lone(&given, "certFile", "keyFile"),
        (None, Some(given)) => lone(&given, "keyFile", "certFile"),
    };
    tls.server_name = fields.take("serverName").and_then(|node| server_name(&node));
    let (min, max) = (fields.take("minVersion"), fields.take("maxVersion"));
    limits(min.as_ref(), max.as_ref(), &mut tls);
    tls.resumption = fields.take("resumption").and_then(|node| node.flag()).unwrap_or(true);
    fields.finish(
        &[],
        &BTreeMap::from([
            ("cert", "did you mean `certFile: client.pem`?"),
            ("key", "did you mean `keyFile: client.key`?"),
            ("sni", "did you mean `serverName`?"),
        ]),
    );
    tls
}

fn lone<T>(node: &Node<'_>, given: &str, missing: &str) -> Option<T> {
    let hint = format!("`{missing}` names the other half; both may be in one file");
    node.problem(format!("`{given}` without `{missing}`"), hint);
    None
}

/// k6's `tlsVersion`: one version, or `{ min, max }`.
pub(crate) fn versions(node: &Node<'_>, tls: &mut Tls) {
    if !node.is_map() {
        limits(Some(node), Some(node), tls);
        return;
    }
    let Some(mut fields) = node.fields("") else { return };
    let (min, max) = (fields.take("min"), fields.take("max"));
    fields.finish(&[], &BTreeMap::new());
    limits(min.as_ref(), max.as_ref(), tls);
}

fn limits(min: Option<&Node<'_>>, max: Option<&Node<'_>>, tls: &mut Tls) {
    tls.min_version = min.map_or(Some(tls.min_version), version).unwrap_or(tls.min_version);
    tls.max_version = max.map_or(Some(tls.max_version), version).unwrap_or(tls.max_version);
    if let (Some(node), true) = (min.or(max), tls.min_version > tls.max_version) {
        node.problem("the lowest version is above the highest", "swap the two".to_owned());
    }
}

fn version(node: &Node<'_>) -> Option<TlsVersion> {
    let text = node.scalar()?;
    let typed = text.value.trim().to_ascii_lowercase();
    let found = VERSIONS.iter().find(|(name, _)| *name == typed || name.strip_prefix("tls") == Some(&typed));
    found.map(|(_, version)| *version).or_else(|| {
        let old = ["ssl3.0", "tls1.0", "tls1.1", "1.0", "1.1"].contains(&typed.as_str());
        let why = format!(
            "`{}` is {}",
            shown(typed.as_str()),
            if old { "older than what is spoken" } else { "no version of TLS" }
        );
        node.bad_text(&text, "a version of TLS", &why, format!("use {}", quoted(&VERSIONS.map(|(name, _)| name))))
    })
}

fn server_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let name = text.value.trim();
    if ServerName::try_from(name).is_err() {
        let why = format!("`{}` is no name of a server", shown(name));
        return node.bad_text(text, "a name of a server", &why, "for example `serverName: example.com`".to_owned());
    }
    Some(name.to_owned())
}

/// Reads a file of PEM.
pub(super) fn read_pem(file: &Readable) -> Result<Vec<u8>, String> {
    // A directory is no bundle.
    match file.metadata() {
        Ok(metadata) if !metadata.is_file() => Err("it is no file".to_owned()),
        Ok(metadata) if metadata.len() > LARGEST_PEM => Err("the file is larger than 16 MiB".to_owned()),
        Ok(_) => {
            let mut pem = Vec::new();
            let read = file.open().and_then(|file| file.take(LARGEST_PEM).read_to_end(&mut pem));
            read.map(|_| pem).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn ca_file(node: &Node<'_>) -> Option<PathBuf> {
    let text = node.text()?;
    let file = node.file(text)?;
    let hint = "a file of PEM certificates (`-----BEGIN CERTIFICATE-----`)".to_owned();
    let refuse = |why: &str| {
        node.problem(format!("cannot use the certificates in `{}`: {why}", shown(text.typed())), hint.clone());
        None
    };
    let pem = match read_pem(&file) {
        Ok(pem) => pem,
        Err(why) => return refuse(&why),
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
    if good == 0 { refuse("no certificate in the file is valid") } else { Some(file.into_path()) }
}
