//! The local ports that the kernel gives to connections: `net.ipv4.ip_local_port_range`, for IPv6 too.

use std::{fs, ops::RangeInclusive};

const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// Ports that are left out when the kernel chooses one: `8080,30000-30100`.
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/// How many there are for one pair of addresses, without the reserved ones; none where the kernel does not say.
#[must_use]
pub fn count() -> Option<u64> {
    let range = range(&fs::read_to_string(RANGE).ok()?)?;
    // Kernels without the second file reserve nothing.
    let reserved = fs::read_to_string(RESERVED).unwrap_or_default();
    Some(range.clone().count() as u64 - reserved_within(&range, &reserved))
}

/// `first last`
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut bounds = text.split_whitespace().map(str::parse);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    (first <= last).then_some(first..=last)
}

/// The kernel writes the list sorted and without overlaps.
fn reserved_within(range: &RangeInclusive<u16>, list: &str) -> u64 {
    let blocks = list.trim().split(',').filter_map(|block| {
        let (first, last) = block.split_once('-').unwrap_or((block, block));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        let (first, last) = (first.max(*range.start()), last.min(*range.end()));
        (first <= last).then(|| u64::from(last - first) + 1)
    });
    blocks.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_range_has_28232_ports() {
        let default = range("32768\t60999\n").unwrap();
        assert_eq!(default.count(), 28_232);
        assert_eq!((range("x"), range("2 1"), range("1 70000"), range("1")), (None, None, None, None));
        assert_eq!(range("1 65535").unwrap().count(), 65_535);
    }

    #[test]
    fn of_the_reserved_ones_those_within_the_range_count() {
        let default = 32_768..=60_999;
        for (list, count) in [
            ("\n", 0),
            ("8080\n", 0),
            ("32768\n", 1),
            ("8080,40000,50000-50099\n", 101),
            ("30000-32769,60998-65535\n", 4),
            ("1-65535\n", 28_232),
        ] {
            assert_eq!(reserved_within(&default, list), count, "{list}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_says_how_many() {
        assert!((1..=65_535).contains(&count().unwrap()));
    }
}
