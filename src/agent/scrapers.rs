//! Who reads `/metrics`, how often, and who has not read the final state yet.
//!
//! A pull-based monitor loses whatever changed after its last scrape when the process exits. A
//! fixed sleep is either too short or wasted, so the agent learns its scrapers while it runs and
//! leaves as soon as each has read the final page.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::clock::Instant;

/// Intervals that the median is taken over.
const GAPS: usize = 8;
/// Reads that make a scraper of a client which does not say that it is one.
const READS: u64 = 3;
/// Interval assumed of a scraper seen once: the usual one of the Prometheus operator. The wait of
/// 2.1 intervals then also covers Prometheus's own default of a minute.
const ASSUMED_INTERVAL: Duration = Duration::from_secs(30);
/// Scrapers that missed this many intervals are gone.
const GONE_AFTER: u32 = 3;
/// Scrapes may be late by an interval: one may have failed, and targets move between servers.
const PATIENCE: f64 = 2.1;
/// Shortest bound: a monitor that reads every second may still be busy for a while.
const SHORTEST_BOUND: Duration = Duration::from_secs(15);
/// Clients remembered; the one unseen for longest makes room, so that a scan of clients costs no memory.
const CLIENTS: usize = 64;
/// Characters of a User-Agent that are kept.
const AGENT: usize = 128;

/// Identity of a scraper. Two behind one address with one User-Agent are taken for one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client {
    peer: IpAddr,
    agent: String,
}

impl Client {
    /// A client by its address and its User-Agent header.
    #[must_use]
    pub fn new(peer: IpAddr, agent: &str) -> Self {
        Self { peer, agent: agent.chars().take(AGENT).collect() }
    }
}

#[derive(Debug, Default)]
struct History {
    /// Newest last.
    arrivals: VecDeque<Instant>,
    declared: bool,
    reads: u64,
    /// Newest generation that was read to its end.
    read: Option<u64>,
}

impl History {
    fn is_scraper(&self) -> bool {
        self.declared || self.reads >= READS
    }

    fn interval(&self) -> Duration {
        let mut gaps: Vec<_> =
            self.arrivals.iter().zip(self.arrivals.iter().skip(1)).map(|(early, late)| late.since(*early)).collect();
        gaps.sort_unstable();
        gaps.get(gaps.len() / 2).copied().unwrap_or(ASSUMED_INTERVAL)
    }

    fn is_present(&self, at: Instant) -> bool {
        self.is_scraper() && self.arrivals.back().is_some_and(|last| at.since(*last) <= self.interval() * GONE_AFTER)
    }

    fn has_read(&self, generation: u64) -> bool {
        self.read.is_some_and(|read| read >= generation)
    }
}

/// Everyone who has asked for `/metrics`.
#[derive(Debug, Default)]
pub struct Scrapers {
    clients: BTreeMap<Client, History>,
}

impl Scrapers {
    /// Notes a request; `declared` if it had the header `X-Prometheus-Scrape-Timeout-Seconds`.
    pub fn arrived(&mut self, client: &Client, at: Instant, declared: bool) {
        if !self.clients.contains_key(client) && self.clients.len() >= CLIENTS {
            let oldest = self.clients.iter().min_by_key(|(_, history)| history.arrivals.back().copied());
            if let Some(oldest) = oldest.map(|(client, _)| client.clone()) {
                self.clients.remove(&oldest);
            }
        }
        let history = self.clients.entry(client.clone()).or_default();
        history.declared |= declared;
        history.arrivals.push_back(at);
        if history.arrivals.len() > GAPS + 1 {
            history.arrivals.pop_front();
        }
    }

    /// Notes that the client has the page of `generation`, to its last byte.
    pub fn read(&mut self, client: &Client, generation: u64) {
        if let Some(history) = self.clients.get_mut(client) {
            history.reads += 1;
            history.read = history.read.max(Some(generation));
        }
    }

