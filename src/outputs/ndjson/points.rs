//! Samples and ticks to lines. What is the same for all points of a series is put together once.

use std::{collections::BTreeMap, io};

use super::lines::{Frame, Lines};
use crate::{
    catalogue::{Family, MetricKind, Source},
    metrics::{
        samples::{Sample, Tick},
        series::{Series, SeriesTable},
    },
    units::tags::Tags,
};

/// Samples of a rate that are not hits: all samples of a group less its hits.
#[derive(Debug)]
struct Misses {
    frame: Frame,
    total: Vec<usize>,
    hits: Vec<usize>,
    written: u64,
}

/// Makes points of what comes, and remembers what was written before.
#[derive(Debug)]
pub(super) struct Points {
    lines: Lines,
    trends: Vec<Option<Frame>>,
    /// By counter slot: the sums, and the hits of rates with the value of each of their points.
    sums: Vec<Option<Frame>>,
    hits: Vec<Option<(Frame, bool)>>,
    misses: Vec<Misses>,
    gauges: Vec<(Frame, Vec<usize>)>,
    before: Box<[u64]>,
}

impl Points {
    pub(super) fn new(table: &SeriesTable, lines: Lines) -> Self {
        let of_family = |family: Family, kind: MetricKind| {
            table.metrics().find(|metric| metric.source == Source::Family(family) && metric.kind == kind)
        };
        let frame = |series: &Series, kind: MetricKind| {
            Some(Frame { metric: of_family(series.family, kind)?, tags: point_tags(table, series, &[]) })
        };
        let gauges = table.metrics().filter_map(|metric| {
            let Source::Family(family) = metric.source else { return None };
            let slots = slots(&table.gauges, |series| series.family == family);
            // One value for the run, as in k6, and not one per scenario.
            (!slots.is_empty()).then(|| (Frame { metric, tags: tags_text(&table.run_tags) }, slots))
        });
        Self {
            lines,
            trends: table.trends.iter().map(|series| frame(series, MetricKind::Trend)).collect(),
            sums: table.counters.iter().map(|series| frame(series, MetricKind::Counter)).collect(),
            hits: table.counters.iter().map(|series| hit(table, series)).collect(),
            misses: misses(table),
            gauges: gauges.collect(),
            before: vec![0; table.counters.len()].into(),
        }
    }

    pub(super) fn samples(&mut self, samples: &[Sample]) {
        for sample in samples {
            if let Some(Some(frame)) = self.trends.get(sample.slot.position()) {
                self.lines.point(frame, self.lines.time(sample.at), sample.nanos as f64 / 1e6);
            }
        }
    }

    pub(super) fn tick(&mut self, tick: &Tick) {
        let time = self.lines.time(tick.at);
        let frames = self.sums.iter().zip(&self.hits);
        for ((total, before), (sum, hit)) in tick.counters.iter().zip(&mut self.before).zip(frames) {
            let added = total.saturating_sub(std::mem::replace(before, *total));
            if let Some(frame) = sum.as_ref().filter(|_| added > 0) {
                self.lines.point(frame, time, added as f64);
            }
            if let Some((frame, value)) = hit {
                (0..added).for_each(|_| self.lines.point(frame, time, f64::from(u8::from(*value))));
            }
        }
        for group in &mut self.misses {
            let sum = |slots: &[usize]| slots.iter().filter_map(|slot| tick.counters.get(*slot)).sum::<u64>();
            let target = sum(&group.total).saturating_sub(sum(&group.hits));
            (group.written..target).for_each(|_| self.lines.point(&group.frame, time, 0.0));
            group.written = group.written.max(target);
        }
        for (frame, slots) in &self.gauges {
            let value: i64 = slots.iter().filter_map(|slot| tick.gauges.get(*slot)).sum();
            self.lines.point(frame, time, value as f64);
        }
        // A tick's points can be read as soon as it is over.
        self.lines.spill();
    }

    /// Closes the file; returns the number of points or the first failure.
    pub(super) fn finish(self) -> io::Result<u64> {
        self.lines.finish()
    }
}

/// The rate whose hits a counter is, if any, and what its points are worth.
fn hit(table: &SeriesTable, series: &Series) -> Option<(Frame, bool)> {
    table.metrics().find_map(|metric| match metric.source {
        // Each series of the family says by a tag whether its samples are true; `result` is no tag in k6,
        // `expected_response` is one.
        Source::Ratio { hits, total, only: Some((label, value)) } if hits == total && hits == series.family => {
            let left_out: &[&str] = if series.labels.contains_key(label) { &[label] } else { &[] };
            Some((Frame { metric, tags: point_tags(table, series, left_out) }, series.has(label, value)))
        }
        Source::Ratio { hits, total, only: None } if hits != total && hits == series.family => {
            Some((Frame { metric, tags: point_tags(table, series, &[]) }, true))
        }
        Source::Ratio { .. } | Source::Family(_) => None,
    })
}

/// Rates whose hits and samples are two families: their series are grouped by the tags that both have.
fn misses(table: &SeriesTable) -> Vec<Misses> {
    let mut groups = Vec::new();
    for metric in table.metrics() {
        let Source::Ratio { hits, total, only: None } = metric.source else { continue };
        let common = |series: &Series| point_tags(table, series, series.family.labels());
        let mut by_tags: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for slot in slots(&table.counters, |series| series.family == total) {
            let tags = table.counters.get(slot).map(common).unwrap_or_default();
            by_tags.entry(tags).or_default().push(slot);
        }
        groups.extend(by_tags.into_iter().map(|(tags, total)| Misses {
            hits: slots(&table.counters, |series| series.family == hits && common(series) == tags),
            frame: Frame { metric, tags },
            total,
            written: 0,
        }));
    }
    groups
}

fn slots(series: &[Series], wanted: impl Fn(&Series) -> bool) -> Vec<usize> {
    series.iter().enumerate().filter(|(_, series)| wanted(series)).map(|(slot, _)| slot).collect()
}

/// The run's tags, the series' and k6's `group`, without the labels `left_out`.
fn point_tags(table: &SeriesTable, series: &Series, left_out: &[&str]) -> String {
    let mut tags = table.run_tags.clone();
    tags.insert("group".to_owned(), String::new());
    tags.extend(series.hidden.clone());
    tags.extend(series.labels.clone());
    tags.retain(|name, _| !left_out.contains(&name.as_str()));
    tags_text(&tags)
}

fn tags_text(tags: &Tags) -> String {
    serde_json::to_string(tags).unwrap_or_else(|_| "{}".to_owned())
}
