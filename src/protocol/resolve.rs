//! Name look-up, cached per worker: every connection asks, the name servers are asked once per time
//! to live. Addresses take turns. The look-up itself is hickory's and runs on the worker's own
//! runtime, so that it can be given up at any time; see docs/adr/0011-names-are-looked-up-by-hickory.md.

mod lookup;
mod order;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tokio::sync::Mutex;

use crate::{
    clock::Instant,
    config::profile::network::{Network, Ttl},
    protocol::{
        failure::{ConnectError, ConnectFailure},
        meter::Meter,
        resolve::lookup::{Answer, LookUp},
    },
};

pub use order::Candidates;

/// How long a failed look-up is remembered, so that thousands of VUs do not flood a failing name server.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);
/// Bounds of the records' own time to live: not asked for each connection, and changes are followed.
const RECORDS_TTL: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(300)];
/// Names remembered. A profile has few; redirects of a server could lead to any number.
const MOST_NAMES: usize = 1024;

/// One worker's resolver.
#[derive(Debug)]
pub struct Resolver {
    network: Arc<Network>,
    lookup: LookUp,
    names: RefCell<HashMap<Box<str>, Rc<Name>>>,
    /// Turns of a new name begin here: workers differ.
    first_turn: usize,
}

/// What is known of one name.
#[derive(Debug, Default)]
struct Name {
    known: RefCell<Option<Known>>,
    turn: Cell<usize>,
    /// One look-up at a time: those who wait find its answer.
    asking: Mutex<()>,
}

#[derive(Debug)]
struct Known {
    /// None: to the end of the run.
    until: Option<Instant>,
    addresses: Result<Rc<[IpAddr]>, String>,
}

impl Resolver {
    /// A resolver whose turns begin at `first_turn`.
    #[must_use]
    pub fn new(network: Arc<Network>, meter: Meter, first_turn: usize) -> Self {
        Self { lookup: LookUp::new(network.dns.clone(), meter), network, names: RefCell::default(), first_turn }
    }

    /// Where a connection to `host` may go to, in the order of trying.
    ///
    /// # Errors
    /// [`ConnectFailure::Dns`] without an address, [`ConnectFailure::Blocked`] and [`ConnectFailure::NotAllowed`] if none
    /// of them is allowed.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Candidates, ConnectError> {
        let literal = self.allow(host)?;
        let stands = self.network.hosts.find(host, port);
        let chosen_by_profile = stands.is_some() || !self.network.dns.servers.is_empty();
        let candidates = match (stands, literal) {
            (Some(stands), _) => Candidates::in_turn(&stands, self.turn(host)),
            (None, Some(address)) => Candidates::one(SocketAddr::new(address, port)),
            (None, None) => {
                self.may_look_up(host, port)?;
                let addresses = self.addresses(host).await?;
                let dns = &self.network.dns;
                Candidates::choose(&addresses, port, dns.policy, dns.select, || self.turn(host))
                    .ok_or_else(|| none(host, "no address of the kind that `policy` asks for"))?
            }
        };
        let candidates = self.permitted(candidates, (!chosen_by_profile).then_some(host))?;
        if self.network.blocked_addresses.is_empty() {
            return Ok(candidates);
        }
        let allowed = |address: SocketAddr| self.network.allows(address.ip());
        candidates.filter(allowed).ok_or_else(|| blocked(host, "blacklistIPs"))
    }

    /// Without the addresses to which the operator lets no connection go. Asked after each look-up and each answer from
    /// the cache. `host` is the name if the machine's own name service has said where it is.
    fn permitted(&self, candidates: Candidates, host: Option<&str>) -> Result<Candidates, ConnectError> {
        let targets = &self.network.targets;
        if targets.is_everything() {
            return Ok(candidates);
        }
        let mut denied = None;
        let permits = |address: SocketAddr| {
            let permitted = match host {
                Some(host) => targets.permits(host, address.ip(), address.port()),
                None => targets.permits_address(address.ip(), address.port()),
            };
            permitted.map_err(|why| denied.get_or_insert(why)).is_ok()
        };
        candidates
            .filter(permits)
            .ok_or_else(|| denied.map_or_else(|| none(host.unwrap_or_default(), "no address"), Into::into))
    }

    /// A question tells a name server what was asked, and goes where the profile wants it to if that names the servers.
    fn may_look_up(&self, host: &str, port: u16) -> Result<(), ConnectError> {
        let targets = &self.network.targets;
        targets.may_permit(host, port)?;
        for server in &self.network.dns.servers {
            targets.permits_address(server.ip(), server.port())?;
        }
        Ok(())
    }

    /// The address that `host` is, if it is one.
    ///
    /// # Errors
    /// [`ConnectFailure::Blocked`].
    pub fn allow(&self, host: &str) -> Result<Option<IpAddr>, ConnectError> {
        match host.parse::<IpAddr>() {
            Ok(address) if self.network.allows(address) => Ok(Some(address)),
            Ok(_) => Err(blocked(host, "blacklistIPs")),
            Err(_) if self.network.blocked_names.contain(host) => Err(blocked(host, "blockHostnames")),
            Err(_) => Ok(None),
        }
    }

    async fn addresses(&self, host: &str) -> Result<Rc<[IpAddr]>, ConnectError> {
        let name = self.name(host);
        if let Some(known) = name.known() {
            return known.map_err(|why| none(host, &why));
        }
        let _turn = name.asking.lock().await;
        if let Some(known) = name.known() {
            return known.map_err(|why| none(host, &why));
        }
        let answer = self.lookup.ask(host).await;
        let until = until(&answer, self.network.dns.ttl);
        let addresses = answer.map(|answer| Rc::from(answer.addresses));
        *name.known.borrow_mut() = Some(Known { until, addresses: addresses.clone() });
        addresses.map_err(|why| none(host, &why))
    }

    fn name(&self, host: &str) -> Rc<Name> {
        let mut names = self.names.borrow_mut();
        if let Some(name) = names.get(host) {
            return name.clone();
        }
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        let name = Rc::new(Name { turn: Cell::new(self.first_turn), ..Name::default() });
        names.insert(host.into(), name.clone());
        name
    }

    fn turn(&self, host: &str) -> usize {
        let name = self.name(host);
        let turn = name.turn.get();
        name.turn.set(turn.wrapping_add(1));
        turn
    }
}

