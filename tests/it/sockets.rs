//! Replies by id, pings, binary messages and several connections against servers that are not ours.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{
    agent::run_lingering,
    exposition::Page,
    identities::assert_identities,
    nginx::Nginx,
    scraper::Scraper,
    scratch::Scratch,
    target::{Counters, LIBRARIES, Library, Target},
};

/// Runs `profile` against `target` to its end; every page on the way adds up. Returns the last one.
fn last_page(profile: &str, variables: &[(&str, String)], scratch: &Scratch) -> Page {
    let mut command = run_lingering(&scratch.write("profile.yaml", profile));
    for (name, value) in variables {
        command = command.args(["-e", &format!("{name}={value}")]);
    }
    let mut agent = command.start();
    let scraper = Scraper::start(agent.address(), Duration::from_millis(100));
    let pages: Vec<_> = scraper.pages().into_iter().map(|(_, page)| page).collect();
    agent.wait().assert_code(0);
    pages.iter().for_each(assert_identities);
    pages.into_iter().next_back().expect("scraped")
}

fn against(library: Library, options: &[&str], profile: &str) -> (Page, Counters) {
    let target = Target::start(library, options);
    let page = last_page(profile, &[("TARGET", target.url())], &Scratch::new());
    (page, target.stop())
}

const BY_ID: &str = r#"
vus: 2
duration: 1s
flow:
  - websocket:
      url: ${TARGET}
      timeouts: { reply: 300ms }
      steps:
        - repeat:
            times: 100
            steps: [send: { json: { op: test, id: "{{ seq }}" }, reply: { id: /id } }]
        - hold: {}
"#;

#[test]
fn replies_with_ids_are_told_apart_whatever_the_server_does_to_them() {
    // Matched, timed out, late, duplicate, unknown id, unsolicited.
    let table: [(&[&str], [u64; 6]); 8] = [
        (&["--mode", "echo"], [200, 0, 0, 0, 0, 0]),
        (&["--mode", "reorder", "--after", "10"], [200, 0, 0, 0, 0, 0]),
        (&["--mode", "duplicate"], [200, 0, 0, 200, 0, 0]),
        (&["--mode", "drop", "--after", "10"], [180, 20, 0, 0, 0, 0]),
        (&["--mode", "wrong-id", "--after", "10"], [180, 20, 0, 0, 20, 0]),
        (&["--mode", "no-id", "--after", "10"], [180, 20, 0, 0, 0, 20]),
        (&["--mode", "truncate", "--after", "10"], [180, 20, 0, 0, 0, 20]),
        (&["--mode", "slow", "--every-ms", "600"], [0, 200, 200, 0, 0, 0]),
    ];
    for library in LIBRARIES {
        for (options, expected) in table {
            let (page, server) = against(library, options, BY_ID);
            let counted = [
                "ws_msg_rtt_seconds_count",
                "ws_msg_replies_timed_out_total",
                "ws_msgs_late_total",
                "ws_msgs_duplicate_total",
                "ws_msgs_unknown_id_total",
                "ws_msgs_unsolicited_total",
            ]
            .map(|family| page.sum(family, &[]) as u64);
            assert_eq!(counted, expected, "{library:?} {options:?}");
            assert_eq!(page.sum("ws_msgs_sent_total", &[]) as u64, server.messages_in, "{library:?} {options:?}");
            assert_eq!(page.sum("ws_msgs_received_total", &[]) as u64, server.messages_out, "{library:?} {options:?}");
        }
    }
}

const PINGS: &str = "
vus: 2
duration: 1s
flow:
  - websocket:
      url: ${TARGET}
      timeouts: { reply: 300ms }
      steps:
        - repeat: { times: 5, steps: [ping: {}] }
        - sleep: 500ms
        - ping: {}
        - hold: {}
";

