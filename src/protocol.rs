//! Connections: name look-up, TCP, TLS, the WebSocket upgrade and the WebSocket itself, HTTP requests.
//!
//! Everything here runs on one worker's thread. A connection is driven by polling: reads and
//! writes never block, and say which readiness they wait for.

pub mod connect;
pub mod dial;
pub mod failure;
pub mod frame;
pub mod http;
pub mod inbox;
pub mod meter;
pub mod outbox;
pub mod proxy;
pub mod resolve;
pub mod tls;
pub mod transport;
pub mod upgrade;
pub mod websocket;
