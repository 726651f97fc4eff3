//! From a target of a profile to an open connection or WebSocket, every wait bounded.

use std::{future::poll_fn, io, sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    clock::Instant,
    config::{
        profile::{Target, WebSocket, network::Network},
        template::Values,
    },
    protocol::{
        dial::{Dialer, Permits},
        failure::{ConnectError, ConnectFailure},
        meter::Meter,
        proxy,
        tls::{Alpn, ClientConfigs},
        transport::{Probe, Socket, Transport},
        upgrade,
        websocket::{Buffers, Connection},
    },
};

/// What all connections of a worker share.
#[derive(Debug)]
pub struct Connector {
    network: Arc<Network>,
    dialer: Dialer,
    tls: ClientConfigs,
    permits: Permits,
    buffers: Buffers,
}

/// A transport with the instants of its opening.
#[derive(Debug)]
pub struct Dialled {
    /// TCP, or TLS over TCP.
    pub transport: Transport,
    /// TCP was established.
    pub connected_at: Instant,
    /// The server's last part of the TLS handshake had arrived; `connected_at` without TLS.
    pub secured_at: Instant,
    /// The server chose HTTP/2. Without TLS, and with a server that chose nothing, it is HTTP/1.1.
    pub http2: bool,
}

impl Connector {
    /// For worker number `worker`, which may have `sockets` open.
    #[must_use]
    pub fn new(tls: ClientConfigs, network: Arc<Network>, meter: Meter, worker: u32, sockets: u64) -> Self {
        Self {
            dialer: Dialer::new(network.clone(), meter, worker as usize),
            network,
            tls,
            permits: Permits::new(sockets),
            buffers: Buffers::default(),
        }
    }

    /// Opens a WebSocket: name, TCP and TLS within `timeouts.connect`, the upgrade within `timeouts.upgrade`.
    ///
    /// # Errors
    /// The counted reason, with a text for the debug log.
    pub async fn open(&self, site: &WebSocket, values: &Values, probe: Probe) -> Result<Connection, ConnectError> {
        let request = upgrade::Request::new(site, values)?;
        let dialled = self.dial(&site.url, Alpn::Http1, site.timeouts.connect, probe).await?;
        let limit = site.timeouts.upgrade;
        let upgrade = upgrade::upgrade(dialled.transport, request, site);
        let (transport, tail) = timeout(limit, upgrade).await.unwrap_or_else(|_| {
            Err(ConnectError::new(ConnectFailure::UpgradeTimeout, format!("no answer to the upgrade within {limit:?}")))
        })?;
        Ok(Connection::new(transport, tail, site.max_message_size, &self.buffers))
    }

    /// Opens a connection: name, TCP, the proxy if one is on the way, and TLS within `limit`. Only
    /// TLS can offer `alpn`.
    ///
    /// # Errors
    /// The counted reason, with a text for the debug log.
    pub async fn dial(
        &self,
        target: &Target,
        alpn: Alpn,
        limit: Duration,
        probe: Probe,
    ) -> Result<Dialled, ConnectError> {
        let permit = self.permits.take()?;
        let deadline = Instant::now() + limit;
        let late =
            |what: &str| ConnectError::new(ConnectFailure::ConnectTimeout, format!("{what} took over {limit:?}"));
        let socket = match self.network.proxies.towards(target) {
            None => {
                let stream = self.dialer.tcp(&target.host, target.port, limit, &self.permits).await?;
                Socket::new(stream, probe, permit)
            }
            // Boxed: most connections have no proxy.
            Some(proxy) => {
                Box::pin(async {
                    self.dialer.allow(&target.host, target.port)?;
                    let stream = self.dialer.tcp(&proxy.host, proxy.port, limit, &self.permits).await;
                    let socket = Socket::new(stream.map_err(|error| proxy::unreachable(proxy, &error))?, probe, permit);
                    let left = deadline.since(Instant::now());
                    timeout(left, proxy::connect(socket, proxy, target))
                        .await
                        .unwrap_or_else(|_| Err(late("TCP and the proxy")))
                })
                .await?
            }
        };
        let connected_at = Instant::now();
        if !target.secure {
            let transport = Transport::Plain(socket);
            return Ok(Dialled { transport, connected_at, secured_at: connected_at, http2: false });
        }
        let left = deadline.since(Instant::now());
        let handshake = self.tls_handshake(socket, &target.host, alpn);
        let (transport, http2) = timeout(left, handshake).await.unwrap_or_else(|_| Err(late("TCP and TLS")))?;
        let secured_at = transport.arrived_at().max(connected_at);
        Ok(Dialled { transport, connected_at, secured_at, http2 })
    }

    /// The transport, and whether the server chose HTTP/2.
    async fn tls_handshake(&self, socket: Socket, host: &str, alpn: Alpn) -> Result<(Transport, bool), ConnectError> {
        let failed = |error: &dyn std::fmt::Display| ConnectError::new(ConnectFailure::Tls, error.to_string());
        let connection = self.tls.connection(host, alpn).map_err(|error| failed(&error))?;
        let mut transport = Transport::tls(connection, socket);
        loop {
            match transport.handshake() {
                Ok(()) => {
                    let http2 = transport.alpn() == Some(b"h2");
                    return Ok((transport, http2));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll_fn(|cx| transport.poll_unblocked(cx)).await?;
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(failed(&error)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
