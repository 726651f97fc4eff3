//! From a host and port to an established TCP connection.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use crate::{
    clock::Instant,
    protocol::{
        failure::{ConnectError, ConnectFailure},
        resolve::Resolver,
    },
};

/// Looks the name up and connects, within `limit` for both together. Addresses are tried in turn,
/// each with an even share of the time left, so that one dead address cannot use up all of it.
///
/// # Errors
/// The reason of the last address tried.
pub async fn tcp(resolver: &Resolver, host: &str, port: u16, limit: Duration) -> Result<TcpStream, ConnectError> {
    let deadline = Instant::now() + limit;
    let addresses = match timeout(limit, resolver.resolve(host, port)).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(ConnectError::new(ConnectFailure::Dns, format!("look-up of {host}: {error}"))),
        Err(_) => return Err(ConnectError::new(ConnectFailure::Dns, format!("look-up of {host} took over {limit:?}"))),
    };
    let mut last = ConnectError::new(ConnectFailure::Dns, format!("{host} has no address"));
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.since(Instant::now()) / (addresses.len() - tried) as u32;
        last = match timeout(left, connect(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.into(),
            Err(_) => ConnectError::new(ConnectFailure::ConnectTimeout, format!("TCP to {address} took over {left:?}")),
        };
    }
    Err(last)
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Nagle's algorithm with the peer's delayed acknowledgement shows as 40 ms ghosts.
    stream.set_nodelay(true)?;
    Ok(stream)
}
