//! The bucket boundaries of every histogram: one base ladder, identical in all agents and runs so
//! that buckets add up, plus one boundary at each threshold's limit, so that `p(99)<200` is an
//! exact ratio of counters.

use std::collections::BTreeSet;

/// 1, 1.5, 2, 3, 5, 7.5 per decade: interpolation inside a bucket errs by at most a quarter.
const STEPS: [u64; 6] = [100, 150, 200, 300, 500, 750];

/// Base boundaries in nanoseconds, 10 µs to 75 s; loopback round trips and slow upgrades both fit.
#[must_use]
pub fn base() -> BTreeSet<u64> {
    let decades = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    decades.iter().flat_map(|scale| STEPS.iter().map(move |step| step * scale)).collect()
}

/// The base ladder with `limits` (nanoseconds) added; sorted, without repeats, without zero.
#[must_use]
pub fn with_limits(limits: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut bounds = base();
    bounds.extend(limits);
    bounds.remove(&0);
    bounds.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ladder_is_sorted_and_holds_the_limits() {
        let bounds = with_limits([200_000_000, 1, 0]);
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(bounds.contains(&200_000_000) && bounds.contains(&1) && !bounds.contains(&0));
        assert_eq!(base().first(), Some(&10_000));
        assert_eq!(base().last(), Some(&75_000_000_000));
    }
}
