//! Pause of a VU after failed iterations: 100 ms, doubled with each failure in a row up to 5 s,
//! each drawn evenly from half to one and a half of that, so that a refusing server is never met
//! by a hot loop, nor a returning one by everybody at once.

use std::time::Duration;

use rand::{Rng, RngExt};

const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(5);

/// The pause after the `failures`-th failure in a row (1 for the first).
pub fn pause(failures: u32, random: &mut impl Rng) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(MOST);
    doubled.mul_f64(random.random_range(0.5..1.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn pauses_double_up_to_five_seconds_and_are_spread() {
        let mut random = StdRng::seed_from_u64(1);
        for (failures, base) in [(1, 0.1), (2, 0.2), (3, 0.4), (7, 5.0), (u32::MAX, 5.0)] {
            let pauses: Vec<_> = (0..100).map(|_| pause(failures, &mut random).as_secs_f64()).collect();
            assert!(pauses.iter().all(|pause| (base * 0.5..base * 1.5).contains(pause)), "{failures}");
            assert!(pauses.iter().any(|pause| *pause < base * 0.8) && pauses.iter().any(|pause| *pause > base * 1.2));
        }
    }
}
