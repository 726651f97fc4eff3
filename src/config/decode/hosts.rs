//! k6's `hosts` and `blockHostnames`.

use std::net::{IpAddr, SocketAddr};

use crate::config::{
    at::Place,
    decode::{all, network::each},
    node::Node,
    problem::shown,
    profile::hosts::{Hosts, Pattern, Patterns, Stand},
    tree::Text,
};

const PATTERN: &str = "a name, or `*.` with the end of names, and `:port` where only one is meant";
const ADDRESS: &str = "an address with or without a port, such as `10.0.0.1`, `10.0.0.1:8443` or `[::1]:8443`";

/// `name: address`, or a list of addresses that take turns.
pub(crate) fn hosts(node: &Node<'_>) -> Option<Hosts> {
    let entries = node.entries("for example `hosts: { example.com: 10.0.0.1 }`")?;
    all(entries.iter().map(|(name, value)| {
        let pattern = Pattern::parse(name);
        if pattern.is_none() {
            let place = Place::Key(value.path.clone());
            value.context.problem(&place, format!("`{}` is no pattern of hosts", shown(name)), Some(PATTERN.into()));
        }
        let stands = each(value, ADDRESS, stand);
        Some((pattern?, stands?))
    }))
    .map(Hosts::new)
}

fn stand(node: &Node<'_>, text: &Text) -> Option<Stand> {
    let typed = text.value.trim();
    if let Ok(address) = typed.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(Stand { address, port: None });
    }
    match typed.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Some(Stand { address: address.ip(), port: Some(address.port()) }),
        _ => {
            let why = format!("`{}` is no address", shown(typed));
            node.bad_text(text, "an address", &why, ADDRESS.to_owned())
        }
    }
}

/// A list of patterns.
pub(crate) fn patterns(node: &Node<'_>) -> Option<Patterns> {
    each(node, PATTERN, |element, text| {
        Pattern::parse(&text.value).filter(|pattern| !pattern.has_port()).or_else(|| {
            let why = format!("`{}` is no pattern of hosts", shown(text.value.trim()));
            element.bad_text(text, "a pattern of hosts", &why, "a name, or `*.` with the end of names".to_owned())
        })
    })
    .map(Patterns)
}
