//! docs/metrics.md has every family and metric as the code has it. `RAMPD_REWRITE_DOCS=1 cargo test
//! --lib documentation` writes the tables anew.

use std::{collections::BTreeMap, fmt::Write as _, fs, time::Duration};

use super::{
    families::{Kind, Sheet},
    k6,
    run::{RunFacts, StageStart, ThresholdFact},
    serve::{self, ProfileFacts, ServeFacts},
    tests::render,
    validity::ValidityFacts,
};
use crate::{
    catalogue::{Contains, Family, FamilyKind, METRICS, Metric, MetricKind, Section, Source},
    metrics::{
        exposition::fleet::FleetFacts,
        observed::{CounterValue, GaugeValue, ObservedMetricValue, ObservedValue, TargetValues},
        process::ProcessStats,
        series::SeriesTable,
        snapshot::Snapshot,
    },
    units::tags::Tags,
};

const PAGE: &str = "docs/metrics.md";
const REWRITE: &str = "RAMPD_REWRITE_DOCS";

/// Puts `table` between the marks `name` of the page, or compares it with what stands there.
fn assert_documented(name: &str, table: &str) {
    let page = fs::read_to_string(PAGE).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("\n<!-- /{name} -->"));
    let (before, rest) = page.split_once(&open).unwrap_or_else(|| panic!("{PAGE} has no {open}"));
    let (current, after) = rest.split_once(&close).unwrap_or_else(|| panic!("{PAGE} has no {close}"));
    if current != table && std::env::var_os(REWRITE).is_some() {
        fs::write(PAGE, format!("{before}{open}{table}{close}{after}")).unwrap();
        return;
    }
    assert_eq!(current, table, "`{REWRITE}=1 cargo test --lib documentation` rewrites {PAGE}");
}

fn code(names: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn families() -> String {
    let mut table = "| family | type | labels | meaning |\n|---|---|---|---|".to_owned();
    for family in Family::ALL {
        let kind = match family.kind() {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Trend => "histogram",
        };
        write!(table, "\n| `{}` | {kind} | {} | {} |", family.name(), code(family.labels()), family.help()).unwrap();
    }
    table
}

fn metrics() -> String {
    let mut table = "| section | metric | type | unit | from |\n|---|---|---|---|---|".to_owned();
    for Metric { name, kind, contains, source, section } in METRICS {
        let section = match section {
            Section::Checks => "checks",
            Section::Custom => "custom",
            Section::Http => "HTTP",
            Section::Execution => "execution",
            Section::Network => "network",
            Section::WebSocket => "WebSocket",
            Section::Generator => "generator",
        };
        let (kind, unit) = match (kind, contains) {
            (MetricKind::Rate, _) => ("rate", "share, 0 to 1"),
            (MetricKind::Counter, Contains::Data) => ("counter", "bytes"),
            (MetricKind::Counter, _) => ("counter", ""),
            (MetricKind::Gauge, _) => ("gauge", ""),
            (MetricKind::Trend, _) => ("trend", "milliseconds"),
        };
        let from = match source {
            Source::Family(family) => code([family.name()]),
            Source::Ratio { hits, only: None, total } => format!("`{}` over `{}`", hits.name(), total.name()),
            Source::Ratio { hits, only: Some((label, value)), total } => {
                format!("`{}{{{label}=\"{value}\"}}` over `{}`", hits.name(), total.name())
            }
        };
        write!(table, "\n| {section} | `{name}` | {kind} | {unit} | {from} |").unwrap();
    }
    table
}

fn k6_families() -> String {
    let mut table = "| family | type | metric |\n|---|---|---|".to_owned();
    let singles = [("counter", &k6::COUNTERS[..]), ("gauge", &k6::GAUGES[..]), ("gauge", &k6::RATES[..])];
    for (kind, single) in singles.iter().flat_map(|(kind, all)| all.iter().map(move |single| (kind, single))) {
        write!(table, "\n| `{}` | {kind} | `{}` |", single.name, single.metric).unwrap();
    }
    for many in &k6::TRENDS {
        let stats = many.stats.map(|name| name.rsplit('_').next().unwrap_or_default().to_owned());
        write!(table, "\n| `k6_{0}_*`: {1} | gauge | `{0}` |", many.metric, code(stats)).unwrap();
        write!(table, "\n| `{}` | histogram | `{}` |", many.histogram, many.metric).unwrap();
    }
    table
}

/// A run whose every fact is known.
fn facts() -> RunFacts {
    let label = |name: &str| (name.to_owned(), "x".to_owned());
    RunFacts {
        build: Tags::from(["version", "revision", "rustc"].map(label)),
        info: Tags::from([label("profile")]),
        exit_code: Some(0),
        fleet: FleetFacts {
            size: 1,
            index: Some(0),
            start_delay: Some(Duration::from_secs(1)),
            clock_error: Some(Duration::from_secs(1)),
            agents: vec![("present", 1)],
        },
        started: Some(1),
        ended: Some(2),
        elapsed: Duration::from_secs(1),
        stages: vec![StageStart { scenario: "default".to_owned(), stage: "0".to_owned(), at: 1 }],
        planned_vus: vec![("default".to_owned(), 1)],
        thresholds: vec![ThresholdFact {
            metric: "checks".to_owned(),
            expression: "rate>0.99".to_owned(),
            contains: Contains::Default,
            limit: 0.99,
            value: Some(1.0),
            passed: Some(true),
        }],
        validity: ValidityFacts {
            reasons: vec![("send_lag", false)],
            states: vec![("valid", true)],
            run_queue_wait: Some(Duration::from_secs(1)),
            cpu_pressure: Some(Duration::from_secs(1)),
            cpu_throttled: Some(Duration::from_secs(1)),
            clock_gaps: Some(1),
        },
        observed: vec![observed()],
        process: ProcessStats {
            cpu: Some(Duration::from_secs(1)),
            resident_bytes: Some(1),
            virtual_bytes: Some(1),
            open_files: Some(1),
            max_files: Some(1),
            start_time: Some(1.0),
            threads: Some(1),
        },
        ephemeral_ports: Some(1),
        ..RunFacts::default()
    }
}

/// A target of which everything is known.
fn observed() -> TargetValues {
    let metric = |name: &str, value| ObservedMetricValue { name: name.to_owned(), contains: Contains::Default, value };
    let gauge = GaugeValue { value: 1.0, min: 1.0, max: 1.0, before: Some(1.0), after: Some(1.0) };
    let counter = CounterValue { increase: 1.0, time: Duration::from_secs(1) };
    let mut target = TargetValues::new(
        "x",
        vec![
            metric("gauge", ObservedValue::Gauge(Some(gauge))),
            metric("counter", ObservedValue::Counter(Some(counter))),
        ],
    );
    (target.up, target.restarts) = (Some(gauge), Some(0));
    target
}

/// Families of a page that are not the catalogue's: type, labels and help by name.
fn of_the_run(facts: &RunFacts) -> BTreeMap<String, (String, String, String)> {
    let table = SeriesTable::new(Tags::new(), &[]);
    let page = render(&table, &Snapshot::empty(&table), facts);
    let mut families = BTreeMap::new();
    let mut help = String::new();
    for line in page.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", _, text] => help = (*text).to_owned(),
            ["#", "TYPE", name, kind] if !Family::ALL.iter().any(|family| family.name() == *name) => {
                let sample = page.lines().find(|line| line.starts_with(&format!("{name}{{")));
                let labels =
                    sample.and_then(|line| line.split_once('{')?.1.split_once("} ")).map_or("", |parts| parts.0);
                let names = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0));
                families.insert((*name).to_owned(), ((*kind).to_owned(), code(names), help.clone()));
            }
            _ => {}
        }
    }
    families
}

