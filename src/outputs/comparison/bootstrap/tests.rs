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
            *found += f64::from(tested.p < crate::outputs::comparison::ALPHA) / f64::from(pairs);
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
    assert!(test(&run, &run, true).unwrap().iter().all(|tested| tested.p == 1.0 && tested.interval == [0.0; 2]));
}

#[test]
fn few_parts_say_nothing() {
    let mut random = StdRng::seed_from_u64(5);
    let (short, long) = (simulated(7, 40, 1e6, &mut random), simulated(60, 40, 1e6, &mut random));
    assert_eq!(test(&short, &short, true), None);
    assert_eq!(test(&short, &long, false), None);
}

#[test]
fn every_resample_has_as_many_parts_as_the_run() {
    let mut random = StdRng::seed_from_u64(1);
    for parts in 1..70 {
        assert_eq!(times(parts, &mut random).iter().sum::<u64>(), parts as u64);
    }
}
