//! Durations in k6's notation: Go's `1m30s` and `1.5h`, days as in `1d4h`, or a bare number of
//! milliseconds. Parsing and printing are exact to the nanosecond.

use std::time::Duration;

/// Longest duration a profile may name: 10 years, far beyond any run and far from overflow in `u64` nanoseconds.
pub const MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Why a text is not a duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Nothing was typed.
    #[error("empty duration")]
    Empty,
    /// A sign was typed; durations only go forward.
    #[error("a duration cannot be negative")]
    Negative,
    /// A number without a unit inside a text, as in "10".
    #[error("missing unit in duration `{0}`")]
    MissingUnit(String),
    /// A unit nobody knows.
    #[error("unknown unit `{unit}` in duration `{text}`")]
    UnknownUnit {
        /// What was typed as the unit.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// Something that is neither number nor unit.
    #[error("`{0}` is not a duration")]
    Malformed(String),
    /// More than [`MAX`].
    #[error("duration `{0}` is longer than 10 years")]
    TooLong(String),
}

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads `1d4h`, `1m30s`, `1.5s`, `250ms`, `0`; a bare number other than 0 needs a unit.
///
/// # Errors
/// Says what is wrong with the text; see [`enum@Error`].
pub fn parse(text: &str) -> Result<Duration, Error> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Error::Empty);
    }
    if trimmed.starts_with('-') {
        return Err(Error::Negative);
    }
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = trimmed;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        if number.is_empty() {
            return Err(Error::Malformed(trimmed.to_owned()));
        }
        if unit.is_empty() {
            return Err(Error::MissingUnit(trimmed.to_owned()));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(Error::UnknownUnit { unit: unit.to_owned(), text: trimmed.to_owned() });
        };
        total = total
            .checked_add(scaled(number, *scale).ok_or_else(|| Error::Malformed(trimmed.to_owned()))?)
            .filter(|nanos| *nanos <= MAX.as_nanos())
            .ok_or_else(|| Error::TooLong(trimmed.to_owned()))?;
        rest = next;
    }
    u64::try_from(total).map(Duration::from_nanos).map_err(|_| Error::TooLong(trimmed.to_owned()))
}

/// `number` is digits with at most one point; digits beyond a nanosecond are cut.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    // 30 digits are above MAX already; longer texts must not overflow on the way to being refused.
    if whole.len() > 30 || fraction.len() > 30 {
        return Some(u128::MAX / 2);
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.saturating_mul(scale).min(u128::MAX / 4);
    let mut unit = scale;
    let mut remainder: u128 = 0;
    let mut divisor: u128 = 1;
    for digit in fraction.chars().take(18) {
        remainder = remainder * 10 + u128::from(digit.to_digit(10)?);
        divisor *= 10;
    }
    unit *= remainder;
    nanos += unit / divisor;
    Some(nanos)
}

/// A bare number is milliseconds, as in k6's options.
///
/// # Errors
/// Refuses negative, non-finite and overlong values.
pub fn from_millis(millis: f64) -> Result<Duration, Error> {
    if millis < 0.0 {
        return Err(Error::Negative);
    }
    if !millis.is_finite() {
        return Err(Error::Malformed(millis.to_string()));
    }
    let duration = Duration::try_from_secs_f64(millis / 1e3).map_err(|_| Error::TooLong(millis.to_string()))?;
    if duration > MAX { Err(Error::TooLong(format!("{millis}ms"))) } else { Ok(duration) }
}

/// Prints as k6's banner does: `2m30s`, `1.5s`, `250ms`, `0s`.
#[must_use]
pub fn display(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        let (divisor, unit) = match nanos {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{}{unit}", decimal(nanos, divisor));
    }
    let seconds = nanos / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = decimal(nanos % 60_000_000_000, 1_000_000_000);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if minutes > 0 || hours > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    text.push_str(&format!("{rest}s"));
    text
}

fn decimal(value: u128, divisor: u128) -> String {
    let whole = value / divisor;
    let rest = value % divisor;
    if rest == 0 {
        return whole.to_string();
    }
    let digits = divisor.ilog10() as usize;
    format!("{whole}.{rest:0digits$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_go_notation_days_and_fractions() {
        for (text, millis) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("1d4h", 100_800_000),
            ("1.5s", 1_500),
            ("250ms", 250),
            ("0", 0),
            (".5h", 1_800_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("3us"), parse("3µs"));
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        assert_eq!(parse("10"), Err(Error::MissingUnit("10".into())));
        assert_eq!(parse("-1s"), Err(Error::Negative));
        assert_eq!(parse("99999999h"), Err(Error::TooLong("99999999h".into())));
        assert_eq!(parse("5 parsecs"), Err(Error::UnknownUnit { unit: " parsecs".into(), text: "5 parsecs".into() }));
        for text in ["", "s", "1..5s", "NaN", "1e3s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(from_millis(f64::NAN).is_err());
        assert!(from_millis(-1.0).is_err());
    }

    proptest! {
        #[test]
        fn display_reads_back_to_the_same_duration(nanos in 0u64..10_000_000_000_000_000) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&display(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _outcome = parse(&text);
        }
    }
}
