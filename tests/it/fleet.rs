//! Several agents, one run: what they count together is what the target counted, and judged as one.

use crate::support::{exposition::Page, fleet::Fleet};

/// Each VU connects once and sends ten messages a second for `seconds`.
pub(crate) fn steady(head: &str, vus: u32, seconds: u32) -> String {
    format!(
        "
{head}
scenarios:
  load: {{ executor: per-vu-iterations, vus: {vus}, iterations: 1 }}
flow:
  - websocket:
      url: ${{TARGET}}
      steps: [{{ every: {{ rate: 10, for: {seconds}s, steps: [{{ send: {{ text: hello, reply: fifo }} }}] }} }}]
"
    )
}

/// When an agent means to begin its load, by its own wall clock: that does not depend on who has the processor.
pub(crate) fn start(page: &Page) -> f64 {
    page.sum("rampd_run_start_timestamp_seconds", &[])
}

/// Seconds between the first and the last of them.
pub(crate) fn apart(starts: impl IntoIterator<Item = f64>) -> f64 {
    let bounds = starts.into_iter().fold((f64::MAX, f64::MIN), |(low, high), one| (low.min(one), high.max(one)));
    bounds.1 - bounds.0
}

#[test]
fn five_agents_of_three_executors_count_what_the_target_counts_and_are_judged_as_one() {
    let profile = "
thresholds:
  'iterations{scenario:shared}': ['count==31']
  ws_sessions: ['count>=60']
scenarios:
  ramp:
    executor: ramping-vus
    stages: [{ duration: 0s, target: 7 }, { duration: 3s, target: 12 }]
    flow: [{ websocket: { url: '${TARGET}', steps: [{ send: { text: ramp, reply: fifo } }, { hold: {} }] } }]
  shared:
    executor: shared-iterations
    vus: 7
    iterations: 31
    flow: [{ websocket: { url: '${TARGET}', steps: [{ send: { text: shared, reply: fifo } }, { expect: 1 }] } }]
  rate:
    executor: constant-arrival-rate
    rate: 21
    duration: 3s
    preAllocatedVUs: 30
    flow: [{ websocket: { url: '${TARGET}', steps: [{ send: { text: rate, reply: fifo } }, { expect: 1 }] } }]
";
    let mut fleet = Fleet::with_target(5, profile, &["--keep"]);
    fleet.start_all(0..5);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 5]).assert_exact();
    let texts = |text: &str| outcome.target["texts"][text].as_u64().expect("it was sent");
    let dropped = outcome.summary().count("dropped_iterations");
    assert_eq!((texts("ramp"), texts("shared"), texts("rate") + dropped), (12, 31, 63), "{}", outcome.describe());
    for agent in 0..5 {
        let opened = outcome.opened_by(agent);
        assert!((15..50).contains(&opened), "agent {agent} had a fifth of it: {opened}\n{}", outcome.describe());
    }
}

/// Three agents with 20 messages each: what each of them alone would pass, and what each would fail.
#[test]
fn thresholds_are_judged_on_the_whole() {
    for (threshold, code) in [("count==60", 0), ("count<=40", 99)] {
        let head = format!("thresholds: {{ ws_msgs_sent: ['{threshold}'] }}");
        let mut fleet = Fleet::new(3, &steady(&head, 3, 2));
        fleet.start_all(0..3);
        let outcome = fleet.finish();
        outcome.assert_codes(&[code, 0, 0]).assert_exact();
        assert_eq!(outcome.counted("messages_in"), 60);
        let passed = outcome.summary().thresholds().into_values().collect::<Vec<_>>();
        assert_eq!(passed, [code == 0], "{}", outcome.describe());
    }
}

#[test]
fn every_row_of_data_is_used_once_by_the_whole_fleet() {
    let profile = "
data: { users: { file: users.csv, order: unique } }
scenarios:
  load: { executor: per-vu-iterations, vus: 10, iterations: 6 }
flow:
  - websocket: { url: '${TARGET}', steps: [{ send: { text: '{{ data.users.name }}', reply: fifo } }, { expect: 1 }] }
";
    let mut fleet = Fleet::with_target(4, profile, &["--keep"]);
    let names: Vec<_> = (0..60).map(|row| format!("user-{row}")).collect();
    fleet.write("users.csv", &format!("name\n{}\n", names.join("\n")));
    fleet.start_all(0..4);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 4]).assert_exact();
    let texts = outcome.target["texts"].as_object().expect("a map");
    assert_eq!(texts.len(), 60, "{}", outcome.describe());
    assert!(names.iter().all(|name| texts[name] == 1), "{texts:?}");
}

#[test]
fn agents_without_a_vu_belong_to_the_run_all_the_same() {
    let mut fleet = Fleet::new(5, &steady("thresholds: { ws_sessions: ['count==2'] }", 2, 2));
    fleet.start_all(0..5);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 5]).assert_exact();
    assert_eq!([0, 1, 2, 3, 4].map(|agent| outcome.opened_by(agent)), [1, 1, 0, 0, 0]);
    assert_eq!(outcome.summary().at("/rampd/fleet/results").as_array().map(Vec::len), Some(5));
}

/// They have one wall clock, a time, and nothing to say to each other.
#[test]
fn agents_that_do_not_know_each_other_start_at_a_time_and_are_merged_to_one_verdict() {
    let mut fleet = Fleet::new(3, &steady("thresholds: { ws_msgs_sent: ['count==300'] }", 6, 5));
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(6);
    for index in 0..3 {
        let command = fleet.apart(index, index, "profile.yaml").env("RAMPD_TESTID", "fleet-test");
        fleet.start_as(index, command.env("RAMPD_START_AT", &soon.to_string()));
    }
    let pages = fleet.wait_for_load(0..3);
    let starts = pages.iter().map(|page| start(page) - soon.as_millisecond() as f64 / 1000.0).collect::<Vec<_>>();
    assert!(starts.iter().all(|off| off.abs() <= 0.05), "{starts:?} s after the time asked for");
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 3]);
    let (merged, summary) = outcome.merge(0..3);
    let invalid = summary.validity() == "invalid";
    merged.assert_code(if invalid { 96 } else { 0 });
    assert_eq!(summary.thresholds().into_values().collect::<Vec<_>>(), [true], "{}", merged.describe());
    for (metric, key) in
        [("ws_sessions", "opened"), ("ws_msgs_sent", "messages_in"), ("ws_msgs_received", "messages_out")]
    {
        assert_eq!(summary.count(metric), outcome.counted(key), "{metric}\n{}", merged.describe());
    }
    let (incomplete, _) = outcome.merge([0, 2]);
    incomplete.assert_code(96);
    assert!(incomplete.describe().contains("agent_lost of agent 1"), "{}", incomplete.describe());
}

/// Other tests keep the machine busy, and that only ever delays a connection: the best of several attempts counts.
#[test]
fn five_agents_start_within_50_ms_of_each_other() {
    const LIMIT: f64 = 50.0;
    let mut spreads = Vec::new();
    while spreads.len() < 4 && !spreads.iter().any(|spread| *spread <= LIMIT) {
        let mut fleet = Fleet::new(5, &steady("", 5, 5));
        fleet.start_all(0..5);
        let pages = fleet.wait_for_load(0..5);
        let apart = apart(pages.iter().map(start));
        let outcome = fleet.finish();
        outcome.assert_codes(&[0; 5]).assert_exact();
        assert!(apart <= 0.05, "{apart} s\n{}", outcome.describe());
        spreads.push(outcome.spread());
    }
    assert!(spreads.iter().any(|spread| *spread <= LIMIT), "first connections at the target: {spreads:?} ms apart");
}
