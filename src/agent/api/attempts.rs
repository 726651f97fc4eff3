//! Wrong tokens of each address: after [`MOST`] within [`WINDOW`] nothing of that address is looked at until the window
//! is over. A token of 16 characters is not found by guessing at any rate that the listener answers at; what this keeps
//! down is the noise in the log, and a weak token's risk.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use crate::clock::Instant;

/// Wrong tokens of an address before it has to wait.
pub(super) const MOST: u32 = 10;
/// From the first of them.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; of more, all others are counted together.
const ADDRESSES: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    failed: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_address: BTreeMap<IpAddr, Count>,
    others: Option<Count>,
}

impl Attempts {
    /// Whether the address may try now; if not, how long it has to wait.
    pub(super) fn check(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let count = match self.by_address.get(&network(address)) {
            Some(count) => Some(count),
            None if self.by_address.len() < ADDRESSES => None,
            None => self.others.as_ref(),
        };
        match count {
            Some(count) if count.failed >= MOST && now.since(count.since) < WINDOW => {
                Err(WINDOW.saturating_sub(now.since(count.since)))
            }
            _ => Ok(()),
        }
    }

    /// Counts a wrong token.
    pub(super) fn failed(&mut self, address: IpAddr, now: Instant) {
        let address = network(address);
        if !self.by_address.contains_key(&address) && self.by_address.len() >= ADDRESSES {
            self.by_address.retain(|_, count| now.since(count.since) < WINDOW);
        }
        let fresh = Count { since: now, failed: 0 };
        let count = if self.by_address.contains_key(&address) || self.by_address.len() < ADDRESSES {
            self.by_address.entry(address).or_insert(fresh)
        } else {
            self.others.get_or_insert(fresh)
        };
        if now.since(count.since) >= WINDOW {
            *count = fresh;
        }
        count.failed += 1;
    }
}

/// One customer has a /64 of IPv6, with more addresses than can be counted.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_waits_after_too_many_and_others_do_not() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let (bad, good) = (address("192.0.2.1"), address("192.0.2.2"));
        for second in 0..u64::from(MOST) {
            assert_eq!(attempts.check(bad, start + Duration::from_secs(second)), Ok(()), "{second}");
            attempts.failed(bad, start + Duration::from_secs(second));
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(attempts.check(bad, later), Err(Duration::from_secs(40)));
        assert_eq!(attempts.check(good, later), Ok(()));
        assert_eq!(attempts.check(bad, start + WINDOW), Ok(()));
        attempts.failed(bad, start + WINDOW);
        assert_eq!(attempts.check(bad, start + WINDOW), Ok(()), "a new window");
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_a_mapped_address_is_the_one_it_maps() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for last in 0..MOST {
            attempts.failed(address(&format!("2001:db8::{last:x}")), now);
            attempts.failed(address("::ffff:192.0.2.1"), now);
        }
        assert!(attempts.check(address("2001:db8::ffff"), now).is_err());
        assert!(attempts.check(address("2001:db8:0:1::1"), now).is_ok());
        assert!(attempts.check(address("192.0.2.1"), now).is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_rest_share_one_count() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let nth = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        for n in 0..ADDRESSES as u32 + MOST {
            attempts.failed(nth(n), now);
        }
        assert_eq!(attempts.by_address.len(), ADDRESSES);
        assert!(attempts.check(address("192.0.2.1"), now).is_err(), "a new one is one of the rest");
        assert!(attempts.check(nth(0), now).is_ok(), "a known one has its own count");
        attempts.failed(address("192.0.2.1"), now + WINDOW);
        assert_eq!(attempts.by_address.len(), 1, "what is over is forgotten");
    }
}
