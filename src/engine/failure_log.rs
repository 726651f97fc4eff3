//! Says the first failure of each kind in full; the rest is in the counters. A refusing server
//! must not fill a disk.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::failure::ConnectError;

/// A run's memory of what it has said. Shared by the workers: failures are no hot path, and said once means once.
#[derive(Debug, Default)]
pub struct FailureLog {
    said: AtomicU64,
}

impl FailureLog {
    /// Logs `error` unless one with its reason has been logged.
    pub fn log(&self, target: &str, error: &ConnectError) {
        let bit = 1 << error.reason.index();
        if self.said.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return;
        }
        let (reason, detail) = (error.reason.label(), &error.detail);
        tracing::warn!(
            target_url = target,
            reason,
            detail,
            "A connection failed; later ones of this kind are only counted."
        );
    }
}