impl Name {
    fn known(&self) -> Option<Result<Rc<[IpAddr]>, String>> {
        let known = self.known.borrow();
        let known = known.as_ref().filter(|known| known.until.is_none_or(|until| until > Instant::now()))?;
        Some(known.addresses.clone())
    }
}

fn until(answer: &Result<Answer, String>, ttl: Ttl) -> Option<Instant> {
    let lasts = match (answer, ttl) {
        (Err(_), Ttl::Fixed(ttl)) => ttl.min(NEGATIVE_TTL),
        (Err(_), _) => NEGATIVE_TTL,
        (Ok(_), Ttl::Forever) => return None,
        (Ok(_), Ttl::Fixed(ttl)) => ttl,
        (Ok(answer), Ttl::Records) => answer.lasts.clamp(RECORDS_TTL[0], RECORDS_TTL[1]),
    };
    Some(Instant::now() + lasts)
}

fn none(host: &str, why: &str) -> ConnectError {
    ConnectError::new(ConnectFailure::Dns, format!("look-up of {host}: {why}"))
}

fn blocked(host: &str, by: &str) -> ConnectError {
    ConnectError::new(ConnectFailure::Blocked, format!("{host} is among {by}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        policy::TargetPolicy,
        profile::{
            hosts::{Hosts, Patterns, Stand},
            network::Dns,
        },
    };

    fn resolver(network: Network) -> Resolver {
        Resolver::new(Arc::new(network), Meter::unused(), 0)
    }

    #[tokio::test]
    async fn addresses_are_taken_as_they_are() {
        let resolver = resolver(Network::default());
        for address in ["127.0.0.2:80", "[::1]:80"] {
            let address: SocketAddr = address.parse().unwrap();
            let found = resolver.resolve(&address.ip().to_string(), 80).await.unwrap();
            assert_eq!(found, Candidates::one(address));
        }
    }

    #[tokio::test]
    async fn what_is_blocked_is_not_even_looked_up() {
        let pattern = |typed| crate::config::profile::hosts::Pattern::parse(typed).unwrap();
        let resolver = resolver(Network {
            blocked_names: Patterns(vec![pattern("*.example.com")]),
            blocked_addresses: vec!["10.0.0.0/8".parse().unwrap()],
            ..Network::default()
        });
        for host in ["a.EXAMPLE.com", "10.1.2.3"] {
            assert_eq!(resolver.resolve(host, 80).await.unwrap_err().reason, ConnectFailure::Blocked, "{host}");
        }
        assert!(resolver.resolve("11.1.2.3", 80).await.is_ok());
    }

    #[tokio::test]
    async fn what_the_operator_does_not_allow_is_not_even_looked_up() {
        let rules = ["10.0.0.0/8:80", "localhost:80", "*.example.com:80"].map(|rule| rule.parse().unwrap());
        let pattern = |typed| crate::config::profile::hosts::Pattern::parse(typed).unwrap();
        let stand = |address: &str| Stand { address: address.parse().unwrap(), port: None };
        let resolver = resolver(Network {
            targets: TargetPolicy::of_daemon(Some(rules.into())),
            hosts: Hosts::new(vec![
                (pattern("a.example.com"), vec![stand("10.0.0.1")]),
                (pattern("b.example.com"), vec![stand("192.0.2.1")]),
                (pattern("c.example.com"), vec![stand("192.0.2.1"), stand("10.0.0.1"), stand("::1")]),
            ]),
            // Nobody answers there: a look-up would take its time and fail as one.
            dns: Dns { servers: vec!["127.0.0.1:9".parse().unwrap()], ..Dns::default() },
            ..Network::default()
        });
        for (host, port) in [
            ("11.1.2.3", 80),
            ("10.1.2.3", 81),
            ("other.org", 81),
            ("b.example.com", 80),
            ("169.254.169.254", 80),
            // May be allowed, and the profile's name server is not.
            ("x.example.com", 80),
        ] {
            let reason = resolver.resolve(host, port).await.unwrap_err().reason;
            assert_eq!(reason, ConnectFailure::NotAllowed, "{host}:{port}");
        }
        for host in ["10.1.2.3", "a.example.com", "c.example.com"] {
            let found = resolver.resolve(host, 80).await.unwrap();
            assert_eq!((found.first.len(), found.fallback.len()), (1, 0), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_that_this_machine_knows_is_judged_with_its_address() {
        let allowed = |rule: &str| {
            let targets = TargetPolicy::of_daemon(Some(vec![rule.parse().unwrap()]));
            resolver(Network { targets, ..Network::default() })
        };
        assert!(allowed("localhost:80").resolve("localhost", 80).await.is_ok());
        assert!(allowed("127.0.0.0/8:80").resolve("localhost", 80).await.is_ok());
        let denied = allowed("10.0.0.0/8:80").resolve("localhost", 80).await.unwrap_err();
        assert_eq!(denied.reason, ConnectFailure::NotAllowed);
        assert!(denied.to_string().contains("localhost:80 (127.0.0.1)"), "{denied}");
    }

    #[tokio::test]
    async fn names_do_not_pile_up() {
        let resolver = resolver(Network::default());
        for number in 0..3 * MOST_NAMES {
            resolver.turn(&number.to_string());
        }
        assert!(resolver.names.borrow().len() <= MOST_NAMES);
    }

    #[test]
    fn answers_last_as_long_as_their_records_say_within_bounds() {
        let seconds = |answer: Result<Answer, String>, ttl| {
            let now = Instant::now();
            until(&answer, ttl).map(|until| (until.nanos_since(now) + 500_000_000) / 1_000_000_000)
        };
        let lasting = |lasts| Ok(Answer { addresses: vec![], lasts: Duration::from_secs(lasts) });
        assert_eq!(seconds(lasting(30), Ttl::Records), Some(30));
        assert_eq!(seconds(lasting(0), Ttl::Records), Some(1));
        assert_eq!(seconds(lasting(86_400), Ttl::Records), Some(300));
        assert_eq!(seconds(lasting(30), Ttl::Fixed(Duration::ZERO)), Some(0));
        assert_eq!(seconds(lasting(30), Ttl::Forever), None);
        assert_eq!(seconds(Err("no".into()), Ttl::Forever), Some(1));
    }
}
