//! Samples and ticks to lines. What is the same for all points of a series is put together once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use jiff::Timestamp;

use super::header;
use crate::{
    catalogue::{Family, METRICS, Metric, MetricKind, Source},
    config::threshold::Threshold,
    metrics::{
        samples::{Sample, Tick},
        series::{Series, SeriesTable},
    },
    units::tags::Tags,
};

/// A point's text around its time and value.
#[derive(Debug, Clone)]
struct Frame {
    metric: &'static Metric,
    tags: String,
}

/// Samples of a rate that are not hits: all samples of a group less its hits.
#[derive(Debug)]
struct Misses {
    frame: Frame,
    total: Vec<usize>,
    hits: Vec<usize>,
    written: u64,
}

/// Makes lines, and remembers what was written before.
#[derive(Debug)]
pub(super) struct Points {
    thresholds: Vec<Threshold>,
    start: i128,
    trends: Vec<Option<Frame>>,
    /// By counter slot: the sums, and the hits of rates with the value of each of their points.
    sums: Vec<Option<Frame>>,
    hits: Vec<Option<(Frame, bool)>>,
    misses: Vec<Misses>,
    gauges: Vec<(Frame, Vec<usize>)>,
    before: Box<[u64]>,
    introduced: BTreeSet<&'static str>,
    lines: Vec<u8>,
    count: u64,
}

impl Points {
    pub(super) fn new(table: &SeriesTable, thresholds: &[Threshold], start_unix_nanos: i128) -> Self {
        let of_family = |family: Family, kind: MetricKind| {
            METRICS.iter().find(|metric| metric.source == Source::Family(family) && metric.kind == kind)
        };
        let frame = |metric: &'static Metric, series: &Series| Frame { metric, tags: point_tags(table, series, &[]) };
        let trends =
            table.trends.iter().map(|series| Some(frame(of_family(series.family, MetricKind::Trend)?, series)));
        let sums =
            table.counters.iter().map(|series| Some(frame(of_family(series.family, MetricKind::Counter)?, series)));
        let hits = table.counters.iter().map(|series| hit(table, series));
        let gauges = METRICS.iter().filter_map(|metric| {
            let Source::Family(family) = metric.source else { return None };
            let slots = slots(&table.gauges, |series| series.family == family);
            // One value for the run, as in k6, and not one per scenario.
            (!slots.is_empty()).then(|| (Frame { metric, tags: tags_text(&table.run_tags) }, slots))
        });
        Self {
            trends: trends.collect(),
            sums: sums.collect(),
            hits: hits.collect(),
            misses: misses(table),
            gauges: gauges.collect(),
            before: vec![0; table.counters.len()].into(),
            introduced: BTreeSet::new(),
            lines: Vec::new(),
            count: 0,
            thresholds: thresholds.to_vec(),
            start: start_unix_nanos,
        }
    }

    /// Points made so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Gives the waiting lines away.
    pub(super) fn take(&mut self, write: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let outcome = write(&self.lines);
        self.lines.clear();
        outcome
    }

    pub(super) fn samples(&mut self, samples: &[Sample]) {
        let trends = std::mem::take(&mut self.trends);
        for sample in samples {
            if let Some(Some(frame)) = trends.get(sample.slot.position()) {
                self.point(frame, &self.time(sample.at), sample.nanos as f64 / 1e6);
            }
        }
        self.trends = trends;
    }

    pub(super) fn tick(&mut self, tick: &Tick) {
        let time = self.time(tick.at);
        let (sums, hits) = (std::mem::take(&mut self.sums), std::mem::take(&mut self.hits));
        for (slot, total) in tick.counters.iter().enumerate() {
            let Some(before) = self.before.get_mut(slot) else { continue };
            let added = total.saturating_sub(std::mem::replace(before, *total));
            if added == 0 {
                continue;
            }
            if let Some(Some(frame)) = sums.get(slot) {
                self.point(frame, &time, added as f64);
            }
            if let Some(Some((frame, value))) = hits.get(slot) {
                (0..added).for_each(|_| self.point(frame, &time, f64::from(u8::from(*value))));
            }
        }
        (self.sums, self.hits) = (sums, hits);
        let mut misses = std::mem::take(&mut self.misses);
        for group in &mut misses {
            let sum = |slots: &[usize]| slots.iter().filter_map(|slot| tick.counters.get(*slot)).sum::<u64>();
            let target = sum(&group.total).saturating_sub(sum(&group.hits));
            (group.written..target).for_each(|_| self.point(&group.frame, &time, 0.0));
            group.written = group.written.max(target);
        }
        self.misses = misses;
        let gauges = std::mem::take(&mut self.gauges);
        for (frame, slots) in &gauges {
            let value: i64 = slots.iter().filter_map(|slot| tick.gauges.get(*slot)).sum();
            self.point(frame, &time, value as f64);
        }
        self.gauges = gauges;
    }

    fn time(&self, at: u64) -> String {
        Timestamp::from_nanosecond(self.start + i128::from(at)).unwrap_or_default().to_string()
    }

    fn point(&mut self, frame: &Frame, time: &str, value: f64) {
        let name = frame.metric.name;
        if self.introduced.insert(name) {
            self.lines.extend(header::line(frame.metric, &self.thresholds).into_bytes());
            self.lines.push(b'\n');
        }
        let tags = &frame.tags;
        // Writing to memory cannot fail.
        let _infallible = writeln!(
            self.lines,
            r#"{{"metric":"{name}","type":"Point","data":{{"time":"{time}","value":{value},"tags":{tags}}}}}"#
        );
        self.count += 1;
    }
}

/// The rate whose hits a counter is, if any, and what its points are worth.
fn hit(table: &SeriesTable, series: &Series) -> Option<(Frame, bool)> {
    METRICS.iter().find_map(|metric| match metric.source {
        // Each series of the family says by a label whether its samples are true; the label is no tag in k6.
        Source::Ratio { hits, total, only: Some((label, value)) } if hits == total && hits == series.family => {
            let is_true = series.labels.get(label).is_some_and(|tag| tag == value);
            Some((Frame { metric, tags: point_tags(table, series, &[label]) }, is_true))
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
    for metric in METRICS {
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
