//! From a target of a profile to an open connection or WebSocket, every wait bounded.

use std::{future::poll_fn, io, rc::Rc, time::Duration};

use rustls::{ClientConnection, pki_types::ServerName};
use tokio::time::timeout;

use crate::{
    clock::Instant,
    config::{
        profile::{Target, WebSocket},
        template::Values,
    },
    protocol::{
        dial,
        failure::{ConnectError, ConnectFailure},
        resolve::Resolver,
        tls::{Alpn, ClientConfigs},
        transport::{Probe, Socket, Transport},
        upgrade,
        websocket::{Buffers, Connection},
    },
};

/// What all connections of a worker share.
#[derive(Debug)]
pub struct Connector {
    resolver: Resolver,
    tls: ClientConfigs,
    /// Counts the sockets that live, by its clones.
    permit: Rc<()>,
    sockets: usize,
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
    /// For a worker that may have `sockets` open.
    #[must_use]
    pub fn new(tls: ClientConfigs, sockets: u64) -> Self {
        Self {
            resolver: Resolver::default(),
            tls,
            permit: Rc::new(()),
            sockets: sockets as usize,
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

    /// Opens a connection: name, TCP and TLS within `limit`. Only TLS can offer `alpn`.
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
        if Rc::strong_count(&self.permit) > self.sockets {
            let detail = format!("{} sockets are open, more would leave no files for the listener", self.sockets);
            return Err(ConnectError::new(ConnectFailure::FdLimit, detail));
        }
        let permit = self.permit.clone();
        let deadline = Instant::now() + limit;
        let stream = dial::tcp(&self.resolver, &target.host, target.port, limit).await?;
        let socket = Socket::new(stream, probe, permit);
        let connected_at = Instant::now();
        if !target.secure {
            let transport = Transport::Plain(socket);
            return Ok(Dialled { transport, connected_at, secured_at: connected_at, http2: false });
        }
        let left = deadline.since(Instant::now());
        let handshake = self.tls_handshake(socket, &target.host, alpn);
        let (transport, http2) = timeout(left, handshake).await.unwrap_or_else(|_| {
            Err(ConnectError::new(ConnectFailure::ConnectTimeout, format!("TCP and TLS took over {limit:?}")))
        })?;
        let secured_at = transport.arrived_at().max(connected_at);
        Ok(Dialled { transport, connected_at, secured_at, http2 })
    }

    /// The transport, and whether the server chose HTTP/2.
    async fn tls_handshake(&self, socket: Socket, host: &str, alpn: Alpn) -> Result<(Transport, bool), ConnectError> {
        let failed = |error: &dyn std::fmt::Display| ConnectError::new(ConnectFailure::Tls, error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
        let connection = ClientConnection::new(self.tls.offering(alpn), name).map_err(|error| failed(&error))?;
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
