//! How sure the difference of a statistic is: runs are put together anew from their own parts, and the spread of the
//! difference over many such runs is its standard error. Parts are taken in stretches of neighbours, since neighbours
//! are alike (Künsch's moving blocks, circular); of runs of the same plan the same stretches on both sides, so that what
//! the plan does to both cancels.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::outputs::comparison::{
    Tested,
    between_runs::by_student,
    blocks::{self, Blocks},
};

/// Runs made anew. The standard error of the standard error is then 2 %.
const RESAMPLES: usize = 1000;
/// Parts with samples, of each side, below which nothing is said.
const LEAST: usize = 8;
/// One in so many runs made anew may be without samples.
const SKIPPED: usize = 100;
/// Any number: the same records have the same answer.
const SEED: u64 = 0x7261_6d70_6400_0001;

/// Tests the difference of each of [`blocks::STATISTICS`]; none with too few parts, or of a statistic
/// that no resample changes.
pub(super) fn test(base: &Blocks, with: &Blocks, paired: bool) -> Option<[Option<Tested>; 4]> {
    resampled(base, with, paired, RESAMPLES)
}

fn resampled(base: &Blocks, with: &Blocks, paired: bool, resamples: usize) -> Option<[Option<Tested>; 4]> {
    let (base, with) = if paired { blocks::aligned(base, with) } else { (base.clone(), with.clone()) };
    let filled = |blocks: &Blocks| (0..blocks.len()).filter(|part| blocks.has(*part)).collect::<Vec<_>>();
    let (of_base, of_with) = (filled(&base), filled(&with));
    let parts = of_base.len().min(of_with.len());
    if parts < LEAST {
        return None;
    }
    let (base, with) = if paired {
        // Where neither has samples the plan had nothing to measure.
        let either: Vec<_> = (0..base.len()).filter(|part| base.has(*part) || with.has(*part)).collect();
        (base.only(&either), with.only(&either))
    } else {
        (base.only(&of_base), with.only(&of_with))
    };
    let mut random = StdRng::seed_from_u64(SEED);
    let mut differences: [Vec<f64>; 4] = Default::default();
    let mut skipped = 0;
    for _ in 0..resamples {
        let base_times = times(base.len(), &mut random);
        let with_times = if paired { base_times.clone() } else { times(with.len(), &mut random) };
        // A run made anew of parts without samples has no statistics.
        let (Some(base), Some(with)) = (base.statistics(&base_times), with.statistics(&with_times)) else {
            skipped += 1;
            continue;
        };
        for (differences, (base, with)) in differences.iter_mut().zip(base.into_iter().zip(with)) {
            differences.push(with - base);
        }
    }
    // The spread would be of those runs only that have samples.
    if skipped * SKIPPED > resamples {
        return None;
    }
    let whole = |blocks: &Blocks| blocks.statistics(&vec![1; blocks.len()]);
    let (base_whole, with_whole) = (whole(&base)?, whole(&with)?);
    // So many independent stretches stand behind the standard error.
    let freedom = (parts / stretch(parts)) as f64 - 1.0;
    let mut tested = [None; 4];
    for ((slot, (base, with)), differences) in
        tested.iter_mut().zip(base_whole.into_iter().zip(with_whole)).zip(differences)
    {
        *slot = by_student(base, with, deviation(&differences), freedom);
    }
    Some(tested)
}

/// Parts of a stretch: their cube root has the smallest error of a variance.
fn stretch(parts: usize) -> usize {
    ((parts as f64).cbrt().ceil() as usize).max(1)
}

/// How often each part is taken.
fn times(parts: usize, random: &mut StdRng) -> Vec<u64> {
    let stretch = stretch(parts);
    let mut times = vec![0; parts];
    let mut taken = 0;
    while taken < parts {
        let start = random.random_range(0..parts);
        for step in 0..stretch.min(parts - taken) {
            if let Some(times) = times.get_mut((start + step) % parts) {
                *times += 1;
            }
        }
        taken += stretch;
    }
    times
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len().max(2) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests;
