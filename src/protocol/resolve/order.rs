//! Which of a name's addresses are tried, in which order. Pure.

use std::net::{IpAddr, SocketAddr};

use crate::config::profile::network::{Policy, Select};

/// Addresses to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// Never empty, all of one family: one after the other.
    pub first: Vec<SocketAddr>,
    /// Of the other family: soon after the first ones, if those do not answer (RFC 8305).
    pub fallback: Vec<SocketAddr>,
}

impl Candidates {
    /// One address and no other.
    #[must_use]
    pub fn one(address: SocketAddr) -> Self {
        Self { first: vec![address], fallback: Vec::new() }
    }

    /// All of `addresses`, beginning with the one whose turn it is.
    pub(super) fn in_turn(addresses: &[SocketAddr], turn: usize) -> Self {
        let mut rotated = addresses.to_vec();
        rotated.rotate_left(turn % addresses.len().max(1));
        let v4 = rotated.first().is_some_and(SocketAddr::is_ipv4);
        let (first, fallback) = rotated.into_iter().partition(|address| address.is_ipv4() == v4);
        Self { first, fallback }
    }

    /// What a name's addresses come to; none if the policy leaves none.
    pub(super) fn choose(
        addresses: &[IpAddr],
        port: u16,
        policy: Policy,
        select: Select,
        turn: impl FnOnce() -> usize,
    ) -> Option<Self> {
        let of = |v4: bool| {
            let family = addresses.iter().filter(move |address| address.is_ipv4() == v4);
            family.map(|address| SocketAddr::new(*address, port)).collect::<Vec<_>>()
        };
        let (mut first, fallback) = match policy {
            Policy::OnlyIpv4 => (of(true), Vec::new()),
            Policy::OnlyIpv6 => (of(false), Vec::new()),
            Policy::PreferIpv4 => (of(true), of(false)),
            Policy::PreferIpv6 => (of(false), of(true)),
            Policy::Any => (addresses.iter().map(|address| SocketAddr::new(*address, port)).collect(), Vec::new()),
        };
        let mut fallback = fallback;
        if first.is_empty() {
            std::mem::swap(&mut first, &mut fallback);
        }
        let turn = match select {
            _ if first.len() < 2 => 0,
            Select::First => 0,
            Select::RoundRobin => turn(),
            Select::Random => rand::random_range(0..first.len()),
        };
        if first.is_empty() {
            return None;
        }
        let mut chosen = Self::in_turn(&first, turn);
        chosen.fallback.append(&mut fallback);
        Some(chosen)
    }

    /// Without the addresses that are not wanted; none if nothing is left.
    pub(super) fn filter(mut self, mut wanted: impl FnMut(SocketAddr) -> bool) -> Option<Self> {
        self.first.retain(|address| wanted(*address));
        self.fallback.retain(|address| wanted(*address));
        if self.first.is_empty() {
            std::mem::swap(&mut self.first, &mut self.fallback);
        }
        (!self.first.is_empty()).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const ADDRESSES: [&str; 4] = ["10.0.0.1", "::1", "10.0.0.2", "::2"];

    fn chosen(policy: Policy, select: Select, turn: usize) -> (Vec<String>, Vec<String>) {
        let addresses = ADDRESSES.map(|address| address.parse().unwrap());
        let found = Candidates::choose(&addresses, 80, policy, select, || turn).unwrap();
        let texts = |addresses: Vec<SocketAddr>| addresses.iter().map(|address| address.ip().to_string()).collect();
        (texts(found.first), texts(found.fallback))
    }

    #[test]
    fn policies_say_which_kind_comes_first_and_which_stands_behind() {
        for (policy, first, fallback) in [
            (Policy::PreferIpv4, ["10.0.0.1", "10.0.0.2"].as_slice(), ["::1", "::2"].as_slice()),
            (Policy::PreferIpv6, &["::1", "::2"], &["10.0.0.1", "10.0.0.2"]),
            (Policy::OnlyIpv4, &["10.0.0.1", "10.0.0.2"], &[]),
            (Policy::OnlyIpv6, &["::1", "::2"], &[]),
            (Policy::Any, &["10.0.0.1", "10.0.0.2"], &["::1", "::2"]),
        ] {
            let (found, behind) = chosen(policy, Select::First, 7);
            assert_eq!((found.as_slice(), behind.as_slice()), (owned(first).as_slice(), owned(fallback).as_slice()));
        }
        let v4 = ["10.0.0.1".parse().unwrap()];
        assert_eq!(Candidates::choose(&v4, 80, Policy::OnlyIpv6, Select::First, || 0), None);
        let only = Candidates::choose(&v4, 80, Policy::PreferIpv6, Select::First, || 0).unwrap();
        assert_eq!(only, Candidates::one("10.0.0.1:80".parse().unwrap()));
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn in_turn_every_address_is_the_first_one_equally_often() {
        for (policy, distinct) in [(Policy::Any, 4), (Policy::PreferIpv4, 2)] {
            let mut counts = BTreeMap::new();
            for turn in 0..8 {
                *counts.entry(chosen(policy, Select::RoundRobin, turn).0.remove(0)).or_insert(0) += 1;
            }
            assert_eq!(counts.len(), distinct);
            assert!(counts.values().all(|count| *count == 8 / distinct), "{counts:?}");
        }
    }

    #[test]
    fn at_random_every_address_comes_up() {
        let firsts: std::collections::BTreeSet<_> =
            (0..200).map(|_| chosen(Policy::Any, Select::Random, 0).0.remove(0)).collect();
        // Each is missed with a probability of 0.75^200, 1 in 10^25.
        assert_eq!(firsts.len(), 4);
    }

    #[test]
    fn what_is_left_of_the_fallback_takes_the_place_of_what_is_not_wanted() {
        let addresses = ADDRESSES.map(|address| SocketAddr::new(address.parse().unwrap(), 80));
        let candidates = Candidates::in_turn(&addresses, 0);
        let left = candidates.clone().filter(|address: SocketAddr| address.is_ipv6()).unwrap();
        assert_eq!((left.first.len(), left.fallback.len()), (2, 0));
        assert_eq!(candidates.filter(|_| false), None);
    }
}
