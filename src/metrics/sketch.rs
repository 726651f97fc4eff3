//! A distribution as the steps that have samples, and nothing else: small to keep by the hundred, quick to add up. Of
//! the parts of a run; the whole is a [`Trend`].

use hdrhistogram::Histogram;

use crate::metrics::{
    rank,
    trend::{DIGITS, LONGEST, RESOLUTION, Trend},
};

/// Steps from one power of two to the next are two to the power of `BITS`, of at least `RESOLUTION`: a value is never
/// further from the middle of its step than half of `2^-BITS` of itself. With 10 these are the steps of a trend's own histogram.
/// Six bytes for each step that has samples, up to `4 + 0.23·BITS` thousand of them; counts stop at 2^32, which no part of a run reaches
/// in one step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch<const BITS: u32> {
    steps: Vec<u16>,
    counts: Vec<u32>,
}

impl<const BITS: u32> Sketch<BITS> {
    /// All samples of `trend`.
    #[must_use]
    pub fn of(trend: &Trend) -> Self {
        let mut sketch = Self::default();
        for (middle, count) in trend.steps() {
            sketch.append(step::<BITS>(middle), u32::try_from(count).unwrap_or(u32::MAX));
        }
        sketch
    }

    /// Adds another one.
    pub fn merge(&mut self, other: &Self) {
        if self.steps.is_empty() {
            self.clone_from(other);
            return;
        }
        let mut merged = Self::default();
        let (mut ours, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(our), Some(their)) if our.0 <= their.0 => ours.next(),
                (_, Some(_)) => theirs.next(),
                (Some(_), None) => ours.next(),
                (None, None) => break,
            };
            if let Some((step, count)) = next {
                merged.append(step, count);
            }
        }
        drop((ours, theirs));
        *self = merged;
    }

    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Nearest-rank percentile (0 to 100), the middle of its step in nanoseconds; 0 when empty.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> u64 {
        let rank = rank::nearest_rank(percent, self.count());
        let mut total = 0;
        let at_rank = self.iter().find(|(_, count)| {
            total += u64::from(*count);
            total >= rank
        });
        at_rank.map_or(0, |(step, _)| middle::<BITS>(step))
    }

    /// As an HdrHistogram of a trend's range and resolution.
    ///
    /// # Panics
    /// Never: the histogram's bounds are constants of [`Trend`].
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        #[expect(clippy::expect_used, reason = "constant arguments that a test constructs")]
        let mut histogram = Histogram::new_with_bounds(RESOLUTION, 2 * RESOLUTION, DIGITS)
            .expect("constant histogram bounds are valid");
        histogram.auto(true);
        for (step, count) in self.iter() {
            let recorded = histogram.record_n(middle::<BITS>(step).clamp(1, LONGEST), count.into());
            debug_assert!(recorded.is_ok(), "the histogram grows up to LONGEST");
        }
        histogram
    }

    fn iter(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.steps.iter().copied().zip(self.counts.iter().copied())
    }

    /// Steps ascend.
    fn append(&mut self, step: u16, count: u32) {
        match (self.steps.last(), self.counts.last_mut()) {
            (Some(last), Some(sum)) if *last == step => *sum = sum.saturating_add(count),
            _ => {
                self.steps.push(step);
                self.counts.push(count);
            }
        }
    }
}

/// Of a duration in nanoseconds. The longest of a trend, 2^47 of the finest steps, is in step 38,900 of 10 bits.
fn step<const BITS: u32>(nanos: u64) -> u16 {
    let fine = nanos.min(LONGEST) / RESOLUTION;
    let shift = fine.checked_ilog2().unwrap_or(0).saturating_sub(BITS);
    ((u64::from(shift) << BITS) + (fine >> shift)) as u16
}

/// The middle of a step, in nanoseconds.
fn middle<const BITS: u32>(step: u16) -> u64 {
    let step = u64::from(step);
    let shift = (step >> BITS).saturating_sub(1);
    let width = RESOLUTION << shift;
    (step - (shift << BITS)) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ladder;
    use proptest::prelude::*;

    fn trend(values: &[u64]) -> Trend {
        let mut trend = Trend::new(ladder::with_limits([]).into());
        values.iter().for_each(|value| trend.record(*value));
        trend
    }

    fn near(got: u64, exact: u64, bits: u32) -> bool {
        // Half a step, and half of one of the trend's own.
        got.abs_diff(exact) <= (exact >> (bits + 1)) + (exact >> 11) + RESOLUTION
    }

    proptest! {
        #[test]
        fn a_step_has_its_value_near_its_middle_and_steps_ascend(nanos in 0..LONGEST, further in 0..LONGEST) {
            prop_assert!(near(middle::<6>(step::<6>(nanos)), nanos, 6));
            prop_assert!(near(middle::<10>(step::<10>(nanos)), nanos, 10));
            prop_assert!(step::<10>(nanos) <= step::<10>(nanos.saturating_add(further)));
        }

        #[test]
        fn percentiles_of_merged_sketches_are_those_of_all_samples(
            parts in prop::collection::vec(prop::collection::vec(0u64..20_000_000_000, 0..60), 1..5),
            percent in 0.0f64..100.0,
        ) {
            let mut merged = Sketch::<6>::default();
            for part in &parts {
                merged.merge(&Sketch::of(&trend(part)));
            }
            let mut all = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(merged.count(), all.len() as u64);
            if !all.is_empty() {
                let rank = rank::nearest_rank(percent, all.len() as u64).max(1) as usize;
                let exact = all[rank - 1];
                prop_assert!(near(merged.percentile(percent), exact, 6), "{} against {}", merged.percentile(percent), exact);
            }
        }

        #[test]
        fn ten_bits_are_the_histogram_itself(values in prop::collection::vec(0u64..=LONGEST, 0..60)) {
            let trend = trend(&values);
            let histogram = Sketch::<10>::of(&trend).histogram();
            let steps = histogram.iter_recorded()
                .map(|step| (histogram.median_equivalent(step.value_iterated_to()), step.count_at_value()));
            prop_assert_eq!(steps.collect::<Vec<_>>(), trend.steps().collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_merges_with_nothing() {
        let mut empty = Sketch::<6>::default();
        empty.merge(&Sketch::default());
        assert_eq!((empty.count(), empty.percentile(99.0)), (0, 0));
    }
}
