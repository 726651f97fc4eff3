//! A distribution in the exponential buckets of Prometheus's native histograms.
//!
//! Bucket `i` holds samples in `(2^((i-1)/32), 2^(i/32)]` seconds: schema 5, 2.2 % wide. It is filled from the HDR
//! histogram, whose steps are at most 0.1 % wide, by the middle of each step: every step is counted, in one bucket,
//! so that counts are exact for the values as the histogram knows them, and the total is exact (ADR 15).

use std::collections::BTreeMap;

use crate::metrics::trend::{RESOLUTION, Trend};

/// Buckets from one power of two to the next are two to this power.
pub const SCHEMA: i32 = 5;

/// The distribution of one series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Native {
    /// Samples up to this are counted in no exponential bucket: the histogram's finest step.
    pub zero_threshold: f64,
    /// How many those are.
    pub zero_count: u64,
    /// Number of samples by index of the bucket, without empty ones.
    pub buckets: BTreeMap<i32, u64>,
}

impl Native {
    /// All samples of `trends`, which were recorded in `scale` steps to one.
    pub(super) fn of(trends: &[&Trend], scale: f64) -> Self {
        let mut native = Self { zero_threshold: RESOLUTION as f64 / scale, ..Self::default() };
        for trend in trends {
            // Steps ascend, and some twenty share a bucket: one logarithm and one look-up for all of them.
            let mut filled: Option<Filled> = None;
            for (middle, count) in trend.steps() {
                let value = middle as f64 / scale;
                match &mut filled {
                    _ if middle <= RESOLUTION => native.zero_count += count,
                    Some(bucket) if value <= bucket.upper => bucket.count += count,
                    _ => {
                        let index = index(value);
                        let bucket = Filled { index, upper: upper(index), count };
                        native.add(filled.replace(bucket));
                    }
                }
            }
            native.add(filled);
        }
        native
    }

    fn add(&mut self, filled: Option<Filled>) {
        if let Some(Filled { index, count, .. }) = filled {
            *self.buckets.entry(index).or_default() += count;
        }
    }

    /// Runs of neighbouring buckets: the gap to the run before (or the first index), and the counts.
    #[must_use]
    pub fn spans(&self) -> Vec<(i32, Vec<u64>)> {
        let mut spans: Vec<(i32, Vec<u64>)> = Vec::new();
        let mut next = 0;
        for (index, count) in &self.buckets {
            match spans.last_mut() {
                Some((_, counts)) if *index == next => counts.push(*count),
                _ => spans.push((index - next, vec![*count])),
            }
            next = index + 1;
        }
        spans
    }
}

/// A bucket whose steps are being added up.
#[derive(Clone, Copy)]
struct Filled {
    index: i32,
    upper: f64,
    count: u64,
}

/// The upper bound of a bucket.
fn upper(index: i32) -> f64 {
    (f64::from(index) / f64::from(1 << SCHEMA)).exp2()
}

/// The bucket of a positive value.
fn index(value: f64) -> i32 {
    (value.log2() * f64::from(1 << SCHEMA)).ceil() as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::ladder;

    const SECOND: f64 = 1e9;

    fn trend(values: &[u64]) -> Trend {
        let mut trend = Trend::new(ladder::with_limits([]).into());
        values.iter().for_each(|value| trend.record(*value));
        trend
    }

    #[test]
    fn buckets_hold_their_upper_bound() {
        for (value, expected) in [(1.0, 0), (1.000_001, 1), (2.0, 32), (0.5, -32), (0.999_999, 0), (2.01, 33)] {
            assert_eq!(index(value), expected, "{value}");
        }
    }

    #[test]
    fn spans_name_the_gaps() {
        let native = Native { buckets: BTreeMap::from([(-3, 1), (-2, 5), (4, 2)]), ..Native::default() };
        assert_eq!(native.spans(), [(-3, vec![1, 5]), (5, vec![2])]);
        assert_eq!(Native::default().spans(), []);
    }

    #[test]
    fn what_is_below_the_finest_step_is_in_the_zero_bucket() {
        let native = Native::of(&[&trend(&[0, 1, 63, 64])], SECOND);
        assert_eq!((native.zero_count, native.buckets.values().sum::<u64>()), (3, 1));
    }

    proptest! {
        #[test]
        fn every_sample_is_counted_once_within_three_digits_of_its_bucket(
            left in prop::collection::vec(0u64..10_000_000_000, 0..200),
            right in prop::collection::vec(0u64..10_000_000, 0..200),
        ) {
            let native = Native::of(&[&trend(&left), &trend(&right)], SECOND);
            let values = [left, right].concat();
            prop_assert_eq!(native.zero_count + native.buckets.values().sum::<u64>(), values.len() as u64);
            let mut total = native.zero_count;
            for (index, count) in &native.buckets {
                total += count;
                let bound = (f64::from(*index) / 32.0).exp2() * SECOND;
                let slack = bound / 1000.0 + RESOLUTION as f64;
                let up_to = |limit: f64| values.iter().filter(|value| **value as f64 <= limit).count() as u64;
                prop_assert!((up_to(bound - slack)..=up_to(bound + slack)).contains(&total), "{} at {}", total, bound);
            }
        }

        #[test]
        fn spans_hold_every_bucket(buckets in prop::collection::btree_map(-50i32..50, 1u64..9, 0..40)) {
            let native = Native { buckets: buckets.clone(), ..Native::default() };
            let mut read = BTreeMap::new();
            let mut index = 0;
            for (offset, counts) in native.spans() {
                index += offset;
                for count in counts {
                    read.insert(index, count);
                    index += 1;
                }
            }
            prop_assert_eq!(read, buckets);
        }
    }
}
