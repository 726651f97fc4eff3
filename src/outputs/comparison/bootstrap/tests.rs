use hdrhistogram::Histogram;
use rand::RngExt as _;

use super::*;

/// A simulated run of `parts` parts of `samples` exponential latencies around `mean` nanoseconds: a common course of the
/// plan in every run, and noise that neighbouring parts share.
fn simulated(parts: usize, samples: usize, mean: f64, random: &mut StdRng) -> Blocks {
    let mut noise = 0.0;
    let histograms: Vec<_> = (0..parts)
        .map(|part| {
            let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            noise = 0.3 * noise + 0.1 * normal;
            let course = 1.0 + part as f64 / parts as f64;
            let mut histogram = Histogram::new_with_bounds(64, 1 << 40, 2).unwrap();
            for _ in 0..samples {
                let latency =
                    mean * course * (1.0f64 + noise).max(0.1) * (0.2 - random.random::<f64>().max(1e-12).ln());
                histogram.record(latency as u64 + 64).unwrap();
            }
            histogram
        })
        .collect();
    Blocks::new(&histograms)
}

/// Of simulated pairs, the share whose difference is called significant, by statistic.
fn significant(pairs: u32, parts: usize, slower: f64, paired: bool) -> [f64; 4] {
    let mut random = StdRng::seed_from_u64(7);
    let mut found = [0.0; 4];
    for _ in 0..pairs {
        let base = simulated(parts, 40, 1e6, &mut random);
        let with = simulated(parts, 40, 1e6 * slower, &mut random);
        // A fifth of the resamples: their standard error is 5 %, and the test takes seconds.
        for (found, tested) in found.iter_mut().zip(resampled(&base, &with, paired, 200).unwrap()) {
            *found += f64::from(tested.unwrap().p < crate::outputs::comparison::ALPHA) / f64::from(pairs);
        }
    }
    found
}

#[test]
fn equal_targets_differ_about_as_often_as_they_should() {
    // 5 % of 200 pairs is 10 ± 3.1.
    for parts in [60, 30] {
        for share in significant(200, parts, 1.0, true) {
            assert!((0.005..=0.105).contains(&share), "{parts} parts: {share}");
        }
    }
    // The course of the plan is noise to runs that are not of the same plan: they differ less often, never more.
    for share in significant(60, 40, 1.0, false) {
        assert!(share <= 0.105, "{share}");
    }
}

#[test]
fn a_slower_target_is_found() {
    let [mean, median, p95, p99] = significant(30, 60, 1.25, true);
    assert!(mean > 0.95 && median > 0.95 && p95 > 0.8 && p99 > 0.5, "{mean} {median} {p95} {p99}");
}

#[test]
fn the_interval_holds_the_difference_of_the_runs() {
    let mut random = StdRng::seed_from_u64(3);
    let (base, with) = (simulated(60, 40, 1e6, &mut random), simulated(60, 40, 1.5e6, &mut random));
    let whole = |blocks: &Blocks| blocks.statistics(&[1; 60]).unwrap();
    for ((tested, base), with) in test(&base, &with, true).unwrap().into_iter().zip(whole(&base)).zip(whole(&with)) {
        let tested = tested.unwrap();
        let [low, high] = tested.interval;
        assert!(low < with - base && with - base < high);
        assert_eq!(low > 0.0, tested.p < crate::outputs::comparison::ALPHA);
    }
}

#[test]
fn the_same_records_have_the_same_answer_and_a_run_does_not_differ_from_itself() {
    let mut random = StdRng::seed_from_u64(5);
    let run = simulated(20, 40, 1e6, &mut random);
    let other = simulated(20, 40, 1e6, &mut random);
    assert_eq!(test(&run, &other, true), test(&run, &other, true));
    assert_eq!(test(&run, &run, true), Some([Some(Tested { interval: [0.0; 2], p: 1.0 }); 4]));
}

#[test]
fn few_parts_say_nothing() {
    let mut random = StdRng::seed_from_u64(5);
    let (short, long) = (simulated(7, 40, 1e6, &mut random), simulated(60, 40, 1e6, &mut random));
    assert_eq!(test(&short, &short, true), None);
    assert_eq!(test(&short, &long, false), None);
}

/// Parts of `samples` times 1 ms each.
fn constant(samples: impl IntoIterator<Item = u64>) -> Blocks {
    let histograms: Vec<_> = samples
        .into_iter()
        .map(|samples| {
            let mut histogram = Histogram::new_with_bounds(64, 1 << 40, 3).unwrap();
            histogram.record_n(1_000_000, samples).unwrap();
            histogram
        })
        .collect();
    Blocks::new(&histograms)
}

#[test]
fn each_side_needs_parts_with_samples() {
    let (all, seven) = (constant([10; 60]), constant((0..60).map(|part| u64::from(part % 8 == 0 && part < 56))));
    assert_eq!((0..60).filter(|part| seven.has(*part)).count(), 7);
    assert_eq!(test(&all, &seven, true), None);
    assert_eq!(test(&seven, &all, true), None);
}

#[test]
fn a_side_that_many_resamples_have_nothing_of_is_not_tested() {
    // Of 60 parts 8 neighbours: 15 stretches of 4 miss all of them in (49/60)^15, about 5 %.
    let (all, few) = (constant([10; 60]), constant((0..60).map(|part| u64::from(part < 8))));
    assert_eq!(test(&all, &few, true), None);
    // Spread over the run they are missed by far fewer: 8 starts of 4 lead past any, (28/60)^15 is 1e-5.
    let spread = constant((0..60).map(|part| u64::from(part % 8 == 0)));
    assert!(test(&all, &spread, true).is_some());
}

#[test]
fn a_statistic_that_no_resample_changes_is_not_tested() {
    let fast = constant([10; 60]);
    let histograms: Vec<_> = (0..60)
        .map(|_| {
            let mut histogram = Histogram::<u64>::new_with_bounds(64, 1 << 40, 3).unwrap();
            histogram.record_n(1_010_000, 10).unwrap();
            histogram
        })
        .collect();
    for paired in [true, false] {
        assert_eq!(test(&fast, &Blocks::new(&histograms), paired), Some([None; 4]));
    }
}

#[test]
fn parts_of_one_second_and_of_two_are_paired() {
    let mut random = StdRng::seed_from_u64(11);
    let (base, with) = (simulated(59, 40, 1e6, &mut random), simulated(60, 40, 1e6, &mut random));
    // The run of 60 parts grew by half a second, and its parts became 30.
    let longer = blocks::merged(&with, 2, 30);
    assert_eq!(longer.len(), 30);
    let whole = |blocks: &Blocks| blocks.statistics(&vec![1; blocks.len()]);
    assert_eq!(whole(&longer), whole(&with), "no sample is lost");
    let (one, other) = blocks::aligned(&base, &longer);
    assert_eq!((one.len(), other.len()), (30, 30));
    assert_eq!(test(&base, &longer, true), test(&one, &other, true));
    assert_ne!(test(&base, &longer, true), test(&base, &longer, false));
    // Of the same length of parts, what is too long goes with the last.
    let (one, other) = blocks::aligned(&base, &simulated(57, 40, 1e6, &mut random));
    assert_eq!((one.len(), other.len()), (57, 57));
    assert_eq!(whole(&one), whole(&base));
}

#[test]
fn every_resample_has_as_many_parts_as_the_run() {
    let mut random = StdRng::seed_from_u64(1);
    for parts in 1..70 {
        assert_eq!(times(parts, &mut random).iter().sum::<u64>(), parts as u64);
    }
}
