//! `observe:`: targets whose own metrics are read before, during and after the run.

use std::time::Duration;

use crate::{
    catalogue::{Contains, MetricKind},
    config::{
        profile::{Header, Target},
        series::SeriesSelector,
    },
};

/// One target.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Letters, digits, `_` and `-`; label `target`.
    pub name: String,
    /// Where its metrics are; nothing in it has a placeholder.
    pub url: Target,
    /// Headers of the request, without placeholders.
    pub headers: Vec<Header>,
    /// Time from one reading to the next. 5 s by default.
    pub interval: Duration,
    /// Bound on one reading. 5 s by default.
    pub timeout: Duration,
    /// How long after the load the values of `after` may take to hold their thresholds. 30 s by default.
    pub settle: Duration,
    /// What is read of its page.
    pub metrics: Vec<ObservedMetric>,
}

/// What is read of a target's page, under a name of the profile.
#[derive(Debug, Clone)]
pub struct ObservedMetric {
    /// `memory`; thresholds say `target_memory`.
    pub name: String,
    /// Several series are added up.
    pub series: SeriesSelector,
    /// Whether it goes up and down, or counts.
    pub kind: ObservedKind,
}

/// How a series behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservedKind {
    /// Goes up and down.
    Gauge,
    /// Grows, and begins again at zero when the target does.
    Counter,
}

impl ObservedKind {
    /// k6's type with the same methods.
    #[must_use]
    pub fn metric_kind(self) -> MetricKind {
        match self {
            Self::Gauge => MetricKind::Gauge,
            Self::Counter => MetricKind::Counter,
        }
    }
}

impl ObservedMetric {
    /// The value's type, by Prometheus's rules for names.
    #[must_use]
    pub fn contains(&self) -> Contains {
        let name = self.series.name();
        let base = name.strip_suffix("_total").unwrap_or(name);
        if base.ends_with("_bytes") { Contains::Data } else { Contains::Default }
    }
}
