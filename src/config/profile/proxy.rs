//! HTTP proxies: which connections go through one, by the rules that Go's programs (k6 among them) follow.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

use crate::config::profile::Target;

/// Proxies of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `ws://` and `http://`.
    pub plain: Option<Proxy>,
    /// For `wss://` and `https://`.
    pub secure: Option<Proxy>,
    /// Targets that are reached without one.
    pub except: Vec<Except>,
}

impl Proxies {
    /// The proxy on the way to `target`.
    #[must_use]
    pub fn towards(&self, target: &Target) -> Option<&Proxy> {
        let proxy = if target.secure { self.secure.as_ref() } else { self.plain.as_ref() }?;
        let excepted = self.except.iter().any(|except| except.covers(&target.host, target.port));
        (!excepted).then_some(proxy)
    }
}

/// An HTTP proxy that is asked to `CONNECT`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// 80 by default.
    pub port: u16,
    /// Value of `Proxy-Authorization`. A secret: it is in no `Debug` text.
    pub authorization: Option<String>,
}

impl fmt::Display for Proxy {
    /// `host:port`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = if self.authorization.is_some() { " <redacted>" } else { "" };
        write!(formatter, "{self}{credentials}")
    }
}

/// One entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Except {
    what: Excepted,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Excepted {
    Everything,
    /// `localhost` and loopback addresses, which Go never reaches through a proxy of the environment.
    Loopback,
    Addresses(IpNet),
    /// The name, if `itself`, and every name below it.
    Names {
        name: String,
        itself: bool,
    },
}

impl Except {
    /// The exception of every environment.
    pub const LOOPBACK: Self = Self { what: Excepted::Loopback, port: None };

    /// `*`, an address, a range, `name` (with those below it), `.name` or `*.name` (those below it
    /// only), each with or without `:port`; none for anything else.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim().to_ascii_lowercase();
        if typed == "*" {
            return Some(Self { what: Excepted::Everything, port: None });
        }
        let addresses = |range: IpNet, port| Some(Self { what: Excepted::Addresses(range), port });
        if let Ok(range) = typed.parse::<IpNet>() {
            return addresses(range, None);
        }
        let bare = typed.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return addresses(address.into(), None);
        }
        let (host, port) = match typed.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>().ok().filter(|port| *port > 0)?)),
            None => (typed.as_str(), None),
        };
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return addresses(address.into(), port);
        }
        let below = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
        let name = below.unwrap_or(host);
        let named = |char: char| char.is_alphanumeric() || "-_.".contains(char);
        if name.is_empty() || !name.chars().all(named) {
            return None;
        }
        Some(Self { what: Excepted::Names { name: name.to_owned(), itself: below.is_none() }, port })
    }

    /// That address and port.
    #[must_use]
    pub fn address(address: std::net::SocketAddr) -> Self {
        Self { what: Excepted::Addresses(address.ip().into()), port: Some(address.port()) }
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        match &self.what {
            Excepted::Everything => true,
            Excepted::Loopback => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            Excepted::Addresses(range) => host.parse::<IpAddr>().is_ok_and(|address| range.contains(&address)),
            Excepted::Names { name, itself } => {
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                below || (*itself && host == name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_cover_what_gos_programs_leave_out() {
        for (entry, covered, others) in [
            ("*", "a.b:80 10.0.0.1:443", ""),
            ("example.com", "example.com:80 a.b.example.com:443", "notexample.com:80 example.org:80"),
            (".example.com", "a.example.com:80", "example.com:80"),
            ("*.example.com", "a.example.com:80", "example.com:80"),
            ("example.com:8080", "example.com:8080 a.example.com:8080", "example.com:80"),
            ("10.0.0.0/8", "10.1.2.3:80", "11.0.0.1:80 ten.org:80"),
            ("10.0.0.1", "10.0.0.1:80", "10.0.0.2:80"),
            ("10.0.0.1:81", "10.0.0.1:81", "10.0.0.1:80"),
            ("::1", "::1:80", "::2:80"),
            ("[::1]:81", "::1:81", "::1:80"),
        ] {
            let except = Except::parse(entry).unwrap();
            let covers = |target: &str| {
                let (host, port) = target.rsplit_once(':').unwrap();
                except.covers(host, port.parse().unwrap())
            };
            for target in covered.split_whitespace() {
                assert!(covers(target), "{entry} covers {target}");
            }
            for target in others.split_whitespace() {
                assert!(!covers(target), "{entry} does not cover {target}");
            }
        }
        for host in ["localhost", "127.0.0.9", "::1"] {
            assert!(Except::LOOPBACK.covers(host, 1));
        }
        assert!(!Except::LOOPBACK.covers("localhost.org", 1));
        for typed in ["", "a b", "a:b", "http://a"] {
            assert_eq!(Except::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn credentials_are_in_no_text() {
        let proxy = Proxy { host: "::1".into(), port: 3128, authorization: Some("Basic s3cret".into()) };
        assert_eq!(format!("{proxy} {proxy:?}"), "[::1]:3128 [::1]:3128 <redacted>");
    }
}
