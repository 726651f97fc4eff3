//! Numbers as k6 prints them: durations and shares are cut, never rounded up to a limit they did
//! not reach; bytes count in thousands.
//!
//! Where k6's floats lose a digit (it prints 0.29 as 28.99%), the decimal that was meant is printed.

/// A duration given in milliseconds: `0s`, `250ns`, `1.35µs`, `2.29ms`, `1.5s`, `2m3s`, `1h2m3s`.
#[must_use]
pub fn duration(millis: f64) -> String {
    if millis <= 0.0 {
        return "0s".to_owned();
    }
    if millis < 0.001 {
        return format!("{}ns", truncated(millis * 1e6, 0));
    }
    if millis < 1.0 {
        return format!("{}µs", truncated(millis * 1e3, 2));
    }
    if millis < 1000.0 {
        return format!("{}ms", truncated(millis, 2));
    }
    let seconds = truncated(millis % 60_000.0 / 1000.0, if millis > 60_000.0 { 0 } else { 2 });
    let minutes = (millis / 60_000.0) as u64;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Bytes, or bytes per second: `7 B`, `5.3 kB`, `12 MB`.
#[must_use]
pub fn bytes(count: f64) -> String {
    const UNITS: [&str; 8] = ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    if count < 10.0 {
        return format!("{} B", number(count));
    }
    let mut value = count;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    let tenths = (value * 10.0 + 0.5).floor() / 10.0;
    // k6 rounds twice, halves up (123.456 MB is 124 MB); Rust's formatting would round halves to even.
    if tenths < 10.0 { format!("{tenths:.1} {unit}") } else { format!("{:.0} {unit}", tenths.round()) }
}

/// A share from 0 to 1 in percent, cut after two decimals: `99.99%`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.2}%", cut(share * 100.0, 2))
}

/// A plain number with at most six decimals and no trailing zeros.
#[must_use]
pub fn number(value: f64) -> String {
    // A half of the sixth decimal is exact only in multiples of 1/128; JavaScript rounds it up, Rust to even.
    let value = if (value * 128.0).fract() == 0.0 { (value * 1e6).round() / 1e6 } else { value };
    without_trailing_zeros(format!("{value:.6}"))
}

fn truncated(value: f64, decimals: i32) -> String {
    without_trailing_zeros(format!("{:.6}", cut(value, decimals)))
}

/// Cuts after `decimals`; a value within 10⁻⁹ of a last digit counts as that digit: times are whole nanoseconds and
/// shares quotients of counts, so that nothing real lies there but a float's error.
fn cut(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    let scaled = value * scale;
    let nearest = scaled.round();
    if (scaled - nearest).abs() < 1e-9 { nearest / scale } else { scaled.trunc() / scale }
}

fn without_trailing_zeros(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_cut_and_choose_their_unit() {
        for (millis, text) in [
            (0.0, "0s"),
            (0.000_25, "250ns"),
            (0.000_999_9, "999ns"),
            (0.612_019, "612.01µs"),
            (0.84, "840µs"),
            (1.0, "1ms"),
            (1.15, "1.15ms"),
            (2.299_999, "2.29ms"),
            (199.999_999, "199.99ms"),
            (200.0, "200ms"),
            (999.999, "999.99ms"),
            (1500.0, "1.5s"),
            (12_345.678, "12.34s"),
            (60_000.0, "1m0s"),
            (123_999.0, "2m3s"),
            (3_723_000.0, "1h2m3s"),
        ] {
            assert_eq!(duration(millis), text, "{millis}");
        }
    }

    #[test]
    fn bytes_count_in_thousands() {
        for (count, text) in [
            (0.0, "0 B"),
            (9.0, "9 B"),
            (10.0, "10 B"),
            (999.0, "999 B"),
            (1000.0, "1.0 kB"),
            (5_340.0, "5.3 kB"),
            (12_500.0, "13 kB"),
            (1e6, "1.0 MB"),
            (1e9, "1.0 GB"),
            (123_456_789.0, "124 MB"),
        ] {
            assert_eq!(bytes(count), text, "{count}");
        }
    }

    #[test]
    fn shares_are_cut_not_rounded() {
        for (share, text) in [
            (0.0, "0.00%"),
            (1.0, "100.00%"),
            (0.999_99, "99.99%"),
            (0.29, "29.00%"),
            (0.005, "0.50%"),
            (1.0 / 3.0, "33.33%"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn numbers_have_at_most_six_decimals() {
        for (value, text) in [
            (0.0, "0"),
            (54.0, "54"),
            (1_000_000.0, "1000000"),
            (13.269_492_4, "13.269492"),
            (0.5, "0.5"),
            (1.0 / 128.0, "0.007813"),
            (0.000_000_1, "0"),
            (-0.000_000_1, "0"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    proptest! {
        #[test]
        fn a_share_below_all_is_never_shown_as_all(total in 2u64..10_000_000) {
            prop_assert_ne!(percent((total - 1) as f64 / total as f64), "100.00%");
        }

        #[test]
        fn durations_below_a_limit_are_never_shown_as_the_limit(limit in 1u32..1000, below in 1u64..1000) {
            let limit = f64::from(limit);
            prop_assert_ne!(duration(limit - below as f64 / 1e6), duration(limit));
        }
    }
}
