//! A short ramp of the seed's test against servers that are not ours: what they counted, the
//! summary, the JSON lines and the last page of `/metrics` say the same.

use std::{collections::BTreeMap, time::Duration};

use crate::support::{
    agent::run_lingering,
    exposition::Page,
    identities::assert_identities,
    results::{Points, Summary},
    scraper::Scraper,
    scratch::Scratch,
    target::{Counters, LIBRARIES, Library, Target},
};

const VUS: u64 = 20;
const MESSAGES: u64 = 100 * VUS;

/// The seed's flow, a thousandth of its load; the plateau gives the last VU time to open.
const RAMP: &str = r#"
name: short-ramp
tags: { test: short-ramp }
stages:
  - { duration: 1s, target: 20 }
  - { duration: 1s, target: 20 }
  - { duration: 1s, target: 0 }
flow:
  - websocket:
      url: ${TARGET}
      steps:
        - repeat:
            times: 100
            steps:
              - send: { json: { op: test, payload: "{{ index }}" }, reply: fifo }
        - hold: {}
thresholds:
  ws_msgs_sent: ["count>=2000"]
  checks: ["rate>0.99"]
"#;

struct Outcome {
    server: Counters,
    summary: Summary,
    points: Points,
    pages: Vec<Page>,
}

fn short_ramp(library: Library) -> Outcome {
    let scratch = Scratch::new();
    let target = Target::echo(library);
    let (summary, points) = (scratch.path("summary.json"), scratch.path("points.json"));
    let mut agent = run_lingering(&scratch.write("profile.yaml", RAMP))
        .args(["-e", &format!("TARGET={}", target.url()), "--testid", "t-1"])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .args(["--out", &format!("json={}", points.display())])
        .start();
    let scraper = Scraper::start(agent.address(), Duration::from_millis(100));
    let pages = scraper.pages().into_iter().map(|(_, page)| page).collect();
    agent.wait().assert_code(0);
    Outcome { server: target.stop(), points: Points::read(&points, &summary), summary: Summary::read(&summary), pages }
}

#[test]
fn both_libraries_count_what_the_agent_counts() {
    for library in LIBRARIES {
        let outcome = short_ramp(library);
        let last = outcome.pages.last().expect("scraped");

        let server = &outcome.server;
        let expected = Counters {
            opened: VUS,
            rejected: 0,
            closed: VUS,
            max_open: VUS,
            messages_in: MESSAGES,
            messages_out: MESSAGES,
            binary_in: 0,
            pings_in: 0,
            pongs_in: 0,
            pings_out: 0,
            close_codes: BTreeMap::from([("1000".to_owned(), VUS)]),
        };
        assert_eq!(*server, expected, "{library:?} by its own count");

        for (metric, family, expected) in [
            ("ws_sessions", "ws_sessions_total", server.opened),
            ("ws_closes", "ws_closes_total", server.closed),
            ("ws_msgs_sent", "ws_msgs_sent_total", server.messages_in),
            ("ws_msgs_received", "ws_msgs_received_total", server.messages_out),
            ("ws_msg_replies_expected", "ws_msg_replies_expected_total", MESSAGES),
            ("ws_msg_replies_lost", "ws_msg_replies_lost_total", 0),
            (
                "iterations_interrupted",
                "iterations_interrupted_total",
                last.sum("iterations_interrupted_total", &[]) as u64,
            ),
            ("data_sent", "data_sent_bytes_total", last.sum("data_sent_bytes_total", &[]) as u64),
            ("data_received", "data_received_bytes_total", last.sum("data_received_bytes_total", &[]) as u64),
        ] {
            assert_eq!(outcome.summary.count(metric), expected, "{library:?}: {metric} in the summary");
            assert_eq!(outcome.points.count(metric), expected, "{library:?}: {metric} in the JSON lines");
            assert_eq!(last.sum(family, &[]) as u64, expected, "{library:?}: {family} on the last page");
        }
        for (metric, family, expected) in [
            ("ws_connecting", "ws_connecting_seconds_count", VUS),
            ("ws_session_duration", "ws_session_duration_seconds_count", VUS),
            ("ws_msg_rtt", "ws_msg_rtt_seconds_count", MESSAGES),
        ] {
            assert_eq!(outcome.points.samples(metric), expected, "{library:?}: {metric} in the JSON lines");
            assert_eq!(last.sum(family, &[]) as u64, expected, "{library:?}: {family} on the last page");
        }
        assert_eq!(last.sum("ws_open_connections", &[]), 0.0);
        assert_eq!(last.sum("ws_closes_total", &[("by", "client"), ("code", "1000")]) as u64, VUS);
        assert_eq!(outcome.summary.value("checks", "passes") as u64, VUS);
        assert_eq!(outcome.summary.value("checks", "fails"), 0.0);
    }
}

#[test]
fn the_accounts_balance_on_every_page() {
    let outcome = short_ramp(Library::PyPiWebsockets);
    assert!(outcome.pages.len() > 10, "{} pages", outcome.pages.len());
    for page in &outcome.pages {
        assert_identities(page);
    }
    let open: Vec<_> = outcome.pages.iter().map(|page| page.sum("ws_open_connections", &[])).collect();
    assert!(open.contains(&(VUS as f64)), "the plateau is seen: {open:?}");
}

#[test]
fn every_series_carries_the_testid_and_the_profiles_tags() {
    let outcome = short_ramp(Library::NpmWs);
    let last = outcome.pages.last().expect("scraped");
    for sample in &last.samples {
        let own = ["rampd_build_info", "process_"].iter().any(|prefix| sample.name.starts_with(prefix));
        if !own {
            assert_eq!(sample.labels.get("testid").map(String::as_str), Some("t-1"), "{sample:?}");
            assert_eq!(sample.labels.get("test").map(String::as_str), Some("short-ramp"), "{sample:?}");
        }
    }
    assert_eq!(last.sum("ws_msgs_sent_total", &[("scenario", "default")]) as u64, MESSAGES);
}

#[test]
fn unsolicited_messages_are_drained_and_counted_while_a_flow_sleeps() {
    let scratch = Scratch::new();
    let target = Target::start(Library::PyPiWebsockets, &["--mode", "broadcast", "--every-ms", "10"]);
    let summary = scratch.path("summary.json");
    let profile = "
vus: 2
duration: 1s
flow:
  - websocket:
      url: ${TARGET}
      steps:
        - sleep: 400ms
";
    let ended = run_lingering(&scratch.write("profile.yaml", profile))
        .args(["-e", &format!("TARGET={}", target.url()), "--linger", "0"])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish();
    ended.assert_code(0);
    let (server, summary) = (target.stop(), Summary::read(&summary));
    assert!(server.messages_out > 20, "{server:?}");
    let unsolicited = summary.count("ws_msgs_unsolicited");
    assert_eq!(unsolicited, summary.count("ws_msgs_received"));
    // A message may be on its way while its connection is closing.
    let lost = server.messages_out - unsolicited;
    assert!(lost <= server.opened, "{unsolicited} of {server:?}");
}
