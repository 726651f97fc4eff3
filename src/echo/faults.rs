//! Ways in which real servers fail, on purpose.

use std::time::Duration;

/// What goes wrong; nothing by default. They combine where that makes sense.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Time from a message's arrival to its reply. Messages wait side by side: a burst of 100 is
    /// answered as a burst, this much later.
    pub delay: Duration,
    /// Answers every upgrade with this status instead of 101; 300 to 599.
    pub refuse_status: Option<u16>,
    /// Accepts connections and never answers the upgrade.
    pub stall_upgrade: bool,
    /// Resets (RST) each connection as soon as it is accepted.
    pub reset_on_accept: bool,
    /// Resets (RST) a connection after this many messages of the client. Delayed replies are lost.
    pub reset_after: Option<u64>,
    /// Closes a connection after some messages of the client. Delayed replies are lost.
    pub close_after: Option<CloseAfter>,
    /// Neither reads nor answers for a while; the kernel still accepts connections and data.
    pub freeze: Option<Freeze>,
    /// Reads messages and never replies. Pings are answered.
    pub silent: bool,
    /// Never answers a Close frame; the TCP connection stays open until the client ends it.
    pub drop_close: bool,
}

/// When and how to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseAfter {
    /// Messages of the client.
    pub messages: u64,
    /// Close code, sent as it is, even if a server must not use it.
    pub code: u16,
}

/// When to freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freeze {
    /// Time since the server's start.
    pub from: Duration,
    /// How long.
    pub length: Duration,
}

impl Freeze {
    /// Time until the end of the freeze, if it is going on at `elapsed` since the server's start.
    #[must_use]
    pub fn remaining(&self, elapsed: Duration) -> Option<Duration> {
        let end = self.from.saturating_add(self.length);
        (self.from..end).contains(&elapsed).then(|| end - elapsed)
    }
}

impl Faults {
    /// What is impossible about them.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.refuse_status {
            Some(status) if !(300..600).contains(&status) => {
                Err(format!("cannot refuse upgrades with status {status}; it must be 300 to 599"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freeze_lasts_from_its_start_to_just_before_its_end() {
        let freeze = Freeze { from: Duration::from_secs(2), length: Duration::from_secs(3) };
        for (elapsed, remaining) in [(1_999, None), (2_000, Some(3_000)), (4_999, Some(1)), (5_000, None)] {
            let remaining = remaining.map(Duration::from_millis);
            assert_eq!(freeze.remaining(Duration::from_millis(elapsed)), remaining, "{elapsed}");
        }
        let endless = Freeze { from: Duration::ZERO, length: Duration::MAX };
        assert_eq!(endless.remaining(Duration::ZERO), Some(Duration::MAX));
    }

    #[test]
    fn an_upgrade_cannot_be_refused_with_success() {
        let refusing = |status| Faults { refuse_status: Some(status), ..Faults::default() };
        for (status, possible) in [(101, false), (200, false), (301, true), (403, true), (503, true), (600, false)] {
            assert_eq!(refusing(status).check().is_ok(), possible, "{status}");
        }
    }
}
