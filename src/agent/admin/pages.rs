//! Pages of `/metrics` on their way from the control thread to the admin server.
//!
//! A scrape asks the control thread for a fresh page and waits for it a moment; if that thread is
//! busy, the last published page answers instead. So `/metrics` never hangs on the load.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

use crate::metrics::exposition::families::Sheet;

/// Longest wait for a fresh page; scrape timeouts are 10 s by default.
const PATIENCE: Duration = Duration::from_millis(250);
/// Scrapes that may wait for a fresh page; more are served the last one.
const QUEUE: usize = 64;

/// One state of `/metrics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The values; the server writes them in the format that a scraper asks for.
    pub sheet: Arc<Sheet>,
    /// Grows with every page; two pages of one generation have the same values.
    pub generation: u64,
    /// Whether no later page will differ; it is served without asking for a fresh one.
    pub is_final: bool,
}

/// The control thread's end for pages that nobody asked for.
#[derive(Debug, Clone)]
pub struct Publisher {
    last: watch::Sender<Option<Page>>,
}

impl Publisher {
    /// Makes `page` the last one, unless there is a newer one already. The server is ready from the first page on.
    pub fn publish(&self, page: Page) {
        self.last.send_if_modified(|last| {
            let newer = last.as_ref().is_none_or(|last| last.generation <= page.generation);
            if newer {
                *last = Some(page);
            }
            newer
        });
    }

    /// Of the last page; 0 before the first.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.last.borrow().as_ref().map_or(0, |last| last.generation)
    }
}

/// The control thread's end for scrapes.
#[derive(Debug)]
pub struct Requests {
    queue: mpsc::Receiver<oneshot::Sender<Page>>,
    publisher: Publisher,
}

impl Requests {
    /// The next scrape, together with all others that wait; `None` once the server has ended.
    /// Cancelling it loses nothing.
    pub async fn recv(&mut self) -> Option<ScrapeRequest> {
        let mut waiting = vec![self.queue.recv().await?];
        while let Ok(another) = self.queue.try_recv() {
            waiting.push(another);
        }
        Some(ScrapeRequest { waiting, publisher: self.publisher.clone() })
    }
}

/// Scrapes that wait for one page.
#[derive(Debug)]
pub struct ScrapeRequest {
    waiting: Vec<oneshot::Sender<Page>>,
    publisher: Publisher,
}

impl ScrapeRequest {
    /// Publishes `page` and answers every waiting scrape with it.
    pub fn respond(self, page: Page) {
        for waiting in self.waiting {
            // Whoever gave up waiting has been served the last page.
            drop(waiting.send(page.clone()));
        }
        self.publisher.publish(page);
    }
}

/// The server's end.
#[derive(Debug)]
pub(super) struct Pages {
    queue: mpsc::Sender<oneshot::Sender<Page>>,
    last: watch::Receiver<Option<Page>>,
}

impl Pages {
    /// The last page, if one has been published.
    pub(super) fn last(&self) -> Option<Page> {
        self.last.borrow().clone()
    }

    /// A page made for this request, or the last one if that takes too long.
    pub(super) async fn fresh(&self) -> Option<Page> {
        let last = self.last();
        if last.as_ref().is_some_and(|page| page.is_final) {
            return last;
        }
        let (answer, page) = oneshot::channel();
        if self.queue.try_send(answer).is_ok()
            && let Ok(Ok(page)) = tokio::time::timeout(PATIENCE, page).await
        {
            return Some(page);
        }
        self.last()
    }
}

/// Connects a control thread and a server.
pub(super) fn channel() -> (Publisher, Requests, Pages) {
    let (ask, queue) = mpsc::channel(QUEUE);
    let (last, last_seen) = watch::channel(None);
    let publisher = Publisher { last };
    (publisher.clone(), Requests { queue, publisher }, Pages { queue: ask, last: last_seen })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(generation: u64, is_final: bool) -> Page {
        Page { sheet: Arc::default(), generation, is_final }
    }

    #[tokio::test]
    async fn waiting_scrapes_share_one_fresh_page() {
        let (_publisher, mut requests, pages) = channel();
        let control = async {
            tokio::task::yield_now().await;
            requests.recv().await.unwrap().respond(page(1, false));
        };
        let (first, second, ()) = tokio::join!(pages.fresh(), pages.fresh(), control);
        assert_eq!((first, second), (Some(page(1, false)), Some(page(1, false))));
        assert_eq!(pages.last(), Some(page(1, false)), "an answer is published too");
    }

    #[tokio::test]
    async fn a_busy_control_thread_leaves_the_last_page() {
        let (publisher, requests, pages) = channel();
        assert_eq!(pages.fresh().await, None);
        publisher.publish(page(4, false));
        assert_eq!(pages.fresh().await, Some(page(4, false)));
        drop(requests);
        assert_eq!(pages.fresh().await, Some(page(4, false)));
    }

    #[tokio::test]
    async fn an_older_page_never_replaces_a_newer_one() {
        let (publisher, mut requests, pages) = channel();
        publisher.publish(page(9, true));
        publisher.publish(page(8, false));
        assert_eq!(pages.fresh().await, Some(page(9, true)));
        assert!(requests.queue.try_recv().is_err(), "the final page is served without asking");
    }
}
