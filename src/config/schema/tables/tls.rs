//! `tls:` and k6's `tlsVersion`.

use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

/// The TLS settings of every connection.
pub(super) static TLS: Map = Map {
    name: "tls",
    rows: rows("TLS", "key"),
    rules: &[Rule::Needs("certFile", "keyFile"), Rule::Needs("keyFile", "certFile")],
    keys: &[
        key("caFile", Shape::Text)
            .about("PEM certificates that are trusted beside Mozilla's roots; a relative path starts at the profile."),
        key("certFile", Shape::Text),
        key("keyFile", Shape::Text),
        key("serverName", Shape::Text),
        key("minVersion", VERSION),
        key("maxVersion", VERSION),
        key("resumption", Shape::Flag),
        key("insecureSkipTLSVerify", Shape::Flag).about("Accepts any certificate."),
    ],
};

const VERSION: Shape = Shape::Number(r"^\s*([Tt][Ll][Ss])?1\.[23]\s*$");

/// One version, or both limits.
pub(super) const VERSIONS: Shape = Shape::OneOf(&[VERSION, Shape::Map(&LIMITS)]);
static LIMITS: Map = Map {
    name: "tlsVersions",
    rows: rows("TLS", "key"),
    rules: &[],
    keys: &[
        key("min", VERSION).about("The lowest version spoken: `tls1.2` or `tls1.3`."),
        key("max", VERSION).about("The highest version spoken: `tls1.2` or `tls1.3`."),
    ],
};
