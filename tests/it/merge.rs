//! `rampd run --result` and `rampd merge`: one verdict of several agents, against what the target itself counted.

use std::path::{Path, PathBuf};

use rampd::fleet::result::{self, AgentResult};

use crate::support::{
    agent::{AgentCommand, rampd, run},
    process::Ended,
    results::Summary,
    scratch::Scratch,
    target::{Library, Target},
};

const PROFILE: &str = r#"
name: fleet
vus: 4
iterations: 24
metrics: { orders: trend }
flow:
  - websocket:
      url: ${TARGET}
      headers: { Authorization: "Bearer ${TOKEN:-s3cret-of-the-test}" }
      steps:
        - repeat:
            times: 5
            steps:
              - send: { text: "{{ index }}", reply: fifo }
        - expect: { count: 5, timeout: 5s }
  - add: { orders: 7 }
thresholds:
  ws_connecting: ["p(95)<60000"]
  ws_msgs_sent: ["count==360"]
  orders: ["max<=7"]
"#;
const AGENTS: usize = 3;

/// What one agent left behind.
struct Left {
    result: PathBuf,
    summary: Summary,
}

/// Runs the agents one after the other, so that no one is short of a core.
fn runs(scratch: &Scratch, target: &Target, profile: &str) -> Vec<Left> {
    let profile = scratch.write("profile.yaml", profile);
    let ran = (0..AGENTS).map(|index| {
        let (file, summary) = (format!("result-{index}"), scratch.path(&format!("summary-{index}.json")));
        let result = scratch.path(&file);
        run(&profile)
            .args(["-e", &format!("TARGET={}", target.url()), "--testid", "fleet-test"])
            .args(["--result", text(&result), "--summary-export", text(&summary), "--quiet"])
            .finish()
            .assert_code(99);
        number(&result, index as u32);
        Left { result, summary: Summary::read(&summary) }
    });
    ran.collect()
}

/// Gives a run of one the number it would have had in a fleet.
fn number(path: &Path, index: u32) {
    let read = result::decode(&std::fs::read(path).expect("written")).expect("a result");
    assert_eq!((read.index, read.of), (0, 1));
    let numbered = AgentResult { index, of: AGENTS as u32, ..read };
    std::fs::write(path, result::encode(&numbered)).expect("writable");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn merge(results: &[&Path], options: &[&str]) -> Ended {
    let mut command = rampd(["merge"]);
    for result in results {
        command = command.arg(result);
    }
    for option in options {
        command = command.args([option]);
    }
    command.finish()
}

#[test]
fn the_merged_run_is_the_sum_of_its_agents_and_what_the_target_counted() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::NpmWs);
    let left = runs(&scratch, &target, PROFILE);
    let (summary, note) = (scratch.path("merged.json"), scratch.path("note"));
    let results: Vec<_> = left.iter().map(|left| left.result.as_path()).collect();
    let ended = merge(&results, &["--summary-export", text(&summary), "--verdict-file", text(&note)]);
    ended.assert_code(0);
    let (merged, server) = (Summary::read(&summary), target.stop());
    for metric in ["iterations", "ws_sessions", "ws_msgs_sent", "ws_msgs_received", "data_sent", "data_received"] {
        let sum: u64 = left.iter().map(|left| left.summary.count(metric)).sum();
        assert_eq!(merged.count(metric), sum, "{metric}");
    }
    assert_eq!((merged.count("ws_sessions"), merged.count("ws_msgs_sent")), (server.opened, server.messages_in));
    assert_eq!(merged.count("ws_msgs_received"), server.messages_out);
    let of_all = |key: &str| left.iter().map(|left| left.summary.value("ws_connecting", key)).collect::<Vec<_>>();
    let (least, greatest) =
        (of_all("min").into_iter().fold(f64::MAX, f64::min), of_all("max").into_iter().fold(0.0, f64::max));
    assert_eq!(merged.value("ws_connecting", "min"), least);
    assert_eq!(merged.value("ws_connecting", "max"), greatest);
    assert_eq!(merged.value("vus_max", "value"), 12.0);
    assert_eq!(merged.value("orders", "max"), 7.0, "a metric of the profile's own");
    // Each agent's part alone crosses the threshold on the sum; only the whole meets it.
    assert!(left.iter().all(|left| !left.summary.thresholds()[&("ws_msgs_sent".into(), "count==360".into())]));
    assert!(merged.thresholds().values().all(|passed| *passed));
    assert_eq!(merged.at("/rampd/fleet/results").as_array().map(Vec::len), Some(AGENTS));
    assert!(ended.stdout.contains("█ AGENTS") && ended.stdout.contains("ws_sessions=24"), "{}", ended.stdout);
    let note = std::fs::read_to_string(note).expect("written");
    assert!(note.starts_with("passed: all 3 thresholds passed (testid fleet-test, exit code 0)"), "{note}");
    for result in results {
        let inflated = format!("{:?}", result::decode(&std::fs::read(result).expect("there")).expect("a result"));
        assert!(!inflated.contains("s3cret"), "a header's value");
    }
}

