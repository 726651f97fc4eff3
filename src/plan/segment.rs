//! Parts of a load that belong together and share nothing: k6's execution segments.
//!
//! VUs and slots of a whole run are numbered from 0, and each part takes its numbers of the whole.
//! A [`Segment`] is one of equal parts, an agent of a fleet or a worker of an agent: number n goes
//! to part n modulo the number of parts, which is k6's striping for equal segments. A [`Stripe`] is
//! one of parts with weights: k6 (2.2, lib/execution_segment.go) segments slots and shared iterations anew by the
//! VUs that each segment has, so that one without VUs gets none. The union of all parts is exactly the whole.

/// One of equal parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    index: u32,
    of: u32,
}

impl Segment {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Part `index` (from 0) of `of`; none if there is no such part.
    #[must_use]
    pub const fn new(index: u32, of: u32) -> Option<Self> {
        if index < of { Some(Self { index, of }) } else { None }
    }

    /// Part number, from 0.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    #[must_use]
    pub const fn of(self) -> u32 {
        self.of
    }

    /// All parts of the same whole.
    pub fn siblings(self) -> impl Iterator<Item = Self> {
        (0..self.of).map(move |index| Self { index, of: self.of })
    }

    /// Whether a number of the whole belongs to this part.
    #[must_use]
    pub const fn has(self, number: u32) -> bool {
        number % self.of == self.index
    }

    /// How many of the first `value` numbers belong to this part: k6's `ScaleInt64`.
    #[must_use]
    pub const fn scale(self, value: u32) -> u32 {
        value / self.of + (value % self.of > self.index) as u32
    }

    /// The whole's number of this part's number `own`.
    #[must_use]
    pub const fn number(self, own: u32) -> u32 {
        own * self.of + self.index
    }

    /// This part's number of a number of the whole that it has.
    #[must_use]
    pub const fn own(self, number: u32) -> u32 {
        number / self.of
    }
}

/// One of parts with weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripe {
    /// Its numbers below `cycle`, ascending.
    numbers: Vec<u64>,
    cycle: u64,
}

impl Stripe {
    /// Part `index` of parts with these weights; none if it has no weight.
    #[must_use]
    pub fn new(weights: &[u64], index: usize) -> Option<Self> {
        let weight = *weights.get(index).filter(|weight| **weight > 0)?;
        let common = weights.iter().copied().fold(0, greatest_common_divisor);
        let cycle = weights.iter().sum::<u64>() / common;
        let mut parts: Vec<_> = weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight > 0)
            .map(|(part, weight)| (part, weight / common, 0))
            .collect();
        // Stable, so that of equal parts the first is served first.
        parts.sort_by_key(|(_, weight, _)| std::cmp::Reverse(*weight));
        let mut numbers = Vec::with_capacity((weight / common) as usize);
        for number in 0..cycle {
            // A part's k-th number is ideally k·cycle/weight; the first part that is due takes it.
            let due = |(_, weight, taken): &&mut (usize, u64, u64)| {
                u128::from(number) * u128::from(*weight) >= u128::from(*taken) * u128::from(cycle)
            };
            if let Some((part, _, taken)) = parts.iter_mut().find(due) {
                *taken += 1;
                if *part == index {
                    numbers.push(number);
                }
            }
        }
        Some(Self { numbers, cycle })
    }

    /// The whole's number of this part's number `own`.
    #[must_use]
    pub fn number(&self, own: u64) -> u64 {
        let round = self.numbers.len() as u64;
        self.numbers.get((own % round) as usize).map_or(u64::MAX, |number| number + own / round * self.cycle)
    }

    /// How many of the first `value` numbers belong to this part.
    #[must_use]
    pub fn scale(&self, value: u64) -> u64 {
        let (rounds, rest) = (value / self.cycle, value % self.cycle);
        rounds * self.numbers.len() as u64 + self.numbers.partition_point(|number| *number < rest) as u64
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(weights: &[u64], index: usize, below: u64) -> Vec<u64> {
        let Some(stripe) = Stripe::new(weights, index) else { return Vec::new() };
        (0..).map(|own| stripe.number(own)).take_while(|number| *number < below).collect()
    }

    #[test]
    fn halves_and_quarters_are_striped_as_k6_documents_it() {
        let weights = [2, 1, 1];
        assert_eq!(numbers(&weights, 0, 12), [0, 2, 4, 6, 8, 10]);
        assert_eq!(numbers(&weights, 1, 12), [1, 5, 9]);
        assert_eq!(numbers(&weights, 2, 12), [3, 7, 11]);
    }

    #[test]
    fn ten_iterations_of_seven_vus_over_three_segments_are_four_three_three() {
        // k6 v2.2 with --execution-segment 0:1/3 and so on.
        let vus: Vec<_> = Segment { index: 0, of: 3 }.siblings().map(|part| u64::from(part.scale(7))).collect();
        assert_eq!(vus, [3, 2, 2]);
        let shares: Vec<_> = (0..3).map(|index| Stripe::new(&vus, index).unwrap().scale(10)).collect();
        assert_eq!(shares, [4, 3, 3]);
    }

    #[test]
    fn a_part_without_weight_has_nothing() {
        assert_eq!(Stripe::new(&[1, 0], 1), None);
        assert_eq!(Stripe::new(&[1, 0], 2), None);
        assert_eq!(Stripe::new(&[], 0), None);
        assert_eq!(numbers(&[1, 0], 0, 3), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn every_number_belongs_to_exactly_one_segment(of in 1u32..50, number in 0u32..1_000_000) {
            let parts: Vec<_> = Segment { index: 0, of }.siblings().filter(|part| part.has(number)).collect();
            prop_assert_eq!(parts.len(), 1);
            prop_assert_eq!(parts[0].number(parts[0].own(number)), number);
        }

        #[test]
        fn a_segment_scales_to_as_many_as_it_has(of in 1u32..20, index in 0u32..20, value in 0u32..500) {
            let part = Segment { index: index % of, of };
            let counted = (0..value).filter(|number| part.has(*number)).count();
            prop_assert_eq!(part.scale(value) as usize, counted);
        }

        #[test]
        fn equal_weights_are_equal_segments(of in 1usize..20, weight in 1u64..5) {
            for index in 0..of {
                let expected: Vec<_> = (0..100u64).filter(|number| number % of as u64 == index as u64).collect();
                prop_assert_eq!(numbers(&vec![weight; of], index, 100), expected);
            }
        }

        #[test]
        fn the_union_of_all_parts_is_exactly_the_whole(weights in prop::collection::vec(0u64..12, 1..9), below in 0u64..300) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let mut all: Vec<_> = (0..weights.len()).flat_map(|index| numbers(&weights, index, below)).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..below).collect::<Vec<_>>());
        }

        #[test]
        fn a_part_has_its_share_of_every_beginning_within_one(weights in prop::collection::vec(1u64..12, 1..9), value in 0u64..300) {
            let sum: u64 = weights.iter().sum();
            for (index, weight) in weights.iter().enumerate() {
                let scaled = Stripe::new(&weights, index).unwrap().scale(value);
                prop_assert_eq!(scaled as usize, numbers(&weights, index, value).len());
                // Greedy striping may be ahead or behind by less than the number of parts.
                let ideal = value as f64 * *weight as f64 / sum as f64;
                prop_assert!((scaled as f64 - ideal).abs() < weights.len() as f64, "{} of {}", scaled, ideal);
            }
        }
    }
}
