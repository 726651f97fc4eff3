//! `network:`, `hosts` and `dns`: how connections find their servers.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;

use crate::config::{
    policy::TargetPolicy,
    profile::{
        hosts::{Hosts, Patterns},
        proxy::Proxies,
    },
};

/// How connections find and reach their servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Addresses that are used in place of a look-up.
    pub hosts: Hosts,
    /// Names that no connection may go to.
    pub blocked_names: Patterns,
    /// Addresses that no connection may go to.
    pub blocked_addresses: Vec<IpNet>,
    /// Where connections may go by the operator's will, whatever the profile says.
    pub targets: TargetPolicy,
    /// Name look-up.
    pub dns: Dns,
    /// Local addresses that connections take in turn; the system's choice if empty.
    pub sources: Sources,
    /// HTTP proxies.
    pub proxies: Proxies,
    /// After that long without an acknowledgement a peer is gone; the system's 15 minutes and more if not given.
    pub peer_timeout: Option<Duration>,
    /// Bytes that the kernel buffers for a connection's sends; its own tuning, up to some MiB, if not given.
    pub send_buffer: Option<u32>,
}

impl Network {
    /// Whether a connection may go to `address`.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        !self.blocked_addresses.iter().any(|range| range.contains(&address))
    }
}

/// Name look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// How long an answer is used.
    pub ttl: Ttl,
    /// Which address a connection takes.
    pub select: Select,
    /// Which kinds of addresses are taken.
    pub policy: Policy,
    /// Bounds a look-up, with its repetitions. 5 s by default.
    pub timeout: Duration,
    /// Asked in place of the system's; `/etc/hosts` is not read then.
    pub servers: Vec<SocketAddr>,
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            ttl: Ttl::default(),
            select: Select::default(),
            policy: Policy::default(),
            timeout: Duration::from_secs(5),
            servers: Vec::new(),
        }
    }
}

/// How long an answer is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ttl {
    /// As long as its records say, from 1 s to 5 minutes.
    #[default]
    Records,
    /// That long; zero asks for each connection.
    Fixed(Duration),
    /// To the end of the run.
    Forever,
}

/// k6's `select`: which of a name's addresses a connection takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Select {
    /// The first.
    First,
    /// Each in turn.
    #[default]
    RoundRobin,
    /// Any.
    Random,
}

/// k6's `policy`: which kinds of addresses are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// IPv4; IPv6 where there is no IPv4, or where none answers.
    #[default]
    PreferIpv4,
    /// IPv6; IPv4 where there is no IPv6, or where none answers.
    PreferIpv6,
    /// IPv4 alone.
    OnlyIpv4,
    /// IPv6 alone.
    OnlyIpv6,
    /// Both alike.
    Any,
}

/// Most source addresses: a /16.
pub const MOST_SOURCES: usize = 65_536;

/// Local addresses, at most [`MOST_SOURCES`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sources {
    v4: Arc<[IpAddr]>,
    v6: Arc<[IpAddr]>,
}

impl Sources {
    /// Each once, in the order typed.
    pub(crate) fn new(addresses: Vec<IpAddr>) -> Self {
        let (v4, v6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv4);
        Self { v4: v4.into(), v6: v6.into() }
    }

    /// Whether the system chooses.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.v4.iter().chain(self.v6.iter()).copied()
    }

    /// Those of one family.
    #[must_use]
    pub fn of(&self, v4: bool) -> &[IpAddr] {
        if v4 { &self.v4 } else { &self.v6 }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} addresses", self.v4.len() + self.v6.len())
    }
}
