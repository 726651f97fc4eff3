//! Shares and counts of two runs.

use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF as _, DiscreteCDF as _, Hypergeometric, Normal};

use crate::outputs::comparison::{ALPHA, Tested};

/// A count out of a total.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) count: f64,
    pub(super) total: f64,
}

/// A count in a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Events {
    pub(super) count: u64,
    pub(super) seconds: f64,
}

/// Expected counts below which the normal distribution is no approximation (Cochran 1954).
const EXPECTED: f64 = 5.0;

/// Two proportions: Newcombe's interval from Wilson's of each, and the z-test with the pooled share, of small counts
/// Fisher's exact test.
pub(super) fn shares(base: Share, with: Share) -> Option<Tested> {
    let normal = Normal::standard();
    let z = normal.inverse_cdf(1.0 - ALPHA / 2.0);
    let (base_low, base_share, base_high) = wilson(base, z)?;
    let (with_low, with_share, with_high) = wilson(with, z)?;
    let difference = with_share - base_share;
    let below = ((with_share - with_low).powi(2) + (base_high - base_share).powi(2)).sqrt();
    let above = ((with_high - with_share).powi(2) + (base_share - base_low).powi(2)).sqrt();
    let pooled = (base.count + with.count) / (base.total + with.total);
    let error = (pooled * (1.0 - pooled) * (1.0 / base.total + 1.0 / with.total)).sqrt();
    let rarer = pooled.min(1.0 - pooled);
    let p = if error <= 0.0 {
        1.0
    } else if rarer * base.total.min(with.total) < EXPECTED {
        fisher(base, with)?
    } else {
        2.0 * normal.sf((difference / error).abs())
    };
    Some(Tested { interval: [difference - below, difference + above], p })
}

/// Twice the smaller tail, at most 1. Of the rarer outcome on the smaller side, which has the fewest terms.
fn fisher(base: Share, with: Share) -> Option<f64> {
    let (small, large) = if base.total <= with.total { (base, with) } else { (with, base) };
    let (all, counted) = (small.total + large.total, small.count + large.count);
    let is_rare = 2.0 * counted <= all;
    let (rare, of_small) = if is_rare { (counted, small.count) } else { (all - counted, small.total - small.count) };
    let chance = Hypergeometric::new(all as u64, rare as u64, small.total as u64).ok()?;
    let of_small = of_small as u64;
    let at_least = of_small.checked_sub(1).map_or(1.0, |fewer| chance.sf(fewer));
    Some((2.0 * chance.cdf(of_small).min(at_least)).min(1.0))
}

/// Wilson's interval with the share in its middle.
fn wilson(share: Share, z: f64) -> Option<(f64, f64, f64)> {
    let Share { count, total } = share;
    if total <= 0.0 || count < 0.0 || count > total {
        return None;
    }
    let measured = count / total;
    let middle = (measured + z * z / (2.0 * total)) / (1.0 + z * z / total);
    let reach =
        z / (1.0 + z * z / total) * (measured * (1.0 - measured) / total + z * z / (4.0 * total * total)).sqrt();
    Some(((middle - reach).max(0.0), measured, (middle + reach).min(1.0)))
}

/// Two Poisson counts: of all events the share of one side is binomial if both sides have the same rate; and an interval
/// of the difference of rates from the exact (Garwood's) interval of each.
pub(super) fn events(base: Events, with: Events) -> Option<Tested> {
    if base.seconds <= 0.0 || with.seconds <= 0.0 {
        return None;
    }
    let (base_low, base_rate, base_high) = garwood(base)?;
    let (with_low, with_rate, with_high) = garwood(with)?;
    let difference = with_rate - base_rate;
    let below = ((with_rate - with_low).powi(2) + (base_high - base_rate).powi(2)).sqrt();
    let above = ((with_high - with_rate).powi(2) + (base_rate - base_low).powi(2)).sqrt();
    let all = base.count + with.count;
    let binomial = Binomial::new(with.seconds / (base.seconds + with.seconds), all).ok()?;
    let at_most = binomial.cdf(with.count);
    let at_least = if with.count == 0 { 1.0 } else { binomial.sf(with.count - 1) };
    let p = (2.0 * at_most.min(at_least)).min(1.0);
    Some(Tested { interval: [difference - below, difference + above], p })
}

