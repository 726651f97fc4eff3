//! One entry of `allowedTargets`.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
};

use ipnet::IpNet;

use crate::config::problem::shown;

/// A name, names below one, an address, a network, or anything; each with a port, a range of ports, or all of them.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetRule {
    host: Host,
    ports: RangeInclusive<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Anything,
    /// In lower case.
    Name(String),
    /// Names that end with this, which begins with a dot.
    Below(String),
    Network(IpNet),
}

/// Why a text is no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Neither of the forms of a host.
    #[error("`{0}` is no host; expected `api.example.com`, `*.example.com`, `10.0.0.1`, `10.0.0.0/8` or `*`")]
    Host(String),
    /// Not a port, or a range that ends before it begins.
    #[error("`{0}` is no port; expected a number from 1 to 65535, or a range such as `8000-8100`")]
    Port(String),
    /// Bits beyond the length of a network: another network was probably meant.
    #[error("`{typed}` has bits beyond its length; write `{network}`")]
    Bits {
        /// As typed.
        typed: String,
        /// What it would be.
        network: IpNet,
    },
    /// `::1:80` could be either.
    #[error("an IPv6 address with a port has brackets, such as `[::1]:80`")]
    Brackets,
}

impl TargetRule {
    /// One address with its port.
    pub(super) fn of_address(address: SocketAddr) -> Self {
        Self { host: Host::Network(address.ip().into()), ports: address.port()..=address.port() }
    }
}

impl FromStr for TargetRule {
    type Err = RuleError;

    fn from_str(typed: &str) -> Result<Self, RuleError> {
        let typed = typed.trim();
        if let Some(host) = network(typed)? {
            return Ok(Self { host, ports: 1..=u16::MAX });
        }
        let (host, ports) = match typed.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((inside, "")) => (inside, None),
            Some((inside, after)) => {
                (inside, Some(after.strip_prefix(':').ok_or_else(|| RuleError::Host(shown(typed)))?))
            }
            None => match typed.rsplit_once(':') {
                Some((host, _)) if host.contains(':') => return Err(RuleError::Brackets),
                Some(_) if typed.contains("//") => return Err(RuleError::Host(shown(typed))),
                Some((host, ports)) => (host, Some(ports)),
                None => (typed, None),
            },
        };
        let in_brackets = typed.starts_with('[');
        let host = match network(host)? {
            Some(host) => host,
            None if in_brackets => return Err(RuleError::Host(shown(host))),
            None => name(host)?,
        };
        Ok(Self { host, ports: ports.map_or(Ok(1..=u16::MAX), ports_of)? })
    }
}

/// A network or an address; none for anything else.
fn network(typed: &str) -> Result<Option<Host>, RuleError> {
    if let Ok(address) = typed.parse::<IpAddr>() {
        return Ok(Some(Host::Network(address.to_canonical().into())));
    }
    match typed.parse::<IpNet>() {
        Ok(network) if network.trunc() == network => Ok(Some(Host::Network(network))),
        Ok(network) => Err(RuleError::Bits { typed: shown(typed), network: network.trunc() }),
        Err(_) => Ok(None),
    }
}

fn name(typed: &str) -> Result<Host, RuleError> {
    if typed == "*" {
        return Ok(Host::Anything);
    }
    let refused = || RuleError::Host(shown(typed));
    let (below, name) = typed.strip_prefix("*.").map_or((false, typed), |name| (true, name));
    let name = name.strip_suffix('.').unwrap_or(name);
    // As in URLs: names of other scripts become their ASCII form, and `10.1` or `0x7f.1` an address, which is no name.
    let host = match url::Host::parse(name) {
        Ok(url::Host::Domain(name)) => name,
        _ => return Err(refused()),
    };
    let label = |label: &str| {
        let inside = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(inside)
    };
    match host.split('.').all(label) {
        true if below => Ok(Host::Below(format!(".{host}"))),
        true => Ok(Host::Name(host)),
        false => Err(refused()),
    }
}

fn ports_of(typed: &str) -> Result<RangeInclusive<u16>, RuleError> {
    let (first, last) = typed.split_once('-').unwrap_or((typed, typed));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(RuleError::Port(shown(typed))),
    }
}

impl TargetRule {
    /// Whether any connection to this port may be meant.
    pub(super) fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// By the name, in any case and without a dot at its end.
    pub(super) fn covers_name(&self, name: &str) -> bool {
        match &self.host {
            Host::Anything => true,
            Host::Name(own) => own.eq_ignore_ascii_case(name),
            Host::Below(end) => is_below(name, end),
            Host::Network(_) => false,
        }
    }

    /// By the address, whatever name led to it.
    pub(super) fn covers_address(&self, address: IpAddr) -> bool {
        match &self.host {
            Host::Anything => true,
            Host::Network(network) => network.contains(&address),
            Host::Name(_) | Host::Below(_) => false,
        }
    }

    /// Whether it is for addresses in `range` alone, `address` among them.
    pub(super) fn is_explicit(&self, address: IpAddr, range: &IpNet) -> bool {
        matches!(&self.host, Host::Network(network) if range.contains(network) && network.contains(&address))
    }

    /// Whether names may lead to what it covers.
    pub(super) fn is_network(&self) -> bool {
        matches!(self.host, Host::Network(_))
    }
}

/// Whether `name` ends with `end`, in any case, and has something before it.
pub(super) fn is_below(name: &str, end: &str) -> bool {
    let (name, end) = (name.as_bytes(), end.as_bytes());
    name.len() > end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end)
}

impl fmt::Display for TargetRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (*self.ports.start(), *self.ports.end());
        let all = (first, last) == (1, u16::MAX);
        match &self.host {
            Host::Anything => formatter.write_str("*")?,
            Host::Name(name) => formatter.write_str(name)?,
            Host::Below(end) => write!(formatter, "*{end}")?,
            Host::Network(network) => {
                let v6 = matches!(network, IpNet::V6(_)) && !all;
                let single = network.prefix_len() == network.max_prefix_len();
                let text = if single { network.addr().to_string() } else { network.to_string() };
                if v6 { write!(formatter, "[{text}]") } else { formatter.write_str(&text) }?;
            }
        }
        match (all, first == last) {
            (true, _) => Ok(()),
            (false, true) => write!(formatter, ":{first}"),
            (false, false) => write!(formatter, ":{first}-{last}"),
        }
    }
}

impl fmt::Debug for TargetRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
