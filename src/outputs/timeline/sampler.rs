//! Makes the curves of a run from its counts once a second. Pure: counts come with their time.
//!
//! Percentiles of a point of one second are those of the samples in it, to three digits. Those of a longer one are of the union of
//! its samples, from distributions of 64 steps to the octave: within 0.8 %.

use std::collections::BTreeMap;

use crate::{
    catalogue::{Family, Metric, MetricKind},
    config::threshold::Threshold,
    metrics::{hdr, series::SeriesTable, sketch::Sketch, trend::Trend, view::View},
    outputs::{
        failures,
        timeline::{MOST, PlanCorner, Point, Quantiles, Timeline, blocks::Blocks},
    },
    plan::{Plan, curve},
};

/// Trends that a run is looked at by, beside its own and those with thresholds.
const WATCHED: [&str; 6] =
    ["ws_connecting", "ws_msg_rtt", "ws_ping", "ws_reconnecting", "http_req_duration", "iteration_duration"];
/// Trends at most: each takes up to 10 MiB after a day of wide distributions.
const MOST_TRENDS: usize = 24;
/// Seconds between points at first.
const FIRST_INTERVAL: f64 = 1.0;
/// Steps to the octave of the distributions of points: two to this power.
type Spread = Sketch<6>;

/// What the counts do not tell of a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moment {
    /// Seconds since the start of the load.
    pub at: f64,
    /// By the plan, or as ordered.
    pub planned_vus: u64,
    /// Iterations to begin a second by the plan, or as ordered.
    pub planned_rate: f64,
    /// Whether the run is paused.
    pub paused: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Sampler {
    plan: Vec<PlanCorner>,
    endless: bool,
    metrics: Vec<&'static Metric>,
    interval: f64,
    samples: Vec<Sample>,
    pending: Option<Sample>,
    /// Of the latest second.
    last: Option<Sample>,
    before: Before,
    blocks: Blocks,
}

/// Counts at the last sample.
#[derive(Debug, Default)]
struct Before {
    at: f64,
    counts: Counts,
    failures: BTreeMap<(&'static str, String), u64>,
    trends: Vec<Trend>,
}

/// Sums of all series of a family.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    iterations: u64,
    dropped: u64,
    sent: u64,
    received: u64,
    requests: u64,
}

/// A point with what is needed to merge it.
#[derive(Debug, Clone)]
struct Sample {
    point: Point,
    seconds: f64,
    /// By the place of the trend in [`Sampler::metrics`].
    spreads: Vec<Spread>,
}

impl Sampler {
    /// Before the start of a run of `plan`.
    #[must_use]
    pub fn new(plan: &Plan, table: &SeriesTable, thresholds: &[Threshold]) -> Self {
        let metrics = watched(table, thresholds);
        let empty: Vec<_> = metrics.iter().map(|metric| Trend::new(table.bounds(metric.source.family()))).collect();
        let corners = curve::corners(plan);
        Self {
            plan: corners
                .iter()
                .map(|corner| PlanCorner { at: corner.at.as_secs_f64(), vus: corner.vus, rate: corner.rate })
                .collect(),
            endless: plan.foreseeable() != Some(plan.duration()),
            blocks: Blocks::new(empty.clone(), FIRST_INTERVAL),
            before: Before { trends: empty, ..Before::default() },
            metrics,
            interval: FIRST_INTERVAL,
            samples: Vec::new(),
            pending: None,
            last: None,
        }
    }

    /// Takes the counts of a moment later than the one before.
    pub fn take(&mut self, moment: Moment, view: &View<'_>) {
        let seconds = moment.at - self.before.at;
        if seconds <= 0.0 {
            return;
        }
        let trends: Vec<_> = self.metrics.iter().map(|metric| view.trend(metric.source.family(), &[])).collect();
        self.blocks.look(moment.at, &trends);
        let sample = self.sample(moment, view, trends, seconds);
        self.last = Some(sample.clone());
        let pending = match self.pending.take() {
            Some(earlier) => merged(earlier, sample, &self.metrics),
            None => sample,
        };
        // A tick may come a little early.
        if pending.seconds >= self.interval * 0.9 {
            self.push(pending);
        } else {
            self.pending = Some(pending);
        }
    }