#[test]
fn pings_are_timed_by_their_pongs_and_none_is_forgotten() {
    // Answered, skipped, timed out; and the shortest time in seconds.
    let table: [(&[&str], [u64; 3], f64); 4] = [
        (&["--mode", "echo"], [12, 0, 0], 0.0),
        (&["--mode", "slow-pong", "--every-ms", "100"], [12, 0, 0], 0.1),
        (&["--mode", "last-pong", "--every-ms", "100"], [4, 8, 0], 0.1),
        (&["--mode", "no-pong"], [0, 0, 12], 0.0),
    ];
    for library in LIBRARIES {
        for (options, expected, least) in table {
            let (page, server) = against(library, options, PINGS);
            let counted = ["answered", "skipped", "timed_out"]
                .map(|result| page.sum("ws_pings_total", &[("result", result)]) as u64);
            assert_eq!(counted, expected, "{library:?} {options:?}");
            assert_eq!(server.pings_in, 12, "{library:?} {options:?}");
            let (sum, count) = (page.sum("ws_ping_seconds_sum", &[]), page.sum("ws_ping_seconds_count", &[]));
            assert!(sum >= least * count, "{library:?} {options:?}: {count} pings took {sum} s");
            assert_eq!(page.sum("ws_msgs_sent_total", &[]), 0.0, "pings are no messages");
        }
    }
}

#[test]
fn pings_of_the_server_are_answered_whatever_the_flow_does() {
    for library in LIBRARIES {
        let profile = "{ vus: 2, duration: 1s, flow: [{ websocket: { url: \"${TARGET}\", steps: [hold: {}] } }] }";
        let (_, server) = against(library, &["--mode", "ping", "--every-ms", "20"], profile);
        assert!(server.pings_out > 40, "{library:?} {server:?}");
        assert!(server.pings_out - server.pongs_in <= 2, "{library:?} {server:?}: one may be on its way at the end");
    }
}

#[test]
fn a_half_open_connection_is_given_up_and_a_silent_one_kept_by_pings() {
    let profile = "
vus: 2
duration: 3s
gracefulStop: 1s
flow:
  - websocket:
      url: ${TARGET}
      keepAlive: { interval: 100ms, timeout: 300ms }
      idleTimeout: 10s
      timeouts: { upgrade: 200ms }
      steps: [hold: {}]
";
    let profile = profile.replace("gracefulStop: 1s\n", "");
    let scratch = Scratch::new();
    let target = Target::start(Library::PyPiWebsockets, &["--mode", "silent"]);
    let mut agent = run_lingering(&scratch.write("profile.yaml", &profile))
        .args(["-e", &format!("TARGET={}", target.url()), "--linger", "0"])
        .start();
    agent.scrape_until("several pongs on both connections", |page| {
        page.sum_or_zero("ws_pings_total", &[("result", "answered")]) >= 6.0
            && page.sum_or_zero("ws_open_connections", &[]) == 2.0
    });
    target.signal(Signal::SIGSTOP);
    let page = agent.scrape_until("both are given up", |page| {
        page.sum_or_zero("ws_disconnects_total", &[("reason", "keep_alive_timeout")]) == 2.0
    });
    assert_identities(&page);
    target.signal(Signal::SIGCONT);
    agent.wait().assert_code(0);
}

