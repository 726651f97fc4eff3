//! The values of one recorder, or of several added up, at one instant.

use crate::metrics::{
    series::{CounterSlot, GaugeSlot, SeriesTable, TrendSlot},
    trend::Trend,
};

/// Values by slot of one [`SeriesTable`].
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(in crate::metrics) counters: Box<[u64]>,
    pub(in crate::metrics) gauges: Box<[i64]>,
    pub(in crate::metrics) trends: Box<[Trend]>,
    pub(in crate::metrics) samples_dropped: u64,
}

impl Snapshot {
    /// All zero.
    #[must_use]
    pub fn empty(table: &SeriesTable) -> Self {
        Self {
            counters: vec![0; table.counters.len()].into(),
            gauges: vec![0; table.gauges.len()].into(),
            trends: table.trends.iter().map(|series| Trend::new(table.bounds(series.family))).collect(),
            samples_dropped: 0,
        }
    }

    /// Adds another snapshot of the same table; gauges add up too, as each worker has its own share.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counters.iter_mut().zip(&other.counters) {
            *mine += theirs;
        }
        for (mine, theirs) in self.gauges.iter_mut().zip(&other.gauges) {
            *mine += theirs;
        }
        for (mine, theirs) in self.trends.iter_mut().zip(&other.trends) {
            mine.merge(theirs);
        }
        self.samples_dropped += other.samples_dropped;
    }

    /// A counter's value.
    #[must_use]
    pub fn counter(&self, slot: CounterSlot) -> u64 {
        self.counters.get(slot.index()).copied().unwrap_or(0)
    }

    /// A gauge's value.
    #[must_use]
    pub fn gauge(&self, slot: GaugeSlot) -> i64 {
        self.gauges.get(slot.index()).copied().unwrap_or(0)
    }

    /// A trend.
    #[must_use]
    pub fn trend(&self, slot: TrendSlot) -> Option<&Trend> {
        self.trends.get(slot.index())
    }

    /// Counter values in the order of [`SeriesTable::counters`].
    #[must_use]
    pub fn counters(&self) -> &[u64] {
        &self.counters
    }

    /// Gauge values in the order of [`SeriesTable::gauges`].
    #[must_use]
    pub fn gauges(&self) -> &[i64] {
        &self.gauges
    }

    /// Trends in the order of [`SeriesTable::trends`].
    #[must_use]
    pub fn trends(&self) -> &[Trend] {
        &self.trends
    }

    /// Samples that a full sample queue kept from the JSON output; counters and trends have them.
    #[must_use]
    pub fn samples_dropped(&self) -> u64 {
        self.samples_dropped
    }
}
