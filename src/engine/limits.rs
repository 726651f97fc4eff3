//! What a plan needs of the machine against what the machine has: files, and local ports towards
//! each target. A run that cannot be is refused before it sends anything.

pub mod ports;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr, UdpSocket},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{
    config::profile::{
        Target,
        network::{Network, Policy},
    },
    plan::Plan,
};

/// Files beside the sockets of the load: listener, scrapers, outputs, runtimes.
pub const RESERVED_FILES: u64 = 128;

/// What a run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Open files, those of the agent itself included.
    pub files: u64,
    /// By destination: `host:port` of a target or of a proxy.
    pub ports: BTreeMap<String, Ports>,
    /// Local addresses that connections are to come from.
    pub sources: Vec<IpAddr>,
}

/// Connections to one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// At one time.
    pub needed: u64,
    /// Pairs of a source address and an address of the destination: each has all local ports.
    pub pairs: u64,
}

/// What the machine offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Open files of this process.
    pub files: u64,
    /// Local ports towards one target address.
    pub ports: u64,
}

/// Something there is too little of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// Too few open files.
    #[error(
        "the plan needs {needed} open files ({sockets} sockets and {RESERVED_FILES} of its own), this process may have \
         {have}; raise the hard limit (`ulimit -Hn`, LimitNOFILE=), lower the target, or split the run over several agents"
    )]
    Files {
        /// Files needed.
        needed: u64,
        /// Sockets among them.
        sockets: u64,
        /// Files allowed.
        have: u64,
    },
    /// Too few local ports.
    #[error(
        "the plan needs {needed} connections to {target}, net.ipv4.ip_local_port_range allows {have}{}; widen the range \
         (`sysctl net.ipv4.ip_local_port_range=\"1024 65535\"`), add addresses (`network: {{ sourceAddresses: […] }}`), \
         or split the run over several agents", from(*pairs)
    )]
    Ports {
        /// `host:port`.
        target: String,
        /// Connections needed.
        needed: u64,
        /// Ports there are in all.
        have: u64,
        /// Pairs of addresses that have them.
        pairs: u64,
    },
    /// A source address that this machine does not have.
    #[error(
        "cannot send from {address} of sourceAddresses: {why}; name addresses that `ip address` lists, or add it \
         (`ip address add {address} dev …`)"
    )]
    Source {
        /// The address.
        address: IpAddr,
        /// What the system says.
        why: String,
    },
}

fn from(pairs: u64) -> String {
    if pairs == 1 { " from one address".to_owned() } else { format!(" with {pairs} pairs of addresses") }
}

impl Needs {
    /// Counts what `plan` needs; `echo` for the embedded target, which has the other end of every socket.
    #[must_use]
    pub fn of(plan: &Plan, network: &Network, echo: bool) -> Self {
        let sockets = plan.peak_sockets() + if echo { plan.peak_websockets() } else { 0 };
        let mut ports = BTreeMap::new();
        for scenario in &plan.scenarios {
            // All VUs may be at the same site, and each keeps its requests' connections beside its WebSockets.
            let program = &scenario.program;
            let (_, sites) = program.most_sockets(|url| destination(url, network));
            let requests: BTreeSet<_> =
                program.requests.iter().map(|request| destination(&request.url, network)).collect();
            for ((name, pairs), each) in sites.into_iter().chain(requests.into_iter().map(|place| (place, 1))) {
                let ports = ports.entry(name).or_insert(Ports { needed: 0, pairs });
                ports.needed += each * u64::from(scenario.max_vus());
            }
        }
        Self { files: sockets + RESERVED_FILES, ports, sources: network.sources.all().collect() }
    }

    /// The same for the leader of `others`, which has a connection of each.
    #[must_use]
    pub fn with_agents(self, others: u64) -> Self {
        Self { files: self.files + others, ..self }
    }

    /// What `offer` lacks; empty if nothing.
    #[must_use]
    pub fn shortages(&self, offer: Offer) -> Vec<Shortage> {
        let mut shortages = Vec::new();
        if self.files > offer.files {
            let sockets = self.files - RESERVED_FILES;
            shortages.push(Shortage::Files { needed: self.files, sockets, have: offer.files });
        }
        for (target, Ports { needed, pairs }) in &self.ports {
            let have = offer.ports * pairs;
            if *needed > have {
                shortages.push(Shortage::Ports { target: target.clone(), needed: *needed, have, pairs: *pairs });
            }
        }
        shortages
    }

    /// The first source address that this machine cannot send from.
    #[must_use]
    pub fn missing_source(&self) -> Option<Shortage> {
        let refused = |address: &IpAddr| Some((*address, UdpSocket::bind((*address, 0)).err()?));
        let (address, error) = self.sources.iter().find_map(refused)?;
        Some(Shortage::Source { address, why: error.to_string() })
    }
}

