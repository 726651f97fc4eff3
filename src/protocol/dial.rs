//! From a host and port to an established TCP connection.

use std::{
    cell::Cell,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    clock::Instant,
    config::profile::network::Network,
    protocol::{
        failure::{ConnectError, ConnectFailure},
        meter::Meter,
        resolve::{Candidates, Resolver},
    },
};

/// When the other family of addresses is tried too (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Sockets that a worker may have, counted by the clones of what [`Permits::take`] gives.
#[derive(Debug)]
pub struct Permits {
    taken: Rc<()>,
    most: usize,
}

impl Permits {
    /// `most` sockets.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self { taken: Rc::new(()), most: most as usize }
    }

    /// Leave for one more socket, as long as what is given lives.
    ///
    /// # Errors
    /// [`ConnectFailure::FdLimit`].
    pub fn take(&self) -> Result<Rc<()>, ConnectError> {
        if Rc::strong_count(&self.taken) > self.most {
            let detail = format!("{} sockets are open, more would leave no files for the listener", self.most);
            return Err(ConnectError::new(ConnectFailure::FdLimit, detail));
        }
        Ok(self.taken.clone())
    }
}

/// Opens TCP connections for one worker.
#[derive(Debug)]
pub struct Dialer {
    network: Arc<Network>,
    resolver: Resolver,
    meter: Meter,
    /// Whose turn it is among the source addresses.
    source: Cell<usize>,
}

impl Dialer {
    /// For worker number `worker`.
    #[must_use]
    pub fn new(network: Arc<Network>, meter: Meter, worker: usize) -> Self {
        let resolver = Resolver::new(network.clone(), meter.clone(), worker);
        Self { network, resolver, meter, source: Cell::new(worker) }
    }

    /// Looks the name up and connects, within `limit` for both together.
    ///
    /// # Errors
    /// The reason of the last address tried.
    pub async fn tcp(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
        permits: &Permits,
    ) -> Result<TcpStream, ConnectError> {
        let deadline = Instant::now() + limit;
        let candidates = timeout(limit, self.resolver.resolve(host, port)).await.unwrap_or_else(|_| {
            Err(ConnectError::new(ConnectFailure::Dns, format!("look-up of {host} took over {limit:?}")))
        })?;
        if candidates.fallback.is_empty() {
            return self.in_turn(&candidates.first, deadline).await;
        }
        // Boxed: two attempts at once are rare, and every dial would have to carry their state.
        Box::pin(self.race(&candidates, deadline, permits)).await
    }

    /// Whether a connection to `host` may be asked for that another machine looks up.
    ///
    /// # Errors
    /// [`ConnectFailure::Blocked`], [`ConnectFailure::NotAllowed`].
    pub fn allow(&self, host: &str, port: u16) -> Result<(), ConnectError> {
        self.resolver.allow(host)?;
        self.network.targets.permits_unresolved(host, port).map_err(Into::into)
    }

    /// Happy eyeballs (RFC 8305) between the two families. Within a family the attempts follow one
    /// another: a slow server of a pool must not get the others its connections, which would hide it.
    async fn race(
        &self,
        candidates: &Candidates,
        deadline: Instant,
        permits: &Permits,
    ) -> Result<TcpStream, ConnectError> {
        let mut first = pin!(self.in_turn(&candidates.first, deadline));
        let mut failed = match timeout(STAGGER, &mut first).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        // A second socket beside the first one; without leave for it the first one goes on alone.
        let _second = match (&failed, permits.take()) {
            (None, Err(_)) => return first.await,
            (_, permit) => permit,
        };
        let mut second = pin!(self.in_turn(&candidates.fallback, deadline));
        let mut also_failed = false;
        std::future::poll_fn(|cx| {
            if failed.is_none()
                && let Poll::Ready(opened) = first.as_mut().poll(cx)
            {
                match opened {
                    Ok(stream) => return Poll::Ready(Ok(stream)),
                    Err(error) => failed = Some(error),
                }
            }
            if !also_failed && let Poll::Ready(opened) = second.as_mut().poll(cx) {
                match opened {
                    Ok(stream) => {
                        self.meter.fell_back();
                        return Poll::Ready(Ok(stream));
                    }
                    Err(_) => also_failed = true,
                }
            }
            match failed.take() {
                // The preferred family's reason is the one to be told.
                Some(error) if also_failed => Poll::Ready(Err(error)),
                waiting => {
                    failed = waiting;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Addresses one after the other, each with an even share of the time left, so that one dead
    /// address cannot use up all of it.
    async fn in_turn(&self, addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, ConnectError> {
        let mut last = ConnectError::new(ConnectFailure::Dns, "no address");
        for (tried, address) in addresses.iter().enumerate() {
            let left = deadline.since(Instant::now()) / (addresses.len() - tried) as u32;
            last = match timeout(left, self.connect(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => error,
                Err(_) => {
                    ConnectError::new(ConnectFailure::ConnectTimeout, format!("TCP to {address} took over {left:?}"))
                }
            };
        }
        Err(last)
    }

    async fn connect(&self, address: SocketAddr) -> Result<TcpStream, ConnectError> {
        let stream = if self.network.sources.is_empty() {
            TcpStream::connect(address).await?
        } else {
            from(self.next_source(address.ip())?, address).await?
        };
        // Nagle's algorithm with the peer's delayed acknowledgement shows as 40 ms ghosts.
        stream.set_nodelay(true)?;
        if let Some(bytes) = self.network.send_buffer {
            SockRef::from(&stream).set_send_buffer_size(bytes as usize)?;
        }
        if let Some(limit) = self.network.peer_timeout {
            watch_peer(&stream, limit)?;
        }
        Ok(stream)
    }

    fn next_source(&self, towards: IpAddr) -> Result<IpAddr, ConnectError> {
        let sources = self.network.sources.of(towards.is_ipv4());
        let turn = self.source.get();
        self.source.set(turn.wrapping_add(1));
        let source = turn.checked_rem(sources.len()).and_then(|place| sources.get(place).copied());
        source.ok_or_else(|| {
            let detail = format!("none of the sourceAddresses is of the kind of {towards}");
            ConnectError::new(ConnectFailure::Unreachable, detail)
        })
    }
}

async fn from(source: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Otherwise `bind` takes a port that no other connection of this source can use, whatever its
    // target: 28,232 connections in all, not to each target (ip(7)). Older kernels know no such option.
    let _old_kernel = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(address).await
}

/// Ends the connection when the peer acknowledges nothing for `limit`; an idle one is asked every third of it.
fn watch_peer(stream: &TcpStream, limit: Duration) -> io::Result<()> {
    let third = Duration::from_secs((limit.as_secs() / 3).max(1));
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(third).with_interval(third))?;
    socket.set_tcp_user_timeout(Some(limit))
}
