//! The embedded target: a WebSocket server that answers every message with itself, counts what it
//! sees, and can be told to misbehave. It shares nothing with the agent but the process, so that
//! its counts are a second opinion.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
    task::JoinSet,
};

use crate::{clock::Instant, echo::faults::Faults};

mod connection;
pub mod faults;

/// Connections that the kernel holds for us: a ramp opens hundreds within a millisecond. The system's limit applies.
const BACKLOG: i32 = 4096;
/// Time for open connections to close when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause after a failed accept (usually: no file descriptor left), instead of a hot loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads, each with its own connections.
    pub threads: NonZeroUsize,
    /// How to misbehave.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: NonZeroUsize::MIN, faults: Faults::default() }
    }
}

/// What the server has seen and done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// TCP connections accepted.
    pub accepted: u64,
    /// Upgrades answered with 101.
    pub opened: u64,
    /// Connections that ended before a 101, refused ones included.
    pub not_opened: u64,
    /// Data messages received.
    pub messages_in: u64,
    /// Data messages handed to the kernel.
    pub messages_out: u64,
    /// Close frames received, answers to ours included.
    pub closes: u64,
    /// Opened connections that ended without a Close frame from the client.
    pub aborted: u64,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    opened: AtomicU64,
    not_opened: AtomicU64,
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    closes: AtomicU64,
    aborted: AtomicU64,
}

impl Counters {
    fn read(&self) -> Counts {
        Counts {
            accepted: self.accepted.load(Relaxed),
            opened: self.opened.load(Relaxed),
            not_opened: self.not_opened.load(Relaxed),
            messages_in: self.messages_in.load(Relaxed),
            messages_out: self.messages_out.load(Relaxed),
            closes: self.closes.load(Relaxed),
            aborted: self.aborted.load(Relaxed),
        }
    }
}

/// What every connection needs.
#[derive(Debug)]
struct Server {
    faults: Faults,
    epoch: Instant,
    counters: Arc<Counters>,
    stopped: watch::Receiver<bool>,
}

/// A running echo server; ends when dropped.
#[derive(Debug)]
pub struct Echo {
    addr: SocketAddr,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Echo {
    /// Listens on `addr` (port 0 takes a free one) and serves from new threads. Raises the process's
    /// soft limit of open files to the hard one, as each connection is a file.
    ///
    /// # Errors
    /// If it cannot listen there, cannot start a thread, or a fault is impossible
    /// (a `refuse_status` outside 300 to 599).
    pub fn bind(addr: SocketAddr, options: &Options) -> io::Result<Self> {
        options.faults.check().map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
        raise_file_limit();
        let listener = listen(addr)?;
        let (stop, stopped) = watch::channel(false);
        let mut echo = Self {
            addr: listener.local_addr()?,
            counters: Arc::default(),
            stop,
            threads: Vec::with_capacity(options.threads.get()),
        };
        let server = Arc::new(Server {
            faults: options.faults.clone(),
            epoch: Instant::now(),
            counters: Arc::clone(&echo.counters),
            stopped,
        });
        for _ in 0..options.threads.get() {
            let (listener, server) = (listener.try_clone()?, Arc::clone(&server));
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new().name("rampd-echo".to_owned());
            echo.threads.push(thread.spawn(move || serve(&runtime, listener, &server))?);
        }
        Ok(echo)
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The counts now; those of a message may be a moment apart.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Closes every connection with 1001, waits for the threads (at most about a second) and returns the last counts.
    #[must_use]
    pub fn stop(mut self) -> Counts {
        self.join();
        self.counts()
    }

    fn join(&mut self) {
        self.stop.send_replace(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("the echo server panicked; please report this as a bug");
            }
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.join();
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Containers start at a soft limit of 1,024. Without the right to raise it, the limit shows as refused accepts.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

fn serve(runtime: &Runtime, listener: TcpListener, server: &Arc<Server>) {
    runtime.block_on(async {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => accept(listener, server).await,
            Err(error) => tracing::error!(%error, "cannot watch the echo listener"),
        }
    });
}

async fn accept(listener: tokio::net::TcpListener, server: &Arc<Server>) {
    let mut stopped = server.stopped.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    server.counters.accepted.fetch_add(1, Relaxed);
                    connections.spawn(connection::serve(stream, Arc::clone(server)));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection of the echo server");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::debug!("connections of the echo server were cut");
    }
}

#[cfg(test)]
mod tests;
