//! Pauses after failures in a row. Each doubles the one before up to the longest and is drawn evenly from
//! around that, so that a refusing server is never met by a hot loop, nor a returning one by
//! everybody at once.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::config::profile::socket::Backoff;

/// The pauses of a VU after failed iterations: 100 ms up to 5 s, each from half to one and a half of that.
pub const AFTER_ITERATIONS: Backoff =
    Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(5), jitter: 0.5 };

/// The pause after the `failures`-th failure in a row (1 for the first).
pub fn pause(backoff: &Backoff, failures: u32, random: &mut impl Rng) -> Duration {
    let doubled = backoff.initial.saturating_mul(1 << failures.saturating_sub(1).min(30)).min(backoff.max);
    doubled.mul_f64(random.random_range(1.0 - backoff.jitter..=1.0 + backoff.jitter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn pauses_double_up_to_five_seconds_and_are_spread() {
        let mut random = StdRng::seed_from_u64(1);
        for (failures, base) in [(1, 0.1), (2, 0.2), (3, 0.4), (7, 5.0), (u32::MAX, 5.0)] {
            let pauses: Vec<_> =
                (0..100).map(|_| pause(&AFTER_ITERATIONS, failures, &mut random).as_secs_f64()).collect();
            assert!(pauses.iter().all(|pause| (base * 0.5..=base * 1.5).contains(pause)), "{failures}");
            assert!(pauses.iter().any(|pause| *pause < base * 0.8) && pauses.iter().any(|pause| *pause > base * 1.2));
        }
    }

    #[test]
    fn without_jitter_a_pause_is_exact() {
        let backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(10), jitter: 0.0 };
        let mut random = StdRng::seed_from_u64(1);
        let pauses = [1, 2, 4, 5, 50].map(|failures| pause(&backoff, failures, &mut random).as_secs());
        assert_eq!(pauses, [1, 2, 8, 10, 10]);
    }
}