/// Events a second with the ends of the exact interval.
fn garwood(events: Events) -> Option<(f64, f64, f64)> {
    let count = events.count as f64;
    let bound = |freedom: f64, share: f64| ChiSquared::new(freedom).ok().map(|chi| chi.inverse_cdf(share) / 2.0);
    let low = if events.count == 0 { 0.0 } else { bound(2.0 * count, ALPHA / 2.0)? };
    let high = bound(2.0 * count + 2.0, 1.0 - ALPHA / 2.0)?;
    Some((low / events.seconds, count / events.seconds, high / events.seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 2e-4
    }

    #[test]
    fn newcombes_own_examples() {
        // Newcombe 1998, table II, method 10: 56/70 - 48/80 has 0.0524 to 0.3339, 9/10 - 3/10 has 0.1705 to 0.8090.
        for (with, base, low, high) in [
            ((56.0, 70.0), (48.0, 80.0), 0.0524, 0.3339),
            ((9.0, 10.0), (3.0, 10.0), 0.1705, 0.8090),
            ((10.0, 10.0), (0.0, 20.0), 0.6791, 1.0),
        ] {
            let share = |(count, total)| Share { count, total };
            let [from, to] = shares(share(base), share(with)).unwrap().interval;
            assert!(near(from, low) && near(to, high), "{from} {to}");
        }
        assert_eq!(shares(Share { count: 0.0, total: 0.0 }, Share { count: 1.0, total: 2.0 }), None);
    }

    #[test]
    fn small_shares_by_hand() {
        let p = |(base_count, base_total), (with_count, with_total)| {
            let share = |count, total| Share { count, total };
            shares(share(base_count, base_total), share(with_count, with_total)).unwrap().p
        };
        // One failed check of 1,000 against none of 9,000: 2 * 1000 / 10000. The z-test says 0.003.
        assert!(near(p((0.0, 9000.0), (1.0, 1000.0)), 0.2));
        assert!(near(p((9000.0, 9000.0), (999.0, 1000.0)), 0.2));
        // The lady tasting tea: 3 of 4 against 1 of 4 has 17/70 in one tail, 4 against none 1/70.
        assert!(near(p((1.0, 4.0), (3.0, 4.0)), 34.0 / 70.0));
        assert!(near(p((4.0, 4.0), (0.0, 4.0)), 2.0 / 70.0));
        assert!(near(p((0.0, 100.0), (0.0, 10.0)), 1.0));
    }

    #[test]
    fn poisson_counts_by_hand() {
        let events = |base, with| {
            super::events(Events { count: base, seconds: 10.0 }, Events { count: with, seconds: 10.0 }).unwrap()
        };
        // Of 5 events all on one side: 2 / 2^5.
        assert!(near(events(0, 5).p, 0.0625));
        assert!(near(events(5, 0).p, 0.0625));
        // Of 10 events 9 on one side: 2 (10 + 1) / 2^10.
        assert!(near(events(1, 9).p, 22.0 / 1024.0));
        assert!(near(events(0, 0).p, 1.0) && near(events(3, 3).p, 1.0));
        // Garwood's interval of none is 0 to 3.689.
        let [low, high] = events(0, 0).interval;
        assert!(near(low, -0.3689) && near(high, 0.3689), "{low} {high}");
    }

    proptest! {
        #[test]
        fn the_sides_are_alike(base in 0u64..5000, with in 0u64..5000) {
            let of = |count| Events { count, seconds: 60.0 };
            let (one, other) = (events(of(base), of(with)).unwrap(), events(of(with), of(base)).unwrap());
            prop_assert!((one.p - other.p).abs() < 1e-6);
            prop_assert!((one.interval[0] + other.interval[1]).abs() < 1e-6);
            prop_assert!(one.interval[0] <= one.interval[1] && (0.0..=1.0).contains(&one.p));
        }
    }
}
