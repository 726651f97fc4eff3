//! TOTAL RESULTS: the checks, then every metric that has samples, by section.

use std::collections::BTreeMap;

use super::{
    BAD, GOOD, NO_SAMPLES,
    table::{Cells, Layout, Row},
    target,
};
use crate::{
    catalogue::{Contains, Family, Metric, Section},
    config::profile::TrendStat,
    metrics::view::{Check, Value, View},
    outputs::{
        format,
        report::{self, Measured, RunReport},
        style::Style,
    },
};

/// Sections after the checks, in k6's order.
const SECTIONS: [(Section, &str); 6] = [
    (Section::Custom, "CUSTOM"),
    (Section::Http, "HTTP"),
    (Section::Execution, "EXECUTION"),
    (Section::Network, "NETWORK"),
    (Section::WebSocket, "WEBSOCKET"),
    (Section::Generator, "GENERATOR"),
];

/// Left out unless a threshold names them, as in k6's compact summary; the export has them.
const DETAILS: [&str; 8] = [
    "http_connections",
    "http_open",
    "http_req_blocked",
    "http_req_connecting",
    "http_req_receiving",
    "http_req_sending",
    "http_req_tls_handshaking",
    "http_req_waiting",
];

/// Metrics whose labels say what happened: broken down below their line. The last item is what goes without saying.
const BREAKDOWNS: [(&str, Family, &[&str]); 5] = [
    ("dns_lookups", Family::DnsLookups, &["answered"]),
    ("http_req_failed", Family::HttpReqFailures, &[]),
    ("ws_connect_failed", Family::WsConnectFailures, &[]),
    ("ws_closes", Family::WsCloses, &[]),
    ("ws_sessions", Family::WsSessions, &["101"]),
];

pub(super) fn lines(report: &RunReport, style: Style) -> Vec<String> {
    let measured = report.measured();
    let mut lines = checks(&report.view(), &measured, style);
    let sections: Vec<_> = SECTIONS.iter().map(|(section, title)| (title, rows(report, &measured, *section))).collect();
    let sections: Vec<_> = sections.into_iter().chain([(&"TARGET", target::rows(report))]).collect();
    let layout = Layout::of(sections.iter().flat_map(|(_, rows)| rows));
    for (title, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        lines.push(format!("    {}", style.bold(title)));
        lines.extend(rows.iter().map(|row| layout.line(row, style)));
        lines.push(String::new());
    }
    lines
}

fn checks(view: &View<'_>, measured: &[Measured], style: Style) -> Vec<String> {
    let checks = view.checks();
    let (passes, fails) = checks.iter().fold((0, 0), |sums, check| (sums.0 + check.passes, sums.1 + check.fails));
    let total = passes + fails;
    if total == 0 {
        return Vec::new();
    }
    let per_second = if view.elapsed > 0.0 { total as f64 / view.elapsed } else { 0.0 };
    let mut rows = vec![
        Row { name: "checks_total".to_owned(), cells: counter(total, per_second, Contains::Default) },
        Row { name: "checks_succeeded".to_owned(), cells: share(passes, total) },
        Row { name: "checks_failed".to_owned(), cells: share(fails, total) },
    ];
    let parts = measured.iter().filter(|part| part.metric.section == Section::Checks && !part.selector.is_empty());
    rows.extend(
        parts.map(|part| part_row(&report::selector_text(&part.selector), cells(part.metric, &part.value, &[]))),
    );
    let layout = Layout::of(&rows);
    let mut lines: Vec<_> = rows.iter().map(|row| layout.line(row, style)).collect();
    lines.push(String::new());
    lines.extend(checks.iter().flat_map(|check| check_lines(check, style)));
    lines.push(String::new());
    lines
}

