//! `rampd verdict`: a real Prometheus says after the run what the agent said, to the unit and with the same code.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{
    agent::{Agent, AgentCommand, rampd},
    http, poll,
    process::Ended,
    prometheus::{Prometheus, Setup, Version, free_port, on_each_version},
    results::Summary,
    scratch::Scratch,
};

/// Shorter than two scrape intervals of 2 s. Thresholds of every kind: by buckets, by sums, by the agent's word.
const SHORT: &str = "
scenarios:
  short:
    executor: constant-vus
    vus: 5
    duration: ${DURATION:-3s}
    gracefulStop: 1s
    flow:
      - websocket:
          url: ${TARGET}
          steps:
            - every: { rate: 40, steps: [ { send: { text: hello, reply: fifo } } ] }
thresholds:
  ws_connecting: ['p(99)<10000', 'max<10000', 'avg<10000']
  'ws_connecting{scenario:short}': ['med<10000']
  ws_msg_rtt: ['p(95)<${LIMIT}', 'p(100)>=0.000001']
  ws_msgs_sent: ['count>100', 'rate>1']
  checks: ['rate>0.99']
  ws_connect_failed: ['rate<0.01']
  ws_ping: [{ threshold: 'p(99)<1', allowEmpty: true }]
  vus: ['value<100']
";

struct Bench {
    scratch: Scratch,
    _echo: Agent,
    target: String,
    port: u16,
    server: Prometheus,
}

impl Bench {
    fn new(version: Version) -> Self {
        let scratch = Scratch::new();
        let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
        let target = format!("ws://{}/", echo.address());
        let port = free_port();
        let server = Setup::new(version, scratch.directory(), "2s").start(&[port]);
        Self { scratch, _echo: echo, target, port, server }
    }

    fn run(&self, testid: &str, limit: &str) -> AgentCommand {
        let profile = self.scratch.write("profile.yaml", SHORT);
        let summary = self.scratch.path(testid);
        rampd(["run"])
            .arg(&profile)
            .args(["--listen", &format!("127.0.0.1:{}", self.port), "--testid", testid])
            .args(["-e", &format!("TARGET={}", self.target), "-e", &format!("LIMIT={limit}")])
            .args(["--summary-export", summary.to_str().expect("UTF-8")])
    }

    fn verdict<const N: usize>(&self, testid: &str, more: [&str; N]) -> Ended {
        rampd(["verdict", "--testid", testid, "--prometheus", &self.server.url()]).args(more).finish()
    }

    /// Two scrapes: the agent then knows the interval, and waits at its end for the next. The test reads nothing
    /// meanwhile: it would be waited for too.
    fn wait_until_scraped(&self, testid: &str) {
        let query = "/api/v1/query?query=count_over_time(rampd_run_finished%5B1h%5D)%3E1";
        let address = self.server.url().trim_start_matches("http://").parse().expect("an address");
        let there = || http::get(address, query, &[]).is_ok_and(|answer| answer.body.contains(testid)).then_some(());
        poll(Duration::from_secs(30), there).expect("Prometheus scrapes the run");
    }

    fn summary(&self, testid: &str) -> Summary {
        Summary::read(&self.scratch.path(testid))
    }
}

/// What `verdict` printed says of each threshold what the summary says.
fn assert_same(verdict: &Ended, summary: &Summary) {
    let thresholds = summary.thresholds();
    assert!(!thresholds.is_empty());
    for ((metric, threshold), passed) in thresholds {
        let line = format!("{} {metric} '{threshold}' ", if passed { '✓' } else { '✗' });
        assert!(verdict.stdout.contains(&line), "no {line}\n{}", verdict.describe());
    }
    let sent = format!(" count={}\n", summary.count("ws_msgs_sent"));
    let line = verdict.stdout.lines().find(|line| line.contains("ws_msgs_sent 'count>"));
    assert!(line.is_some_and(|line| format!("{line}\n").ends_with(&sent)), "not {sent}{}", verdict.describe());
}

#[test]
fn after_the_process_is_gone_prometheus_says_passed_and_crossed_as_the_agent_did() {
    on_each_version(passed_and_crossed);
}

fn passed_and_crossed(version: Version) {
    let bench = Bench::new(version);
    for (testid, limit, code) in [("good", "10000", 0), ("bad", "0.001", 99)] {
        bench.run(testid, limit).args(["--on-invalid", "warn"]).finish().assert_code(code);
        let verdict = bench.verdict(testid, ["--on-invalid", "warn"]);
        verdict.assert_code(code);
        assert_same(&verdict, &bench.summary(testid));
    }
    // The profile's own thresholds, which another profile may have changed since.
    let profile = bench.scratch.path("profile.yaml");
    let (url, profile) = (format!("TARGET={}", bench.target), profile.to_str().expect("UTF-8"));
    let options = ["--on-invalid", "warn", "-e", &url, "-e", "LIMIT=10000", profile];
    bench.verdict("good", options).assert_code(0);
    let options = ["--on-invalid", "warn", "-e", &url, "-e", "LIMIT=123.456", profile];
    let inexact = bench.verdict("good", options);
    inexact.assert_code(1);
    assert!(inexact.stderr.contains("no bucket at the limit of p(95)<123.456"), "{}", inexact.describe());
}