    /// Scrapers seen within their last three intervals before `at`, or since.
    pub fn present(&self, at: Instant) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter(move |(_, history)| history.is_present(at)).map(|(client, _)| client)
    }

    /// Those of [`Scrapers::present`] that have not read the page of `generation`.
    pub fn pending(&self, at: Instant, generation: u64) -> impl Iterator<Item = &Client> {
        self.clients
            .iter()
            .filter(move |(_, history)| history.is_present(at) && !history.has_read(generation))
            .map(|(client, _)| client)
    }

    /// Median time between a client's requests, of the last few; assumed if there was only one.
    #[must_use]
    pub fn interval(&self, client: &Client) -> Option<Duration> {
        self.clients.get(client).map(History::interval)
    }

    /// Longest wait that is worth it: 2.1 intervals of the slowest scraper, at least 15 s; zero without scrapers.
    #[must_use]
    pub fn bound(&self, at: Instant) -> Duration {
        let present = self.clients.values().filter(|history| history.is_present(at));
        let slowest = present.map(History::interval).max();
        slowest.map_or(Duration::ZERO, |interval| interval.mul_f64(PATIENCE).max(SHORTEST_BOUND))
    }
}

/// [`Scrapers`] shared by the admin server, which notes, and the control thread, which waits.
#[derive(Debug, Clone, Default)]
pub struct ScraperWatch {
    scrapers: Arc<Mutex<Scrapers>>,
    changed: Arc<Notify>,
}

