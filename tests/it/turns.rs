//! Flows that never wait: the worker answers, ends them in time, and others get their turn.

use std::time::Duration;

use crate::support::{
    agent::{run, run_lingering},
    results::Summary,
    scraper::Scraper,
    scratch::Scratch,
    target::{Library, Target},
};

#[test]
fn a_repeat_without_a_wait_leaves_the_worker_time_to_answer_and_to_end_it() {
    let profile = "
metrics: { turns: counter }
scenarios:
  busy:
    executor: constant-vus
    vus: 2
    duration: 1s
    gracefulStop: 500ms
    flow:
      - repeat: { times: 1000000000, steps: [add: { turns: 1 }] }
";
    let scratch = Scratch::new();
    let mut agent = run_lingering(&scratch.write("profile.yaml", profile)).args(["--workers", "1"]).start();
    let pages = Scraper::start(agent.address(), Duration::from_millis(100)).pages();
    agent.wait_at_most(Duration::from_secs(10)).assert_code(0);
    let mut counts: Vec<_> = pages.iter().map(|(_, page)| page.sum_or_zero("turns_total", &[]) as u64).collect();
    counts.dedup();
    assert!(counts.len() >= 5, "the worker answered with {} counts", counts.len());
    let last = &pages.last().expect("scraped").1;
    assert_eq!(last.sum("iterations_interrupted_total", &[]), 2.0, "each VU had its turn, and was cut");
}

#[test]
fn a_pace_that_is_behind_ends_when_the_ramp_takes_its_vu_away() {
    let target = Target::echo(Library::NpmWs);
    let profile = format!(
        "
scenarios:
  behind:
    executor: constant-vus
    vus: 2
    duration: 1s
    gracefulStop: 30s
    flow:
      - websocket:
          url: {}
          steps:
            - every: {{ rate: 1000000, steps: [{{ send: {{ text: x, reply: fifo }} }}, {{ expect: {{ count: 1 }} }}] }}
",
        target.url()
    );
    let scratch = Scratch::new();
    let summary = scratch.path("summary.json");
    run(&scratch.write("profile.yaml", &profile))
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .start()
        .wait_at_most(Duration::from_secs(20))
        .assert_code(0);
    let summary = Summary::read(&summary);
    assert_eq!(summary.count("iterations"), 2, "ended by themselves, not cut after 30 s");
    assert_eq!(summary.count("ws_msgs_sent"), target.stop().messages_in);
}
