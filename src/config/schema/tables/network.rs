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
        key("sourceAddresses", TEXTS),
        key("proxy", Shape::Text),
        key("noProxy", TEXTS),
        key("peerTimeout", Shape::Duration),
        key("sendBuffer", Shape::Size),
    ],
};

/// Names to addresses.
pub(super) const HOSTS: Shape = Shape::MapOf(0, "", &Shape::OneOf(&[ADDRESS, Shape::List(1, &ADDRESS)]));
const ADDRESS: Shape = Shape::Pattern(r"^\s*\[?[0-9A-Fa-f:.]+\]?(:[0-9]+)?\s*$");

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
