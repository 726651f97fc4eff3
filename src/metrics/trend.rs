//! A distribution of durations in bounded memory: an HDR histogram for percentiles, exact counters
//! at the bucket boundaries for verdicts and `/metrics`, and exact sum, minimum and maximum.

use std::sync::Arc;

use hdrhistogram::Histogram;

use crate::metrics::rank;

/// Finest step, in nanoseconds: 64 ns up to 131 µs, three digits above.
pub(in crate::metrics) const RESOLUTION: u64 = 64;
/// Longest duration told apart, in nanoseconds: 115 days, and of a plain number in millionths 10^10. Longer ones are
/// counted there; maximum and sum stay exact.
pub(in crate::metrics) const LONGEST: u64 = 10_000_000_000_000_000;
pub(in crate::metrics) const DIGITS: u8 = 3;

/// One distribution. 16 KiB, growing with the longest duration to 120 KiB at 1 s and 210 KiB at 1 h; merging is exact when the boundaries are equal.
#[derive(Debug, Clone)]
pub struct Trend {
    pub(in crate::metrics) histogram: Histogram<u64>,
    pub(in crate::metrics) bounds: Arc<[u64]>,
    /// `buckets[i]` counts values in `(bounds[i-1], bounds[i]]`; the last one is above every boundary.
    pub(in crate::metrics) buckets: Box<[u64]>,
    /// Durations of zero, which the histogram cannot tell from its finest step.
    pub(in crate::metrics) zeros: u64,
    pub(in crate::metrics) sum: u128,
    pub(in crate::metrics) min: u64,
    pub(in crate::metrics) max: u64,
}

impl Trend {
    /// An empty distribution; `bounds` are sorted nanoseconds.
    ///
    /// # Panics
    /// Never: the histogram's bounds are constants of this file, checked by its tests.
    #[must_use]
    pub fn new(bounds: Arc<[u64]>) -> Self {
        #[expect(clippy::expect_used, reason = "constant arguments that a test constructs")]
        let mut histogram = Histogram::new_with_bounds(RESOLUTION, 2 * RESOLUTION, DIGITS)
            .expect("constant histogram bounds are valid");
        // Grows to the longest duration met, at most 38 times in a run, so that most trends stay small.
        histogram.auto(true);
        let buckets = vec![0; bounds.len() + 1].into_boxed_slice();
        Self { histogram, bounds, buckets, zeros: 0, sum: 0, min: u64::MAX, max: 0 }
    }

    /// Counts one duration in nanoseconds.
    pub fn record(&mut self, nanos: u64) {
        self.record_n(nanos, 1);
    }

