//! kill -9 at any moment: nothing of the history is damaged, and at most the run in flight is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread::sleep,
    time::Duration,
};

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
    let (mut interrupted, mut seed) = (BTreeSet::new(), 0x2545_f491_u32);
    for kill in 0..KILLS {
        let mut daemon = site.start();
        let known = daemon.known();
        for (id, before) in &told {
            let now = known.get(id).unwrap_or_else(|| panic!("after {kill} kills {before:#} is gone"));
            match before["outcome"].as_str() {
                // Its turn may have come by now.
                Some("queued") => {}
                Some("running") => assert!(ended(now), "nobody runs it any more: {now:#}"),
                _ => assert_eq!(now, before, "what has ended stays as it was"),
            }
        }
        assert!(known.values().filter(|run| run["outcome"] == "running").count() <= 1, "{known:#?}");
        interrupted.extend(known.into_iter().filter(|(_, run)| run["outcome"] == "interrupted").map(|(id, _)| id));
        for name in ["other", "short"] {
            let (status, answer) = daemon.post("runs", &json!({ "profile": name, "whenBusy": "queue" }));
            match answer["id"].as_str() {
                Some(id) => drop(told.insert(id.to_owned(), json!({ "outcome": "queued" }))),
                None => assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("queue_full")), "{answer}"),
            }
        }
        // Any moment of the next runs and their writes.
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        sleep(Duration::from_millis(u64::from(seed % 400)));
        told.extend(daemon.known());
        daemon.kill();
    }
    assert!(!interrupted.is_empty(), "no kill has hit a run");
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
