//! Rules name only what agents export, and tags that are no labels are known here.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    catalogue::{Family, FamilyKind},
    config::{self, environment::Environment, overrides::Overrides, profile::Profile, source::Source},
    engine::instruments::Instruments,
    generate::{
        judgement::{Form, HIDDEN, Judgement},
        rulefile::{Group, RuleKind},
        rules, standing,
    },
    plan::Plan,
    units::tags::Tags,
};

/// Words of PromQL that stand where a metric's name may stand.
const WORDS: [&str; 17] = [
    "and",
    "avg",
    "by",
    "count",
    "histogram_quantile",
    "last_over_time",
    "le",
    "max",
    "min",
    "on",
    "or",
    "sum",
    "testid",
    "time",
    "unless",
    "Inf",
    "ignoring",
];

fn profile(text: &str) -> Profile {
    let source = Source::from_bytes("test", text.as_bytes().to_vec()).unwrap();
    config::load(&source, &Environment::default(), &Overrides::default()).unwrap()
}

fn with_thresholds(thresholds: &str) -> Profile {
    profile(&format!(
        "vus: 1\nduration: 1s\nflow: [{{ sleep: 1s }}]\nmetrics: {{ price: trend, orders: counter }}\n\
         observe: {{ server: {{ url: 'http://localhost:1/metrics', metrics: {{ memory: 'a_bytes' }} }} }}\n\
         thresholds:\n{thresholds}"
    ))
}

/// Names on `/metrics`: of the catalogue, and of the run as the page about them has it, which a test of its own checks.
fn exported() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for family in Family::ALL {
        let suffixes: &[&str] = if family.kind() == FamilyKind::Trend { &["_bucket", "_sum", "_count"] } else { &[""] };
        names.extend(suffixes.iter().map(|suffix| format!("{}{suffix}", family.name())));
    }
    let page = fs::read_to_string("docs/metrics.md").unwrap();
    for row in page.lines().filter(|line| line.starts_with('|')) {
        let cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
        let ours = |name: &&str| ["rampd_", "process_", "target_"].iter().any(|prefix| name.starts_with(prefix));
        names.extend(cells.filter(ours).map(str::to_owned));
    }
    names
}

/// Identifiers of an expression outside texts, matchers and lists of labels.
fn names(expr: &str) -> BTreeSet<String> {
    let (mut bare, mut text, mut braces) = (String::new(), false, 0);
    let mut escaped = false;
    for char in expr.chars() {
        match char {
            '"' if !escaped => text = !text,
            '{' if !text => braces += 1,
            '}' if !text => braces -= 1,
            _ if !text && braces == 0 => bare.push(char),
            _ => {}
        }
        escaped = char == '\\' && !escaped;
    }
    for list in [" by (", " on ("] {
        while let Some(at) = bare.find(list) {
            let end = at + bare[at..].find(')').unwrap();
            bare.replace_range(at..=end, " ");
        }
    }
    let part = |char: char| char.is_ascii_alphanumeric() || "_:".contains(char);
    let words =
        bare.split(|char: char| !part(char)).filter(|word| word.starts_with(|char: char| char.is_ascii_alphabetic()));
    words.filter(|word| !WORDS.contains(word)).map(str::to_owned).collect()
}

#[test]
fn names_are_found_outside_texts_and_lists() {
    let found = names(r#"sum by (testid, le) (last_over_time(a_b{c="d \" e"}[5m])) / on (x) f:g_1 < 1 and time() - 2"#);
    assert_eq!(found, BTreeSet::from(["a_b".to_owned(), "f:g_1".to_owned()]));
}

fn assert_exported(groups: &[Group]) {
    let mut known = exported();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        if let RuleKind::Record(name) = &rule.kind {
            known.insert(name.clone());
        }
        for name in names(&rule.expr) {
            assert!(known.contains(&name), "no agent exports {name}:\n{}", rule.expr);
        }
    }
}

