//! The end of a run: whoever has been scraping reads the final state, then the agent exits at once.

use std::time::Duration;

use rampd::clock::Instant;

use crate::support::{
    agent::{rampd, run_lingering},
    poll,
    prometheus::{BUSY, Setup, Version, free_port, on_each_version},
    results::Summary,
    scraper::{HEADERS, Scraper},
    scratch::Scratch,
    target::{Library, Target},
};

fn busy_for_a_second() -> String {
    BUSY.replace("duration: 4s", "duration: 1s")
}

const COUNTERS: [(&str, &str); 5] = [
    ("ws_sessions", "ws_sessions_total"),
    ("ws_msgs_sent", "ws_msgs_sent_total"),
    ("ws_msgs_received", "ws_msgs_received_total"),
    ("ws_closes", "ws_closes_total"),
    ("data_sent", "data_sent_bytes_total"),
];

#[test]
fn a_scraper_reads_the_final_state_before_the_agent_exits() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let summary = scratch.path("summary.json");
    let mut agent = run_lingering(&scratch.write("profile.yaml", BUSY))
        .args(["-e", &format!("TARGET={}", target.url())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .start();
    let interval = Duration::from_millis(300);
    let scraper = Scraper::start(agent.address(), interval);
    agent.wait().assert_code(0);
    let end = Instant::now();
    let mut pages = scraper.pages();
    let (arrival, last) = pages.pop().expect("not empty");
    let summary = Summary::read(&summary);
    for (metric, family) in COUNTERS {
        assert_eq!(last.sum(family, &[]) as u64, summary.count(metric), "{metric}");
    }
    assert_eq!(target.stop().messages_in, summary.count("ws_msgs_sent"));
    let idle = end.since(arrival);
    assert!(idle < 2 * interval, "the agent stayed for {idle:?} after everybody had read the final state");
}

#[test]
fn without_a_scraper_the_agent_exits_at_once() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let start = Instant::now();
    let ended = run_lingering(&scratch.write("profile.yaml", &busy_for_a_second()))
        .args(["-e", &format!("TARGET={}", target.url())])
        .finish();
    ended.assert_code(0);
    let elapsed = Instant::now().since(start);
    assert!(elapsed < Duration::from_secs(4), "a run of 1 s took {elapsed:?}\n{}", ended.describe());
}

#[test]
fn a_reader_that_is_no_scraper_is_not_waited_for() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let start = Instant::now();
    let mut agent = run_lingering(&scratch.write("profile.yaml", &busy_for_a_second()))
        .args(["-e", &format!("TARGET={}", target.url())])
        .start();
    // As curl would.
    agent.scrape();
    agent.wait().assert_code(0);
    let elapsed = Instant::now().since(start);
    assert!(elapsed < Duration::from_secs(4), "a run of 1 s took {elapsed:?}");
}

#[test]
fn the_wait_for_a_scraper_that_went_away_is_bounded_by_linger() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let start = Instant::now();
    let mut agent = run_lingering(&scratch.write("profile.yaml", &busy_for_a_second()))
        .args(["-e", &format!("TARGET={}", target.url()), "--linger", "2s"])
        .start();
    for _ in 0..2 {
        agent.get("/metrics", &HEADERS).expect("served");
        std::thread::sleep(Duration::from_millis(200));
    }
    agent.wait().assert_code(0);
    let elapsed = Instant::now().since(start);
    assert!((Duration::from_secs(1)..Duration::from_secs(6)).contains(&elapsed), "{elapsed:?}");
}

#[test]
fn a_real_prometheus_stores_the_final_values() {
    on_each_version(final_values_are_stored);
}

fn final_values_are_stored(version: Version) {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let port = free_port();
    let prometheus = Setup::new(version, scratch.directory(), "500ms").start(&[port]);
    let summary = scratch.path("summary.json");
    let profile = scratch.write("profile.yaml", BUSY);
    rampd(["run"])
        .arg(&profile)
        .args(["--listen", &format!("127.0.0.1:{port}"), "-e", &format!("TARGET={}", target.url())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish()
        .assert_code(0);
    let summary = Summary::read(&summary);
    for (metric, family) in COUNTERS {
        let expected = summary.count(metric) as f64;
        // A scrape is stored a moment after its answer was read.
        let stored = poll(Duration::from_secs(2), || prometheus.last_value(family).filter(|value| *value == expected));
        assert!(
            stored.is_some(),
            "{family}: {:?} in Prometheus {version:?}, {expected} in the summary",
            prometheus.last_value(family)
        );
    }
}