    /// Counts `count` equal durations in nanoseconds; at least one.
    pub fn record_n(&mut self, nanos: u64, count: u64) {
        let recorded = self.histogram.record_n(nanos.clamp(1, LONGEST), count);
        debug_assert!(recorded.is_ok(), "the histogram grows up to LONGEST");
        let bucket = self.bounds.partition_point(|bound| *bound < nanos);
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            *bucket += count;
        }
        self.zeros += if nanos == 0 { count } else { 0 };
        self.sum += u128::from(nanos) * u128::from(count);
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
    }

    /// Adds another distribution with the same boundaries.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.bounds, other.bounds, "merged trends share their boundaries");
        if other.count() == 0 {
            return;
        }
        let added = self.histogram.add(&other.histogram);
        debug_assert!(added.is_ok(), "trends share one histogram shape");
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.zeros += other.zeros;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// What was recorded after `earlier`, a past state of this distribution; none if it is not that. Minimum and maximum
    /// are known to the histogram's three digits only.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        if self.bounds != earlier.bounds || self.count() < earlier.count() {
            return None;
        }
        let mut histogram = self.histogram.clone();
        histogram.subtract(&earlier.histogram).ok()?;
        let buckets = self.buckets.iter().zip(&earlier.buckets).map(|(now, then)| now.checked_sub(*then));
        let mut since = Self {
            bounds: self.bounds.clone(),
            buckets: buckets.collect::<Option<_>>()?,
            zeros: self.zeros.checked_sub(earlier.zeros)?,
            sum: self.sum.checked_sub(earlier.sum)?,
            min: u64::MAX,
            max: 0,
            histogram,
        };
        if since.count() > 0 {
            since.min = since.histogram.min().max(self.min);
            since.max = since.histogram.max().min(self.max);
        }
        Some(since)
    }

    /// Number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Sum in nanoseconds.
    #[must_use]
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// Shortest in nanoseconds, 0 when empty.
    #[must_use]
    pub fn min(&self) -> u64 {
        if self.count() == 0 { 0 } else { self.min }
    }

    /// Longest in nanoseconds, exact, 0 when empty.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Mean in nanoseconds, 0 when empty.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { self.sum as f64 / self.count() as f64 }
    }

    /// Nearest-rank percentile (0 to 100) in nanoseconds with three digits; 0 when empty. Never outside minimum and
    /// maximum, nor outside the bucket that holds the rank, so that it agrees with [`Self::count_at_most`].
    #[must_use]
    pub fn percentile(&self, percent: f64) -> u64 {
        let rank = rank::nearest_rank(percent, self.count());
        if rank <= self.zeros {
            return 0;
        }
        // The histogram rounds `quantile * count` up; half a sample below the rank survives the float steps.
        let value = self.histogram.value_at_quantile((rank as f64 - 0.5) / self.count() as f64);
        let bucket = self.cumulative().position(|(_, total)| total >= rank).unwrap_or(self.bounds.len());
        let above = bucket.checked_sub(1).and_then(|index| self.bounds.get(index)).map_or(0, |bound| bound + 1);
        let up_to = self.bounds.get(bucket).copied().unwrap_or(u64::MAX);
        value.clamp(above.max(self.min), up_to.min(self.max))
    }

    /// Exact number of durations of at most `bound` nanoseconds, if `bound` is one of the boundaries.
    #[must_use]
    pub fn count_at_most(&self, bound: u64) -> Option<u64> {
        let index = self.bounds.binary_search(&bound).ok()?;
        Some(self.buckets.iter().take(index + 1).sum())
    }

    /// The middle of each step of the histogram in nanoseconds with the number of durations in it, ascending, without
    /// empty steps. No duration is further from its middle than a two-thousandth of itself or the finest step.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.histogram
            .iter_recorded()
            .map(|step| (self.histogram.median_equivalent(step.value_iterated_to()), step.count_at_value()))
    }

    /// Boundaries in nanoseconds with the cumulative number of durations up to each.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.bounds.iter().zip(&self.buckets).scan(0, |total, (bound, count)| {
            *total += count;
            Some((*bound, *total))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ladder;
    use proptest::prelude::*;

    fn trend(values: &[u64]) -> Trend {
        let mut trend = Trend::new(ladder::with_limits([200_000_000]).into());
        values.iter().for_each(|value| trend.record(*value));
        trend
    }

    #[test]
    fn empty_trend_is_all_zero() {
        let empty = trend(&[]);
        assert_eq!((empty.count(), empty.min(), empty.max(), empty.percentile(99.0)), (0, 0, 0, 0));
    }

    #[test]
    fn a_boundary_counts_what_lies_on_it() {
        let trend = trend(&[199_999_999, 200_000_000, 200_000_001]);
        assert_eq!(trend.count_at_most(200_000_000), Some(2));
        assert_eq!(trend.count_at_most(123), None);
    }

    #[test]
    fn nothing_is_no_finest_step() {
        let mut left = trend(&[0, 0]);
        left.merge(&trend(&[0, 1_000_000]));
        assert_eq!((left.percentile(50.0), left.percentile(75.0)), (0, 0));
        assert!(left.percentile(76.0).abs_diff(1_000_000) < 1_000);
    }

    #[test]
    fn longer_than_the_longest_is_counted_and_the_maximum_stays_exact() {
        let trend = trend(&[2 * LONGEST]);
        assert_eq!((trend.count(), trend.max(), trend.percentile(50.0)), (1, 2 * LONGEST, 2 * LONGEST));
    }

    proptest! {
        #[test]
        fn percentiles_are_within_three_digits_of_the_sorted_samples(
            mut values in prop::collection::vec(1u64..10_000_000_000, 1..300), percent in 0.0f64..100.0,
        ) {
            let trend = trend(&values);
            values.sort_unstable();
            let rank = ((percent / 100.0 * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let got = trend.percentile(percent);
            let slack = (exact / 1000).max(RESOLUTION);
            // One ulp of `percent` may move the rank by one sample.
            let neighbours = [values[rank.saturating_sub(2)], values[rank.min(values.len() - 1)]];
            prop_assert!(
                got.abs_diff(exact) <= slack || neighbours.iter().any(|near| got.abs_diff(*near) <= (near / 1000).max(RESOLUTION)),
                "{got} against {exact}"
            );
        }

        #[test]
        fn merging_equals_recording_together(
            left in prop::collection::vec(0u64..10_000_000_000, 0..100),
            right in prop::collection::vec(0u64..10_000_000_000, 0..100),
        ) {
            let mut merged = trend(&left);
            merged.merge(&trend(&right));
            let together = trend(&[left, right].concat());
            prop_assert_eq!(merged.count(), together.count());
            prop_assert_eq!(merged.sum(), together.sum());
            prop_assert_eq!((merged.min(), merged.max()), (together.min(), together.max()));
            prop_assert_eq!(merged.cumulative().collect::<Vec<_>>(), together.cumulative().collect::<Vec<_>>());
            prop_assert_eq!(merged.percentile(95.0), together.percentile(95.0));
        }

        #[test]
        fn the_difference_to_an_earlier_state_is_what_came_after_it(
            before in prop::collection::vec(0u64..10_000_000_000, 0..100),
            after in prop::collection::vec(0u64..10_000_000_000, 0..100),
        ) {
            let (earlier, oracle) = (trend(&before), trend(&after));
            let since = trend(&[before, after].concat()).since(&earlier).unwrap();
            prop_assert_eq!((since.count(), since.sum()), (oracle.count(), oracle.sum()));
            prop_assert_eq!(since.cumulative().collect::<Vec<_>>(), oracle.cumulative().collect::<Vec<_>>());
            for percent in [0.0, 50.0, 99.0, 100.0] {
                let (got, exact) = (since.percentile(percent), oracle.percentile(percent));
                prop_assert!(got.abs_diff(exact) <= (exact / 1000).max(RESOLUTION), "{} against {}", got, exact);
            }
        }

        #[test]
        fn bucket_counts_equal_a_count_over_the_samples(values in prop::collection::vec(0u64..100_000_000_000, 0..200)) {
            let trend = trend(&values);
            for (bound, count) in trend.cumulative() {
                prop_assert_eq!(count, values.iter().filter(|value| **value <= bound).count() as u64);
            }
        }
    }
}