    /// Takes the final counts. What is left after the last point is a part of it if it is short.
    pub fn end(&mut self, moment: Moment, view: &View<'_>) {
        let before = self.last.clone();
        self.take(moment, view);
        if let (Some(earlier), Some(last)) = (before, &self.last)
            && last.point.at > earlier.point.at
            && last.seconds < FIRST_INTERVAL / 2.0
        {
            self.last = Some(merged(earlier, last.clone(), &self.metrics));
        }
        if let Some(rest) = self.pending.take() {
            let is_short = rest.seconds < self.interval / 2.0;
            let sample = match self.samples.pop_if(|_| is_short) {
                Some(last) => merged(last, rest, &self.metrics),
                None => rest,
            };
            self.push(sample);
        }
    }

    /// The latest second.
    #[must_use]
    pub fn latest(&self) -> Point {
        self.last.as_ref().map(|last| last.point.clone()).unwrap_or_default()
    }

    /// The curves so far.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        let mut plan = self.plan.clone();
        // A plan whose end is not known goes as far as the run has come.
        if let Some(last) = plan.last().copied().filter(|last| self.endless && last.at < self.before.at) {
            plan.push(PlanCorner { at: self.before.at, ..last });
        }
        let points = self.samples.iter().chain(&self.pending).map(|sample| sample.point.clone());
        Timeline { plan, interval_seconds: self.interval, points: points.collect() }
    }

    /// The distributions of consecutive parts of the run by the trend's name, see [`hdr`]. `view` has the final counts.
    #[must_use]
    pub fn into_blocks(self, view: &View<'_>) -> BTreeMap<String, Vec<String>> {
        let trends: Vec<_> = self.metrics.iter().map(|metric| view.trend(metric.source.family(), &[])).collect();
        let blocks = self.blocks.finish(self.before.at, &trends);
        let recorded = self.metrics.iter().zip(blocks).zip(trends).filter(|(_, trend)| trend.count() > 0);
        let text = |part: &Sketch<10>| hdr::encode_histogram(&part.histogram());
        recorded.map(|((metric, parts), _)| (metric.name.to_owned(), parts.iter().map(text).collect())).collect()
    }

    fn sample(&mut self, moment: Moment, view: &View<'_>, trends: Vec<Trend>, seconds: f64) -> Sample {
        let Moment { at, planned_vus, planned_rate, paused } = moment;
        let counts = Counts::of(view);
        let failures = failures::counts(view);
        let before = std::mem::replace(&mut self.before, Before { at, counts, failures, trends });
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        let gauge = |family| view.gauge(family, &[]).max(0) as u64;
        let mut point = Point {
            at,
            planned_vus,
            vus: gauge(Family::Vus),
            planned_rate,
            iterations: rate(counts.iterations, before.counts.iterations),
            dropped: rate(counts.dropped, before.counts.dropped),
            open: gauge(Family::WsOpen),
            connecting: gauge(Family::WsConnectingNow),
            sent: rate(counts.sent, before.counts.sent),
            received: rate(counts.received, before.counts.received),
            requests: rate(counts.requests, before.counts.requests),
            paused,
            ..Point::default()
        };
        for (key, count) in &self.before.failures {
            let more = rate(*count, before.failures.get(key).copied().unwrap_or(0));
            if more > 0.0 {
                point.failures.insert(format!("{}/{}", key.0, key.1), more);
            }
        }
        let mut spreads = Vec::with_capacity(self.metrics.len());
        for ((metric, now), then) in self.metrics.iter().zip(&self.before.trends).zip(&before.trends) {
            let interval = if now.count() == then.count() { None } else { now.since(then) };
            if let Some(interval) = &interval {
                let of = |percent| millis(interval.percentile(percent));
                let quantiles = Quantiles {
                    count: interval.count(),
                    p50: of(50.0),
                    p95: of(95.0),
                    p99: of(99.0),
                    max: millis(interval.max()),
                };
                point.trends.insert(metric.name.to_owned(), quantiles);
            }
            spreads.push(interval.as_ref().map(Spread::of).unwrap_or_default());
        }
        Sample { point, seconds, spreads }
    }

    fn push(&mut self, sample: Sample) {
        self.samples.push(sample);
        if self.samples.len() < MOST {
            return;
        }
        self.interval *= 2.0;
        let mut samples = std::mem::take(&mut self.samples).into_iter();
        while let Some(first) = samples.next() {
            let sample = match samples.next() {
                Some(second) => merged(first, second, &self.metrics),
                None => first,
            };
            self.samples.push(sample);
        }
    }
}

