//! What `{{ uuid }}` and `{{ random(a,b) }}` draw from: a generator for each iteration of each VU,
//! so that a profile and a seed send the same bytes whatever the number of workers, and whatever
//! became of the iterations before.

use std::cell::Cell;

/// SplitMix64 (Steele, Lea and Flood, 2014). Its whole state is one word, so that each iteration
/// has one at no cost, and unlike a library's it draws the same numbers in every version of this program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draws {
    state: Cell<u64>,
    marked: Cell<u64>,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// FNV-1a, then mixed: names of scenarios as words.
fn word_of(text: &str) -> u64 {
    let hash = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

fn fold(words: &[u64]) -> u64 {
    words.iter().fold(0, |state: u64, word| mix(state.wrapping_add(GOLDEN) ^ word))
}

impl Draws {
    /// The seed of a scenario's generators.
    #[must_use]
    pub fn seed_of(seed: u64, scenario: &str) -> u64 {
        fold(&[seed, word_of(scenario)])
    }

    /// The generator of one iteration of one VU of a scenario with the seed `scenario`.
    #[must_use]
    pub fn new(scenario: u64, vu: u64, iteration: u64) -> Self {
        let state = fold(&[scenario, vu, iteration]);
        Self { state: Cell::new(state), marked: Cell::new(state) }
    }

    /// A word, all values alike.
    pub fn word(&self) -> u64 {
        self.state.set(self.state.get().wrapping_add(GOLDEN));
        mix(self.state.get())
    }

    /// A whole number from `min` to `max`, both included.
    pub fn between(&self, min: i64, max: i64) -> i64 {
        let span = max.abs_diff(min);
        if span == u64::MAX {
            return self.word().cast_signed();
        }
        // Lemire's multiplication without its rejection: no number is more than 2^-64 * span too likely.
        let offset = ((u128::from(self.word()) * u128::from(span + 1)) >> 64) as u64;
        min.wrapping_add_unsigned(offset)
    }

    /// Remembers this point, so that what is sent twice can be rendered twice alike.
    pub fn mark(&self) {
        self.marked.set(self.state.get());
    }

    /// Renders again what has been rendered from the last mark on, and comes back to here.
    pub fn replay<T>(&self, render: impl FnOnce() -> T) -> T {
        let here = self.state.get();
        self.rewind();
        let rendered = render();
        self.state.set(here);
        rendered
    }

    /// Goes back to the last mark.
    pub fn rewind(&self) {
        self.state.set(self.marked.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn drawn_numbers_are_within_their_bounds(seed: u64, one: i64, other: i64) {
            let draws = Draws::new(seed, 1, 0);
            let (min, max) = (one.min(other), one.max(other));
            for _ in 0..20 {
                prop_assert!((min..=max).contains(&draws.between(min, max)));
            }
        }
    }

    #[test]
    fn every_seed_scenario_vu_and_iteration_draws_its_own_numbers() {
        let mut first = HashSet::new();
        for seed in 0..3 {
            for scenario in ["a", "b", ""] {
                for vu in 1..20 {
                    for iteration in 0..20 {
                        assert!(first.insert(Draws::new(Draws::seed_of(seed, scenario), vu, iteration).word()));
                    }
                }
            }
        }
        let again = || Draws::new(Draws::seed_of(1, "a"), 2, 3).word();
        assert_eq!(again(), again());
    }

    #[test]
    fn every_number_of_a_small_range_comes_about_equally_often() {
        let draws = Draws::new(7, 1, 0);
        let mut counts = [0_u32; 6];
        (0..60_000).for_each(|_| counts[draws.between(1, 6) as usize - 1] += 1);
        // Five standard deviations of a binomial distribution are 456.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 456), "{counts:?}");
    }

    #[test]
    fn a_rewound_generator_draws_the_same_again() {
        let draws = Draws::new(7, 1, 0);
        draws.word();
        draws.mark();
        let drawn = (draws.word(), draws.word());
        draws.rewind();
        assert_eq!((draws.word(), draws.word()), drawn);
    }
}
