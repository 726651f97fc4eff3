//! Several runs a side: the noise between runs is in their values.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::outputs::comparison::{ALPHA, Tested};

/// Values that differ by a smaller share are equal but for the last digits of their sums.
const ROUNDING: f64 = 1e-9;

/// Welch's t-test of the means; with one run on one side Student's, whose variance is that of the other side alone.
/// None without two runs on either side, and see [`by_student`].
pub(super) fn test(base: &[f64], with: &[f64]) -> Option<Tested> {
    let (base_mean, base_variance) = moments(base)?;
    let (with_mean, with_variance) = moments(with)?;
    let (base_runs, with_runs) = (base.len() as f64, with.len() as f64);
    let (error, freedom) = match (base_variance, with_variance) {
        (Some(base), Some(with)) => {
            let (base, with) = (base / base_runs, with / with_runs);
            let freedom = (base + with).powi(2) / (base.powi(2) / (base_runs - 1.0) + with.powi(2) / (with_runs - 1.0));
            ((base + with).sqrt(), freedom)
        }
        (Some(variance), None) | (None, Some(variance)) => {
            ((variance * (1.0 / base_runs + 1.0 / with_runs)).sqrt(), base_runs + with_runs - 2.0)
        }
        (None, None) => return None,
    };
    by_student(base_mean, with_mean, error, freedom)
}

/// The difference of two values by its standard error and its degrees of freedom. None if the values differ and nothing is
/// known of the noise: two equal values in a row, none twice for example, do not say that a third is equal too.
pub(super) fn by_student(base: f64, with: f64, error: f64, freedom: f64) -> Option<Tested> {
    let difference = with - base;
    let rounding = ROUNDING * base.abs().max(with.abs());
    if error <= rounding {
        return (difference.abs() <= rounding).then_some(Tested { interval: [difference; 2], p: 1.0 });
    }
    let student = StudentsT::new(0.0, 1.0, freedom.max(1.0)).ok()?;
    let reach = student.inverse_cdf(1.0 - ALPHA / 2.0) * error;
    let p = 2.0 * student.sf((difference / error).abs());
    Some(Tested { interval: [difference - reach, difference + reach], p })
}

/// Mean and variance of a sample; no variance of one value, nothing of none.
fn moments(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (!values.is_empty()).then(|| (mean, (values.len() > 1).then(|| squares / (count - 1.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-3
    }

    #[test]
    fn welch_by_hand() {
        // Means 3 and 7, variances 1 and 4, three runs each: t = 4 / sqrt(5/3) = 3.0984, freedom 2.9412, p 0.0548.
        let tested = test(&[2.0, 3.0, 4.0], &[5.0, 7.0, 9.0]).unwrap();
        assert!(near(tested.p, 0.0548), "{tested:?}");
        assert!(tested.interval[0] < 0.0 && near(tested.interval[0] + tested.interval[1], 8.0));
    }

    #[test]
    fn one_run_against_several_by_the_variance_of_the_several() {
        // Mean 3, variance 1, freedom 2: t = 5 / sqrt(4/3) = 4.3301, p = 0.04943.
        let tested = test(&[2.0, 3.0, 4.0], &[8.0]).unwrap();
        assert!(near(tested.p, 0.04943), "{tested:?}");
        assert_eq!(test(&[1.0], &[2.0]), None);
        assert_eq!(test(&[], &[2.0, 3.0]), None);
    }

    #[test]
    fn values_without_noise_tell_that_they_are_equal_and_not_that_they_differ() {
        let p = |base: &[f64], with: &[f64]| test(base, with).map(|tested| tested.p);
        assert_eq!(p(&[2.0, 2.0], &[2.0, 2.0]), Some(1.0));
        assert_eq!(p(&[2.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(p(&[0.0, 0.0, 0.0], &[0.017]), None);
        // The mean of three times 0.1 is not 0.1 in floating point.
        assert_eq!(p(&[0.1, 0.1, 0.1], &[0.1, 0.1]), Some(1.0));
        assert_eq!(p(&[0.1, 0.1, 0.1], &[0.2]), None);
    }
}
