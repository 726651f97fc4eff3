//! The metrics of k6 under the names that its Prometheus output gives them, for the dashboards that were made for it
//! (`metrics: { compat: k6 }`).
//!
//! Differs from k6 where k6's series cannot be read: a rate is one series for each name and method, not one for its
//! failures that is always 1, and dropped iterations are not split by our reasons.

use std::collections::BTreeMap;

use crate::{
    catalogue::{self, Family, Source},
    metrics::{
        exposition::families::{self, Kind, Sheet, Value},
        series::{Series, SeriesTable},
        snapshot::Snapshot,
        trend::Trend,
    },
    units::tags::Tags,
};

/// A metric of k6, and the family it is.
pub(super) struct Single {
    pub(super) metric: &'static str,
    pub(super) name: &'static str,
    help: &'static str,
}

/// A trend of k6, and the families it is.
pub(super) struct Many {
    pub(super) metric: &'static str,
    /// By [`STATS`].
    pub(super) stats: [&'static str; 7],
    pub(super) histogram: &'static str,
    help: &'static str,
}

macro_rules! singles {
    ($suffix:literal: $($metric:literal),*) => {
        [$(Single {
            metric: $metric,
            name: concat!("k6_", $metric, $suffix),
            help: concat!("As k6 exports ", $metric, "."),
        }),*]
    };
}

macro_rules! trends {
    ($($metric:literal),*) => {
        [$(Many {
            metric: $metric,
            stats: [
                concat!("k6_", $metric, "_avg"),
                concat!("k6_", $metric, "_min"),
                concat!("k6_", $metric, "_med"),
                concat!("k6_", $metric, "_max"),
                concat!("k6_", $metric, "_p90"),
                concat!("k6_", $metric, "_p95"),
                concat!("k6_", $metric, "_p99"),
            ],
            histogram: concat!("k6_", $metric, "_seconds"),
            help: concat!("As k6 exports ", $metric, ", in seconds."),
        }),*]
    };
}

pub(super) static COUNTERS: [Single; 8] = singles!(
    "_total": "data_received", "data_sent", "dropped_iterations", "http_reqs", "iterations", "ws_msgs_received",
    "ws_msgs_sent", "ws_sessions"
);
pub(super) static GAUGES: [Single; 2] = singles!("": "vus", "vus_max");
pub(super) static RATES: [Single; 2] = singles!("_rate": "checks", "http_req_failed");
pub(super) static TRENDS: [Many; 11] = trends!(
    "http_req_blocked",
    "http_req_connecting",
    "http_req_duration",
    "http_req_receiving",
    "http_req_sending",
    "http_req_tls_handshaking",
    "http_req_waiting",
    "iteration_duration",
    "ws_connecting",
    "ws_ping",
    "ws_session_duration"
);

/// In the order of [`Many::stats`], in nanoseconds.
const STATS: [fn(&Trend) -> f64; 7] = [
    Trend::mean,
    |trend| trend.min() as f64,
    |trend| trend.percentile(50.0) as f64,
    |trend| trend.max() as f64,
    |trend| trend.percentile(90.0) as f64,
    |trend| trend.percentile(95.0) as f64,
    |trend| trend.percentile(99.0) as f64,
];

/// Tags that are labels in k6 and not on our families, where a step has one value of each.
const SHOWN: [&str; 3] = ["expected_response", "method", "name"];
/// Labels that k6 does not have.
const OURS: [&str; 2] = ["reason", "result"];
/// Labels that split a rate into series that are always 0 or 1.
const OUTCOMES: [&str; 4] = ["expected_response", "reason", "result", "status"];

/// Adds the families.
pub(super) fn families(sheet: &mut Sheet, table: &SeriesTable, snapshot: &Snapshot) {
    for &Single { metric, name, help } in &COUNTERS {
        let grouped = grouped(family(metric), &table.counters, snapshot.counters(), &OURS);
        let shown = grouped.into_iter().filter_map(|(labels, of)| {
            let sum: u64 = of.iter().map(|(_, count)| **count).sum();
            (sum > 0 || of.iter().any(|(series, _)| series.always)).then_some((labels, Value::Number(sum as f64)))
        });
        sheet.add(name, help, Kind::Counter, or_zero(shown.collect(), || Value::Number(0.0)));
    }
    for &Single { metric, name, help } in &GAUGES {
        let grouped = grouped(family(metric), &table.gauges, snapshot.gauges(), &OURS);
        let sums = grouped.into_iter().map(|(labels, of)| {
            let sum: i64 = of.iter().map(|(_, value)| **value).sum();
            (labels, Value::Number(sum as f64))
        });
        sheet.add(name, help, Kind::Gauge, or_zero(sums.collect(), || Value::Number(0.0)));
    }
    for &Single { metric, name, help } in &RATES {
        sheet.add(name, help, Kind::Gauge, rates(metric, table, snapshot));
    }
    for many in &TRENDS {
        trend(sheet, many, table, snapshot);
    }
}

fn family(metric: &str) -> Option<Family> {
    catalogue::find(metric).map(|metric| metric.source.family())
}

/// The series of a family by the labels that k6 would give them, with their values.
fn grouped<'t, T>(
    family: Option<Family>,
    series: &'t [Series],
    values: &'t [T],
    without: &[&str],
) -> BTreeMap<Tags, Vec<(&'t Series, &'t T)>> {
    let mut groups: BTreeMap<Tags, Vec<_>> = BTreeMap::new();
    for (series, value) in series.iter().zip(values).filter(|(series, _)| Some(series.family) == family) {
        let hidden = series.hidden.iter().filter(|(name, _)| SHOWN.contains(&name.as_str()));
        let mut labels: Tags = hidden.map(|(name, value)| (name.clone(), value.clone())).collect();
        labels.extend(series.labels.clone());
        labels.retain(|name, _| !without.contains(&name.as_str()));
        groups.entry(labels).or_default().push((series, value));
    }
    groups
}

