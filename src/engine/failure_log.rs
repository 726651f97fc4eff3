//! Says the first failure of each kind in full; the rest is in the counters. A refusing server
//! must not fill a disk.

use std::cell::Cell;

use crate::protocol::failure::{ConnectError, request::RequestError};

/// One worker's memory of what it has said.
#[derive(Debug, Default)]
pub struct FailureLog {
    connections: Cell<u64>,
    requests: Cell<u64>,
}

impl FailureLog {
    /// Logs `error` unless one with its reason has been logged.
    pub fn log(&self, target: &str, error: &ConnectError) {
        if is_first(&self.connections, error.reason.index()) {
            let (reason, detail) = (error.reason.label(), &error.detail);
            tracing::warn!(
                target_url = target,
                reason,
                detail,
                "A connection failed; later ones of this kind are only counted."
            );
        }
    }

    /// Logs `error` unless one with its reason has been logged.
    pub fn log_request(&self, target: &str, error: &RequestError) {
        if is_first(&self.requests, error.reason.index()) {
            let (reason, detail) = (error.reason.label(), &error.detail);
            tracing::warn!(
                target_url = target,
                reason,
                detail,
                "A request failed; later ones of this kind are only counted."
            );
        }
    }
}

fn is_first(said: &Cell<u64>, reason: usize) -> bool {
    let before = said.get();
    said.set(before | 1 << reason);
    said.get() != before
}
