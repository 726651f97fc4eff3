//! Pieces of PromQL as text.

/// A number as PromQL reads it back to the same float.
#[must_use]
pub fn number(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else if value > 0.0 {
        "+Inf".to_owned()
    } else {
        "-Inf".to_owned()
    }
}

/// `percent / 100` as the decimal that is meant. The float division would say 0.9990000000000001 for
/// some percentages, and ask for one sample too many.
#[must_use]
pub fn share(percent: f64) -> String {
    let text = percent.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole:0>3}{fraction}");
    let (before, after) = digits.split_at(digits.len() - fraction.len() - 2);
    let after = after.trim_end_matches('0');
    let before = before.trim_start_matches('0');
    let before = if before.is_empty() { "0" } else { before };
    if after.is_empty() { before.to_owned() } else { format!("{before}.{after}") }
}

/// A text between double quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// `name{label="value",…}`, or the bare name.
#[must_use]
pub fn selector(name: &str, labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let pairs: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={}", quoted(value))).collect();
    format!("{name}{{{}}}", pairs.join(","))
}

/// The last value of each series in the window, added up for each run. Other than `increase`, which extrapolates
/// and misses what came before the first scrape, it is the total to the unit; and it stays when the agent is gone.
#[must_use]
pub fn total(series: &str, window: &str) -> String {
    format!("sum by (testid) (last_over_time({series}[{window}]))")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_are_the_decimals_that_are_meant() {
        for (percent, expected) in [
            (99.0, "0.99"),
            (99.9, "0.999"),
            (50.0, "0.5"),
            (100.0, "1"),
            (0.0, "0"),
            (5.0, "0.05"),
            (0.5, "0.005"),
            (99.99, "0.9999"),
        ] {
            assert_eq!(share(percent), expected);
        }
    }

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(selector("a", &[("b", "c\"\\d")]), r#"a{b="c\"\\d"}"#);
        assert_eq!(selector("a", &[]), "a");
        assert_eq!((number(0.1), number(f64::NEG_INFINITY)), ("0.1".to_owned(), "-Inf".to_owned()));
    }

    proptest! {
        #[test]
        fn a_share_is_next_to_the_quotient(percent in 0.0f64..=100.0) {
            let read: f64 = share(percent).parse().unwrap();
            prop_assert!((read - percent / 100.0).abs() <= 1e-15, "{percent} {read}");
        }
    }
}
