//! Several runs a side: the noise between runs is in their values.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::outputs::comparison::{ALPHA, Tested};

/// Welch's t-test of the means; with one run on one side Student's, whose variance is that of the other side alone.
/// None without two runs on either side, or if values that are all equal on a side that has several differ from the
/// other's: nothing is known of the noise between runs, and one failure beside none would be certain.
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
    let difference = with_mean - base_mean;
    (error > 0.0 || difference == 0.0).then(|| by_student(difference, error, freedom))
}

/// A difference with its standard error and its degrees of freedom.
pub(super) fn by_student(difference: f64, error: f64, freedom: f64) -> Tested {
    // Values that are all equal: either nothing differs, or nothing but the side explains it.
    let Some(student) = (error > 0.0).then(|| StudentsT::new(0.0, 1.0, freedom.max(1.0)).ok()).flatten() else {
        let p = if difference == 0.0 { 1.0 } else { 0.0 };
        return Tested { interval: [difference; 2], p };
    };
    let reach = student.inverse_cdf(1.0 - ALPHA / 2.0) * error;
    let p = 2.0 * student.sf((difference / error).abs());
    Tested { interval: [difference - reach, difference + reach], p }
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
    fn values_without_noise_are_no_evidence_of_a_difference() {
        assert_eq!(test(&[2.0, 2.0], &[2.0, 2.0]).map(|tested| tested.p), Some(1.0));
        assert_eq!(test(&[2.0, 2.0], &[3.0, 3.0]), None, "two values tell nothing of the noise");
        assert_eq!(test(&[0.0, 0.0, 0.0], &[1.0]), None, "one failure beside none");
    }
}
