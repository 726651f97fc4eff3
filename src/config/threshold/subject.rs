//! What thresholds are about: a metric of the load, or of an observed target.

use crate::catalogue::{Contains, Metric, MetricKind};

/// What a threshold is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A metric of the load.
    Load(&'static Metric),
    /// What a target says of itself, under `observe`.
    Target(TargetMetric),
}

/// A metric of an observed target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetMetric {
    /// `target_memory`.
    pub name: String,
    /// The target's name; without one a counter adds up over all targets that have it, and a gauge has one only.
    pub target: Option<String>,
    /// `reason` of failed scrapes.
    pub reason: Option<String>,
    /// A gauge or a counter.
    pub kind: MetricKind,
    /// Bytes, or a number.
    pub contains: Contains,
}

/// What comes before the names of targets' metrics.
pub const TARGET_PREFIX: &str = "target_";

impl TargetMetric {
    /// The name within the target: `memory`.
    #[must_use]
    pub fn short_name(&self) -> &str {
        self.name.strip_prefix(TARGET_PREFIX).unwrap_or(&self.name)
    }
}

impl From<&'static Metric> for Subject {
    fn from(metric: &'static Metric) -> Self {
        Self::Load(metric)
    }
}

impl Subject {
    /// Name without selector.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Load(metric) => metric.name,
            Self::Target(metric) => &metric.name,
        }
    }

    /// k6's type.
    #[must_use]
    pub fn kind(&self) -> MetricKind {
        match self {
            Self::Load(metric) => metric.kind,
            Self::Target(metric) => metric.kind,
        }
    }

    /// k6's value type.
    #[must_use]
    pub fn contains(&self) -> Contains {
        match self {
            Self::Load(metric) => metric.contains,
            Self::Target(metric) => metric.contains,
        }
    }

    /// The catalogue's metric, if it is one.
    #[must_use]
    pub fn load(&self) -> Option<&'static Metric> {
        match self {
            Self::Load(metric) => Some(metric),
            Self::Target(_) => None,
        }
    }
}
