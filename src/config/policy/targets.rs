//! Where connections may go. Asked for each connection, after its name has been looked up: a name that led somewhere
//! harmless a moment ago may lead elsewhere now (DNS rebinding), and a server may redirect.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use crate::config::{
    policy::{
        Author, Denied, reserved,
        rule::{TargetRule, is_below},
    },
    profile::{Profile, Target},
};

/// See the module. The default allows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetPolicy(Scope);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Scope {
    /// Nobody but the caller has anything to say.
    #[default]
    Everything,
    /// Everything but what is reserved.
    Unlisted,
    /// What a rule covers; what is reserved, only by its address.
    Listed(Arc<[TargetRule]>),
    Nothing,
}

impl TargetPolicy {
    /// Of a daemon's configuration. Without a list the operator's own profiles go anywhere but to what is reserved, and
    /// what is sent goes nowhere. An empty list allows nothing.
    #[must_use]
    pub fn of_daemon(allowed: Option<Vec<TargetRule>>) -> Self {
        Self(allowed.map_or(Scope::Unlisted, |rules| Scope::Listed(rules.into())))
    }

    /// Also to this address: the embedded target, which the operator has asked for with the policy in force.
    #[must_use]
    pub fn with_address(self, address: SocketAddr) -> Self {
        match self.0 {
            Scope::Listed(rules) => {
                Self(Scope::Listed(rules.iter().cloned().chain([TargetRule::of_address(address)]).collect()))
            }
            Scope::Nothing => Self(Scope::Listed([TargetRule::of_address(address)].into())),
            Scope::Everything | Scope::Unlisted => self,
        }
    }

    /// For profiles of this author.
    #[must_use]
    pub fn of(&self, author: Author) -> Self {
        match (&self.0, author) {
            (Scope::Unlisted, Author::Request) => Self(Scope::Nothing),
            _ => self.clone(),
        }
    }

