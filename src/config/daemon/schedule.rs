//! Cron expressions in a time zone.

use std::{fmt, sync::Arc};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Timestamp, tz::TimeZone};

/// When a profile runs: an expression of five fields, or of six with seconds before them. Where clocks are put forward, a
/// fixed time that does not exist comes after the gap; where they are put back, a fixed time comes once and a repeating one
/// in both hours, as Vixie cron has it.
#[derive(Clone)]
pub struct Schedule {
    expression: Arc<str>,
    cron: Arc<Cron>,
    zone: TimeZone,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a cron expression.
    #[error("`{expression}` is no cron expression: {why}")]
    Cron {
        /// As typed.
        expression: String,
        /// What the parser says.
        why: String,
    },
    /// For example 30 February.
    #[error("`{0}` never comes")]
    Never(String),
    /// Not a name of the time zone database.
    #[error("there is no time zone `{0}`")]
    Zone(String),
}

impl Schedule {
    /// Reads an expression; times are those of `zone`, a name such as `Europe/Berlin`.
    ///
    /// # Errors
    /// See [`enum@Error`].
    pub fn parse(expression: &str, zone: &str) -> Result<Self, Error> {
        let shown = || crate::config::problem::shown(expression);
        let zone = TimeZone::get(zone).map_err(|_| Error::Zone(crate::config::problem::shown(zone)))?;
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron =
            parser.parse(expression).map_err(|error| Error::Cron { expression: shown(), why: error.to_string() })?;
        let schedule = Self { expression: expression.trim().into(), cron: Arc::new(cron), zone };
        // Any instant will do: an expression without years comes within eight of them, or never.
        schedule.next_after(Timestamp::UNIX_EPOCH).ok_or_else(|| Error::Never(shown()))?;
        Ok(schedule)
    }

    /// As typed.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The first time after `at`; none at the end of the calendar.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&at.to_zoned(self.zone.clone()), false).ok()?.timestamp();
        // A search that did not move would be a hot loop.
        (next > at).then_some(next)
    }

    /// The last time up to `at`.
    #[must_use]
    pub fn last_until(&self, at: Timestamp) -> Option<Timestamp> {
        Some(self.cron.find_previous_occurrence(&at.to_zoned(self.zone.clone()), true).ok()?.timestamp())
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Schedule({:?}, {:?})", self.expression, self.zone.iana_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(expression, zone).unwrap();
        let mut at: Timestamp = from.parse().unwrap();
        let mut times = Vec::new();
        for _ in 0..count {
            at = schedule.next_after(at).unwrap();
            times.push(at.to_string());
        }
        times
    }

    #[test]
    fn times_are_those_of_the_zone() {
        assert_eq!(
            times("30 2 * * 1-5", "Europe/Berlin", "2026-01-02T12:00:00Z", 2),
            ["2026-01-05T01:30:00Z", "2026-01-06T01:30:00Z"]
        );
        assert_eq!(
            times("*/20 * * * * *", "UTC", "2026-01-01T00:00:59Z", 2),
            ["2026-01-01T00:01:00Z", "2026-01-01T00:01:20Z"]
        );
    }

    /// On 29 March 2026 Berlin has no time from 02:00 to 03:00, on 25 October that hour comes twice.
    #[test]
    fn days_on_which_clocks_are_changed() {
        let spring = "2026-03-28T12:00:00Z";
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", spring, 2),
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
            "a time that does not exist comes right after the gap"
        );
        assert_eq!(
            times("0 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2),
            ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"],
            "every hour is every hour"
        );
        let autumn = "2026-10-24T12:00:00Z";
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", autumn, 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
            "a time that comes twice is taken once"
        );
        assert_eq!(
            times("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 3),
            ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"],
            "every hour is every hour"
        );
    }

    #[test]
    fn the_last_time_is_before_the_next() {
        let schedule = Schedule::parse("0 6 * * *", "UTC").unwrap();
        let at = "2026-05-05T06:00:00Z".parse().unwrap();
        assert_eq!(schedule.last_until(at), Some(at));
        assert_eq!(schedule.next_after(at), Some("2026-05-06T06:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_is_no_schedule_is_told() {
        for (expression, zone, message) in [
            ("61 * * * *", "UTC", "no cron expression"),
            ("* * * *", "UTC", "no cron expression"),
            ("* * * * * * *", "UTC", "no cron expression"),
            ("0 0 30 2 *", "UTC", "never comes"),
            ("0 0 * * *", "Europe/Berlim", "no time zone `Europe/Berlim`"),
        ] {
            let error = Schedule::parse(expression, zone).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
