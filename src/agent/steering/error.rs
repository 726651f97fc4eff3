//! Why an order is not carried out.

use std::fmt;

use super::PATIENCE;

/// See the module.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No scenario of that name.
    #[error("there is no scenario `{scenario}`; {what} can be set for: {known}")]
    Unknown {
        /// As asked for.
        scenario: String,
        /// What was to be set.
        what: Quantity,
        /// Those that can be set.
        known: String,
    },
    /// No name, and not exactly one scenario that it could be.
    #[error("name a scenario; {what} can be set for: {known}")]
    Unnamed {
        /// What was to be set.
        what: Quantity,
        /// Those that can be set.
        known: String,
    },
    /// Another executor.
    #[error(
        "the {what} of scenario `{scenario}` cannot be set, because of its executor; {what} can be set for: {known}"
    )]
    NotControlled {
        /// As asked for.
        scenario: String,
        /// What was to be set.
        what: Quantity,
        /// Those that can be set.
        known: String,
    },
    /// More than `maxVUs`, or than the plan's curve ever has.
    #[error("scenario `{scenario}` has at most {most} VUs, {vus} are too many; raise {key} and start again")]
    TooMany {
        /// As asked for.
        scenario: String,
        /// As asked for.
        vus: u32,
        /// The profile's.
        most: u32,
        /// Where the profile has it.
        key: &'static str,
    },
    /// Negative, no number, or more than any schedule has.
    #[error("{per_second} iterations a second are no rate; it is a number from 0 to 1000000000 per timeUnit")]
    NoRate {
        /// As asked for.
        per_second: f64,
    },
    /// Its time is over.
    #[error("scenario `{scenario}` is over; nothing begins in it any more")]
    Over {
        /// Its name.
        scenario: String,
    },
    /// Several agents share the load.
    #[error("this run is of a fleet, whose agents share the load; it can be stopped at its leader, and not be changed")]
    Fleet,
    /// The run has not begun, or has ended.
    #[error("no run is going on")]
    NoRun,
    /// Nothing begins any more.
    #[error("the run is ending; it can no longer be changed")]
    Ending,
    /// A worker has as many orders as it keeps; none has been told of this one.
    #[error(
        "a worker has not come to earlier orders yet; it is overloaded, or too many come at once: nothing was changed"
    )]
    Busy,
    /// A worker did not answer.
    #[error("a worker has not answered within {PATIENCE:?}; it is overloaded, and follows later")]
    Unanswered,
}

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Of scenarios whose VUs loop.
    Vus,
    /// Of arrivals.
    Rate,
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Vus => "VUs",
            Self::Rate => "rate",
        })
    }
}
