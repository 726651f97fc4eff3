//! Fakes and tools for driving the binary from outside. Every wait is bounded; every process and
//! thread is ended on drop.

pub(crate) mod agent;
pub(crate) mod alertmanager;
pub(crate) mod authority;
pub(crate) mod certificate;
pub(crate) mod connect_proxy;
pub(crate) mod daemon;
pub(crate) mod dns;
pub(crate) mod exact;
pub(crate) mod exposition;
pub(crate) mod faults;
pub(crate) mod fleet;
pub(crate) mod grafana;
pub(crate) mod http;
pub(crate) mod http2_faults;
pub(crate) mod http_faults;
pub(crate) mod identities;
pub(crate) mod namespaces;
pub(crate) mod nginx;
pub(crate) mod pipeline;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod results;
pub(crate) mod run;
pub(crate) mod scraper;
pub(crate) mod scratch;
pub(crate) mod target;

use std::{path::PathBuf, time::Duration};

use rampd::clock::Instant;

/// The repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Asks `attempt` until it has an answer, every 5 ms; `None` after `limit`.
pub(crate) fn poll<T>(limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = attempt() {
            return Some(answer);
        }
        if Instant::now().since(start) >= limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
