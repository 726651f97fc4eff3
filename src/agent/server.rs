//! A listener with a thread of its own, so that it answers while every worker is busy: for `/metrics`, and for a
//! leader's fleet.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    thread::JoinHandle,
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::TcpStream,
    runtime::Builder,
    sync::watch,
    task::{JoinSet, LocalSet},
};

/// Time for open connections when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted; the kernel's own limit is 4,096.
const BACKLOG: i32 = 4_096;
/// Pause after a failed accept (usually: no file descriptor left), instead of a hot loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// No thread or no event queue.
    #[error("cannot start a server: {0}; check the limits of threads and open files")]
    Start(#[source] io::Error),
}

/// A running server; ends when dropped, within a second.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `addr` and serves at most `most` connections at a time from a new thread called `name`; more wait in
    /// the kernel's backlog. `service` is made there, and gives each connection its future.
    ///
    /// # Errors
    /// If it cannot listen there or cannot start a thread.
    pub fn start<S, F>(
        addr: SocketAddr,
        name: &'static str,
        most: usize,
        service: impl FnOnce() -> S + Send + 'static,
    ) -> Result<Self, Error>
    where
        S: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + 'static,
    {
        let (listener, addr) = listen(addr).map_err(|source| Error::Listen { addr, source })?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
        let (stop, stopped) = watch::channel(false);
        let serve = move || {
            let accepting = async move {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => accept(listener, most, stopped, service()).await,
                    Err(error) => tracing::error!(%error, name, "cannot watch a listener"),
                }
            };
            LocalSet::new().block_on(&runtime, accepting);
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(serve).map_err(Error::Start)?;
        Ok(Self { addr, stop, thread: Some(thread) })
    }

    /// The address it listens on, with the port that was given for port 0.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a server's thread panicked; please report this as a bug");
        }
    }
}

fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr)?;
    // Again: the standard library has 128, and of more that come at one moment each would wait a second for its next try.
    SockRef::from(&listener).listen(BACKLOG)?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

async fn accept<S, F>(listener: tokio::net::TcpListener, most: usize, mut stopped: watch::Receiver<bool>, service: S)
where
    S: Fn(TcpStream, SocketAddr) -> F,
    F: Future<Output = ()> + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < most => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn_local(service(stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // What it shares with its connections ends those that would last.
    drop(service);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::debug!("connections were cut at the end of a server");
    }
}
