use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

use super::{all, text};
use crate::catalogue::{Family, FamilyKind};

const DIRECTORY: &str = "grafana/dashboards";

/// Panels that show something: rows are headlines.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// Every expression with the place it stands at.
fn expressions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (file, dashboard) in all() {
        for panel in panels(&dashboard) {
            for target in panel["targets"].as_array().unwrap() {
                let place = format!("{file}, {}, {}", panel["title"], target["refId"]);
                found.push((place, target["expr"].as_str().unwrap().to_owned()));
            }
        }
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            found.push((format!("{file}, annotations"), annotation["expr"].as_str().unwrap().to_owned()));
        }
    }
    found
}

/// Names on `/metrics`: the catalogue's families, and those of the run and the process, which docs/metrics.md has
/// from the code.
fn exported() -> BTreeSet<String> {
    let mut kinds: BTreeMap<String, bool> = BTreeMap::new();
    for family in Family::ALL {
        kinds.insert(family.name().to_owned(), family.kind() == FamilyKind::Trend);
    }
    for line in fs::read_to_string("docs/metrics.md").unwrap().lines() {
        // One table begins with the name, another with the time from which on a series is there.
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        for pair in cells.windows(2) {
            let name = pair[0].trim_matches('`');
            let of_run = name.starts_with("rampd_") || name.starts_with("process_");
            if of_run && ["counter", "gauge"].contains(&pair[1]) {
                kinds.insert(name.to_owned(), false);
            }
        }
    }
    let series = kinds.into_iter().flat_map(|(name, is_histogram)| {
        let suffixes: &[&str] = if is_histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
    });
    series.collect()
}

/// The names before each `{` outside quotes.
fn selected(expression: &str) -> Vec<String> {
    let unquoted: String = expression.split('"').step_by(2).collect();
    let before = unquoted.split('{');
    let count = before.clone().count() - 1;
    before
        .take(count)
        .map(|text| {
            let start =
                text.rfind(|character: char| !character.is_alphanumeric() && character != '_').map_or(0, |at| at + 1);
            text[start..].to_owned()
        })
        .collect()
}

#[test]
fn the_committed_files_are_what_the_code_writes() {
    for (name, dashboard) in all() {
        let committed = fs::read_to_string(Path::new(DIRECTORY).join(name)).unwrap_or_default();
        assert!(committed == text(&dashboard), "{DIRECTORY}/{name} is old: cargo run -- generate dashboards");
    }
    let names: BTreeSet<_> =
        fs::read_dir(DIRECTORY).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, all().map(|(name, _)| name.to_owned()).into(), "files that no code writes");
}

#[test]
fn every_query_asks_for_series_that_the_agent_exports_of_the_chosen_run() {
    let exported = exported();
    assert!(exported.contains("rampd_threshold_limit") && exported.contains("process_open_fds"));
    for (place, expression) in expressions() {
        let names = selected(&expression);
        assert!(!names.is_empty(), "{place}: {expression}");
        for name in &names {
            assert!(exported.contains(name), "{place}: no series {name:?}\n{expression}");
        }
        assert_eq!(expression.matches("testid=~\"$testid\"").count(), names.len(), "{place}\n{expression}");
        assert!(!expression.contains("$run"), "{place}\n{expression}");
        for (at, _) in expression.match_indices("rate(") {
            assert!(expression[at..].contains("[$__rate_interval]"), "{place}\n{expression}");
        }
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    let mut uids = BTreeSet::new();
    for (file, dashboard) in all() {
        assert_eq!(dashboard["schemaVersion"], 42, "{file}");
        assert_eq!(dashboard["editable"], false, "{file}");
        assert!(dashboard["id"].is_null(), "{file}");
        let uid = dashboard["uid"].as_str().unwrap();
        assert!((8..=40).contains(&uid.len()) && uids.insert(uid.to_owned()), "{file}: {uid}");
        for panel in panels(&dashboard) {
            let place = format!("{file}, {}", panel["title"]);
            assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{place}");
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{place}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].as_str().is_some_and(|unit| !unit.is_empty()), "{place}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{place}");
            let ids: Vec<_> = panel["targets"].as_array().unwrap().iter().map(|target| &target["refId"]).collect();
            assert!(!ids.is_empty(), "{place}");
            assert!((1..ids.len()).all(|at| !ids[..at].contains(&ids[at])), "{place}: {ids:?}");
        }
    }
}

/// Panels of counts since the start of the process, which says so in their description: a few events in a run.
const SINCE_THE_START: [&str; 2] = ["Times at a standstill", "Samples missing in the JSON output"];

/// grafana/dashboard-linter's rules that no other test here has; its module is not to be had everywhere. Not held on purpose:
/// `template-job`, `template-instance`, `target-job` and `target-instance` (a run is chosen by `testid`), and
/// `$__rate_interval` inside of `increase`, which heatmaps need.
#[test]
fn the_rules_of_grafanas_linter_hold() {
    for (file, dashboard) in all() {
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let of_kind = |kind: &str| variables.iter().filter(|one| one["type"] == kind).collect::<Vec<_>>();
        let sources = of_kind("datasource");
        assert!(
            sources.len() == 1 && sources[0]["name"] == "datasource" && sources[0]["query"] == "prometheus",
            "{file}"
        );
        for variable in of_kind("query") {
            assert_eq!(variable["refresh"], 2, "{file}: {} is asked anew when the time changes", variable["name"]);
            assert_eq!(variable["datasource"]["uid"], "${datasource}", "{file}: {}", variable["name"]);
        }
    }
    // A counter is read as a rate; or as its last value, because `increase` is wrong for a run's totals.
    let readers = ["rate(", "increase(", "last_over_time("];
    for (place, expression) in expressions() {
        for (at, _) in expression.match_indices("_total{") {
            let start =
                expression[..at].rfind(|char: char| !char.is_alphanumeric() && char != '_').map_or(0, |at| at + 1);
            let is_since_the_start = SINCE_THE_START.iter().any(|title| place.contains(title));
            let is_read = readers.iter().any(|reader| expression[..start].ends_with(reader));
            assert!(is_read || is_since_the_start, "{place}\n{expression}");
        }
        for (at, _) in expression.match_indices("$__rate_interval") {
            let inside = ["rate(", "increase("].map(|name| expression[..at].rfind(name)).into_iter().max().flatten();
            assert!(inside.is_some_and(|start| !expression[start..at].contains(')')), "{place}\n{expression}");
        }
    }
}

#[test]
fn panels_lie_side_by_side_within_the_grid() {
    for (file, dashboard) in all() {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: {}", panel["title"]);
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(side("x") + side("w") <= 24, "{file}: {}", panel["title"]);
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    assert!(taken.insert((x, y)), "{file}: {} lies on another panel", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn selectors_are_found_outside_of_quotes() {
    assert_eq!(selected("sum(a_total{x=\"{\"}) / max by (y) (b{}[5m])"), ["a_total", "b"]);
}
