//! Faults drawn at random, several at once and from outside: on every page, and at the end, what was
//! counted adds up.

use std::{fmt::Write as _, time::Duration};

use nix::sys::signal::Signal;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::support::{
    agent::{Agent, rampd, run_lingering},
    identities::assert_identities,
    results::Summary,
    scraper::Scraper,
    scratch::Scratch,
};

/// Repeats a run that failed: its seed is in the output.
const SEED: &str = "FAULT_SEED";
const TARGETS: usize = 4;
const STEPS: [&str; 6] = [
    "send: { text: hello, reply: fifo }",
    "repeat: { times: 7, steps: [ { send: { text: hello, reply: fifo } } ] }",
    "every: { rate: 50, for: 400ms, steps: [ { send: { text: hello, reply: fifo } } ] }",
    "send: unasked",
    "expect: { count: 1, timeout: 150ms }",
    "sleep: { min: 0ms, max: 200ms }",
];

#[test]
fn what_is_counted_adds_up_on_every_page_under_random_faults() {
    let seed = std::env::var(SEED).map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"));
    println!("{SEED}={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut targets, faults): (Vec<_>, Vec<_>) = (0..TARGETS).map(|_| faulty_target(&mut random)).unzip();
    let urls: Vec<_> = targets.iter_mut().map(|target| format!("ws://{}/", target.address())).collect();

    let scratch = Scratch::new();
    let summary = scratch.path("summary.json");
    let profile = profile(&urls, &mut random);
    println!("{faults:#?}\n{profile}");
    let mut agent = run_lingering(&scratch.write("profile.yaml", &profile))
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .start();
    let scraper = Scraper::start(agent.address(), Duration::from_millis(20));
    agent.scrape_until("connections to be tried", |page| page.sum("ws_sessions_total", &[]) >= TARGETS as f64);
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(random.random_range(50..250)));
        disturb(&mut targets, &mut random);
    }
    // A target that stands still must not be what the agent's end waits for.
    for target in &targets {
        target.signal(Signal::SIGCONT);
    }
    agent.wait().assert_code(0);

    let pages = scraper.pages();
    for (_, page) in &pages {
        assert_identities(page);
    }
    let (_, last) = pages.last().expect("not empty");
    let summary = Summary::read(&summary);
    for gauge in ["ws_open_connections", "ws_msg_replies_in_flight"] {
        assert_eq!(last.sum(gauge, &[]), 0.0, "{gauge} at the end");
    }
    for (metric, family) in [
        ("ws_sessions", "ws_sessions_total"),
        ("ws_msgs_sent", "ws_msgs_sent_total"),
        ("ws_msgs_received", "ws_msgs_received_total"),
        ("iterations", "iterations_total"),
    ] {
        assert_eq!(last.sum(family, &[]) as u64, summary.count(metric), "{family} and the summary");
    }
}

/// An echo target with up to three ways to fail, and which.
fn faulty_target(random: &mut StdRng) -> (Agent, String) {
    let messages = random.random_range(1..12).to_string();
    let delay = format!("{}ms", random.random_range(0..300));
    let freeze_at = format!("{}ms", random.random_range(0..2000));
    let code = ["1000", "1001", "1011", "3333", "4999", "999"].choose(random).expect("not empty");
    let faults: [&[&str]; 9] = [
        &["--delay", &delay],
        &["--reset-after", &messages],
        &["--close-after", &messages, "--close-code", code],
        &["--freeze-at", &freeze_at, "--freeze-length", "300ms"],
        &["--silent"],
        &["--drop-close"],
        &["--refuse-status", "503"],
        &["--stall-upgrade"],
        &["--reset-on-accept"],
    ];
    // The last three keep every connection from opening, so that they come seldom.
    let count = random.random_range(0..=3);
    let mut target = rampd(["echo", "--listen", "127.0.0.1:0"]);
    let mut said: Vec<&str> = Vec::new();
    for fault in (0..9).collect::<Vec<_>>().sample(random, count).copied().filter(|fault| *fault < 6 || count == 1) {
        said.extend(faults[fault]);
        for option in faults[fault] {
            target = target.args([option]);
        }
    }
    (target.start(), said.join(" "))
}

/// A scenario for each target, with steps drawn at random.
fn profile(urls: &[String], random: &mut StdRng) -> String {
    let mut text = "scenarios:\n".to_owned();
    for (number, url) in urls.iter().enumerate() {
        let vus = random.random_range(1..6);
        let steps = (0..random.random_range(1..6)).map(|_| *STEPS.choose(random).expect("not empty"));
        let steps: Vec<_> = steps.map(|step| format!("{{ {step} }}")).collect();
        let timeouts = "{ connect: 200ms, upgrade: 200ms, write: 300ms, close: 200ms, reply: 250ms }";
        write!(
            text,
            "  faulty-{number}:
    executor: constant-vus
    vus: {vus}
    duration: 3s
    gracefulStop: 500ms
    flow:
      - websocket:
          url: {url}
          timeouts: {timeouts}
          steps: [ {} ]
",
            steps.join(", ")
        )
        .expect("a String takes everything");
    }
    text
}

/// Stops a target, lets it go on, or ends it for good.
fn disturb(targets: &mut Vec<Agent>, random: &mut StdRng) {
    let place = random.random_range(0..targets.len());
    match random.random_range(0..10) {
        0..5 => targets[place].signal(Signal::SIGSTOP),
        5..9 => targets[place].signal(Signal::SIGCONT),
        // Killed: the kernel resets what is open, and then refuses.
        _ if targets.len() > 1 => drop(targets.swap_remove(place)),
        _ => {}
    }
}
