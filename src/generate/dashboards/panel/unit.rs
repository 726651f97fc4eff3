//! Units of panels.

/// Grafana's units, as far as they are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Count,
    /// Base units, which differ from row to row.
    Base,
    /// A whole number to its last digit, with separators.
    Exact,
    /// Seconds.
    Seconds,
    /// Seconds as hours, minutes and seconds.
    Clock,
    /// A share of 1.
    Share,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// Events in a second.
    PerSecond,
    /// Messages in a second.
    MessagesPerSecond,
    /// Requests in a second.
    RequestsPerSecond,
}

impl Unit {
    /// Grafana's name.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::Base => "none",
            Self::Exact => "locale",
            Self::Seconds => "s",
            Self::Clock => "dthms",
            Self::Share => "percentunit",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "Bps",
            Self::PerSecond => "cps",
            Self::MessagesPerSecond => "mps",
            Self::RequestsPerSecond => "reqps",
        }
    }
}
