//! Each exit code, and what a run has done by then.

use std::{net::TcpListener, time::Duration};

use nix::sys::signal::Signal;
use rampd::clock::Instant;

use crate::support::{
    agent::{Agent, rampd, run},
    faults::{Fault, FaultyServer},
    process::Ended,
    results::{Points, Summary},
    scratch::Scratch,
    target::{Counters, Library, Target},
};

/// One message each from ten connections that stay for two seconds.
const HOLD: &str = r#"
scenarios:
  held:
    executor: constant-vus
    vus: 10
    duration: 2s
    gracefulStop: 3s
    flow:
      - websocket:
          url: ${TARGET}
          steps:
            - send: { text: hello, reply: fifo }
            - hold: {}
"#;

/// As [`HOLD`], until somebody ends it.
fn hold_on() -> String {
    HOLD.replace("duration: 2s", "duration: 50s")
}

fn hold_with(thresholds: &str) -> Ended {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", &format!("{HOLD}thresholds:\n{thresholds}\n"));
    run(&profile).args(["-e", &format!("TARGET={}", target.url())]).finish()
}

#[test]
fn a_run_whose_thresholds_hold_ends_with_0() {
    hold_with("  ws_msgs_sent: ['count==10']\n  ws_connecting: ['p(99)<10000']").assert_code(0);
}

#[test]
fn a_crossed_threshold_ends_with_99_and_is_named() {
    let ended = hold_with("  ws_connecting: ['p(99)<0.001']\n  ws_msgs_sent: ['count==10']");
    ended.assert_code(99);
    assert!(ended.stdout.contains("✗ 'p(99)<0.001'"), "{}", ended.describe());
    assert!(ended.stdout.contains("✓ 'count==10'"), "{}", ended.describe());
}

#[test]
fn abort_on_fail_ends_the_run_early() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let thresholds = "thresholds:\n  ws_sessions: [{ threshold: 'count<1', abortOnFail: true }]\n";
    let profile = scratch.write("profile.yaml", &format!("{}{thresholds}", hold_on()));
    let start = Instant::now();
    let ended = run(&profile).args(["-e", &format!("TARGET={}", target.url())]).finish();
    ended.assert_code(99);
    assert!(Instant::now().since(start) < Duration::from_secs(15), "{}", ended.describe());
}

#[test]
fn a_threshold_without_a_sample_is_crossed_unless_it_may_be_empty() {
    hold_with("  ws_ping: ['p(99)<10000']").assert_code(99);
    hold_with("  ws_ping: [{ threshold: 'p(99)<10000', allowEmpty: true }]").assert_code(0);
}

#[test]
fn a_bad_profile_ends_with_104_and_sends_no_load() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", &HOLD.replace("duration:", "duraton:"));
    let ended = run(&profile).args(["-e", &format!("TARGET={}", target.url())]).finish();
    ended.assert_code(104);
    assert!(ended.stderr.contains("profile.yaml:6:5"), "{}", ended.describe());
    assert!(ended.stderr.contains("did you mean `duration`?"), "{}", ended.describe());
    assert_eq!(target.stop().opened, 0);
}

#[test]
fn bad_options_end_with_104() {
    rampd(["run", "--no-such-option"]).finish().assert_code(104);
    rampd(["run", "/no/such/profile.yaml"]).finish().assert_code(104);
    rampd(["run"]).finish().assert_code(104);
}

/// Interrupts a run of ten held connections.
fn interrupt(signal: Signal) -> (Counters, Summary, Points) {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let (summary, points) = (scratch.path("summary.json"), scratch.path("points.json"));
    let mut agent = run(&scratch.write("profile.yaml", &hold_on()))
        .args(["-e", &format!("TARGET={}", target.url())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .args(["--out", &format!("json={}", points.display())])
        .start();
    await_replies(&mut agent);
    agent.signal(signal);
    // gracefulStop is 3 s.
    let ended = agent.wait_at_most(Duration::from_secs(5));
    ended.assert_code(105);
    (target.stop(), Summary::read(&summary), Points::read(&points, &summary))
}

fn await_replies(agent: &mut Agent) {
    agent.scrape_until("ten replies", |page| page.sum("ws_msgs_received_total", &[]) == 10.0);
}

#[test]
fn sigterm_and_sigint_close_the_sockets_write_the_results_and_end_with_105() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (server, summary, points) = interrupt(signal);
        assert_eq!(server.close_codes, [("1000".to_owned(), 10)].into(), "{signal}: a close handshake each");
        assert_eq!((server.opened, server.closed, server.messages_in), (10, 10, 10), "{signal}");
        assert_eq!(summary.count("ws_sessions"), 10, "{signal}");
        assert_eq!(summary.count("ws_closes"), 10, "{signal}");
        assert_eq!(points.samples("ws_session_duration"), 10, "{signal}: cut sessions have a duration too");
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once() {
    // The server never answers a Close, so the first signal's drain takes as long as gracefulStop lets it.
    let server = FaultyServer::start(Fault::NeverCloses);
    let scratch = Scratch::new();
    let patient = hold_on()
        .replace("gracefulStop: 3s", "gracefulStop: 30s")
        .replace("          steps:", "          timeouts: { close: 30s }\n          steps:");
    let profile = scratch.write("profile.yaml", &patient);
    let mut agent = run(&profile).args(["-e", &format!("TARGET={}", server.url())]).start();
    agent.scrape_until("ten sockets", |page| page.sum("ws_open_connections", &[]) == 10.0);
    agent.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(500));
    assert!(!agent.has_ended(), "the drain waits for the closes");
    agent.signal(Signal::SIGTERM);
    agent.wait_at_most(Duration::from_secs(2)).assert_code(105);
}

#[test]
fn a_taken_port_ends_with_106_and_sends_no_load() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let profile = scratch.write("profile.yaml", HOLD);
    let ended =
        rampd(["run"]).arg(&profile).args(["--listen", &address, "-e", &format!("TARGET={}", target.url())]).finish();
    ended.assert_code(106);
    assert!(ended.stderr.contains(&address), "{}", ended.describe());
    assert_eq!(target.stop().opened, 0);
}

#[test]
fn too_few_files_end_with_107_the_numbers_and_the_remedy() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", &HOLD.replace("vus: 10", "vus: 1000"));
    let ended = run(&profile).args(["-e", &format!("TARGET={}", target.url())]).file_limit(128).finish();
    ended.assert_code(107);
    for part in ["128", "1000", "--force"] {
        assert!(ended.stderr.replace(',', "").contains(part), "{part}: {}", ended.describe());
    }
    assert_eq!(target.stop().opened, 0);
}

#[test]
fn with_force_the_run_goes_on_without_the_files_and_counts_them() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", &HOLD.replace("vus: 10", "vus: 200"));
    let mut agent = run(&profile).args(["-e", &format!("TARGET={}", target.url()), "--force"]).file_limit(128).start();
    // The listener keeps files for itself: it still answers.
    agent.scrape_until("a socket refused for want of files", |page| {
        page.sum_or_zero("ws_connect_failures_total", &[("reason", "fd_limit")]) > 0.0
    });
    let ended = agent.wait();
    assert!(ended.stdout.contains("fd_limit") && ended.stdout.contains("no file was free"), "{}", ended.describe());
}
