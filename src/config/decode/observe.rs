//! `observe:`.

use std::{collections::BTreeMap, time::Duration};

use crate::config::{
    at::Place,
    decode::{address, all, headers, one_of},
    node::Node,
    problem::shown,
    profile::{
        Header, Target,
        observe::{Observed, ObservedKind, ObservedMetric},
    },
    series::SeriesSelector,
    tree::Tree,
};

const EXAMPLE: &str = "for example `observe: { server: { url: \"http://localhost:8080/metrics\" } }`";
/// Bounds on what one profile can make the agent hold and `/metrics` show.
const MOST_TARGETS: usize = 16;
const MOST_METRICS: usize = 64;
/// Reading more often would be a load of its own.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// What every target has without being asked.
pub(crate) const BUILT_IN: [&str; 4] = ["up", "scrapes", "scrape_failures", "restarts"];
/// What is read if the profile does not say: the names are the client libraries' own.
const DEFAULTS: [(&str, &str, ObservedKind); 3] = [
    ("memory", "process_resident_memory_bytes", ObservedKind::Gauge),
    ("files", "process_open_fds", ObservedKind::Gauge),
    ("cpu", "process_cpu_seconds_total", ObservedKind::Counter),
];

/// A map of targets by name.
pub(crate) fn observe(node: &Node<'_>) -> Option<Vec<Observed>> {
    let entries = node.entries(EXAMPLE)?;
    if entries.is_empty() || entries.len() > MOST_TARGETS {
        node.problem(
            format!("{} targets in `observe`, from 1 to {MOST_TARGETS} are possible", entries.len()),
            EXAMPLE.to_owned(),
        );
        return None;
    }
    all(entries.iter().map(|(name, node)| target(name, node)))
}

fn target(name: &str, node: &Node<'_>) -> Option<Observed> {
    let valid = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    let named = named(node, name, "target", "letters, digits, `_` and `-`", valid);
    if let Tree::Text(_) = node.tree {
        let url = address(node);
        named?;
        return Some(with_defaults(name, url?));
    }
    let mut fields = node.fields(EXAMPLE)?;
    let url = fields.require(&["url"], "url: http://localhost:8080/metrics").and_then(|node| address(&node));
    let headers = fields.take("headers").map_or(Some(Vec::new()), |node| constant_headers(&node));
    let interval = fields.take("interval").map(|node| interval(&node));
    let timeout = fields.take("timeout").map(|node| node.positive_duration());
    let settle = fields.take("settle").map(|node| node.duration());
    let metrics = fields.take("metrics").map(|node| metrics(&node));
    fields.finish(
        &[],
        &BTreeMap::from([
            ("series", "series stand in `metrics: { memory: { series: process_resident_memory_bytes } }`"),
            ("auth", "credentials stand in `headers: { Authorization: \"Bearer ${TOKEN}\" }`"),
        ]),
    );
    named?;
    let mut target = with_defaults(name, url?);
    target.headers = headers?;
    target.interval = interval.unwrap_or(Some(target.interval))?;
    target.timeout = timeout.unwrap_or(Some(target.timeout))?;
    target.settle = settle.unwrap_or(Some(target.settle))?;
    if let Some(metrics) = metrics {
        target.metrics = metrics?;
    }
    Some(target)
}

fn with_defaults(name: &str, url: Target) -> Observed {
    let metrics = DEFAULTS.iter().filter_map(|(name, series, kind)| {
        let series = SeriesSelector::parse(series).ok()?;
        Some(ObservedMetric { name: (*name).to_owned(), series, kind: *kind })
    });
    Observed {
        name: name.to_owned(),
        url,
        headers: Vec::new(),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        settle: Duration::from_secs(30),
        metrics: metrics.collect(),
    }
}

fn named(node: &Node<'_>, name: &str, what: &str, allowed: &str, valid: impl Fn(char) -> bool) -> Option<()> {
    if !name.is_empty() && name.chars().all(valid) {
        return Some(());
    }
    let message = format!("`{}` is no name of a {what}", shown(name));
    node.context.problem(&Place::Key(node.path.clone()), message, Some(format!("use {allowed}")));
    None
}

/// No VU reads the page, so that no placeholder has a value.
fn address(node: &Node<'_>) -> Option<Target> {
    let target = address::target(node, &address::HTTP)?;
    if target.path_and_query.constant().is_none() {
        node.problem("a placeholder has no value here: no VU reads this page", "write the address in full".to_owned());
        return None;
    }
    Some(target)
}

fn constant_headers(node: &Node<'_>) -> Option<Vec<Header>> {
    let headers = headers::headers(node, &headers::REQUEST)?;
    match headers.iter().find(|header| header.value.constant().is_none()) {
        None => Some(headers),
        Some(header) => {
            let message = format!("a placeholder in `{}` has no value here: no VU reads this page", header.name);
            node.problem(message, "`${NAME}` and `${file:PATH}` may stand there".to_owned());
            None
        }
    }
}

fn interval(node: &Node<'_>) -> Option<Duration> {
    let interval = node.duration()?;
    if interval < SHORTEST_INTERVAL {
        node.problem("must be at least 100ms", "for example `5s`".to_owned());
        return None;
    }
    Some(interval)
}

fn metrics(node: &Node<'_>) -> Option<Vec<ObservedMetric>> {
    let hint = "for example `metrics: { memory: process_resident_memory_bytes }`";
    let entries = node.entries(hint)?;
    if entries.len() > MOST_METRICS {
        node.problem(format!("{} metrics, at most {MOST_METRICS} are possible", entries.len()), hint.to_owned());
        return None;
    }
    all(entries.iter().map(|(name, node)| metric(name, node)))
}

fn metric(name: &str, node: &Node<'_>) -> Option<ObservedMetric> {
    let valid = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let named = named(node, name, "metric", "letters, digits and `_`", valid);
    if BUILT_IN.contains(&name) {
        let message = format!("every target has a metric `{name}` of its own");
        node.context.problem(&Place::Key(node.path.clone()), message, Some("choose another name".to_owned()));
        return None;
    }
    let (series, kind) = if let Tree::Text(_) = node.tree {
        (series(node), None)
    } else {
        let mut fields = node.fields("for example `{ series: process_resident_memory_bytes, kind: gauge }`")?;
        let series = fields.require(&["series"], "series: process_resident_memory_bytes");
        let kind = fields
            .take("kind")
            .map(|node| one_of(&node, "a kind", &[("gauge", ObservedKind::Gauge), ("counter", ObservedKind::Counter)]));
        fields.finish(&[], &BTreeMap::new());
        (series.and_then(|node| self::series(&node)), kind)
    };
    named?;
    let series = series?;
    let kind = kind.unwrap_or_else(|| Some(kind_by_name(series.name())))?;
    Some(ObservedMetric { name: name.to_owned(), series, kind })
}

/// Prometheus's rules for names: counters, and the parts of histograms and summaries that count.
fn kind_by_name(series: &str) -> ObservedKind {
    let counts = ["_total", "_count", "_sum", "_bucket"].into_iter().any(|end| series.ends_with(end));
    if counts { ObservedKind::Counter } else { ObservedKind::Gauge }
}

fn series(node: &Node<'_>) -> Option<SeriesSelector> {
    let text = node.text()?;
    SeriesSelector::parse(&text.value).map_or_else(
        |error| {
            let hint = "a PromQL selector without a range, for example `http_requests_total{code=~\"5..\"}`";
            node.bad_text(text, "a series", &error.to_string(), hint.to_owned())
        },
        Some,
    )
}
