//! Which curves a timeline has.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    catalogue::{self, Contains},
    outputs::{
        chart::{
            Chart,
            axis::Unit,
            ink::{Ink, SERIES},
            picture,
            plot::{Across, Limit, Line, Plot},
            sequence,
        },
        record::RunRecord,
        run_status::ThresholdStatus,
        timeline::{Point, Quantiles, Timeline},
    },
};

/// In the order of a page: what was done, then how the target answered. `unit_of` names a trend's unit.
pub(in crate::outputs::chart) fn plots(
    timeline: &Timeline,
    thresholds: &[ThresholdStatus],
    unit_of: &dyn Fn(&str) -> Unit,
) -> Vec<Plot> {
    let end = sequence::end(timeline);
    let pauses = sequence::pauses(timeline);
    let plot = |id: &str, title: &str, unit, lines| Plot {
        id: id.to_owned(),
        title: title.to_owned(),
        unit,
        across: Across::Time(end),
        lines,
        limits: Vec::new(),
        pauses: pauses.clone(),
    };
    let measured = |name: &str, number, value: &dyn Fn(&Point) -> f64| line(timeline, name, number, value);
    let mut plots = vec![plot(
        "vus",
        "Virtual users",
        Unit::Count,
        vec![
            sequence::plan(timeline, "planned", |corner| corner.vus, |point| point.planned_vus as f64),
            measured("running", 0, &|point| point.vus as f64),
        ],
    )];
    let any = |value: &dyn Fn(&Point) -> f64| timeline.points.iter().any(|point| value(point) > 0.0);
    let has_rate = any(&|point| point.planned_rate) || timeline.plan.iter().any(|corner| corner.rate > 0.0);
    if has_rate || any(&|point| point.iterations) {
        let mut lines = Vec::new();
        if has_rate {
            lines.push(sequence::plan(timeline, "planned", |corner| corner.rate, |point| point.planned_rate));
        }
        lines.push(measured("ended", 0, &|point| point.iterations));
        if any(&|point| point.dropped) {
            lines.push(measured("dropped", 1, &|point| point.dropped));
        }
        plots.push(plot("iterations", "Iterations", Unit::PerSecond, lines));
    }
    for trend in trends(timeline) {
        let mut latency = plot(
            &format!("latency-{}", name_in_id(&trend)),
            &format!("{trend}, percentiles"),
            unit_of(&trend),
            percentile_lines(timeline, &trend),
        );
        latency.limits = limits(thresholds, &trend);
        plots.push(latency);
    }
    if any(&|point| (point.open + point.connecting) as f64) {
        let lines = vec![
            measured("open", 0, &|point| point.open as f64),
            measured("connecting", 1, &|point| point.connecting as f64),
        ];
        plots.push(plot("sockets", "WebSocket connections", Unit::Count, lines));
    }
    if any(&|point| point.sent + point.received) {
        let lines = vec![measured("sent", 0, &|point| point.sent), measured("received", 1, &|point| point.received)];
        plots.push(plot("messages", "Messages", Unit::PerSecond, lines));
    }
    if any(&|point| point.requests) {
        plots.push(plot(
            "requests",
            "HTTP requests",
            Unit::PerSecond,
            vec![measured("requests", 0, &|point| point.requests)],
        ));
    }
    if timeline.points.iter().any(|point| !point.failures.is_empty()) {
        plots.push(plot("failures", "Failures by reason", Unit::PerSecond, failures(timeline)));
    }
    plots
}

/// The unit of a trend that is only known by its name: the catalogue's are times, a profile's own may be anything.
pub(in crate::outputs::chart) fn unit_by_name(trend: &str) -> Unit {
    let is_time = catalogue::find(trend).is_some_and(|metric| metric.contains == Contains::Time);
    if is_time { Unit::Milliseconds } else { Unit::Plain }
}

/// The unit of a trend that a record has.
pub(in crate::outputs::chart) fn unit_in(record: &RunRecord, trend: &str) -> Unit {
    let metric = record.metrics.iter().find(|metric| metric.name == trend);
    metric.map_or_else(
        || unit_by_name(trend),
        |metric| if metric.unit == "ms" { Unit::Milliseconds } else { Unit::Plain },
    )
}

