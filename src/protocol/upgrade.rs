//! The WebSocket upgrade: request, response, and the checks of RFC 6455 §4.1 that the library leaves out.

use std::{future::poll_fn, io};

use tokio_tungstenite::tungstenite::{
    WebSocket,
    handshake::{
        HandshakeError, MidHandshake,
        client::{ClientHandshake, Response, generate_key},
    },
    http::{HeaderName, HeaderValue, Request, Uri, Version, header},
    protocol::WebSocketConfig,
};

use crate::{
    config::{profile, template::Values},
    protocol::{
        failure::{ConnectError, ConnectFailure, upgrade_error},
        transport::Transport,
    },
};

/// Room for one read, in bytes. The library zero-fills it before each read, so its default of 128
/// KiB costs two to five times the CPU and most of the memory (truth.md §2.2).
const READ_BUFFER: usize = 4 * 1024;

/// Builds the upgrade request of a site.
///
/// # Errors
/// A template that makes an invalid path or header value.
pub fn request(site: &profile::WebSocket, values: &Values) -> Result<Request<()>, ConnectError> {
    let malformed = |detail: &dyn std::fmt::Display| ConnectError::new(ConnectFailure::Other, detail.to_string());
    let target = &site.url;
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    let default_port = if target.secure { 443 } else { 80 };
    let authority = if target.port == default_port { host } else { format!("{host}:{}", target.port) };
    let mut path = String::new();
    target.path_and_query.render(values, &mut path)?;
    let uri = Uri::builder()
        .scheme(if target.secure { "wss" } else { "ws" })
        .authority(authority.as_str())
        .path_and_query(path)
        .build()
        .map_err(|error| malformed(&error))?;
    let mut request = Request::builder().method("GET").version(Version::HTTP_11).uri(uri);
    if let Some(headers) = request.headers_mut() {
        let fixed = [
            (header::HOST, authority.as_str()),
            (header::CONNECTION, "Upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
            (header::SEC_WEBSOCKET_KEY, &generate_key()),
            (header::USER_AGENT, concat!("rampd/", env!("CARGO_PKG_VERSION"))),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_str(value).map_err(|error| malformed(&error))?);
        }
        if !site.subprotocols.is_empty() {
            let offered = HeaderValue::from_str(&site.subprotocols.join(", ")).map_err(|error| malformed(&error))?;
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offered);
        }
        for extra in &site.headers {
            let mut value = String::new();
            extra.value.render(values, &mut value)?;
            let name = HeaderName::from_bytes(extra.name.as_bytes()).map_err(|error| malformed(&error))?;
            // The value may be a secret, so the error names the header only.
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| malformed(&format_args!("invalid characters in the value of header {name}")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    request.body(()).map_err(|error| malformed(&error))
}

/// Sends the request over `transport` and reads the response. Has no time limit of its own.
///
/// # Errors
/// The reason why the connection is not a WebSocket.
pub async fn upgrade(
    transport: Transport,
    request: Request<()>,
    site: &profile::WebSocket,
) -> Result<WebSocket<Transport>, ConnectError> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        // Answers to pings and close frames leave at once; data frames have the outbox.
        .write_buffer_size(0)
        .max_message_size(Some(site.max_message_size))
        .max_frame_size(Some(site.max_message_size));
    let mut handshake = ClientHandshake::start(transport, request, Some(config)).map_err(upgrade_error)?;
    let (socket, response) = loop {
        match handshake.handshake() {
            Ok(done) => break done,
            Err(HandshakeError::Interrupted(waiting)) => {
                unblocked(&waiting).await?;
                handshake = waiting;
            }
            Err(HandshakeError::Failure(error)) => return Err(upgrade_error(error)),
        }
    };
    check_extensions(&response)?;
    Ok(socket)
}

async fn unblocked(handshake: &MidHandshake<ClientHandshake<Transport>>) -> io::Result<()> {
    poll_fn(|cx| handshake.get_ref().get_ref().poll_unblocked(cx)).await
}

/// The library accepts any extension silently; every frame would then fail later with a puzzling error.
fn check_extensions(response: &Response) -> Result<(), ConnectError> {
    match response.headers().get(header::SEC_WEBSOCKET_EXTENSIONS) {
        None => Ok(()),
        Some(extension) => Err(ConnectError {
            reason: ConnectFailure::BadExtension,
            status: Some(response.status().as_u16()),
            detail: format!("the server chose the extension {extension:?}, which was not offered"),
        }),
    }
}
