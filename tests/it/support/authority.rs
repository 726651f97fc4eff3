//! A certificate authority of the tests' own, by `openssl`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::scratch::Scratch;

/// Its certificate and key are in a directory that the test keeps.
#[derive(Debug)]
pub(crate) struct Authority {
    directory: PathBuf,
}

fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").current_dir(directory).args(arguments).output();
    let output = output.expect("openssl is a part of Debian");
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

impl Authority {
    /// A new one in `scratch`.
    pub(crate) fn new(scratch: &Scratch) -> Self {
        let directory = scratch.directory().to_owned();
        let curve = "ec_paramgen_curve:prime256v1";
        let made =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", curve, "-nodes", "-days", "2", "-subj", "/CN=authority"];
        openssl(&directory, &[&made[..], &["-keyout", "ca.key", "-out", "ca.pem"]].concat());
        Self { directory }
    }

    /// What those who trust it need.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// `certificate.pem` and `key.pem` of a server called `name`, into `directory`.
    pub(crate) fn server(&self, directory: &Scratch, name: &str) {
        let directory = directory.directory();
        openssl(
            directory,
            &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", "key.pem"],
        );
        self.sign(directory, "key.pem", "certificate.pem", name, &format!("subjectAltName=DNS:{name}"));
    }

    /// A client's certificate and key, of a kind: `rsa`, `rsa-pkcs1`, `ec`, `ec-sec1`, `ed25519`.
    pub(crate) fn client(&self, scratch: &Scratch, kind: &str) -> (PathBuf, PathBuf) {
        let directory = scratch.directory();
        let made: &[&str] = match kind {
            "rsa" => &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "client.key"],
            "rsa-pkcs1" => &["genrsa", "-traditional", "-out", "client.key", "2048"],
            "ec" => &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", "client.key"],
            "ec-sec1" => &["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "client.key"],
            "ed25519" => &["genpkey", "-algorithm", "ED25519", "-out", "client.key"],
            other => panic!("no kind of key: {other}"),
        };
        openssl(directory, made);
        self.sign(directory, "client.key", "client.pem", "client", "extendedKeyUsage=clientAuth");
        (directory.join("client.pem"), directory.join("client.key"))
    }

    fn sign(&self, directory: &Path, key: &str, certificate: &str, name: &str, extension: &str) {
        let subject = format!("/CN={name}");
        openssl(directory, &["req", "-new", "-key", key, "-subj", &subject, "-out", "request.pem"]);
        std::fs::write(directory.join("extension"), extension).expect("a temporary directory");
        let (ca, ca_key) = (self.certificate(), self.directory.join("ca.key"));
        let (ca, ca_key) = (ca.to_str().expect("UTF-8"), ca_key.to_str().expect("UTF-8"));
        let signed =
            ["x509", "-req", "-in", "request.pem", "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2"];
        openssl(directory, &[&signed[..], &["-extfile", "extension", "-out", certificate]].concat());
    }
}