#[test]
fn rules_name_only_what_agents_export() {
    assert_exported(&standing::rules("x"));
    for entry in fs::read_dir("config").unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if text.lines().any(|line| line.starts_with("flow:") || line.starts_with("scenarios:")) {
            assert_exported(&rules::of_profile(&loaded(&path), "x"));
        }
    }
}

fn loaded(path: &Path) -> Profile {
    let source = Source::read(path).unwrap();
    let report = |report: config::problem::Report| panic!("{report}");
    config::load(&source, &Environment::default(), &Overrides::default()).unwrap_or_else(report)
}

#[test]
fn tags_without_labels_are_known() {
    let profile = profile(include_str!("../config/schema/tests/everything.yaml"));
    let instruments = Instruments::new(&Plan::new(&profile), Tags::new(), &[]);
    let table = &instruments.table;
    for series in table.counters.iter().chain(&table.gauges).chain(&table.trends) {
        for tag in series.hidden.keys() {
            assert!(HIDDEN.contains(&tag.as_str()), "{tag} of {:?}", series.family);
        }
    }
}

#[test]
fn forms_follow_from_what_a_page_can_answer() {
    let profile = with_thresholds(
        "  ws_connecting: ['p(99)<200', 'med>0.1', 'p(0)<5', 'p(99)==5', 'p(99)<0', 'avg<1', 'max<1', 'min==1']\n  \
           ws_msgs_sent: ['count>1', 'rate>1']\n  vus: ['value<5']\n  checks: ['rate>0.9']\n  http_req_failed: ['rate<0.1']\n  \
           'ws_connecting{url:x}': ['p(99)<1']\n  'http_reqs{status:200}': ['count>1']\n  'http_req_failed{status:200}': ['rate<1']\n  \
           'ws_sessions{scenario:default}': ['count>1']\n  price: ['p(50)<1.5']\n  target_memory: ['ratio<1.1']\n",
    );
    let bucket = |family, bound: &str, percent| Form::Bucket { family, bound: bound.to_owned(), percent };
    let ws = "ws_connecting_seconds";
    let forms: Vec<_> = profile.thresholds.iter().map(|threshold| Judgement::of(threshold).form).collect();
    let expected = [
        bucket(ws, "0.2", 99.0),
        bucket(ws, "0.0001", 50.0),
        bucket(ws, "0.005", 0.0),
        Form::Agent,
        Form::Agent,
        Form::Mean { family: ws },
        Form::Extreme { family: ws, longest: true },
        Form::Agent,
        Form::Sum { family: "ws_msgs_sent_total" },
        Form::PerSecond { family: "ws_msgs_sent_total" },
        Form::Sum { family: "vus" },
        Form::Share { hits: "checks_total", only: Some(("result", "pass")), all: "checks_total" },
        Form::Share { hits: "http_req_failures_total", only: None, all: "http_reqs_total" },
        Form::Agent,
        Form::Sum { family: "http_reqs_total" },
        Form::Agent,
        Form::Sum { family: "ws_sessions_total" },
        bucket("price", "1.5", 50.0),
        Form::Agent,
    ];
    assert_eq!(forms, expected);
}

#[test]
fn names_are_short_and_no_two_alerts_have_the_same() {
    let profile = with_thresholds(
        "  ws_connecting: ['p(99)<200', 'p(99)<300', 'p(99)<200', 'p(99.9)<300']\n  \
           'ws_msg_replies_timed_out{scenario:default}': ['count<1', 'count<2']\n",
    );
    let judged = rules::judged(&profile);
    let names: Vec<_> = judged.iter().map(|judged| judged.crossed.as_str()).collect();
    let expected = [
        "RampdWsConnectingP99Crossed",
        "RampdWsConnectingP992Crossed",
        "RampdWsConnectingP999Crossed",
        "RampdWsMsgRepliesTimedOutScenariCrossed",
        "RampdWsMsgRepliesTimedOutScenar2Crossed",
    ];
    assert_eq!(names, expected);
    assert!(judged.iter().filter_map(|judged| judged.crossing.as_deref()).all(|name| name.len() <= 40));
}
