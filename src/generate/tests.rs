//! Rules name only what agents export, and their names are short and distinct.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    catalogue::{Family, FamilyKind},
    config::{
        self, environment::Environment, fixture::with_thresholds, overrides::Overrides, profile::Profile,
        source::Source,
    },
    generate::{
        rulefile::{Group, RuleKind},
        rules, standing,
    },
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
