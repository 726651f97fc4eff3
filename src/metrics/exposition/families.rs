//! Families with their series as plain values, and how the catalogue's follow from a snapshot.

use std::collections::BTreeMap;

use crate::{
    catalogue::{Family, FamilyKind},
    metrics::{
        exposition::native::Native,
        series::{Series, SeriesTable},
        snapshot::Snapshot,
        trend::Trend,
    },
    units::tags::Tags,
};

/// How a family is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets.
    Histogram,
}

/// One series' value in base units.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Upper bounds in seconds with the cumulative count up to each, without `+Inf`.
        buckets: Vec<(f64, u64)>,
        /// Sum in seconds.
        sum: f64,
        /// Number of samples, which is the count up to `+Inf`.
        count: u64,
        /// The same samples in exponential buckets.
        native: Native,
    },
}

/// One family.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyValues {
    /// Name on `/metrics`.
    pub name: &'static str,
    /// Help text.
    pub help: &'static str,
    /// How it is exported.
    pub kind: Kind,
    /// Values by labels, the run's included. A map: no series can appear twice.
    pub series: BTreeMap<Tags, Value>,
}

/// Everything on one page of `/metrics`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    run_tags: Tags,
    families: Vec<FamilyValues>,
}

impl Sheet {
    /// An empty page whose series will all carry `run_tags`.
    #[must_use]
    pub fn new(run_tags: Tags) -> Self {
        Self { run_tags, families: Vec::new() }
    }

    /// Adds a family; of series with equal labels the last one stays. A family without series is not shown.
    pub fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        series: impl IntoIterator<Item = (Tags, Value)>,
    ) {
        let run_tags = self.run_tags.clone();
        let series = series.into_iter().map(|(labels, value)| (with_run_tags(&run_tags, &labels), value));
        self.add_untagged(name, help, kind, series);
    }

    /// As [`Self::add`], for what is no run's: without its tags.
    pub fn add_untagged(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        series: impl IntoIterator<Item = (Tags, Value)>,
    ) {
        let series: BTreeMap<_, _> = series.into_iter().collect();
        if !series.is_empty() {
            self.families.push(FamilyValues { name, help, kind, series });
        }
    }

    /// Takes out the families whose names are not wanted.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.families.retain(|family| wanted(family.name));
    }

    /// The family of that name.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&FamilyValues> {
        self.families.iter().find(|family| family.name == name)
    }

    /// The families in the order they were added.
    pub fn families(&self) -> impl Iterator<Item = &FamilyValues> {
        self.families.iter()
    }
}

/// A series' own label wins: a profile may well have a tag `version`.
fn with_run_tags(run_tags: &Tags, labels: &Tags) -> Tags {
    let mut all = run_tags.clone();
    all.extend(labels.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}

/// Adds every family of the catalogue.
///
/// Series whose labels are equal (they differ in hidden tags) are added up. A sum that is zero
/// shows only if one of its series is always shown. A family without any shown series gets one at
/// zero with nothing but the run's tags: a counter that is not there before its first increment
/// loses it for `rate()` and `increase()`.
pub fn catalogue(sheet: &mut Sheet, table: &SeriesTable, snapshot: &Snapshot) {
    for family in table.families() {
        let (kind, mut series) = match family.kind() {
            FamilyKind::Counter => (
                Kind::Counter,
                numbers(family, &table.counters, snapshot.counters(), |sum, count| sum + count, |count| *count as f64),
            ),
            FamilyKind::Gauge => (
                Kind::Gauge,
                numbers(family, &table.gauges, snapshot.gauges(), |sum, value| sum + value, |value| *value as f64),
            ),
            FamilyKind::Trend => (Kind::Histogram, histograms(family, table, snapshot)),
        };
        if series.is_empty() {
            let zero = match family.kind() {
                FamilyKind::Counter | FamilyKind::Gauge => Value::Number(0.0),
                FamilyKind::Trend => histogram(&[], &table.bounds(family), family.scale()),
            };
            series.push((Tags::new(), zero));
        }
        sheet.add(family.name(), family.help(), kind, series);
    }
}

fn numbers<N: Copy + Default + PartialEq>(
    family: Family,
    series: &[Series],
    values: &[N],
    add: impl Fn(N, N) -> N,
    float: impl Fn(&N) -> f64,
) -> Vec<(Tags, Value)> {
    let mut sums: BTreeMap<&Tags, (N, bool)> = BTreeMap::new();
    for (series, value) in series.iter().zip(values).filter(|(series, _)| series.family == family) {
        let (sum, always) = sums.entry(&series.labels).or_default();
        *sum = add(*sum, *value);
        *always |= series.always;
    }
    let shown = sums.into_iter().filter(|(_, (sum, always))| *always || *sum != N::default());
    shown.map(|(labels, (sum, _))| (labels.clone(), Value::Number(float(&sum)))).collect()
}

fn histograms(family: Family, table: &SeriesTable, snapshot: &Snapshot) -> Vec<(Tags, Value)> {
    let mut merged: BTreeMap<&Tags, (Vec<&Trend>, bool)> = BTreeMap::new();
    for (series, trend) in table.trends.iter().zip(snapshot.trends()).filter(|(series, _)| series.family == family) {
        let (trends, always) = merged.entry(&series.labels).or_default();
        trends.push(trend);
        *always |= series.always;
    }
    let bounds = table.bounds(family);
    let shown =
        merged.into_iter().filter(|(_, (trends, always))| *always || trends.iter().any(|trend| trend.count() > 0));
    shown.map(|(labels, (trends, _))| (labels.clone(), histogram(&trends, &bounds, family.scale()))).collect()
}

/// Adds up the buckets only; merging the trends would copy 200 KiB of HDR histogram for each.
pub(super) fn histogram(trends: &[&Trend], bounds: &[u64], scale: u64) -> Value {
    let scale = scale as f64;
    // Correctly rounded, so that it prints as the decimal that was meant: 1.5e8 ns as 0.15.
    let mut buckets: Vec<_> = bounds.iter().map(|bound| (*bound as f64 / scale, 0)).collect();
    for trend in trends {
        for ((_, total), (_, cumulative)) in buckets.iter_mut().zip(trend.cumulative()) {
            *total += cumulative;
        }
    }
    let sum: u128 = trends.iter().map(|trend| trend.sum()).sum();
    let count = trends.iter().map(|trend| trend.count()).sum();
    Value::Histogram { buckets, sum: sum as f64 / scale, count, native: Native::of(trends, scale) }
}
