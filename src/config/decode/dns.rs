//! k6's `dns`, with name servers and a timeout of our own.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::config::{
    decode::{choice, network::each},
    node::Node,
    problem::shown,
    profile::network::{Dns, Policy, Select, Ttl},
    tree::{Text, Tree},
};

const SERVER: &str = "an address with or without a port, such as `10.0.0.53` or `127.0.0.1:5353`";

/// `{ ttl, select, policy, timeout, servers }`.
pub(crate) fn dns(node: &Node<'_>) -> Option<Dns> {
    let mut fields = node.fields("for example `dns: { ttl: 10s, select: roundRobin, policy: any }`")?;
    let mut dns = Dns::default();
    dns.ttl = fields.take("ttl").and_then(|node| ttl(&node)).unwrap_or_default();
    dns.select = choice(
        &mut fields,
        "select",
        &[("roundRobin", Select::RoundRobin), ("random", Select::Random), ("first", Select::First)],
    );
    dns.policy = choice(
        &mut fields,
        "policy",
        &[
            ("preferIPv4", Policy::PreferIpv4),
            ("preferIPv6", Policy::PreferIpv6),
            ("onlyIPv4", Policy::OnlyIpv4),
            ("onlyIPv6", Policy::OnlyIpv6),
            ("any", Policy::Any),
        ],
    );
    dns.timeout = fields.take("timeout").and_then(|node| node.positive_duration()).unwrap_or(dns.timeout);
    dns.servers = fields.take("servers").and_then(|node| each(&node, SERVER, server)).unwrap_or_default();
    fields.finish(&[], &BTreeMap::new());
    Some(dns)
}

/// A duration, k6's `0` for none and `inf` for ever, or `records`.
fn ttl(node: &Node<'_>) -> Option<Ttl> {
    if let Tree::Text(text) = node.tree {
        match text.value.trim() {
            "inf" => return Some(Ttl::Forever),
            "records" => return Some(Ttl::Records),
            "0" => return Some(Ttl::Fixed(Duration::ZERO)),
            _ => {}
        }
    }
    node.duration().map(Ttl::Fixed)
}

fn server(node: &Node<'_>, text: &Text) -> Option<SocketAddr> {
    let typed = text.value.trim();
    if let Ok(address) = typed.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(SocketAddr::new(address, 53));
    }
    typed.parse::<SocketAddr>().ok().filter(|address| address.port() > 0).or_else(|| {
        let why = format!("`{}` is no address of a name server", shown(typed));
        node.bad_text(text, "an address of a name server", &why, SERVER.to_owned())
    })
}