/// A family that will have series has one from the start; see [`families::catalogue`].
fn or_zero(mut series: Vec<(Tags, Value)>, zero: impl FnOnce() -> Value) -> Vec<(Tags, Value)> {
    if series.is_empty() {
        series.push((Tags::new(), zero()));
    }
    series
}

/// Without a sample there is no rate.
fn rates(metric: &str, table: &SeriesTable, snapshot: &Snapshot) -> Vec<(Tags, Value)> {
    let Some(Source::Ratio { only, total, .. }) = catalogue::find(metric).map(|metric| metric.source) else {
        return Vec::new();
    };
    let grouped = grouped(Some(total), &table.counters, snapshot.counters(), &OUTCOMES);
    let rate = |(labels, of): (Tags, Vec<(&Series, &u64)>)| {
        let is_hit = |series: &Series| only.is_none_or(|(name, value)| series.has(name, value));
        let all: u64 = of.iter().map(|(_, count)| **count).sum();
        let hits: u64 = of.iter().filter(|(series, _)| is_hit(series)).map(|(_, count)| **count).sum();
        (all > 0).then(|| (labels, Value::Number(hits as f64 / all as f64)))
    };
    grouped.into_iter().filter_map(rate).collect()
}

/// Statistics of what has samples, and a histogram.
fn trend(sheet: &mut Sheet, names: &Many, table: &SeriesTable, snapshot: &Snapshot) {
    let Some(family) = family(names.metric) else { return };
    let (bounds, scale) = (table.bounds(family), family.scale());
    let groups = grouped(Some(family), &table.trends, snapshot.trends(), &OURS);

    let mut histograms = Vec::new();
    let mut statistics: [Vec<(Tags, Value)>; STATS.len()] = Default::default();
    for (labels, of) in groups {
        let trends: Vec<&Trend> = of.iter().map(|(_, trend)| *trend).filter(|trend| trend.count() > 0).collect();
        if !trends.is_empty() || of.iter().any(|(series, _)| series.always) {
            histograms.push((labels.clone(), families::histogram(&trends, &bounds, scale)));
        }
        let Some((first, rest)) = trends.split_first() else { continue };
        // One series has one trend, unless steps of one name and method differ in their address.
        let merged = (!rest.is_empty()).then(|| {
            let mut merged = (*first).clone();
            rest.iter().for_each(|trend| merged.merge(trend));
            merged
        });
        let whole = merged.as_ref().unwrap_or(first);
        for (series, stat) in statistics.iter_mut().zip(STATS) {
            series.push((labels.clone(), Value::Number(stat(whole) / scale as f64)));
        }
    }
    for (name, series) in names.stats.into_iter().zip(statistics) {
        sheet.add(name, names.help, Kind::Gauge, series);
    }
    let zero = || families::histogram(&[], &bounds, scale);
    sheet.add(names.histogram, names.help, Kind::Histogram, or_zero(histograms, zero));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{clock::Instant, metrics::recorder::Recorder};

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn value(sheet: &Sheet, name: &str, labels: &[(&str, &str)]) -> Option<Value> {
        sheet.family(name)?.series.get(&tags(labels)).cloned()
    }

    fn number(sheet: &Sheet, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        match value(sheet, name, labels)? {
            Value::Number(number) => Some(number),
            Value::Histogram { count, .. } => Some(count as f64),
        }
    }

    #[test]
    fn every_metric_is_one_of_the_catalogue_and_has_its_kind() {
        use crate::catalogue::MetricKind::{Counter, Gauge, Rate, Trend};
        let singles = [(&COUNTERS[..], Counter), (&GAUGES[..], Gauge), (&RATES[..], Rate)];
        let singles = singles.into_iter().flat_map(|(all, kind)| all.iter().map(move |one| (one.metric, kind)));
        for (name, kind) in singles.chain(TRENDS.iter().map(|many| (many.metric, Trend))) {
            assert_eq!(catalogue::find(name).map(|metric| metric.kind), Some(kind), "{name}");
        }
    }

    #[test]
    fn names_are_there_before_the_load_except_for_what_needs_a_sample() {
        let table = SeriesTable::new(Tags::new(), &[]);
        let mut sheet = Sheet::new(Tags::new());
        families(&mut sheet, &table, &Snapshot::empty(&table));
        assert_eq!(number(&sheet, "k6_dropped_iterations_total", &[]), Some(0.0));
        assert_eq!(number(&sheet, "k6_vus", &[]), Some(0.0));
        assert_eq!(number(&sheet, "k6_http_req_duration_seconds", &[]), Some(0.0));
        assert!(sheet.family("k6_checks_rate").is_none() && sheet.family("k6_http_req_duration_p99").is_none());
    }

    #[test]
    fn requests_have_k6s_labels_and_a_rate_is_not_split_by_its_outcome() {
        let mut table = SeriesTable::new(tags(&[("testid", "t")]), &[]);
        let step = [("method", "GET"), ("name", "n")];
        let mut request = |status: &str, expected: &str| {
            let mut labels = tags(&step);
            labels.insert("status".to_owned(), status.to_owned());
            let hidden = tags(&[("expected_response", expected), ("url", "u")]);
            table.counter(Series { family: Family::HttpReqs, labels, hidden, always: false })
        };
        let (good, bad) = (request("200", "true"), request("500", "false"));
        let mut hidden = tags(&step);
        let mut duration = |url: &str| {
            hidden.insert("url".to_owned(), url.to_owned());
            let labels = tags(&[("expected_response", "true")]);
            table.trend(Series { family: Family::HttpReqDuration, labels, hidden: hidden.clone(), always: true })
        };
        let (one, other) = (duration("a"), duration("b"));
        let table = Arc::new(table);
        let recorder = Recorder::new(&table, Instant::now(), None);
        recorder.add(good, 3);
        recorder.add(bad, 1);
        recorder.record(one, 1_000_000_000, Instant::now());
        recorder.record(other, 3_000_000_000, Instant::now());

        let mut sheet = Sheet::new(table.run_tags.clone());
        families(&mut sheet, &table, &recorder.snapshot());
        let run = ("testid", "t");
        let labelled = |status, expected| [("expected_response", expected), step[0], step[1], ("status", status), run];
        assert_eq!(number(&sheet, "k6_http_reqs_total", &labelled("200", "true")), Some(3.0));
        assert_eq!(number(&sheet, "k6_http_reqs_total", &labelled("500", "false")), Some(1.0));
        assert_eq!(number(&sheet, "k6_http_req_failed_rate", &[step[0], step[1], run]), Some(0.25));
        let times = [("expected_response", "true"), step[0], step[1], run];
        for (stat, seconds) in [("avg", 2.0), ("min", 1.0), ("max", 3.0), ("p99", 3.0)] {
            assert_eq!(number(&sheet, &format!("k6_http_req_duration_{stat}"), &times), Some(seconds), "{stat}");
        }
        assert_eq!(number(&sheet, "k6_http_req_duration_seconds", &times), Some(2.0));
    }
}
