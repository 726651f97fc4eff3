//! A certificate for `localhost`, signed by nobody but itself.

use std::{path::PathBuf, process::Command};

use crate::support::scratch::Scratch;

/// Writes `certificate.pem` and `key.pem` into `directory`; returns the certificate's path.
pub(crate) fn make(directory: &Scratch) -> PathBuf {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(directory.directory()).args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "key.pem", "-out", "certificate.pem"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:false"]);
    let output = openssl.output().expect("openssl is a part of Debian");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    directory.path("certificate.pem")
}