impl ScraperWatch {
    /// The state now. Not to be held for long: the server needs it for each scrape.
    pub fn lock(&self) -> MutexGuard<'_, Scrapers> {
        self.scrapers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Scrapers::read`], and wakes whoever lingers.
    pub fn read(&self, client: &Client, generation: u64) {
        self.lock().read(client, generation);
        self.changed.notify_waiters();
    }

    /// Waits until every scraper has read the page of `generation`, which must be published
    /// already, or until `max` (by default [`Scrapers::bound`]) has passed or `stop` is done.
    /// Returns at once if no scraper is known.
    pub async fn linger(&self, generation: u64, max: Option<Duration>, stop: impl Future<Output = ()>) -> Lingered {
        let start = Instant::now();
        let bound = max.unwrap_or_else(|| self.lock().bound(start));
        let all_read = async {
            loop {
                // Made before the check: a read in between then still wakes it.
                let changed = self.changed.notified();
                if self.lock().pending(start, generation).next().is_none() {
                    break;
                }
                changed.await;
            }
        };
        let end = tokio::select! {
            biased;
            () = all_read => LingerEnd::AllRead,
            () = stop => LingerEnd::Stopped,
            () = tokio::time::sleep(bound) => LingerEnd::Bound,
        };
        let scrapers = self.lock();
        let known = scrapers.present(start).count();
        let pending = scrapers.pending(start, generation).count();
        Lingered { read: known - pending, known, waited: Instant::now().since(start), end }
    }
}

/// Why a linger ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LingerEnd {
    /// Every scraper has the final state, or there is none.
    AllRead,
    /// The bound passed first.
    Bound,
    /// It was told to stop.
    Stopped,
}

/// Outcome of a linger; prints as "final state read by 2/2 scrapers in 0.75 s".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lingered {
    /// Scrapers that have the final state.
    pub read: usize,
    /// Scrapers that were present at the end of the run or came since.
    pub known: usize,
    /// How long it took.
    pub waited: Duration,
    /// Why it ended.
    pub end: LingerEnd,
}

impl fmt::Display for Lingered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.known == 1 { "" } else { "s" };
        write!(
            f,
            "final state read by {}/{} scraper{plural} in {:.2} s",
            self.read,
            self.known,
            self.waited.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(agent: &str) -> Client {
        Client::new(IpAddr::from([10, 0, 0, 1]), agent)
    }

    /// Requests at the given seconds, each read as generation 0.
    fn scraped(seconds: &[f64], declared: bool) -> (Scrapers, Client, Instant) {
        let (mut scrapers, client, start) = (Scrapers::default(), client("Prometheus/3.14.0"), Instant::now());
        for second in seconds {
            scrapers.arrived(&client, start + Duration::from_secs_f64(*second), declared);
            scrapers.read(&client, 0);
        }
        (scrapers, client, start)
    }

    #[test]
    fn table_of_who_is_waited_for() {
        // Arrivals in seconds, header sent, time of the end, whether it is waited for, bound in seconds.
        for (arrivals, declared, end, waited_for, bound) in [
            (&[0.0, 2.0, 4.0][..], true, 5.0, true, 15.0),
            (&[0.0, 2.0, 4.0], true, 10.0, true, 15.0),
            (&[0.0, 2.0, 4.0], true, 10.1, false, 0.0),
            (&[0.0, 30.0, 60.0], true, 61.0, true, 63.0),
            (&[0.0], true, 80.0, true, 63.0),
            (&[0.0], true, 91.0, false, 0.0),
            (&[0.0, 2.0, 4.0], false, 5.0, true, 15.0),
            (&[0.0, 2.0], false, 3.0, false, 0.0),
            // One late scrape does not move the median.
            (&[0.0, 10.0, 20.0, 55.0, 65.0], true, 66.0, true, 21.0),
        ] {
            let (scrapers, _, start) = scraped(arrivals, declared);
            let end = start + Duration::from_secs_f64(end);
            assert_eq!(scrapers.pending(end, 1).count() == 1, waited_for, "{arrivals:?}");
            assert_eq!(scrapers.bound(end), Duration::from_secs_f64(bound), "{arrivals:?}");
        }
    }

    #[test]
    fn whoever_read_the_final_page_is_not_pending() {
        let (mut scrapers, first, start) = scraped(&[0.0, 1.0, 2.0], true);
        let second = client("vmagent");
        let end = start + Duration::from_secs(3);
        scrapers.arrived(&second, start + Duration::from_secs(2), true);
        assert_eq!(scrapers.pending(end, 7).collect::<Vec<_>>(), [&first, &second]);
        scrapers.read(&first, 7);
        assert_eq!(scrapers.pending(end, 7).collect::<Vec<_>>(), [&second]);
        scrapers.read(&second, 6);
        assert_eq!(scrapers.pending(end, 7).count(), 1, "an older page does not count");
        scrapers.read(&second, 8);
        assert_eq!((scrapers.pending(end, 7).count(), scrapers.present(end).count()), (0, 2));
    }

    #[test]
    fn interval_follows_the_latest_requests() {
        let arrivals: Vec<_> =
            (0..5).map(|n| f64::from(n) * 60.0).chain((0..9).map(|n| 300.0 + f64::from(n))).collect();
        let (scrapers, client, _) = scraped(&arrivals, true);
        assert_eq!(scrapers.interval(&client), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_flood_of_clients_is_bounded_and_spares_the_active_one() {
        let (mut scrapers, regular, start) = scraped(&[0.0], true);
        for n in 0..10_000_u32 {
            let now = start + Duration::from_millis(u64::from(n));
            scrapers.arrived(&client(&format!("scan {n}")), now, false);
            scrapers.arrived(&regular, now, true);
        }
        assert_eq!(scrapers.clients.len(), CLIENTS);
        assert!(scrapers.clients.contains_key(&regular));
        assert_eq!(Client::new(IpAddr::from([1, 1, 1, 1]), &"x".repeat(9000)).agent.len(), AGENT);
    }

    #[tokio::test]
    async fn linger_without_scrapers_returns_at_once() {
        let lingered = ScraperWatch::default().linger(1, Some(Duration::from_secs(600)), std::future::pending()).await;
        assert_eq!((lingered.read, lingered.known, lingered.end), (0, 0, LingerEnd::AllRead));
    }

    #[tokio::test]
    async fn linger_ends_with_the_last_reader() {
        let watch = ScraperWatch::default();
        let (first, second) = (client("a"), client("b"));
        for client in [&first, &second] {
            watch.lock().arrived(client, Instant::now(), true);
        }
        let reads = async {
            watch.read(&first, 5);
            tokio::task::yield_now().await;
            watch.read(&second, 5);
            std::future::pending::<()>().await;
        };
        let lingered = tokio::select! {
            biased;
            lingered = watch.linger(5, None, std::future::pending()) => lingered,
            () = reads => unreachable!("never done"),
        };
        assert_eq!((lingered.read, lingered.known, lingered.end), (2, 2, LingerEnd::AllRead));
        let shown = Lingered { waited: Duration::from_millis(750), ..lingered }.to_string();
        assert_eq!(shown, "final state read by 2/2 scrapers in 0.75 s");
    }

    #[tokio::test]
    async fn linger_is_bounded_and_can_be_stopped() {
        let watch = ScraperWatch::default();
        watch.lock().arrived(&client("a"), Instant::now(), true);
        let bounded = watch.linger(1, Some(Duration::from_millis(1)), std::future::pending()).await;
        assert_eq!((bounded.read, bounded.known, bounded.end), (0, 1, LingerEnd::Bound));
        let stopped = watch.linger(1, None, std::future::ready(())).await;
        assert_eq!((stopped.known, stopped.end), (1, LingerEnd::Stopped));
    }
}
