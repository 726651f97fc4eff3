//! Nearest rank of a percentile, in integers. `99.9 / 100.0 * 1000.0` is 999.0000000000001 in
//! floats, which would ask for one sample too many; the percentage is therefore read back as the
//! decimal that was typed.

/// The smallest `r` of at least 1 with `r / count ≥ percent / 100`; 0 when `count` is 0.
///
/// Counting in this way equals PromQL's `bucket / count >= 0.99` with the share written as a
/// decimal: rounding is monotonic, so the quotient cannot fall below the literal when the exact
/// fraction does not, and an exact fraction below it is at least `1 / (10^d · count)` away, far
/// more than a float's step up to 10¹² samples. Only `p(0)`, the minimum, is no such ratio.
#[must_use]
pub fn nearest_rank(percent: f64, count: u64) -> u64 {
    let (digits, scale) = decimal(percent);
    let rank = (digits * u128::from(count)).div_ceil(scale * 100);
    u64::try_from(rank).unwrap_or(u64::MAX).clamp(1, count.max(1)).min(count)
}

/// `percent` as `digits / scale`, exact for up to 13 decimals; below 2^53, so that the float division decides.
fn decimal(percent: f64) -> (u128, u128) {
    let percent = percent.clamp(0.0, 100.0);
    let mut scale = 1.0;
    loop {
        let digits = (percent * scale).round();
        #[expect(clippy::float_cmp, reason = "equal floats mean that the decimal reads back to this very number")]
        if digits / scale == percent || scale >= 1e13 {
            return (digits as u128, scale as u128);
        }
        scale *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges() {
        for (percent, count, rank) in [
            (99.9, 1000, 999),
            (99.0, 100, 99),
            (99.0, 101, 100),
            (50.0, 1, 1),
            (50.0, 2, 1),
            (0.0, 5, 1),
            (100.0, 5, 5),
            (99.0, 0, 0),
            (99.99, 10_000, 9_999),
        ] {
            assert_eq!(nearest_rank(percent, count), rank, "p({percent}) of {count}");
        }
    }

    proptest! {
        #[test]
        fn rank_is_the_smallest_that_reaches_the_share(hundredths in 1u64..=10_000, count in 1u64..10_000_000) {
            let rank = nearest_rank(hundredths as f64 / 100.0, count);
            prop_assert!(rank * 10_000 >= hundredths * count);
            prop_assert!((rank - 1) * 10_000 < hundredths * count);
        }

        #[test]
        fn rank_agrees_with_the_ratio_that_promql_compares(hundredths in 1u64..=10_000, count in 1u64..10_000_000, at in 0.0f64..1.0) {
            let literal: f64 = format!("0.{hundredths:04}").parse().unwrap_or(1.0);
            let literal = if hundredths == 10_000 { 1.0 } else { literal };
            let rank = nearest_rank(hundredths as f64 / 100.0, count);
            for bucket in [rank - 1, rank, (at * count as f64) as u64] {
                prop_assert_eq!(bucket as f64 / count as f64 >= literal, bucket >= rank);
            }
        }
    }
}
