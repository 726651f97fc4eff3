//! `network:`, and k6's own keys for parts of it.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;

use crate::config::{
    decode::{dns, hosts},
    node::{Fields, Node},
    problem::shown,
    profile::network::{MOST_SOURCES, Network, Sources},
    proxies,
    tree::Text,
};

const EXAMPLE: &str = "for example `network: { sourceAddresses: [10.0.0.1-10.0.0.9], dns: { ttl: 10s } }`";
const SOURCES: &str = "an address, a range such as `10.0.0.1-10.0.0.9`, or a network such as `10.0.0.0/28`";

/// Reads the keys from the top of a profile. The flag: whether it says who goes through which proxy.
pub(crate) fn network(top: &mut Fields<'_>) -> (Network, bool) {
    let mut network = Network::default();
    let mut proxied = false;
    let (k6_hosts, k6_dns) = (top.take("hosts"), top.take("dns"));
    if let Some(node) = top.take("blockHostnames") {
        network.blocked_names = hosts::patterns(&node).unwrap_or_default();
    }
    if let Some(node) = top.take("blacklistIPs") {
        network.blocked_addresses = each(&node, "for example `[10.0.0.0/8]`", range).unwrap_or_default();
    }
    let (mut own_hosts, mut own_dns) = (None, None);
    if let Some(mut fields) = top.take("network").and_then(|node| node.fields(EXAMPLE)) {
        own_hosts = fields.take("hosts");
        own_dns = fields.take("dns");
        network.sources = fields.take("sourceAddresses").and_then(|node| sources(&node)).unwrap_or_default();
        network.peer_timeout = fields.take("peerTimeout").and_then(|node| peer_timeout(&node));
        let size = fields.take("sendBuffer").and_then(|node| node.size(&(4096..=1 << 30)));
        network.send_buffer = size.and_then(|size| u32::try_from(size).ok());
        let (proxy, exceptions) = (fields.take("proxy"), fields.take("noProxy"));
        if let (None, Some(node)) = (&proxy, &exceptions) {
            let hint = "name the `proxy` beside it; the environment's proxies have their NO_PROXY".to_owned();
            node.problem("`noProxy` without `proxy`", hint);
        }
        if let Some(node) = proxy {
            proxied = true;
            network.proxies = proxies::of_profile(&node, exceptions.as_ref()).unwrap_or_default();
        }
        fields.finish(
            &[],
            &BTreeMap::from([
                ("localIPs", "did you mean `sourceAddresses`?"),
                ("closeMode", "it is a key of `websocket`"),
                ("tls", "it is a key at the top of the profile"),
            ]),
        );
    }
    if let Some(node) = only_one("hosts", k6_hosts, own_hosts) {
        network.hosts = hosts::hosts(&node).unwrap_or_default();
    }
    if let Some(node) = only_one("dns", k6_dns, own_dns) {
        network.dns = dns::dns(&node).unwrap_or_default();
    }
    (network, proxied)
}

/// k6 has the key at the top.
fn only_one<'t>(key: &str, top: Option<Node<'t>>, own: Option<Node<'t>>) -> Option<Node<'t>> {
    if let (Some(_), Some(own)) = (&top, &own) {
        let message = format!("`{key}` and `network: {{ {key} }}` are the same and exclude each other");
        own.problem(message, "remove one of the two".to_owned());
    }
    top.or(own)
}

/// Reads every element of a list, or the one that is not in a list.
pub(crate) fn each<'t, T>(
    node: &Node<'t>,
    hint: &str,
    read: impl Fn(&Node<'t>, &'t Text) -> Option<T>,
) -> Option<Vec<T>> {
    let elements = if node.is_list() { node.list(hint)? } else { vec![node.clone()] };
    if elements.is_empty() {
        node.problem("an empty list", hint.to_owned());
        return None;
    }
    let read: Vec<_> = elements.iter().map(|element| read(element, element.text()?)).collect();
    read.into_iter().collect()
}

/// A network, or a single address.
pub(crate) fn range(node: &Node<'_>, text: &Text) -> Option<IpNet> {
    let typed = text.value.trim();
    let read = typed.parse::<IpNet>().ok().or_else(|| typed.parse::<IpAddr>().ok().map(IpNet::from));
    read.or_else(|| {
        let why = format!("`{}` is no network", shown(typed));
        node.bad_text(text, "a network", &why, "an address, or a network such as `10.0.0.0/8`".to_owned())
    })
}

/// Addresses, ranges and networks, as k6's `--local-ips` has them.
fn sources(node: &Node<'_>) -> Option<Sources> {
    let parts = each(node, SOURCES, |element, text| {
        let typed = text.value.trim();
        let ends = typed.split_once('-').unwrap_or((typed, typed));
        let range = match (ends.0.trim().parse::<IpAddr>(), ends.1.trim().parse::<IpAddr>(), typed.parse::<IpNet>()) {
            (Ok(first), Ok(last), _) => Range::new(first, last),
            (_, _, Ok(network)) => hosts_of(network),
            _ => None,
        };
        range.or_else(|| {
            let why = format!("`{}` names no source addresses", shown(typed));
            element.bad_text(text, "a source address", &why, SOURCES.to_owned())
        })
    })?;
    let count = parts.iter().fold(0_u128, |count, range| count.saturating_add(range.len()));
    if count > MOST_SOURCES as u128 {
        node.problem(format!("{count} source addresses, {MOST_SOURCES} are the most"), SOURCES.to_owned());
        return None;
    }
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for range in parts {
        addresses.extend(range.addresses().filter(|address| seen.insert(*address)));
    }
    Some(Sources::new(addresses))
}

/// Without the network's own address and its broadcast address, as in k6.
fn hosts_of(network: IpNet) -> Option<Range> {
    let whole = Range::new(network.network(), network.broadcast())?;
    if network.addr().is_ipv4() && whole.len() > 2 {
        return Some(Range { first: whole.first + 1, last: whole.last - 1, v4: true });
    }
    Some(whole)
}

/// Addresses as numbers, both ends included.
struct Range {
    first: u128,
    last: u128,
    v4: bool,
}

impl Range {
    fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let (first, last, v4) = match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (u32::from(first).into(), u32::from(last).into(), true),
            (IpAddr::V6(first), IpAddr::V6(last)) => (first.into(), last.into(), false),
            _ => return None,
        };
        (first <= last).then_some(Self { first, last, v4 })
    }

    fn len(&self) -> u128 {
        (self.last - self.first).saturating_add(1)
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.v4;
        (self.first..=self.last)
            .map(move |number| if v4 { IpAddr::V4((number as u32).into()) } else { IpAddr::V6(number.into()) })
    }
}

/// The kernel counts in seconds what the probes are made from.
fn peer_timeout(node: &Node<'_>) -> Option<std::time::Duration> {
    let duration = node.positive_duration()?;
    if duration.as_secs() < 1 || duration.as_secs() > 86_400 {
        node.problem("must be from 1s to 24h", "for example `peerTimeout: 30s`".to_owned());
        return None;
    }
    Some(duration)
}
