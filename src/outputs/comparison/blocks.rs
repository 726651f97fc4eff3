//! The parts of a trend in a form that is quick to put together anew a thousand times.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::{metrics::hdr, outputs::record::RunRecord};

/// What is looked at of a distribution, named as in records.
pub(super) const STATISTICS: [&str; 4] = ["avg", "med", "p(95)", "p(99)"];
/// Percentiles of [`STATISTICS`] behind the mean.
const SHARES: [f64; 3] = [0.5, 0.95, 0.99];
/// Recorded steps in a millisecond, and in a plain number.
const SCALE: f64 = 1e6;

/// The parts of a run of one trend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blocks {
    /// Every value of any part, in order, in the unit of records.
    values: Vec<f64>,
    /// By part: places in `values` with how often they came.
    parts: Vec<Vec<(u32, u64)>>,
}

impl Blocks {
    /// Of a trend in a record; none if the record has no parts of it, or they cannot be read.
    pub(super) fn of(record: &RunRecord, trend: &str) -> Option<Self> {
        let metric = record.metrics.iter().find(|metric| metric.name == trend)?;
        let histograms: Result<Vec<_>, _> = metric.blocks.iter().map(|text| hdr::decode(text)).collect();
        Some(Self::new(&histograms.ok()?)).filter(|blocks| !blocks.parts.is_empty())
    }

    /// Of histograms.
    pub(super) fn new(histograms: &[Histogram<u64>]) -> Self {
        let recorded = |histogram: &Histogram<u64>| {
            let steps = histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
            steps.collect::<Vec<_>>()
        };
        let parts: Vec<_> = histograms.iter().map(recorded).collect();
        let mut values: Vec<u64> = parts.iter().flatten().map(|(value, _)| *value).collect();
        values.sort_unstable();
        values.dedup();
        let place = |value: u64| values.partition_point(|known| *known < value) as u32;
        let parts = parts.iter().map(|part| part.iter().map(|(value, count)| (place(*value), *count)).collect());
        Self { parts: parts.collect(), values: values.iter().map(|value| *value as f64 / SCALE).collect() }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether a part has samples.
    pub(super) fn has(&self, part: usize) -> bool {
        self.parts.get(part).is_some_and(|part| !part.is_empty())
    }

    /// Only some parts.
    pub(super) fn only(&self, wanted: &[usize]) -> Self {
        let parts = wanted.iter().filter_map(|part| self.parts.get(*part).cloned());
        Self { values: self.values.clone(), parts: parts.collect() }
    }

    /// [`STATISTICS`] of a run made of each part as often as `times` says; none without a sample.
    pub(super) fn statistics(&self, times: &[u64]) -> Option<[f64; 4]> {
        let mut counts = vec![0u64; self.values.len()];
        for (part, times) in self.parts.iter().zip(times).filter(|(_, times)| **times > 0) {
            for (place, count) in part {
                if let Some(total) = counts.get_mut(*place as usize) {
                    *total += count * times;
                }
            }
        }
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return None;
        }
        let sum: f64 = counts.iter().zip(&self.values).map(|(count, value)| *count as f64 * value).sum();
        let mut statistics = [sum / total as f64, 0.0, 0.0, 0.0];
        let mut ranks =
            SHARES.iter().map(|share| (share * total as f64).ceil() as u64).zip(statistics.iter_mut().skip(1));
        let mut next = ranks.next();
        let mut passed = 0;
        for (count, value) in counts.iter().zip(&self.values) {
            passed += count;
            while let Some((rank, slot)) = next.take() {
                if passed < rank {
                    next = Some((rank, slot));
                    break;
                }
                *slot = *value;
                next = ranks.next();
            }
        }
        Some(statistics)
    }
}

/// Both in the same number of parts, part i of one of the same time as part i of the other. Parts of a run that grows are
/// merged two by two, so those of a run of 59 s are of one second and those of one of 60.1 s of two.
pub(super) fn aligned(base: &Blocks, with: &Blocks) -> (Blocks, Blocks) {
    let (one, other) = (base.len().max(1) as f64, with.len().max(1) as f64);
    let factor = |more: f64, fewer: f64| 1usize << (more / fewer).log2().round().max(0.0) as u32;
    let (of_base, of_with) = (factor(one, other), factor(other, one));
    let parts = base.len().div_ceil(of_base).min(with.len().div_ceil(of_with));
    (merged(base, of_base, parts), merged(with, of_with, parts))
}

/// In `parts` of `factor` parts each; the last has the rest too.
pub(super) fn merged(blocks: &Blocks, factor: usize, parts: usize) -> Blocks {
    let mut merged = vec![BTreeMap::<u32, u64>::new(); parts];
    for (part, steps) in blocks.parts.iter().enumerate() {
        let Some(slot) = merged.get_mut((part / factor).min(parts.saturating_sub(1))) else { continue };
        for (place, count) in steps {
            *slot.entry(*place).or_default() += count;
        }
    }
    let parts = merged.into_iter().map(|part| part.into_iter().collect());
    Blocks { values: blocks.values.clone(), parts: parts.collect() }
}

/// Lengths of runs that count as the same plan, as a share.
const SAME_LENGTH: f64 = 0.05;

/// Whether part i of one run is comparable with part i of the other: one run a side, of the same load and length. An order
/// changes the load, and a pause moves all that comes after it.
pub(super) fn are_paired(base: &[RunRecord], with: &[RunRecord]) -> bool {
    let ([base], [with]) = (base, with) else { return false };
    if is_steered(base) || is_steered(with) {
        return false;
    }
    let length = (base.elapsed_seconds - with.elapsed_seconds).abs();
    base.digest == with.digest && length <= SAME_LENGTH * base.elapsed_seconds.max(with.elapsed_seconds)
}

/// Whether the run's load was not its profile's alone.
pub(super) fn is_steered(run: &RunRecord) -> bool {
    run.orders > 0 || run.paused_seconds > 0.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn statistics_are_those_of_the_samples_one_by_one(
            parts in prop::collection::vec((prop::collection::vec(1u64..1000, 0..20), 0u64..4), 1..6),
        ) {
            let histograms: Vec<_> = parts.iter().map(|(samples, _)| {
                let mut histogram = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
                samples.iter().for_each(|sample| histogram.record(*sample).unwrap());
                histogram
            }).collect();
            let times: Vec<u64> = parts.iter().map(|(_, times)| *times).collect();
            let mut samples: Vec<f64> = parts.iter()
                .flat_map(|(samples, times)| samples.iter().flat_map(|sample| (0..*times).map(|_| *sample as f64 / SCALE)))
                .collect();
            samples.sort_by(f64::total_cmp);
            let statistics = Blocks::new(&histograms).statistics(&times);
            prop_assert_eq!(statistics.is_none(), samples.is_empty());
            if let Some([mean, percentiles @ ..]) = statistics {
                prop_assert!((mean - samples.iter().sum::<f64>() / samples.len() as f64).abs() < 1e-9);
                for (percentile, share) in percentiles.into_iter().zip(SHARES) {
                    let rank = (share * samples.len() as f64).ceil() as usize;
                    prop_assert_eq!(percentile, samples[rank - 1]);
                }
            }
        }
    }
}
