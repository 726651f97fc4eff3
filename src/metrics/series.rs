//! The series of a run, fixed before it starts, so that recording is an array access.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    catalogue::{Family, FamilyKind, METRICS, Metric},
    metrics::ladder,
    units::tags::Tags,
};

/// One series: a family with the tags of its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What is recorded.
    pub family: Family,
    /// Labels on `/metrics`, without the run-wide ones.
    pub labels: Tags,
    /// Tags that exist for thresholds and JSON only, such as `url`: too many values for labels.
    pub hidden: Tags,
    /// Whether `/metrics` shows it while it is zero; rare label values appear with their first sample.
    pub always: bool,
}

impl Series {
    /// Whether every pair of `selector` is among the tags.
    #[must_use]
    pub fn matches(&self, selector: &[(String, String)]) -> bool {
        selector.iter().all(|(name, value)| self.has(name, value))
    }

    /// Whether the tag `name`, shown or hidden, is `value`.
    #[must_use]
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.labels.get(name).or_else(|| self.hidden.get(name)).is_some_and(|tag| tag == value)
    }
}

macro_rules! slot {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub(in crate::metrics) u32);

        impl $name {
            pub(in crate::metrics) fn index(self) -> usize {
                self.0 as usize
            }

            /// Place in the table's list, for outputs that keep something per series.
            #[must_use]
            pub fn position(self) -> usize {
                self.index()
            }
        }
    };
}

slot!(
    /// Slot of a counter.
    CounterSlot
);
slot!(
    /// Slot of a gauge.
    GaugeSlot
);
slot!(
    /// Slot of a trend.
    TrendSlot
);

impl CounterSlot {
    /// The slot `offset` places after this one, in a block made by [`SeriesTable::counter_block`].
    #[must_use]
    pub fn offset(self, offset: usize) -> Self {
        Self(self.0 + offset as u32)
    }
}

/// Every series of a run by kind; a slot is a place in one of the lists.
#[derive(Debug, Clone)]
pub struct SeriesTable {
    /// Counters by slot.
    pub counters: Vec<Series>,
    /// Gauges by slot.
    pub gauges: Vec<Series>,
    /// Trends by slot.
    pub trends: Vec<Series>,
    /// Tags on every series of the run: `testid` and the profile's tags.
    pub run_tags: Tags,
    /// Metrics of the profile's own.
    custom: Vec<&'static Metric>,
    limits: BTreeMap<Family, Arc<[u64]>>,
}

impl SeriesTable {
    /// An empty table. `limits` are thresholds' limits in nanoseconds; each becomes a boundary of its family.
    #[must_use]
    pub fn new(run_tags: Tags, limits: &[(Family, u64)]) -> Self {
        Self::with_custom(run_tags, limits, &[])
    }

    /// The same, with metrics of the profile's own.
    #[must_use]
    pub fn with_custom(run_tags: Tags, limits: &[(Family, u64)], custom: &[&'static Metric]) -> Self {
        let of = |family: Family| limits.iter().filter(move |(named, _)| *named == family).map(|(_, limit)| *limit);
        let custom = custom.to_vec();
        let families = Family::ALL.iter().copied().chain(custom.iter().map(|metric| metric.source.family()));
        let limits = families
            .filter(|family| family.kind() == FamilyKind::Trend)
            .map(|family| (family, ladder::with_limits(of(family)).into()))
            .collect();
        Self { counters: Vec::new(), gauges: Vec::new(), trends: Vec::new(), run_tags, custom, limits }
    }

    /// A table that another process has made: `bounds` are those of [`Self::bounds`].
    #[must_use]
    pub fn restored(
        [counters, gauges, trends]: [Vec<Series>; 3],
        run_tags: Tags,
        custom: Vec<&'static Metric>,
        bounds: BTreeMap<Family, Arc<[u64]>>,
    ) -> Self {
        Self { counters, gauges, trends, run_tags, custom, limits: bounds }
    }

    /// Metrics of the profile's own.
    #[must_use]
    pub fn custom(&self) -> &[&'static Metric] {
        &self.custom
    }

    /// Every family: the catalogue's, then the profile's own.
    pub fn families(&self) -> impl Iterator<Item = Family> + '_ {
        Family::ALL.iter().copied().chain(self.custom.iter().map(|metric| metric.source.family()))
    }

    /// Every metric, in the same order.
    pub fn metrics(&self) -> impl Iterator<Item = &'static Metric> + '_ {
        METRICS.iter().chain(self.custom.iter().copied())
    }

    /// Bucket boundaries of a trend family in nanoseconds.
    #[must_use]
    pub fn bounds(&self, family: Family) -> Arc<[u64]> {
        self.limits.get(&family).cloned().unwrap_or_else(|| Arc::from([]))
    }

    /// Selectors may name the run's tags too; a series' own tag of the same name wins.
    fn with_run_tags(&self, mut series: Series) -> Series {
        for (name, value) in &self.run_tags {
            if !series.labels.contains_key(name) {
                series.hidden.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        series
    }

    /// Adds a counter.
    pub fn counter(&mut self, series: Series) -> CounterSlot {
        debug_assert_eq!(series.family.kind(), FamilyKind::Counter);
        let series = self.with_run_tags(series);
        self.counters.push(series);
        CounterSlot(self.counters.len() as u32 - 1)
    }

    /// Adds one counter for each of `values` of `label`; returns the first slot. Those of `always` show at zero.
    pub fn counter_block<'v>(
        &mut self,
        series: &Series,
        label: &str,
        values: impl IntoIterator<Item = &'v str>,
        always: impl Fn(&str) -> bool,
    ) -> CounterSlot {
        let first = CounterSlot(self.counters.len() as u32);
        for value in values {
            let mut one = series.clone();
            one.labels.insert(label.to_owned(), value.to_owned());
            one.always = always(value);
            self.counter(one);
        }
        first
    }

    /// Adds a gauge.
    pub fn gauge(&mut self, series: Series) -> GaugeSlot {
        debug_assert_eq!(series.family.kind(), FamilyKind::Gauge);
        let series = self.with_run_tags(series);
        self.gauges.push(series);
        GaugeSlot(self.gauges.len() as u32 - 1)
    }

    /// Adds a trend.
    pub fn trend(&mut self, series: Series) -> TrendSlot {
        debug_assert_eq!(series.family.kind(), FamilyKind::Trend);
        let series = self.with_run_tags(series);
        self.trends.push(series);
        TrendSlot(self.trends.len() as u32 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_may_name_tags_of_the_run_and_a_series_own_tag_wins() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut table = SeriesTable::new(tags(&[("testid", "t"), ("team", "run")]), &[]);
        let labels = tags(&[("team", "own"), ("scenario", "s")]);
        table.counter(Series { family: Family::WsMsgsSent, labels, hidden: Tags::new(), always: true });
        let matches = |name: &str, value: &str| table.counters[0].matches(&[(name.to_owned(), value.to_owned())]);
        assert!(matches("testid", "t") && matches("team", "own") && matches("scenario", "s"));
        assert!(!matches("team", "run") && !matches("testid", "u") && !matches("none", ""));
    }
}