fn run_and_late() -> (String, String) {
    let mut early = facts();
    (early.ended, early.exit_code) = (None, None);
    early.thresholds.iter_mut().for_each(|fact| (fact.value, fact.passed) = (None, None));
    let early = of_the_run(&early);
    let mut run = "| family | type | labels | meaning |\n|---|---|---|---|".to_owned();
    let mut late = "| shown | family | type | labels | meaning |\n|---|---|---|---|---|".to_owned();
    for (name, (kind, labels, help)) in of_the_run(&facts()) {
        if early.contains_key(&name) {
            write!(run, "\n| `{name}` | {kind} | {labels} | {help} |").unwrap();
        } else {
            let when = if name.contains("_end_") || name.contains("_exit_") {
                "after the end"
            } else {
                "from the first evaluation"
            };
            write!(late, "\n| {when} | `{name}` | {kind} | {labels} | {help} |").unwrap();
        }
    }
    (run, late)
}

/// What a daemon adds.
fn serve_families() -> String {
    let known = ProfileFacts {
        next: Some(1.0),
        last: Some(1.0),
        last_passed: Some(1.0),
        last_exit_code: Some(0),
        without_pass: Some(1),
        suspended: false,
    };
    let facts = ServeFacts {
        runs: [(("x".to_owned(), "passed"), 1)].into(),
        profiles: [("x".to_owned(), known)].into(),
        ..ServeFacts::default()
    };
    let mut sheet = Sheet::default();
    serve::families(&mut sheet, &facts);
    let mut table = "| family | type | labels | meaning |\n|---|---|---|---|".to_owned();
    for family in sheet.families() {
        let kind = if family.kind == Kind::Counter { "counter" } else { "gauge" };
        let labels = family.series.keys().next().map(|labels| code(labels.keys())).unwrap_or_default();
        write!(table, "\n| `{}` | {kind} | {labels} | {} |", family.name, family.help).unwrap();
    }
    table
}

/// One test, as a rewrite by several would be a race.
#[test]
fn docs_metrics_md_has_every_family_and_metric() {
    let (run, late) = run_and_late();
    for (name, table) in [
        ("catalogue", families()),
        ("run", run),
        ("late", late),
        ("metrics", metrics()),
        ("k6", k6_families()),
        ("serve", serve_families()),
    ] {
        assert_documented(name, &table);
    }
}