/// Thresholds of every form that the alerts have, in both directions, some of which hold whatever the machine does.
const EVERY_FORM: &str = r#"
vus: 4
duration: 3s
flow:
  - websocket:
      url: ${TARGET}
      steps:
        - repeat:
            times: 20
            steps:
              - send: { text: hello, reply: fifo }
              - sleep: 50ms
metrics: { price: trend }
thresholds:
  ws_connecting: ["p(99)<60000", "p(99)<0.01", "p(0)>0.001", "p(100)<0.001", "p(99)==5", "avg<0.001", "max<0.001", "min>0.0001"]
  ws_msg_rtt: ["med<60000", "med>60000"]
  ws_msgs_sent: ["count>10", "count>1000000", "count<5", "rate>0.1", "rate>1000000"]
  ws_msgs_duplicate: ["count<1", { threshold: "count>1", allowEmpty: true }]
  ws_ping: ["p(95)<10", "avg<10", { threshold: "max<10", allowEmpty: true }]
  vus_max: ["value<5", "value<4"]
  checks: ["rate==1", "rate<0.5"]
  http_req_failed: ["rate<0.1", { threshold: "rate<0.2", allowEmpty: true }]
  "ws_sessions{scenario:default}": ["count>3", "count<2"]
  "ws_sessions{status:403}": ["count<1", "count>1"]
  "ws_connecting{name:nobody}": ["p(99)<200"]
  price: ["p(50)<1.5"]
"#;

#[test]
fn thresholds_of_every_form_are_judged_as_the_agent_did() {
    on_each_version(every_form);
}

fn every_form(version: Version) {
    let bench = Bench::new(version);
    let profile = bench.scratch.write("every.yaml", EVERY_FORM);
    let summary = bench.scratch.path("every");
    let target = format!("TARGET={}", bench.target);
    rampd(["run"])
        .arg(&profile)
        .args(["--listen", &format!("127.0.0.1:{}", bench.port), "--testid", "every", "-e", &target])
        .args(["--on-invalid", "warn", "--summary-export", summary.to_str().expect("UTF-8")])
        .finish()
        .assert_code(99);
    // By what the run exported, and by the profile.
    let profile = profile.to_str().expect("UTF-8");
    for verdict in [
        bench.verdict("every", ["--on-invalid", "warn"]),
        bench.verdict("every", ["--on-invalid", "warn", "-e", &target, profile]),
    ] {
        verdict.assert_code(99);
        assert_same(&verdict, &bench.summary("every"));
    }
}

#[test]
fn an_invalid_run_is_invalid_in_prometheus_too() {
    on_each_version(invalid);
}

fn invalid(version: Version) {
    let bench = Bench::new(version);
    let mut agent = bench.run("stopped", "10000").start();
    agent.scrape_until("messages to flow", |page| page.sum("ws_msgs_received_total", &[]) > 50.0);
    // A third of the messages leaves up to a second late.
    agent.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(1));
    agent.signal(Signal::SIGCONT);
    agent.wait().assert_code(96);
    bench.verdict("stopped", []).assert_code(96);
    bench.verdict("stopped", ["--on-invalid", "warn"]).assert_code(0);
}

#[test]
fn a_run_that_was_interrupted_with_a_threshold_crossed_is_told_from_one_that_aborted_itself() {
    on_each_version(interrupted);
}

fn interrupted(version: Version) {
    let bench = Bench::new(version);
    let mut agent = bench.run("interrupted", "0.001").args(["--on-invalid", "warn", "-e", "DURATION=1m"]).start();
    agent.scrape_until("messages to flow", |page| page.sum("ws_msgs_received_total", &[]) > 50.0);
    // The agent waits at its end for scrapers that it knows.
    bench.wait_until_scraped("interrupted");
    agent.signal(Signal::SIGTERM);
    agent.wait().assert_code(105);
    let verdict = bench.verdict("interrupted", ["--on-invalid", "warn"]);
    verdict.assert_code(105);
    assert!(verdict.stdout.contains("it was interrupted before its planned end"), "{}", verdict.describe());
    assert!(verdict.stdout.contains("✗ ws_msg_rtt 'p(95)<0.001'"), "{}", verdict.describe());
}

#[test]
fn what_is_not_there_is_no_verdict() {
    on_each_version(not_there);
}

fn not_there(version: Version) {
    let bench = Bench::new(version);
    let unknown = bench.verdict("unknown", ["--wait", "0"]);
    unknown.assert_code(1);
    assert!(unknown.stderr.contains("no series of testid \"unknown\""), "{}", unknown.describe());

    let agent = bench.run("killed", "10000").args(["-e", "DURATION=1m"]).start();
    bench.wait_until_scraped("killed");
    agent.signal(Signal::SIGKILL);
    drop(agent);
    let killed = bench.verdict("killed", ["--wait", "0"]);
    killed.assert_code(1);
    assert!(killed.stderr.contains("final state of 1 of 1 agents"), "{}", killed.describe());

    let nobody = rampd(["verdict", "--testid", "a", "--prometheus", &format!("http://127.0.0.1:{}", free_port())]);
    nobody.finish().assert_code(1);
    rampd(["verdict", "--testid", "a", "--prometheus", "localhost:9090"]).finish().assert_code(104);
}
