//! From a target of a profile to an open connection or WebSocket, every wait bounded.

use std::{future::poll_fn, io, rc::Rc, sync::Arc, time::Duration};

use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
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
        transport::{Probe, Socket, Transport},
        upgrade,
        websocket::{Buffers, Connection},
    },
};

/// What all connections of a worker share.
#[derive(Debug)]
pub struct Connector {
    resolver: Resolver,
    /// Settings with a cache of sessions.
    tls: Arc<ClientConfig>,
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
}

impl Connector {
    /// For a worker that may have `sockets` open.
    #[must_use]
    pub fn new(tls: Arc<ClientConfig>, sockets: u64) -> Self {
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
        let dialled = self.dial(&site.url, site.timeouts.connect, probe).await?;
        let limit = site.timeouts.upgrade;
        let upgrade = upgrade::upgrade(dialled.transport, request, site);
        let (transport, tail) = timeout(limit, upgrade).await.unwrap_or_else(|_| {
            Err(ConnectError::new(ConnectFailure::UpgradeTimeout, format!("no answer to the upgrade within {limit:?}")))
        })?;
        Ok(Connection::new(transport, tail, site.max_message_size, &self.buffers))
    }

    /// Opens a connection: name, TCP and TLS within `limit`.
    ///
    /// # Errors
    /// The counted reason, with a text for the debug log.
    pub async fn dial(&self, target: &Target, limit: Duration, probe: Probe) -> Result<Dialled, ConnectError> {
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
            return Ok(Dialled { transport: Transport::Plain(socket), connected_at, secured_at: connected_at });
        }
        let left = deadline.since(Instant::now());
        let handshake = self.tls_handshake(socket, &target.host);
        let transport = timeout(left, handshake).await.unwrap_or_else(|_| {
            Err(ConnectError::new(ConnectFailure::ConnectTimeout, format!("TCP and TLS took over {limit:?}")))
        })?;
        let secured_at = transport.arrived_at().max(connected_at);
        Ok(Dialled { transport, connected_at, secured_at })
    }

    async fn tls_handshake(&self, socket: Socket, host: &str) -> Result<Transport, ConnectError> {
        let failed = |error: &dyn std::fmt::Display| ConnectError::new(ConnectFailure::Tls, error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
        let connection = ClientConnection::new(self.tls.clone(), name).map_err(|error| failed(&error))?;
        let mut transport = Transport::tls(connection, socket);
        loop {
            match transport.handshake() {
                Ok(()) => return Ok(transport),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll_fn(|cx| transport.poll_unblocked(cx)).await?;
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(failed(&error)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
