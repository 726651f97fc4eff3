//! What a plan needs of the machine against what the machine has: files, and local ports towards
//! each target. A run that cannot be is refused before it sends anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::plan::Plan;

/// Files beside the sockets of the load: listener, scrapers, outputs, runtimes.
pub const RESERVED_FILES: u64 = 128;

/// What a run needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Open files, those of the agent itself included.
    pub files: u64,
    /// Sockets at one time by target (`host:port`).
    pub ports: BTreeMap<String, u64>,
}

/// What the machine offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Open files of this process.
    pub files: u64,
    /// Local ports towards one target address.
    pub ports: u64,
}

/// Something there is too little of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// Too few open files.
    #[error(
        "the plan needs {needed} open files ({sockets} sockets and {RESERVED_FILES} of its own), this process may have \
         {have}; raise the hard limit (`ulimit -Hn`, LimitNOFILE=), lower the target, or split the run over several agents"
    )]
    Files {
        /// Files needed.
        needed: u64,
        /// Sockets among them.
        sockets: u64,
        /// Files allowed.
        have: u64,
    },
    /// Too few local ports.
    #[error(
        "the plan needs {needed} connections to {target}, net.ipv4.ip_local_port_range allows {have} from one address; \
         widen the range (`sysctl net.ipv4.ip_local_port_range=\"1024 65535\"`) or split the run over several agents"
    )]
    Ports {
        /// `host:port`.
        target: String,
        /// Connections needed.
        needed: u64,
        /// Ports there are.
        have: u64,
    },
}

impl Needs {
    /// Counts what `plan` needs; `echo` for the embedded target, which has the other end of every socket.
    #[must_use]
    pub fn of(plan: &Plan, echo: bool) -> Self {
        let sockets = plan.peak_sockets() + if echo { plan.peak_websockets() } else { 0 };
        let mut ports = BTreeMap::new();
        for scenario in &plan.scenarios {
            // A VU has one WebSocket at a time, but all VUs may be at the same site.
            let sites: BTreeSet<_> = scenario.program.sites.iter().map(|site| site.url.address()).collect();
            let origins = scenario.program.origins().into_iter().map(|(_, address)| address);
            for target in sites.into_iter().chain(origins) {
                *ports.entry(target).or_insert(0) += u64::from(scenario.max_vus());
            }
        }
        Self { files: sockets + RESERVED_FILES, ports }
    }

    /// What `offer` lacks; empty if nothing.
    #[must_use]
    pub fn shortages(&self, offer: Offer) -> Vec<Shortage> {
        let mut shortages = Vec::new();
        if self.files > offer.files {
            let sockets = self.files - RESERVED_FILES;
            shortages.push(Shortage::Files { needed: self.files, sockets, have: offer.files });
        }
        for (target, needed) in &self.ports {
            if *needed > offer.ports {
                shortages.push(Shortage::Ports { target: target.clone(), needed: *needed, have: offer.ports });
            }
        }
        shortages
    }
}

impl Offer {
    /// Asks the system, after raising the soft limit of open files to the hard one: containers start at 1,024.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let files = match getrlimit(Resource::RLIMIT_NOFILE) {
            Ok((soft, hard)) if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() => hard,
            Ok((soft, _)) => soft,
            Err(_) => u64::MAX,
        };
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
        Self { files, ports: range.as_deref().and_then(port_range).unwrap_or(28_232) }
    }
}

/// `first last` as in ip_local_port_range.
fn port_range(text: &str) -> Option<u64> {
    let mut bounds = text.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    (last >= first).then(|| last - first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_beyond_the_offer_is_refused_with_the_numbers() {
        let needs = Needs { files: 30_128, ports: BTreeMap::from([("h:80".to_owned(), 30_000)]) };
        let shortages = needs.shortages(Offer { files: 20_000, ports: 28_232 });
        assert_eq!(
            shortages,
            [
                Shortage::Files { needed: 30_128, sockets: 30_000, have: 20_000 },
                Shortage::Ports { target: "h:80".to_owned(), needed: 30_000, have: 28_232 },
            ]
        );
        assert!(shortages[0].to_string().contains("30128 open files"));
        assert!(needs.shortages(Offer { files: 30_128, ports: 30_000 }).is_empty());
    }

    #[test]
    fn the_default_range_has_28232_ports() {
        assert_eq!(port_range("32768\t60999\n"), Some(28_232));
        assert_eq!(port_range("x"), None);
    }
}
