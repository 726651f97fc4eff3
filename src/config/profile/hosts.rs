//! k6's `hosts` and `blockHostnames`: what stands for a name, and patterns of names.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Patterns of names with what stands for them. A pattern is a name, or `*` with the end of names;
/// where several match, those with a port come first as in k6, then a whole name, then the longest end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    entries: Vec<(Pattern, Arc<[Stand]>)>,
}

/// An address in place of a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Where to.
    pub address: IpAddr,
    /// In place of the URL's port.
    pub port: Option<u16>,
}

impl Hosts {
    /// In any order.
    pub(crate) fn new(entries: Vec<(Pattern, Vec<Stand>)>) -> Self {
        Self { entries: entries.into_iter().map(|(pattern, stands)| (pattern, stands.into())).collect() }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What stands for `host` at `port`.
    #[must_use]
    pub fn find(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        if self.is_empty() {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let matching = self.entries.iter().filter(|(pattern, _)| pattern.matches(&host, port));
        let (_, stands) = matching.max_by_key(|(pattern, _)| pattern.weight())?;
        Some(stands.iter().map(|stand| SocketAddr::new(stand.address, stand.port.unwrap_or(port))).collect())
    }
}

/// Names to be recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns(pub(crate) Vec<Pattern>);

impl Patterns {
    /// Whether `name` is one of them.
    #[must_use]
    pub fn contain(&self, name: &str) -> bool {
        !self.0.is_empty() && {
            let name = name.to_ascii_lowercase();
            self.0.iter().any(|pattern| pattern.matches(&name, 0))
        }
    }
}

/// A name, or the end of names after `*`; in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    wildcard: bool,
    text: String,
    port: Option<u16>,
}

impl Pattern {
    /// k6's pattern: `name`, `*.name`, `*`, each with or without `:port`; none for anything else.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let lower = typed.trim().to_ascii_lowercase();
        let (wildcard, text) = match lower.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, lower.as_str()),
        };
        let (text, port) = match text.split_once(':') {
            Some((text, port)) => (text, Some(port.parse::<u16>().ok().filter(|port| *port > 0)?)),
            None => (text, None),
        };
        let name = if wildcard { text.strip_prefix('.').unwrap_or(text) } else { text };
        let label = |label: &str| {
            let inside = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
            !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(inside)
        };
        let named = (wildcard && name.is_empty()) || name.split('.').all(label);
        named.then(|| Self { wildcard, text: text.to_owned(), port })
    }

    /// Whether it is for connections to one port only.
    #[must_use]
    pub fn has_port(&self) -> bool {
        self.port.is_some()
    }

    fn matches(&self, name: &str, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        if self.wildcard { name.len() > self.text.len() && name.ends_with(&self.text) } else { name == self.text }
    }

    fn weight(&self) -> (bool, bool, usize) {
        (self.port.is_some(), !self.wildcard, self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[(&str, &str)]) -> Hosts {
        let stand = |typed: &str| match typed.parse::<SocketAddr>() {
            Ok(address) => Stand { address: address.ip(), port: Some(address.port()) },
            Err(_) => Stand { address: typed.parse().unwrap(), port: None },
        };
        Hosts::new(entries.iter().map(|(name, to)| (Pattern::parse(name).unwrap(), vec![stand(to)])).collect())
    }

    #[test]
    fn a_whole_name_wins_over_an_end_and_a_longer_end_over_a_shorter() {
        let hosts = hosts(&[
            ("*", "10.0.0.1"),
            ("*.example.com", "10.0.0.2"),
            ("*.api.example.com", "10.0.0.3"),
            ("a.api.example.com", "10.0.0.4"),
        ]);
        for (name, expected) in [
            ("other.org", "10.0.0.1:80"),
            ("example.com", "10.0.0.1:80"),
            ("www.example.com", "10.0.0.2:80"),
            ("x.y.example.com", "10.0.0.2:80"),
            ("b.api.example.com", "10.0.0.3:80"),
            ("A.API.example.com", "10.0.0.4:80"),
        ] {
            assert_eq!(hosts.find(name, 80).unwrap(), [expected.parse().unwrap()], "{name}");
        }
    }

    #[test]
    fn name_and_port_win_over_the_name_alone_and_a_port_is_replaced_only_by_one() {
        let hosts = hosts(&[("h", "10.0.0.1"), ("h:443", "[::1]:8443"), ("*.k6.io:80", "10.0.0.9")]);
        assert_eq!(hosts.find("h", 443).unwrap(), ["[::1]:8443".parse().unwrap()]);
        assert_eq!(hosts.find("h", 80).unwrap(), ["10.0.0.1:80".parse().unwrap()]);
        assert_eq!(hosts.find("test.k6.io", 80).unwrap(), ["10.0.0.9:80".parse().unwrap()]);
        assert_eq!(hosts.find("test.k6.io", 81), None);
        assert_eq!(hosts.find("x", 80), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for typed in ["", "a b", "a..b", "*.*.b", "a*", "-a", "a:0", "a:99999", "a:b", "http://a", "::1"] {
            assert_eq!(Pattern::parse(typed), None, "{typed}");
        }
    }
}