fn check_lines(check: &Check, style: Style) -> Vec<String> {
    let Check { name, passes, fails } = check;
    if *fails == 0 {
        return vec![format!("    {}", style.good(&format!("{GOOD} {name}")))];
    }
    let percent = 100 * u128::from(*passes) / u128::from(passes + fails);
    vec![
        format!("    {}", style.bad(&format!("{BAD} {name}"))),
        format!("      {}", style.bad(&format!("↳  {percent}% — {GOOD} {passes} / {BAD} {fails}"))),
    ]
}

fn rows(report: &RunReport, measured: &[Measured], section: Section) -> Vec<Row> {
    let mut rows = Vec::new();
    let shown = |name: &str| {
        !DETAILS.contains(&name) || report.thresholds.iter().any(|threshold| threshold.metric.name() == name)
    };
    let whole = measured.iter().filter(|whole| whole.metric.section == section && whole.selector.is_empty());
    for whole in whole.filter(|whole| shown(whole.metric.name)) {
        let stats = &report.trend_stats;
        rows.push(Row { name: whole.name.clone(), cells: cells(whole.metric, &whole.value, stats) });
        let mut parts = breakdown(&report.view(), whole.metric);
        let named = measured.iter().filter(|part| part.metric.name == whole.metric.name && !part.selector.is_empty());
        parts.extend(named.map(|part| (report::selector_text(&part.selector), cells(part.metric, &part.value, stats))));
        rows.extend(parts.into_iter().map(|(selector, cells)| part_row(&selector, cells)));
    }
    rows
}

pub(super) fn part_row(selector: &str, cells: Cells) -> Row {
    Row { name: format!("  {{ {selector} }}"), cells }
}

fn breakdown(view: &View<'_>, metric: &Metric) -> BTreeMap<String, Cells> {
    let Some((_, family, usual)) = BREAKDOWNS.iter().find(|(name, ..)| *name == metric.name) else {
        return BTreeMap::new();
    };
    let counts = view.by_label(*family, family.labels());
    if counts.keys().all(|values| values.iter().map(String::as_str).eq(usual.iter().copied())) {
        return BTreeMap::new();
    }
    let per_second = |count: u64| if view.elapsed > 0.0 { count as f64 / view.elapsed } else { 0.0 };
    let named = |values: Vec<String>| -> Vec<_> {
        family.labels().iter().map(|label| (*label).to_owned()).zip(values).collect()
    };
    counts
        .into_iter()
        .map(|(values, count)| {
            (report::selector_text(&named(values)), counter(count, per_second(count), metric.contains))
        })
        .collect()
}

fn cells(metric: &Metric, value: &Value, stats: &[TrendStat]) -> Cells {
    match value {
        Value::Rate { .. } | Value::Trend(_) if value.is_empty() => Cells::Text(NO_SAMPLES),
        Value::Counter { count, rate } => counter(*count, *rate, metric.contains),
        Value::Gauge { value, min, max } => {
            let text = |value: i64| quantity(value as f64, metric.contains);
            Cells::Value(text(*value), vec![format!("min={}", text(*min)), format!("max={}", text(*max))])
        }
        Value::Rate { passes, total } => share(*passes, *total),
        Value::Trend(trend) => {
            let column = |stat: &TrendStat| {
                let value = report::stat_value(trend, *stat);
                let text =
                    if *stat == TrendStat::Count { format::number(value) } else { quantity(value, metric.contains) };
                (report::stat_name(*stat), text)
            };
            Cells::Trend(stats.iter().map(column).collect())
        }
    }
}

fn counter(count: u64, per_second: f64, contains: Contains) -> Cells {
    Cells::Value(quantity(count as f64, contains), vec![format!("{}/s", quantity(per_second, contains))])
}

fn share(hits: u64, total: u64) -> Cells {
    let share = if total == 0 { 0.0 } else { hits as f64 / total as f64 };
    Cells::Value(format::percent(share), vec![format!("{hits} out of {total}")])
}

pub(super) fn quantity(value: f64, contains: Contains) -> String {
    match contains {
        Contains::Time => format::duration(value),
        Contains::Data => format::bytes(value),
        Contains::Default => format::number(value),
    }
}
