//! Says the first failure of each kind in full; the rest is in the counters. A refusing server
//! must not fill a disk.

use std::cell::Cell;

use crate::protocol::failure::ConnectError;

/// One worker's memory of what it has said.
#[derive(Debug, Default)]
pub struct FailureLog {
    said: Cell<u64>,
}

impl FailureLog {
    /// Logs `error` unless one with its reason has been logged.
    pub fn log(&self, target: &str, error: &ConnectError) {
        let bit = 1 << error.reason.index();
        if self.said.get() & bit != 0 {
            return;
        }
        self.said.set(self.said.get() | bit);
        let (reason, detail) = (error.reason.label(), &error.detail);
        tracing::warn!(
            target_url = target,
            reason,
            detail,
            "A connection failed; later ones of this kind are only counted."
        );
    }
}
