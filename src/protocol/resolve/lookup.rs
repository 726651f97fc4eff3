//! One look-up, counted and timed, with a bound of its own.

use std::{cell::OnceCell, net::IpAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
};
use tokio::time::timeout;

use crate::{
    clock::Instant,
    config::profile::network::{Dns, Policy},
    protocol::meter::{LookedUp, Meter},
};

/// A name's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Never empty, each once, in the order of the answer.
    pub(super) addresses: Vec<IpAddr>,
    /// How long they are good, by the records.
    pub(super) lasts: Duration,
}

/// Asks name servers.
pub(super) struct LookUp {
    dns: Dns,
    meter: Meter,
    /// Made when it is first needed: it reads the system's files.
    resolver: OnceCell<Result<TokioResolver, String>>,
}

impl std::fmt::Debug for LookUp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LookUp").field("dns", &self.dns).finish_non_exhaustive()
    }
}

impl LookUp {
    pub(super) fn new(dns: Dns, meter: Meter) -> Self {
        Self { dns, meter, resolver: OnceCell::new() }
    }

    /// Looks `host` up.
    ///
    /// # Errors
    /// Why there is no address, for the debug log.
    pub(super) async fn ask(&self, host: &str) -> Result<Answer, String> {
        let resolver = self.resolver.get_or_init(|| resolver(&self.dns).map_err(|error| error.to_string())).as_ref()?;
        let begun = Instant::now();
        let asked = timeout(self.dns.timeout, resolver.lookup_ip(host)).await;
        let (outcome, answer) = match asked {
            Err(_) => (LookedUp::TimedOut, Err(format!("no answer within {:?}", self.dns.timeout))),
            Ok(Err(NetError::Timeout)) => (LookedUp::TimedOut, Err("the name servers do not answer".to_owned())),
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(none)))) => {
                (LookedUp::NotFound, Err(format!("no address ({})", none.response_code)))
            }
            Ok(Err(error)) => (LookedUp::Failed, Err(error.to_string())),
            Ok(Ok(found)) => {
                let mut addresses: Vec<IpAddr> = Vec::new();
                for address in found.iter() {
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                let lasts = found.as_lookup().answers().iter().map(|record| record.ttl).min().unwrap_or(0);
                match addresses.is_empty() {
                    true => (LookedUp::NotFound, Err("no address".to_owned())),
                    false => (LookedUp::Answered, Ok(Answer { addresses, lasts: Duration::from_secs(lasts.into()) })),
                }
            }
        };
        self.meter.looked_up(outcome, begun, Instant::now());
        answer
    }
}

/// The profile's name servers, or the system's with its `/etc/hosts`.
fn resolver(dns: &Dns) -> Result<TokioResolver, NetError> {
    let (config, options) = if dns.servers.is_empty() {
        // Without a resolv.conf the C library asks this machine too.
        hickory_resolver::system_conf::read_system_conf().unwrap_or_else(|_| {
            let local = NameServerConfig::udp_and_tcp(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
            (ResolverConfig::from_parts(None, Vec::new(), vec![local]), ResolverOpts::default())
        })
    } else {
        let servers = dns.servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections = connections.into();
            config
        });
        let mut options = ResolverOpts::default();
        options.use_hosts_file = ResolveHosts::Never;
        (ResolverConfig::from_parts(None, Vec::new(), servers.collect()), options)
    };
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let own = builder.options_mut();
    *own = options;
    own.ip_strategy = match dns.policy {
        Policy::OnlyIpv4 => LookupIpStrategy::Ipv4Only,
        Policy::OnlyIpv6 => LookupIpStrategy::Ipv6Only,
        Policy::PreferIpv4 | Policy::PreferIpv6 | Policy::Any => LookupIpStrategy::Ipv4AndIpv6,
    };
    // One repetition within the bound on the whole; a lost packet must not fail a look-up. Both are over before it: of
    // a server that leaves out the answer for one family, that for the other counts.
    own.attempts = 1;
    own.timeout = dns.timeout * 2 / 5;
    // The cache is ours: it rotates, and it is measured.
    own.cache_size = 0;
    builder.build()
}