impl Counts {
    fn of(view: &View<'_>) -> Self {
        let sum = |family| view.sum(family, |_| true);
        Self {
            iterations: sum(Family::Iterations) + sum(Family::IterationsInterrupted),
            dropped: sum(Family::DroppedIterations),
            sent: sum(Family::WsMsgsSent),
            received: sum(Family::WsMsgsReceived),
            requests: sum(Family::HttpReqs),
        }
    }
}

/// One point of two neighbours: rates weighted by their time, gauges as they were at the end.
fn merged(first: Sample, second: Sample, metrics: &[&'static Metric]) -> Sample {
    let seconds = first.seconds + second.seconds;
    let mean = |earlier: f64, later: f64| (earlier * first.seconds + later * second.seconds) / seconds;
    let (earlier, later) = (first.point, second.point);
    let mut failures = BTreeMap::new();
    for (key, rate) in &earlier.failures {
        failures.insert(key.clone(), mean(*rate, later.failures.get(key).copied().unwrap_or(0.0)));
    }
    for (key, rate) in &later.failures {
        failures.entry(key.clone()).or_insert_with(|| mean(0.0, *rate));
    }
    let mut spreads = first.spreads;
    let mut trends = BTreeMap::new();
    for ((spread, other), metric) in spreads.iter_mut().zip(&second.spreads).zip(metrics) {
        let quantiles = match (earlier.trends.get(metric.name), later.trends.get(metric.name)) {
            (Some(one), Some(two)) => {
                spread.merge(other);
                let max = one.max.max(two.max);
                let of = |percent| millis(spread.percentile(percent)).min(max);
                Quantiles { count: one.count + two.count, p50: of(50.0), p95: of(95.0), p99: of(99.0), max }
            }
            (Some(one), None) => *one,
            (None, Some(two)) => {
                spread.clone_from(other);
                *two
            }
            (None, None) => continue,
        };
        trends.insert(metric.name.to_owned(), quantiles);
    }
    let point = Point {
        iterations: mean(earlier.iterations, later.iterations),
        dropped: mean(earlier.dropped, later.dropped),
        sent: mean(earlier.sent, later.sent),
        received: mean(earlier.received, later.received),
        requests: mean(earlier.requests, later.requests),
        failures,
        trends,
        ..later
    };
    Sample { point, seconds, spreads }
}

/// In milliseconds; of plain numbers, which are recorded in millionths, the number.
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// Those of [`WATCHED`], with a threshold, or of the profile's own that the run records.
fn watched(table: &SeriesTable, thresholds: &[Threshold]) -> Vec<&'static Metric> {
    let recorded = |metric: &&'static Metric| table.trends.iter().any(|series| series.family == metric.source.family());
    let custom = table.custom();
    let judged = |name: &str| thresholds.iter().any(|threshold| threshold.metric.name() == name);
    let trends = table.metrics().filter(|metric| metric.kind == MetricKind::Trend).filter(recorded);
    let mut watched: Vec<_> = trends
        .filter(|metric| WATCHED.contains(&metric.name) || judged(metric.name) || custom.contains(metric))
        .collect();
    watched.truncate(MOST_TRENDS);
    watched
}

#[cfg(test)]
mod tests;
