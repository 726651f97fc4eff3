//! The watch over a connection that may be silent: when to ping it, and when to give it up. Without it a
//! peer that has vanished is noticed when the kernel gives up sending, after 15 minutes, or never if
//! nothing is sent (truth.md N9).

use std::time::Duration;

use crate::{clock::Instant, config::profile::socket::KeepAlive, protocol::failure::Disconnect};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Ping the peer.
    Ping,
    /// Give the connection up.
    GiveUp(Disconnect),
}

/// Any byte of the peer is a sign of life.
#[derive(Debug, Clone)]
pub struct Liveness {
    keep_alive: Option<KeepAlive>,
    idle_timeout: Option<Duration>,
    heard: Instant,
    pinged: Option<Instant>,
}

impl Liveness {
    /// Begins at `now`, if there is anything to watch.
    #[must_use]
    pub fn new(keep_alive: Option<KeepAlive>, idle_timeout: Option<Duration>, now: Instant) -> Option<Self> {
        let watches = keep_alive.is_some() || idle_timeout.is_some();
        watches.then_some(Self { keep_alive, idle_timeout, heard: now, pinged: None })
    }

    /// Something came.
    pub fn heard(&mut self, at: Instant) {
        self.heard = self.heard.max(at);
        self.pinged = None;
    }

    /// When to look again.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let idle = self.idle_timeout.map(|timeout| self.heard + timeout);
        let ping = self.keep_alive.map(|keep_alive| match self.pinged {
            Some(pinged) => pinged + keep_alive.timeout,
            None => self.heard + keep_alive.interval,
        });
        [idle, ping].into_iter().flatten().min()
    }

    /// What is due at `now`; a ping is due once.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if self.idle_timeout.is_some_and(|timeout| self.heard + timeout <= now) {
            return Some(Due::GiveUp(Disconnect::IdleTimeout));
        }
        let keep_alive = self.keep_alive?;
        match self.pinged {
            Some(pinged) => (pinged + keep_alive.timeout <= now).then_some(Due::GiveUp(Disconnect::KeepAliveTimeout)),
            None => (self.heard + keep_alive.interval <= now).then(|| {
                self.pinged = Some(now);
                Due::Ping
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP_ALIVE: KeepAlive = KeepAlive { interval: Duration::from_secs(20), timeout: Duration::from_secs(5) };

    #[test]
    fn silence_is_pinged_once_and_then_given_up() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut liveness = Liveness::new(Some(KEEP_ALIVE), None, start).unwrap();
        assert_eq!((liveness.deadline(), liveness.due(at(19))), (Some(at(20)), None));
        assert_eq!(liveness.due(at(21)), Some(Due::Ping));
        assert_eq!((liveness.deadline(), liveness.due(at(25))), (Some(at(26)), None));
        liveness.heard(at(25));
        assert_eq!((liveness.deadline(), liveness.due(at(44))), (Some(at(45)), None));
        assert_eq!(liveness.due(at(45)), Some(Due::Ping));
        assert_eq!(liveness.due(at(50)), Some(Due::GiveUp(Disconnect::KeepAliveTimeout)));
    }

    #[test]
    fn an_idle_connection_is_given_up() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(Liveness::new(None, None, start).is_none());
        let mut liveness = Liveness::new(None, Some(Duration::from_secs(60)), start).unwrap();
        liveness.heard(at(10));
        liveness.heard(at(5));
        assert_eq!((liveness.deadline(), liveness.due(at(69))), (Some(at(70)), None));
        assert_eq!(liveness.due(at(70)), Some(Due::GiveUp(Disconnect::IdleTimeout)));
    }
}
