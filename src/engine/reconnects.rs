//! When the connections of one site on one worker are replaced: one after the other, so that a server
//! that returns is not met by everybody at once (truth.md N11).

use std::{cell::Cell, time::Duration};

use crate::{clock::Instant, config::profile::socket::Reconnect};

/// See the module.
#[derive(Debug)]
pub struct Reconnects {
    /// As in the profile.
    pub policy: Reconnect,
    gap: Duration,
    next: Cell<Option<Instant>>,
}

impl Reconnects {
    /// For one of `workers`, which share the rate.
    #[must_use]
    pub fn new(policy: Reconnect, workers: u32) -> Self {
        let gap = Duration::from_secs_f64(f64::from(workers.max(1)) / policy.rate);
        Self { policy, gap, next: Cell::new(None) }
    }

    /// Takes the first free turn from `now` on. Later ones are never taken in advance: all that ask after would be behind.
    pub fn turn(&self, now: Instant) -> Instant {
        let turn = self.next.get().map_or(now, |next| next.max(now));
        self.next.set(Some(turn + self.gap));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_a_gap_apart_however_many_ask_at_once() {
        let policy = Reconnect { rate: 100.0, ..Reconnect::default() };
        let reconnects = Reconnects::new(policy, 2);
        let start = Instant::now();
        let turns: Vec<_> = (0..4).map(|_| reconnects.turn(start).since(start).as_millis()).collect();
        assert_eq!(turns, [0, 20, 40, 60], "each of two workers has half the rate");
        let later = start + Duration::from_secs(1);
        assert_eq!(reconnects.turn(later), later, "unused turns do not add up");
        assert_eq!(reconnects.turn(later), later + Duration::from_millis(20));
    }
}
