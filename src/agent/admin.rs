//! The admin HTTP server: `/metrics`, health, the API and its page, on a thread of its own, so that
//! it answers while every worker is busy.
//!
//! Each connection serves one request and has little time, so that idle or slow clients cannot
//! keep others out, and so that a scrape is known to have been read (`confirm`). A stream of events
//! lasts as long as its reader reads; there is a bound on their number.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::watch};

use crate::agent::{
    admin::{
        confirm::Confirmed,
        pages::{Publisher, Requests},
        respond::{Endpoints, Served},
    },
    api::{Api, Surface, lane::Lane},
    scrapers::ScraperWatch,
    server::{self, Server},
};

mod confirm;
pub mod pages;
mod respond;

/// Connections served at a time; more wait in the kernel's backlog.
const CONNECTIONS: usize = 256;
/// Time for a client to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a connection in all; Prometheus gives up after 10 s by default.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest request head.
const REQUEST_BYTES: usize = 16 * 1024;

/// Why there is no admin server.
#[derive(Debug, thiserror::Error)]
#[error("{0}; choose another address with --listen (port 0 takes any free one)")]
pub struct Error(#[from] server::Error);

/// A running admin server; ends when dropped, within a second.
#[derive(Debug)]
pub struct AdminServer {
    server: Server,
    scrapers: ScraperWatch,
}

impl AdminServer {
    /// Listens on `addr` and serves `surface` and `/metrics` from a new thread. Until the first page is published, `/metrics`
    /// and `/readyz` answer 503. They go on answering 200 after the run, as a target that is not
    /// ready may be dropped by service discovery before its final state has been read.
    ///
    /// # Errors
    /// If it cannot listen there or cannot start a thread.
    pub fn bind(addr: SocketAddr, surface: Surface) -> Result<(Self, Publisher, Requests), Error> {
        let (publisher, requests, pages) = pages::channel();
        let scrapers = ScraperWatch::default();
        let served = scrapers.clone();
        let server = Server::start(addr, "rampd-admin", CONNECTIONS, move || {
            // Dropped with the service, and with it every stream of events ends.
            let (open, closing) = watch::channel(());
            let endpoints = Rc::new(Endpoints::new(pages, served, Api::new(surface, closing)));
            move |stream, peer| {
                let _open = &open;
                connection(stream, peer, Rc::clone(&endpoints))
            }
        })?;
        Ok((Self { server, scrapers }, publisher, requests))
    }

    /// The address it listens on, with the port that was given for port 0.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Who reads `/metrics`.
    #[must_use]
    pub fn scrapers(&self) -> &ScraperWatch {
        &self.scrapers
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, endpoints: Rc<Endpoints>) {
    let served = Served::default();
    let lane = Lane::default();
    let (stream, closed_by_peer) = Confirmed::new(stream);
    let service = service_fn(|request| endpoints.respond(peer.ip(), request, &served, &lane));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(REQUEST_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let outcome = tokio::select! {
        outcome = serving => outcome,
        () = lane.over(CONNECTION_TIMEOUT) => {
            tracing::debug!(%peer, "connection of the admin server was cut");
            return;
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "connection of the admin server failed");
    }
    if closed_by_peer.get()
        && let Some((client, generation)) = served.take()
    {
        endpoints.scrapers.read(&client, generation);
    }
}

#[cfg(test)]
mod tests;