/// The medians and 99th percentiles of one trend of several runs over each other, each over its own run time.
#[must_use]
pub fn overlay(trend: &str, runs: &[(&str, &RunRecord)]) -> Option<Chart> {
    let with_samples: Vec<_> =
        runs.iter().filter(|(_, run)| trends(&run.timeline).iter().any(|name| name == trend)).collect();
    let (_, first) = with_samples.first()?;
    let unit = unit_in(first, trend);
    let end = with_samples.iter().map(|(_, run)| sequence::end(&run.timeline)).fold(0.0, f64::max);
    let mut number = 0;
    let mut lines = Vec::new();
    for (name, run) in with_samples {
        for (word, value) in [("p50", p50 as Percentile), ("p99", p99)] {
            lines.push(trend_line(&run.timeline, trend, &format!("{name} {word}"), number, value));
            number = (number + 1) % SERIES;
        }
    }
    Some(picture::chart(&Plot {
        id: format!("overlay-{}", name_in_id(trend)),
        title: format!("{trend} over the run"),
        unit,
        across: Across::Time(end),
        lines,
        limits: Vec::new(),
        pauses: Vec::new(),
    }))
}

/// A percentile of an interval.
type Percentile = fn(&Quantiles) -> f64;

fn p50(quantiles: &Quantiles) -> f64 {
    quantiles.p50
}

fn p95(quantiles: &Quantiles) -> f64 {
    quantiles.p95
}

fn p99(quantiles: &Quantiles) -> f64 {
    quantiles.p99
}

fn line(timeline: &Timeline, name: &str, number: u8, value: &dyn Fn(&Point) -> f64) -> Line {
    let points = timeline.points.iter().map(|point| (point.at, Some(value(point))));
    Line { name: name.to_owned(), ink: Ink::Series(number), points: points.collect() }
}

/// Names of trends that have samples: what the target answered, then the rest, iterations last.
fn trends(timeline: &Timeline) -> Vec<String> {
    let names = timeline.points.iter().flat_map(|point| &point.trends);
    let names: BTreeSet<_> = names.filter(|(_, quantiles)| quantiles.count > 0).map(|(name, _)| name.clone()).collect();
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by_key(|name| match name.as_str() {
        "ws_connecting" => 0,
        "ws_msg_rtt" | "http_req_duration" => 1,
        "iteration_duration" => 3,
        _ => 2,
    });
    names
}

fn percentile_lines(timeline: &Timeline, trend: &str) -> Vec<Line> {
    let values: [(&str, Percentile); 3] = [("p50", p50), ("p95", p95), ("p99", p99)];
    (0..).zip(values).map(|(number, (name, value))| trend_line(timeline, trend, name, number, value)).collect()
}

fn trend_line(timeline: &Timeline, trend: &str, name: &str, number: u8, value: Percentile) -> Line {
    let points = timeline.points.iter().map(|point| {
        let quantiles = point.trends.get(trend).filter(|quantiles| quantiles.count > 0);
        (point.at, quantiles.map(value))
    });
    Line { name: name.to_owned(), ink: Ink::Series(number), points: points.collect() }
}

/// Of thresholds on the whole trend whose limit is a time: those on parts and on counts are not levels of these curves.
pub(in crate::outputs::chart) fn limits(thresholds: &[ThresholdStatus], trend: &str) -> Vec<Limit> {
    let of_trend = thresholds.iter().filter(|threshold| threshold.metric == trend);
    let times = of_trend.filter(|threshold| {
        let aggregate = threshold.expression.split(['<', '>', '=', '!']).next().unwrap_or_default().trim();
        aggregate.starts_with("p(") || ["avg", "med", "min", "max"].contains(&aggregate)
    });
    times.map(|threshold| Limit { expression: threshold.expression.clone(), at: threshold.limit }).collect()
}

/// Reasons that are most frequent over the run, the rest as one.
fn failures(timeline: &Timeline) -> Vec<Line> {
    const MOST: usize = 6;
    let mut totals: BTreeMap<&str, f64> = BTreeMap::new();
    for (reason, rate) in timeline.points.iter().flat_map(|point| &point.failures) {
        *totals.entry(reason).or_default() += rate;
    }
    let mut reasons: Vec<_> = totals.into_iter().collect();
    reasons.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let shown = if reasons.len() > MOST + 1 { MOST } else { reasons.len() };
    let rest: BTreeSet<&str> = reasons.drain(shown..).map(|(reason, _)| reason).collect();
    let mut lines: Vec<_> = (0..)
        .zip(&reasons)
        .map(|(number, (reason, _))| {
            line(timeline, reason, number, &|point| point.failures.get(*reason).copied().unwrap_or_default())
        })
        .collect();
    if !rest.is_empty() {
        let others = |point: &Point| {
            point.failures.iter().filter(|(reason, _)| rest.contains(reason.as_str())).map(|(_, rate)| rate).sum()
        };
        lines.push(line(timeline, &format!("{} others", rest.len()), SERIES - 1, &others));
    }
    lines
}

/// Letters and digits as they are, everything else as hyphens.
pub(in crate::outputs::chart) fn name_in_id(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}
