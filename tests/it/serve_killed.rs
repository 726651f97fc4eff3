//! kill -9 at any moment: nothing of the history is damaged, and at most the run in flight is lost.

use std::{collections::BTreeMap, thread::sleep, time::Duration};

use serde_json::{Value, json};

use crate::support::daemon::{Site, outcome};

/// Times that a daemon is killed.
const KILLS: u32 = 24;

fn ended(run: &Value) -> bool {
    !matches!(run["outcome"].as_str(), Some("running" | "queued"))
}

/// Each daemon finds what the one before had told of: runs that had ended as they ended, the one in flight as interrupted.
#[test]
fn nothing_is_lost_but_the_run_in_flight() {
    // Short runs with next to nothing between them: most kills hit a run, its beginning or its end.
    let site = Site::new(
        "  short: { file: short.yaml, onStart: true, schedule: '* * * * * *' }\n  other: { file: short.yaml }",
    );
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    let (mut interrupted, mut seed) = (0, 0x2545_f491_u32);
    for kill in 0..KILLS {
        let mut daemon = site.start();
        let runs = daemon.runs();
        for (id, before) in &told {
            let now = runs.iter().find(|run| run["id"] == id.as_str());
            let now = now.unwrap_or_else(|| panic!("after {kill} kills {before:#} is gone"));
            if ended(before) {
                assert_eq!(now, before, "what has ended stays as it was");
            } else {
                assert_ne!(now["outcome"], "running", "nobody runs it: {now:#}");
            }
        }
        let running = runs.iter().filter(|run| run["outcome"] == "running").count();
        assert!(running <= 1, "{runs:#?}");
        interrupted +=
            runs.iter().filter(|run| run["outcome"] == "interrupted" && !told_as(&told, run, "interrupted")).count();
        for name in ["other", "short"] {
            let (status, answer) = daemon.post("runs", &json!({ "profile": name, "whenBusy": "queue" }));
            assert_eq!(status, 202, "{answer}");
            told.insert(answer["id"].as_str().expect("a name").to_owned(), json!({ "outcome": "queued" }));
        }
        // Any moment of the next runs and their writes.
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        sleep(Duration::from_millis(u64::from(seed % 400)));
        for run in daemon.runs() {
            told.insert(run["id"].as_str().expect("a name").to_owned(), run);
        }
        daemon.kill();
    }
    assert!(interrupted > 0, "no kill has hit a run");
    let mut daemon = site.start();
    let all: Vec<_> = told.keys().cloned().collect();
    daemon.runs_until("every run that was accepted", |runs| {
        all.iter().all(|id| outcome(runs, id).is_some_and(|outcome| outcome != "running"))
    });
    daemon.stop().assert_code(0);
    let files = std::fs::read_dir(site.history()).expect("a folder").map(|file| file.expect("a file").file_name());
    let damaged: Vec<_> = files.filter(|name| name.to_string_lossy().contains(".corrupt")).collect();
    assert!(damaged.is_empty(), "{damaged:?}");
}

fn told_as(told: &BTreeMap<String, Value>, run: &Value, outcome: &str) -> bool {
    run["id"].as_str().and_then(|id| told.get(id)).is_some_and(|before| before["outcome"] == outcome)
}
