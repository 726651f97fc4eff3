//! The admin HTTP server: `/metrics`, health and a landing page, on a thread of its own, so that
//! it answers while every worker is busy.
//!
//! Each connection serves one request and has little time, so that idle or slow clients cannot
//! keep others out, and so that a scrape is known to have been read (`confirm`).

use std::{
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    thread::JoinHandle,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    sync::watch,
    task::{JoinSet, LocalSet},
};

use crate::agent::{
    admin::{
        confirm::Confirmed,
        pages::{Publisher, Requests},
        respond::{Endpoints, Served},
    },
    scrapers::ScraperWatch,
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
/// Time for open connections when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause after a failed accept (usually: no file descriptor left), instead of a hot loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Largest request head.
const REQUEST_BYTES: usize = 16 * 1024;

/// Why there is no admin server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {addr}: {source}; choose another address with --listen (port 0 takes any free one)")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// No thread or no event queue.
    #[error("cannot start the admin server: {0}; check the limits of threads and open files")]
    Start(#[source] io::Error),
}

/// A running admin server; ends when dropped, within a second.
#[derive(Debug)]
pub struct AdminServer {
    addr: SocketAddr,
    scrapers: ScraperWatch,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl AdminServer {
    /// Listens on `addr` and serves from a new thread. Until the first page is published, `/metrics`
    /// and `/readyz` answer 503. They go on answering 200 after the run, as a target that is not
    /// ready may be dropped by service discovery before its final state has been read.
    ///
    /// # Errors
    /// If it cannot listen there or cannot start a thread.
    pub fn bind(addr: SocketAddr) -> Result<(Self, Publisher, Requests), Error> {
        let (listener, addr) = listen(addr).map_err(|source| Error::Listen { addr, source })?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
        let (publisher, requests, pages) = pages::channel();
        let (stop, stopped) = watch::channel(false);
        let scrapers = ScraperWatch::default();
        let served = scrapers.clone();
        let thread = std::thread::Builder::new()
            .name("rampd-admin".to_owned())
            .spawn(move || serve(&runtime, listener, Endpoints::new(pages, served), stopped))
            .map_err(Error::Start)?;
        Ok((Self { addr, scrapers, stop, thread: Some(thread) }, publisher, requests))
    }

    /// The address it listens on, with the port that was given for port 0.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Who reads `/metrics`.
    #[must_use]
    pub fn scrapers(&self) -> &ScraperWatch {
        &self.scrapers
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the admin server panicked; please report this as a bug");
        }
    }
}

fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

fn serve(runtime: &Runtime, listener: TcpListener, endpoints: Endpoints, stopped: watch::Receiver<bool>) {
    let accepting = async {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => accept(listener, Rc::new(endpoints), stopped).await,
            Err(error) => tracing::error!(%error, "cannot watch the admin listener"),
        }
    };
    LocalSet::new().block_on(runtime, accepting);
}

async fn accept(listener: tokio::net::TcpListener, endpoints: Rc<Endpoints>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    let connection = connection(stream, peer, Rc::clone(&endpoints));
                    connections.spawn_local(tokio::time::timeout(CONNECTION_TIMEOUT, connection));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection of the admin server");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::debug!("connections of the admin server were cut");
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, endpoints: Rc<Endpoints>) {
    let served = Served::default();
    let (stream, closed_by_peer) = Confirmed::new(stream);
    let service = service_fn(|request| endpoints.respond(peer.ip(), request, &served));
    let outcome = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(REQUEST_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
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
