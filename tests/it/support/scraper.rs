//! A scraper as Prometheus is one: it reads `/metrics` in an interval and says so in its headers,
//! until nobody answers any more.

use std::{net::SocketAddr, thread::JoinHandle, time::Duration};

use rampd::clock::Instant;

use crate::support::{exposition::Page, http};

/// The headers by which an agent knows a scraper.
pub(crate) const HEADERS: [(&str, &str); 3] = [
    ("User-Agent", "Prometheus/2.42.0"),
    ("Accept", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
    ("X-Prometheus-Scrape-Timeout-Seconds", "10"),
];

/// A running scraper.
#[derive(Debug)]
pub(crate) struct Scraper {
    thread: JoinHandle<Vec<(Instant, Page)>>,
}

impl Scraper {
    pub(crate) fn start(address: SocketAddr, interval: Duration) -> Self {
        let thread = std::thread::spawn(move || {
            let mut pages = Vec::new();
            while let Ok(response) = http::get(address, "/metrics", &HEADERS) {
                assert_eq!(response.status, 200, "{}", response.body);
                pages.push((Instant::now(), Page::parse(&response.body)));
                std::thread::sleep(interval);
            }
            pages
        });
        Self { thread }
    }

    /// Every page until the agent was gone, with the time of its arrival.
    pub(crate) fn pages(self) -> Vec<(Instant, Page)> {
        let pages = self.thread.join().expect("every page can be read");
        assert!(!pages.is_empty(), "nothing could be scraped");
        pages
    }

    /// The last page before the agent was gone.
    pub(crate) fn last(self) -> Page {
        self.pages().pop().expect("not empty").1
    }
}
