//! Says the first failure of each kind in full; the rest is in the counters. A refusing server
//! must not fill a disk.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::template::RenderError;
use crate::protocol::failure::{ConnectError, request::RequestError};

/// A run's memory of what it has said. Shared by the workers: failures are no hot path, and said once means once.
#[derive(Debug, Default)]
pub struct FailureLog {
    connections: AtomicU64,
    requests: AtomicU64,
    values: AtomicU64,
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

impl FailureLog {
    /// Logs the first step that had no value for one of its placeholders. The value's name is the profile's; no value is said.
    pub fn log_value(&self, error: &RenderError<'_>) {
        if is_first(&self.values, 0) {
            tracing::warn!(%error, "A step failed; later ones of this kind are only counted.");
        }
    }
}

impl FailureLog {
    /// Logs the first message whose reply should have its id and that has none.
    pub fn log_missing_id(&self) {
        if is_first(&self.values, 1) {
            tracing::warn!("A message has no id where `reply` looks for it; later ones are only counted.");
        }
    }
}

fn is_first(said: &AtomicU64, reason: usize) -> bool {
    let bit = 1 << reason;
    said.fetch_or(bit, Ordering::Relaxed) & bit == 0
}
