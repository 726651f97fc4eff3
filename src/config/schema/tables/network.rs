//! `network:` and k6's own places for parts of it.

use super::TEXTS;
use crate::config::schema::shape::{Map, Rule, Shape, key, rows};

/// How connections find their servers.
pub(super) static NETWORK: Map = Map {
    name: "network",
    rows: rows("Network", "key"),
    rules: &[Rule::Needs("noProxy", "proxy")],
    keys: &[
        key("hosts", HOSTS),
        key("dns", Shape::Map(&DNS)),
        key("sourceAddresses", Shape::OneOf(&[SOURCE, Shape::List(1, &SOURCE)])),
        key("proxy", Shape::Pattern(r"^\s*([Hh][Tt][Tt][Pp]://.*|([^:]|:[^/]|:/[^/])*:?\s*)$")),
        key("noProxy", TEXTS),
        key("peerTimeout", Shape::Duration),
        key("sendBuffer", Shape::Size),
    ],
};

/// An address, a range or a network.
const SOURCE: Shape = Shape::Pattern(r"^\s*[0-9A-Fa-f:.]+\s*([-/]\s*[0-9A-Fa-f:.]+\s*)?$");

/// Names to addresses.
pub(super) const HOSTS: Shape =
    Shape::MapOf(0, r"^\s*[*A-Za-z0-9._-]*(:[0-9]+)?\s*$", &Shape::OneOf(&[ADDRESS, Shape::List(1, &ADDRESS)]));
const ADDRESS: Shape = Shape::Pattern(r"^\s*\[?[0-9A-Fa-f:.]+\]?(:[0-9]+)?\s*$");

/// Names that are blocked.
pub(super) const NAMES: Shape = Shape::OneOf(&[NAME, Shape::List(1, &NAME)]);
const NAME: Shape = Shape::Pattern(r"^\s*[*A-Za-z0-9._-]+\s*$");

/// Networks that are blocked.
pub(super) const NETWORKS: Shape = Shape::OneOf(&[BLOCKED, Shape::List(1, &BLOCKED)]);
const BLOCKED: Shape = Shape::Pattern(r"^\s*[0-9A-Fa-f:.]+(/[0-9]+)?\s*$");

/// Name look-up.
pub(super) static DNS: Map = Map {
    name: "dns",
    rows: rows("DNS", "key"),
    rules: &[],
    keys: &[
        key("ttl", Shape::OneOf(&[Shape::Duration, Shape::Pattern(r"^\s*(inf|records)\s*$")])),
        key("select", Shape::Words(&["roundRobin", "random", "first"])),
        key("policy", Shape::Words(&["preferIPv4", "preferIPv6", "onlyIPv4", "onlyIPv6", "any"])),
        key("timeout", Shape::Duration),
        key("servers", TEXTS),
    ],
};
