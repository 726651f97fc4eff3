//! Iterations per time unit, as exact decimals: schedules are computed from them without rounding.

use std::fmt;

/// A rate in millionths of an iteration per time unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

/// Millionths of one.
const ONE: u64 = 1_000_000;
/// Most iterations per time unit; products of a rate with ten years of nanoseconds stay far below 2^128.
const MOST: u64 = 1_000_000_000;

/// Why a text is no rate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Not a plain decimal.
    #[error("`{0}` is no number of iterations")]
    NotANumber(String),
    /// Below zero.
    #[error("a rate cannot be negative, found {0}")]
    Negative(String),
    /// More than six decimals.
    #[error("{0} has more than six decimals")]
    TooFine(String),
    /// More than a thousand millions.
    #[error("{0} is more than {MOST} iterations")]
    TooLarge(String),
}

impl Rate {
    /// From millionths; none beyond a thousand million iterations.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Option<Self> {
        if millionths > MOST * ONE { None } else { Some(Self(millionths)) }
    }

    /// In millionths of an iteration.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// No iteration at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Iterations per time unit.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }

    /// Multiplied, to the nearest millionth; what was above zero stays above. None beyond the most.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Option<Self> {
        let scaled = (self.0 as f64 * factor).round();
        if scaled > (MOST * ONE) as f64 { None } else { Some(Self((scaled as u64).max(u64::from(self.0 > 0)))) }
    }

    /// Reads `10`, `2.5`.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if text.strip_prefix('-').is_some_and(|rest| rest.parse::<f64>().is_ok_and(|number| number > 0.0)) {
            return Err(Error::Negative(text.to_owned()));
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if whole.is_empty() || decimals.is_empty() || !digits(whole) || !digits(decimals) {
            return Err(Error::NotANumber(text.to_owned()));
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > 6 {
            return Err(Error::TooFine(text.to_owned()));
        }
        let whole = whole.parse::<u64>().ok().filter(|whole| *whole <= MOST);
        let whole = whole.ok_or_else(|| Error::TooLarge(text.to_owned()))?;
        let fraction = format!("{decimals:0<6}").parse::<u64>().unwrap_or_default();
        Self::from_millionths(whole * ONE + fraction).ok_or_else(|| Error::TooLarge(text.to_owned()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / ONE, self.0 % ONE);
        if fraction == 0 {
            return write!(formatter, "{whole}");
        }
        write!(formatter, "{whole}.{}", format!("{fraction:06}").trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, millionths) in [
            ("10", 10_000_000),
            ("0.1", 100_000),
            ("2.50", 2_500_000),
            ("0.000001", 1),
            ("0", 0),
            ("1000000000", 10u64.pow(15)),
        ] {
            assert_eq!(Rate::parse(text), Ok(Rate(millionths)), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for (text, fault) in [
            ("-1", Error::Negative("-1".into())),
            ("", Error::NotANumber(String::new())),
            ("1.", Error::NotANumber("1.".into())),
            ("1e3", Error::NotANumber("1e3".into())),
            ("ten", Error::NotANumber("ten".into())),
            ("0.0000001", Error::TooFine("0.0000001".into())),
            ("1000000000.1", Error::TooLarge("1000000000.1".into())),
            ("99999999999999999999", Error::TooLarge("99999999999999999999".into())),
        ] {
            assert_eq!(Rate::parse(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn a_scaled_rate_never_becomes_nothing() {
        assert_eq!(Rate(10).scaled(0.01), Some(Rate(1)));
        assert_eq!(Rate(0).scaled(100.0), Some(Rate(0)));
        assert_eq!(Rate(2_500_000).scaled(0.5), Some(Rate(1_250_000)));
        assert_eq!(Rate(MOST * ONE).scaled(1.1), None);
    }

    proptest! {
        #[test]
        fn a_rate_is_read_as_it_is_shown(millionths in 0..=MOST * ONE) {
            let rate = Rate(millionths);
            prop_assert_eq!(Rate::parse(&rate.to_string()), Ok(rate));
        }
    }
}