    /// Whether nothing need be asked.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self.0, Scope::Everything)
    }

    /// Whether a connection may go to `address`, where the machine's own name service says `host` is; `host` may be
    /// the address itself. Allocates only what it denies.
    ///
    /// # Errors
    /// What is not allowed, and why.
    pub fn permits(&self, host: &str, address: IpAddr, port: u16) -> Result<(), Denied> {
        if self.is_everything() {
            return Ok(());
        }
        self.judge(Some(host), address, port)
    }

    /// Whether a connection may go to an address that the profile itself has put in place of a name (`hosts`,
    /// `dns.servers`): a listed name says nothing about it.
    ///
    /// # Errors
    /// As [`Self::permits`].
    pub fn permits_address(&self, address: IpAddr, port: u16) -> Result<(), Denied> {
        if self.is_everything() {
            return Ok(());
        }
        self.judge(None, address, port)
    }

    /// Whether another machine, a proxy, may be asked for a connection to `host`. Where it leads if it is a name, that
    /// machine decides.
    ///
    /// # Errors
    /// As [`Self::permits`].
    pub fn permits_unresolved(&self, host: &str, port: u16) -> Result<(), Denied> {
        if self.is_everything() {
            return Ok(());
        }
        match host.parse::<IpAddr>() {
            Ok(address) => self.judge(Some(host), address, port),
            Err(_) => self.judge_name(host, port, false),
        }
    }

    /// Whether there may be an address of `host` to which a connection may go. False is told before it is looked up: a
    /// look-up alone can tell a name server what a profile knows.
    ///
    /// # Errors
    /// As [`Self::permits`].
    pub fn may_permit(&self, host: &str, port: u16) -> Result<(), Denied> {
        if self.is_everything() {
            return Ok(());
        }
        match host.parse::<IpAddr>() {
            Ok(address) => self.judge(Some(host), address, port),
            Err(_) => self.judge_name(host, port, true),
        }
    }

    fn judge(&self, host: Option<&str>, address: IpAddr, port: u16) -> Result<(), Denied> {
        let destination = reserved::destination(address);
        let target = || described(host, address, port);
        let range = reserved::range(destination);
        let refused = |what| Err(Denied::Reserved { target: target(), what });
        let rules = match (&self.0, range) {
            (Scope::Everything, _) | (Scope::Unlisted, None) => return Ok(()),
            (Scope::Nothing, _) => return Err(Denied::NoTargets(target())),
            (Scope::Unlisted, Some((_, what))) => return refused(what),
            (Scope::Listed(rules), _) => rules,
        };
        let mut rules = rules.iter().filter(|rule| rule.has_port(port));
        if let Some((range, what)) = range {
            let explicit = rules.any(|rule| rule.is_explicit(destination, &range));
            return if explicit { Ok(()) } else { refused(what) };
        }
        if rules.clone().any(|rule| rule.covers_address(destination)) {
            return Ok(());
        }
        let host = host.filter(|host| host.parse::<IpAddr>().is_err()).map(without_root);
        match host {
            Some(host) if rules.any(|rule| rule.covers_name(host)) => {
                // What a listed name resolves to is for whoever answers for the name; this machine's own services
                // are not his to give.
                let local = host.eq_ignore_ascii_case("localhost") || is_below(host, ".localhost");
                if reserved::is_this_machine(destination) && !local {
                    return Err(Denied::ThisMachine(target()));
                }
                Ok(())
            }
            _ => Err(Denied::NotListed(target())),
        }
    }

    fn judge_name(&self, host: &str, port: u16, will_be_looked_up: bool) -> Result<(), Denied> {
        let name = without_root(host);
        let target = || format!("{name}:{port}");
        let reserved = (!will_be_looked_up).then(|| reserved::name(name)).flatten();
        match (&self.0, reserved) {
            (Scope::Nothing, _) => Err(Denied::NoTargets(target())),
            (Scope::Unlisted | Scope::Listed(_), Some(what)) => Err(Denied::Reserved { target: target(), what }),
            (Scope::Everything | Scope::Unlisted, _) => Ok(()),
            (Scope::Listed(rules), _) => {
                let covers = |rule: &TargetRule| rule.covers_name(name) || (will_be_looked_up && rule.is_network());
                let covered = rules.iter().any(|rule| rule.has_port(port) && covers(rule));
                if covered { Ok(()) } else { Err(Denied::NotListed(target())) }
            }
        }
    }

    /// Everything that a profile names: what a run would be denied is told before it starts.
    pub(super) fn check(&self, profile: &Profile) -> Result<(), Denied> {
        if self.is_everything() {
            return Ok(());
        }
        let network = &profile.network;
        for server in &network.dns.servers {
            self.permits_address(server.ip(), server.port())?;
        }
        let mut outcome = Ok(());
        let mut see = |target: &Target| {
            if outcome.is_ok() {
                outcome = self.check_target(profile, target);
            }
        };
        profile.each_target(&mut |target, _| see(target));
        profile.observe.iter().for_each(|observed| see(&observed.url));
        outcome
    }

    fn check_target(&self, profile: &Profile, target: &Target) -> Result<(), Denied> {
        let network = &profile.network;
        if let Some(proxy) = network.proxies.towards(target) {
            self.check_host(profile, &proxy.host, proxy.port)?;
            return self.permits_unresolved(&target.host, target.port);
        }
        self.check_host(profile, &target.host, target.port)
    }

    fn check_host(&self, profile: &Profile, host: &str, port: u16) -> Result<(), Denied> {
        match profile.network.hosts.find(host, port) {
            None => self.may_permit(host, port),
            // One that is allowed is enough for a connection.
            Some(stands) => {
                let permits = |stand: &SocketAddr| self.permits_address(stand.ip(), stand.port());
                stands.iter().map(permits).reduce(Result::or).unwrap_or(Ok(()))
            }
        }
    }
}

/// A name with the root's dot is the same name.
fn without_root(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn described(host: Option<&str>, address: IpAddr, port: u16) -> String {
    let socket = SocketAddr::new(address, port);
    match host {
        Some(host) if host.parse::<IpAddr>().is_err() => format!("{host}:{port} ({address})"),
        _ => socket.to_string(),
    }
}
