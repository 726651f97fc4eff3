//! Name look-up, cached per worker: every connection asks, the system's resolver is asked once per
//! [`TTL`]. Addresses take turns.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::sync::Mutex;

use crate::clock::Instant;

/// How long an answer is used.
pub const TTL: Duration = Duration::from_secs(30);
/// How long a failed look-up is remembered, so that thousands of VUs do not flood a failing resolver.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);

struct Answer {
    until: Instant,
    result: Result<Vec<SocketAddr>, io::ErrorKind>,
}

/// One worker's resolver.
#[derive(Default)]
pub struct Resolver {
    answers: RefCell<HashMap<(String, u16), Answer>>,
    turn: Cell<usize>,
    /// One look-up at a time: those who wait find its answer in the cache.
    asking: Mutex<()>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Resolver").field("names", &self.answers.borrow().len()).finish_non_exhaustive()
    }
}

impl Resolver {
    /// Addresses of `host`, the one whose turn it is first; never empty.
    ///
    /// # Errors
    /// The system's error, or `NotFound` for a name without addresses.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        if let Some(known) = self.known(host, port) {
            return known;
        }
        let _turn = self.asking.lock().await;
        if let Some(known) = self.known(host, port) {
            return known;
        }
        let result = match tokio::net::lookup_host((host, port)).await {
            Ok(found) => {
                let mut addresses: Vec<_> = found.collect();
                addresses.dedup();
                if addresses.is_empty() { Err(io::ErrorKind::NotFound) } else { Ok(addresses) }
            }
            Err(error) => Err(error.kind()),
        };
        let ttl = if result.is_ok() { TTL } else { NEGATIVE_TTL };
        let answer = Answer { until: Instant::now() + ttl, result };
        self.answers.borrow_mut().insert((host.to_owned(), port), answer);
        self.known(host, port).unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
    }

    fn known(&self, host: &str, port: u16) -> Option<io::Result<Vec<SocketAddr>>> {
        let answers = self.answers.borrow();
        let answer = answers.get(&(host.to_owned(), port)).filter(|answer| answer.until > Instant::now())?;
        Some(answer.result.clone().map_err(io::Error::from).map(|mut addresses| {
            let turn = self.turn.get();
            self.turn.set(turn.wrapping_add(1));
            let first = turn % addresses.len();
            addresses.rotate_left(first);
            addresses
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_taken_as_they_are() {
        let resolver = Resolver::default();
        assert_eq!(resolver.resolve("127.0.0.2", 80).await.unwrap(), ["127.0.0.2:80".parse().unwrap()]);
        assert_eq!(resolver.resolve("::1", 80).await.unwrap(), ["[::1]:80".parse().unwrap()]);
    }

    #[tokio::test]
    async fn addresses_take_turns() {
        let resolver = Resolver::default();
        let addresses: Vec<SocketAddr> = vec!["10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap()];
        let answer = Answer { until: Instant::now() + TTL, result: Ok(addresses.clone()) };
        resolver.answers.borrow_mut().insert(("name".into(), 1), answer);
        assert_eq!(resolver.resolve("name", 1).await.unwrap()[0], addresses[0]);
        assert_eq!(resolver.resolve("name", 1).await.unwrap()[0], addresses[1]);
        assert_eq!(resolver.resolve("name", 1).await.unwrap()[0], addresses[0]);
    }
}
