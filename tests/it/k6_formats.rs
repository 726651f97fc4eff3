//! k6's NDJSON lines and summary export, read back by a consumer that is not ours to bend.
//!
//! NOTE: neither PyPI nor npm has a reader of these formats as k6 v2 writes them (tests/k6/README.md
//! lists what was looked at). `tests/k6/read_results.py` stands in: it is written from k6's
//! documentation in another language, shares no code with rampd, and is held to k6's real output by
//! files that k6 v2.2.0 wrote. `make k6` adds Grafana's xk6-dashboard, which needs Go.

use std::process::Command;

use crate::support::{
    agent::run,
    repository,
    results::{Points, Summary},
    scratch::Scratch,
    target::{Library, Target},
};

const SHORT: &str = r#"
scenarios:
  short:
    executor: constant-vus
    vus: 3
    duration: 1s
    flow:
      - websocket:
          url: ${TARGET}
          steps:
            - repeat:
                times: 4
                steps:
                  - send: { text: "{{ index }}", reply: fifo }
            - expect: { count: 4, timeout: 5s }
            - sleep: 50ms
thresholds:
  ws_connecting: ["p(95)<1000", "avg<1000"]
  "ws_sessions{scenario:short}": ["count>0"]
  checks: [{ threshold: "rate>0.99", abortOnFail: true, delayAbortEval: 10s }]
"#;

#[test]
fn the_reader_understands_what_k6_itself_wrote() {
    let files = repository().join("tests/k6");
    let points = Points::read(&files.join("points.json"), &files.join("summary.json"));
    assert_eq!(points.count("ws_msgs_sent"), 24);
    assert_eq!(points.samples("ws_connecting"), 6);
}

#[test]
fn the_reader_notices_a_lost_line_and_a_wrong_sum() {
    let files = repository().join("tests/k6");
    let scratch = Scratch::new();
    let text = std::fs::read_to_string(files.join("points.json")).expect("in the repository");
    let sent = text.lines().position(|line| line.starts_with(r#"{"metric":"ws_msgs_sent""#)).expect("messages");
    let shortened: Vec<_> = text.lines().enumerate().filter(|(at, _)| *at != sent).map(|(_, line)| line).collect();
    let points = scratch.write("points.json", &shortened.join("\n"));
    let mut reader = Command::new("python3");
    reader.arg(files.join("read_results.py")).arg(points).arg(files.join("summary.json"));
    let output = reader.output().expect("python3 comes with `make deps`");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("points add up to 23, not 24"));
}

#[test]
fn lines_and_summary_are_k6s_and_agree_with_each_other_and_the_server() {
    for file in ["points.json", "points.json.gz"] {
        let scratch = Scratch::new();
        let target = Target::echo(Library::PyPiWebsockets);
        let (summary, points) = (scratch.path("summary.json"), scratch.path(file));
        run(&scratch.write("profile.yaml", SHORT))
            .args(["-e", &format!("TARGET={}", target.url())])
            .args(["--summary-export", summary.to_str().expect("UTF-8")])
            .args(["--out", &format!("json={}", points.display())])
            .finish()
            .assert_code(0);
        let read = Points::read(&points, &summary);
        let (summary, server) = (Summary::read(&summary), target.stop());
        assert_eq!(read.count("ws_msgs_sent"), server.messages_in, "{file}");
        assert_eq!(read.samples("ws_msg_rtt"), server.messages_out, "{file}");
        assert_eq!(read.samples("ws_connecting"), server.opened, "{file}");
        assert_eq!(summary.count("ws_sessions{scenario:short}"), server.opened, "{file}: a submetric of its own");
    }
}
