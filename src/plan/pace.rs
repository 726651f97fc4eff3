//! When the slots of an `every` are, as offsets from its beginning. Computed from the slot's
//! number, not from the slot before, so that nothing adds up over a long run.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::config::profile::{Arrivals, Pace};

/// The golden ratio's fraction: multiples of it modulo 1 are spread evenly for any number of VUs.
const SPREAD: f64 = 0.618_033_988_749_894_9;

/// The slots of one `every` of one VU, in order.
#[derive(Debug, Clone)]
pub struct Slots {
    rate: f64,
    end: Option<Duration>,
    next: u64,
    spacing: Spacing,
}

#[derive(Debug, Clone)]
enum Spacing {
    /// Slot n is at (n + phase) / rate.
    Uniform { phase: f64 },
    /// Gaps are drawn; `at` is the last slot in seconds.
    Poisson { random: SmallRng, at: f64 },
}

impl Slots {
    /// Slots of `pace` for VU number `vu`; uniform ones have a phase of their own for each VU, so
    /// that a thousand VUs at 1/s make a thousand slots spread over the second, not one burst.
    #[must_use]
    pub fn new(pace: &Pace, vu: u64, seed: u64) -> Self {
        let spacing = match pace.arrivals {
            Arrivals::Uniform => Spacing::Uniform { phase: (vu as f64 * SPREAD).fract() },
            Arrivals::Poisson => {
                Spacing::Poisson { random: SmallRng::seed_from_u64(seed ^ vu.rotate_left(32)), at: 0.0 }
            }
        };
        Self { rate: pace.rate, end: pace.duration, next: 0, spacing }
    }
}

impl Iterator for Slots {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let seconds = match &mut self.spacing {
            Spacing::Uniform { phase } => (self.next as f64 + *phase) / self.rate,
            Spacing::Poisson { random, at } => {
                // The inverse of the exponential distribution; 1 − u is never 0.
                *at -= (1.0 - random.random::<f64>()).ln() / self.rate;
                *at
            }
        };
        self.next += 1;
        // Rates of 3e-9/s put a slot beyond any run, never beyond a `Duration`.
        let slot = Duration::try_from_secs_f64(seconds).ok()?;
        self.end.is_none_or(|end| slot < end).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pace(rate: f64, seconds: u64, arrivals: Arrivals) -> Pace {
        Pace { rate, duration: Some(Duration::from_secs(seconds)), arrivals }
    }

    #[test]
    fn many_vus_at_one_a_second_are_spread_over_the_second() {
        let firsts = (1..=1000).map(|vu| Slots::new(&pace(1.0, 1, Arrivals::Uniform), vu, 0).next().unwrap());
        let mut firsts: Vec<_> = firsts.collect();
        firsts.sort();
        let widest = firsts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest < Duration::from_millis(3), "{widest:?}");
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_exponential_gaps() {
        let slots: Vec<_> = Slots::new(&pace(1000.0, 100, Arrivals::Poisson), 1, 7).collect();
        let count = slots.len() as f64;
        // 100,000 expected with a deviation of 316: five deviations.
        assert!((count - 100_000.0).abs() < 1_600.0, "{count}");
        let gaps: Vec<_> = slots.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "deviation equals mean for exponential gaps");
    }

    #[test]
    fn the_same_seed_draws_the_same_arrivals() {
        let draw = |vu, seed| Slots::new(&pace(10.0, 10, Arrivals::Poisson), vu, seed).collect::<Vec<_>>();
        assert_eq!(draw(1, 7), draw(1, 7));
        assert_ne!(draw(1, 7), draw(1, 8));
        assert_ne!(draw(1, 7), draw(2, 7));
    }

    proptest! {
        #[test]
        fn a_whole_number_of_slots_fits_exactly_and_none_drifts(rate in 1u32..5_000, seconds in 1u64..20, vu in 1u64..1_000) {
            let slots: Vec<_> = Slots::new(&pace(rate.into(), seconds, Arrivals::Uniform), vu, 0).collect();
            prop_assert_eq!(slots.len() as u64, u64::from(rate) * seconds);
            let first = slots[0];
            for (index, slot) in slots.iter().enumerate() {
                // The exact place by integers: n · 10⁹ / rate after the first.
                let exact = first.as_nanos() + index as u128 * 1_000_000_000 / u128::from(rate);
                prop_assert!(slot.as_nanos().abs_diff(exact) <= 2, "slot {}", index);
            }
        }
    }
}
