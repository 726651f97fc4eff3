//! The dashboards against the types of Grafana's own SDK, checked by the TypeScript compiler.

use std::{path::Path, process::Command};

use crate::support::{repository, scratch::Scratch, target::node_package};

const DIRECTORY: &str = "grafana/dashboards";

/// Whether the compiler accepts the files, and what it says.
fn checked(files: &[&Path]) -> (bool, String) {
    let types = repository().join("tests/dashboards_types");
    node_package(&types, "typescript");
    node_package(&types, "@grafana/grafana-foundation-sdk");
    let output = Command::new("node").arg(types.join("check.mjs")).args(files).output().expect("node starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

#[test]
fn grafanas_types_accept_every_dashboard() {
    let mut files: Vec<_> = std::fs::read_dir(repository().join(DIRECTORY))
        .expect("the dashboards")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let paths: Vec<_> = files.iter().map(std::path::PathBuf::as_path).collect();
    let (accepted, said) = checked(&paths);
    assert!(accepted, "{said}");
    assert!(said.contains(&format!("{{\"files\":{},\"complaints\":0}}", files.len())) && files.len() >= 3, "{said}");
}

#[test]
fn a_wrong_word_is_refused_at_its_line() {
    let scratch = Scratch::new();
    let text = std::fs::read_to_string(repository().join(DIRECTORY).join("rampd-run.json")).expect("a dashboard");
    let wrong = [
        ("\"drawStyle\": \"line\"", "\"drawStyle\": \"lien\""),
        ("\"showLegend\"", "\"showLegends\""),
        ("\"id\": \"custom.lineStyle\"", "\"id\": \"custom.lineStile\""),
        ("\"useValueForTime\"", "\"useValueAsTime\""),
        ("\"type\": \"stat\"", "\"type\": \"stats\""),
        ("\"refresh\": 2", "\"refresh\": 3"),
    ];
    let files: Vec<_> = wrong
        .iter()
        .enumerate()
        .map(|(at, (right, wrong))| scratch.write(&format!("{at}.json"), &text.replacen(right, wrong, 1)))
        .collect();
    let paths: Vec<_> = files.iter().map(std::path::PathBuf::as_path).collect();
    let (accepted, said) = checked(&paths);
    assert!(!accepted, "{said}");
    for ((right, _), file) in wrong.iter().zip(&files) {
        let before = text.split(right).next().expect("a part");
        assert!(before.len() < text.len(), "{right} is no longer in the dashboard");
        let place = format!("{}:{}: ", file.display(), before.matches('\n').count() + 1);
        assert!(said.contains(&place), "{right}: no complaint at {place}\n{said}");
    }
}