#[test]
fn a_connection_on_which_nothing_comes_is_given_up() {
    let profile = "
vus: 1
duration: 1s
flow:
  - websocket: { url: \"${TARGET}\", idleTimeout: 200ms, steps: [hold: {}] }
";
    let (page, _) = against(Library::NpmWs, &["--mode", "silent"], profile);
    let given_up = page.sum("ws_disconnects_total", &[("reason", "idle_timeout")]);
    assert!(given_up >= 2.0, "{given_up}");
    assert_eq!(page.sum("iterations_failed_total", &[("reason", "connection_lost")]), given_up);
}

#[test]
fn binary_messages_and_files_arrive_as_they_are() {
    let profile = r#"
vus: 2
duration: 1s
flow:
  - websocket:
      url: ${TARGET}
      steps:
        - send: { binary: { hex: "68 65 6c 6c 6f 00 ff" }, reply: fifo }
        - expect: { contains: hello, timeout: 5s }
        - send: { binary: { base64: Ynll }, reply: fifo }
        - expect: { regex: '^bye$', timeout: 5s }
        - send: { file: payload.json, as: text, reply: fifo }
        - expect: { json: { /from: "{{ a file }}" }, timeout: 5s }
        - send: { file: payload.json, reply: fifo }
        - expect: { json: { /from: "{{ a file }}" }, timeout: 5s }
        - hold: {}
"#
    .replace("\"{{ a file }}\"", r#"{ contains: '\{{ a file }}' }"#);
    for library in LIBRARIES {
        let scratch = Scratch::new();
        scratch.write("payload.json", r#"{"from":"{{ a file }}"}"#);
        let target = Target::echo(library);
        let page = last_page(&profile, &[("TARGET", target.url())], &scratch);
        let server = target.stop();
        assert_eq!((server.messages_in, server.binary_in), (8, 6), "{library:?}");
        assert_eq!(page.sum("ws_msg_rtt_seconds_count", &[]), 8.0, "{library:?}");
        assert_eq!(page.sum("iterations_failed_total", &[]), 0.0, "{library:?}");
    }
}

#[test]
fn one_vu_has_several_connections_and_speaks_on_each() {
    let profile = r#"
vus: 3
duration: 1s
flow:
  - websocket:
      url: ${ALICE}
      name: alice
      steps:
        - send: { json: { to: alice, n: 1 }, reply: fifo }
        - websocket:
            url: ${BOB}
            name: bob
            steps:
              - send: { json: { to: bob, id: "{{ seq }}" }, reply: { id: /id } }
              - on:
                  socket: alice
                  steps:
                    - expect: { json: { /n: 1 }, timeout: 5s }
                    - send: { json: { to: alice, n: 2 }, reply: fifo }
              - expect: { json: { /to: bob }, timeout: 5s }
              - http: ${HTTP}
              - hold: {}
        - expect: { json: { /n: 2 }, timeout: 5s }
"#;
    let (alice, bob) = (Target::echo(Library::PyPiWebsockets), Target::echo(Library::NpmWs));
    let nginx = Nginx::start("", &[("index.html", b"hello")]);
    let variables = [("ALICE", alice.url()), ("BOB", bob.url()), ("HTTP", format!("{}/index.html", nginx.url()))];
    let page = last_page(profile, &variables, &Scratch::new());
    let (alice, bob) = (alice.stop(), bob.stop());
    assert_eq!((alice.opened, alice.max_open, alice.messages_in), (3, 3, 6));
    assert_eq!((bob.opened, bob.max_open, bob.messages_in), (3, 3, 3));
    assert_eq!(nginx.stop().len(), 3);
    assert_eq!(page.sum("ws_msg_rtt_seconds_count", &[]), 9.0);
    assert_eq!(page.sum("iterations_failed_total", &[]), 0.0);
    assert_eq!(page.sum("ws_closes_total", &[("by", "client"), ("code", "1000")]), 6.0);
}

#[test]
fn a_connection_that_ends_while_the_flow_is_busy_with_another_fails_the_iteration() {
    let profile = "
vus: 1
duration: 1s
flow:
  - websocket:
      url: ${ALICE}
      name: alice
      steps:
        - websocket:
            url: ${BOB}
            steps:
              - on: { socket: alice, steps: [send: last] }
              - sleep: 30s
";
    let alice = Target::start(Library::NpmWs, &["--mode", "close-after", "--after", "1"]);
    let bob = Target::echo(Library::PyPiWebsockets);
    let page = last_page(profile, &[("ALICE", alice.url()), ("BOB", bob.url())], &Scratch::new());
    let failed = page.sum("iterations_failed_total", &[("reason", "connection_lost")]);
    assert!(failed >= 1.0);
    assert_eq!(page.sum("ws_closes_total", &[("by", "server"), ("code", "1011")]), failed);
    assert_eq!(bob.stop().close_codes.get("1001").copied(), Some(failed as u64), "the other one is cut");
}
