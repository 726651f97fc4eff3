//! Addresses that no profile reaches by chance: services that give credentials to whoever asks from this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const LINK_LOCAL: &str = "link-local, where clouds have their metadata";
const METADATA: &str = "a cloud's metadata service";

/// Link-local as a whole: the metadata of AWS, Azure, Google Cloud, OpenStack and others are at 169.254.169.254, the
/// credentials of ECS tasks and EKS pods at 169.254.170.2 and .23. The others are outside of it: Alibaba Cloud
/// 100.100.100.200, Azure's agent 168.63.129.16, Oracle 192.0.0.192, AWS fd00:ec2::254 and ::23, Google fd20:ce::254.
const RANGES: [(IpNet, &str); 7] = [
    (IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16)), LINK_LOCAL),
    (IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10)), LINK_LOCAL),
    (IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(100, 100, 100, 200), 32)), METADATA),
    (IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(168, 63, 129, 16), 32)), METADATA),
    (IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 0, 192), 32)), METADATA),
    (IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0), 32)), METADATA),
    (IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0), 32)), METADATA),
];

/// Names by which a proxy would find them; what this machine looks up is judged by its address.
const NAMES: [&str; 4] =
    ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata.tencentyun.com"];

/// The range that `address` is in, and what is there.
pub(super) fn range(address: IpAddr) -> Option<(IpNet, &'static str)> {
    RANGES.into_iter().find(|(range, _)| range.contains(&address))
}

/// Whether a proxy would be asked for one of them.
pub(super) fn name(host: &str) -> Option<&'static str> {
    NAMES.contains(&host).then_some(METADATA)
}

/// Where packets to `address` end: IPv4 addresses have forms within IPv6 (mapped and compatible, RFC 4291; NAT64,
/// RFC 6052; 6to4, RFC 3056).
pub(super) fn destination(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // `::` and `::1` are no IPv4.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

/// Whether a connection to `address` ends on this machine. Linux takes the unspecified address for it.
pub(super) fn is_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}