/// Where a connection to `target` goes to, and with how many pairs of addresses. A name that is still
/// to be looked up counts as one address.
fn destination(target: &Target, network: &Network) -> (String, u64) {
    let (host, port) = match network.proxies.towards(target) {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (target.host.as_str(), target.port),
    };
    let name = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let stands = network.hosts.find(host, port);
    let literal = host.parse().ok().map(|address| vec![SocketAddr::new(address, port)]);
    let sources = |v4: bool| if network.sources.is_empty() { 1 } else { network.sources.of(v4).len() as u64 };
    match stands.or(literal) {
        Some(addresses) => (name, addresses.iter().map(|address| sources(address.is_ipv4())).sum()),
        None => (name, sources(network.dns.policy != Policy::OnlyIpv6)),
    }
}

impl Offer {
    /// Asks the system, after raising the soft limit of open files to the hard one: containers start at 1,024.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let files = match getrlimit(Resource::RLIMIT_NOFILE) {
            Ok((soft, hard)) if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() => hard,
            Ok((soft, _)) => soft,
            Err(_) => u64::MAX,
        };
        // Linux's default where the kernel does not say.
        Self { files, ports: ports::count().unwrap_or(28_232) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};

    #[test]
    fn what_is_needed_beyond_the_offer_is_refused_with_the_numbers() {
        let ports = |pairs| BTreeMap::from([("h:80".to_owned(), Ports { needed: 30_000, pairs })]);
        let needs = Needs { files: 30_028, ports: ports(1), sources: vec![] }.with_agents(100);
        let shortages = needs.shortages(Offer { files: 20_000, ports: 28_232 });
        assert_eq!(
            shortages,
            [
                Shortage::Files { needed: 30_128, sockets: 30_000, have: 20_000 },
                Shortage::Ports { target: "h:80".to_owned(), needed: 30_000, have: 28_232, pairs: 1 },
            ]
        );
        assert!(shortages[0].to_string().contains("30128 open files"));
        assert!(needs.shortages(Offer { files: 30_128, ports: 30_000 }).is_empty());
        let two = Needs { ports: ports(2), ..needs };
        assert!(two.shortages(Offer { files: 30_128, ports: 28_232 }).is_empty());
    }

    fn needs(network: &str) -> BTreeMap<String, Ports> {
        let text = format!(
            "{network}\nvus: 7\nduration: 1s\nflow:\n  - websocket: {{ url: \"ws://a.test/\" }}\n  \
             - http: \"http://a.test/x\"\n  - http: \"http://[::1]:81/\""
        );
        let source = Source::from_bytes("p.yaml", text.into_bytes()).unwrap();
        let profile = config::load(&source, &Environment::default(), &Overrides::default()).unwrap();
        Needs::of(&Plan::new(&profile), &profile.network, false).ports
    }

    #[test]
    fn every_pair_of_a_source_and_a_destination_has_all_ports() {
        for (network, first, second) in [
            ("", 1, 1),
            ("hosts: { a.test: [10.0.0.1, 10.0.0.2, \"::1\"] }", 3, 1),
            ("network: { sourceAddresses: 127.0.0.2-127.0.0.5 }", 4, 0),
            ("network: { sourceAddresses: [127.0.0.2-127.0.0.5, \"::1\"] }", 4, 1),
            ("hosts: { a.test: [10.0.0.1, 10.0.0.2] }\nnetwork: { sourceAddresses: [127.0.0.2, 127.0.0.3] }", 4, 0),
        ] {
            // A VU has its WebSocket and a kept HTTP connection to the first at the same time.
            let ports = |needed, pairs| Ports { needed, pairs };
            let expected = [("[::1]:81".to_owned(), ports(7, second)), ("a.test:80".to_owned(), ports(14, first))];
            assert_eq!(needs(network), BTreeMap::from(expected), "{network}");
        }
    }

    #[test]
    fn through_a_proxy_all_connections_go_to_one_destination() {
        let proxied = needs("network: { proxy: \"http://p.test:3128\", noProxy: [\"::1\"] }");
        assert_eq!(proxied.into_keys().collect::<Vec<_>>(), ["[::1]:81", "p.test:3128"]);
    }

    #[test]
    fn an_address_of_another_machine_is_no_source() {
        let needs = |address: &str| Needs { files: 0, ports: BTreeMap::new(), sources: vec![address.parse().unwrap()] };
        assert_eq!(needs("127.0.0.9").missing_source(), None);
        // Of TEST-NET-1, which no machine has (RFC 5737).
        let refused = needs("192.0.2.1").missing_source().unwrap().to_string();
        assert!(refused.contains("192.0.2.1"), "{refused}");
    }
}
