//! The totals of `/metrics` as JSON: `{ FAMILY: [{ "labels": {…}, "value": n }] }`.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::{
    catalogue::{Family, FamilyKind},
    metrics::{
        series::{Series, SeriesTable},
        snapshot::Snapshot,
        trend::Trend,
    },
    units::tags::Tags,
};

/// Every family; series with the same labels add up, as on `/metrics`, whatever tags they hide.
pub(super) fn by_family(table: &SeriesTable, snapshot: &Snapshot) -> Map<String, Json> {
    table
        .families()
        .map(|family| {
            let series = match family.kind() {
                FamilyKind::Counter => summed(family, &table.counters, snapshot.counters()),
                FamilyKind::Gauge => summed(family, &table.gauges, snapshot.gauges()),
                FamilyKind::Trend => merged(family, table, snapshot),
            };
            (family.name().to_owned(), Json::Array(series))
        })
        .collect()
}

fn summed<N>(family: Family, series: &[Series], values: &[N]) -> Vec<Json>
where
    N: Copy + Default + PartialEq + std::ops::AddAssign + serde::Serialize,
{
    let mut sums: BTreeMap<&Tags, (N, bool)> = BTreeMap::new();
    for (series, value) in series.iter().zip(values).filter(|(series, _)| series.family == family) {
        let (sum, always) = sums.entry(&series.labels).or_default();
        *sum += *value;
        *always |= series.always;
    }
    let shown = sums.into_iter().filter(|(_, (sum, always))| *always || *sum != N::default());
    shown.map(|(labels, (sum, _))| json!({ "labels": labels, "value": sum })).collect()
}

fn merged(family: Family, table: &SeriesTable, snapshot: &Snapshot) -> Vec<Json> {
    let mut trends: BTreeMap<&Tags, (Trend, bool)> = BTreeMap::new();
    for (series, trend) in table.trends.iter().zip(snapshot.trends()).filter(|(series, _)| series.family == family) {
        let (merged, always) =
            trends.entry(&series.labels).or_insert_with(|| (Trend::new(table.bounds(family)), false));
        merged.merge(trend);
        *always |= series.always;
    }
    let shown = trends.into_iter().filter(|(_, (trend, always))| *always || trend.count() > 0);
    shown.map(|(labels, (trend, _))| histogram(labels, &trend, family.scale())).collect()
}

/// Buckets are cumulative, by their upper boundary in seconds; one that counts no more than the one before is left out.
fn histogram(labels: &Tags, trend: &Trend, scale: u64) -> Json {
    let scale = scale as f64;
    let mut before = 0;
    let steps = trend.cumulative().filter(|(_, total)| std::mem::replace(&mut before, *total) != *total);
    let buckets: Map<_, _> = steps.map(|(bound, total)| ((bound as f64 / scale).to_string(), json!(total))).collect();
    json!({ "labels": labels, "count": trend.count(), "sum": trend.sum() as f64 / scale, "buckets": buckets })
}