#[test]
fn results_that_do_not_belong_together_are_refused_and_missing_ones_named() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let left = runs(&scratch, &target, PROFILE);
    let [zero, one, two] = [0, 1, 2].map(|index| left[index].result.as_path());
    let refused = |results: &[&Path], message: &str| {
        let ended = merge(results, &[]);
        ended.assert_code(104);
        assert!(ended.stderr.contains(message), "{}", ended.describe());
    };
    refused(&[zero, one, one], "agent 1 is there twice");
    refused(&[&scratch.path("none")], "cannot read");
    refused(&[&scratch.write("text", "vus: 1\n")], "no result of a run");
    refused(&[&scratch.write("empty", "")], "its run has not ended");
    let elsewhere = Scratch::new();
    let other = runs(&elsewhere, &target, &PROFILE.replace("vus: 4", "vus: 3"));
    refused(&[zero, &other[1].result, two], "differ in the profile's digest");

    let summary = scratch.path("two.json");
    let ended = merge(&[zero, two], &["--summary-export", text(&summary)]);
    ended.assert_code(96);
    assert!(ended.stdout.contains("agent_lost of agent 1: no result of it is there"), "{}", ended.describe());
    let missing = Summary::read(&summary).at("/rampd/fleet/missing").clone();
    assert_eq!(missing, serde_json::json!([1]));
    // 240 messages are not the 360 of all.
    merge(&[zero, two], &["--allow-missing"]).assert_code(99);
}

#[test]
fn the_outcome_is_in_the_files_of_a_run_however_it_ends() {
    let scratch = Scratch::new();
    let (result, note) = (scratch.path("result"), scratch.path("note"));
    let profile =
        scratch.write("profile.yaml", "vus: 1\nflow: [sleep: 1ms]\nthresholds: { iterations: [\"count>1\"] }\n");
    let outcome = |agent: AgentCommand| agent.args(["--result", text(&result), "--verdict-file", text(&note)]).finish();
    outcome(run(&profile)).assert_code(99);
    let said = std::fs::read_to_string(&note).expect("written");
    assert!(said.starts_with("crossed: 1 of 1 thresholds crossed"), "{said}");
    assert!(said.contains("iterations: 'count>1' measured 1"), "{said}");
    merge(&[&result], &["--quiet"]).assert_code(99);
    outcome(rampd(["run"]).arg(&profile).args(["--listen", "203.0.113.1:1"])).assert_code(106);
    let said = std::fs::read_to_string(&note).expect("written");
    assert!(said.starts_with("failed: ") && said.contains("exit code 106"), "{said}");
    for option in ["--result", "--verdict-file"] {
        let ended = run(&profile).args([option, "/nowhere/file"]).finish();
        ended.assert_code(104);
        assert!(ended.stderr.contains(&format!("choose another path in {option} FILE")), "{}", ended.describe());
    }
}
