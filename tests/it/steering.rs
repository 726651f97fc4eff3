//! A run that is changed while it goes on: paused, resumed, given VUs and rates, stopped.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::support::{
    agent::{Agent, rampd, run, run_lingering},
    exposition::Page,
    identities::assert_identities,
    results::Summary,
    scraper::Scraper,
    scratch::Scratch,
};

/// Repeats a run that failed: its seed is in the output.
const SEED: &str = "STEERING_SEED";

/// A run with a control socket, at a target of its own.
struct Steered {
    agent: Agent,
    socket: PathBuf,
    summary: PathBuf,
    _echo: Agent,
    _scratch: Scratch,
}

impl Steered {
    fn start(scenarios: &str) -> Self {
        let scratch = Scratch::new();
        let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
        let url = format!("ws://{}/", echo.address());
        let profile = scratch.write("profile.yaml", &scenarios.replace("URL", &url));
        let (socket, summary) = (scratch.path("control"), scratch.path("summary.json"));
        let agent = run(&profile).args(["--control-socket", text(&socket), "--summary-export", text(&summary)]).start();
        Self { agent, socket, summary, _echo: echo, _scratch: scratch }
    }

    /// `rampd ctl`, which succeeds.
    fn order<const N: usize>(&self, order: [&str; N]) {
        rampd(["ctl", "--socket", text(&self.socket)]).args(order).finish().assert_code(0);
    }

    fn refused<const N: usize>(&self, order: [&str; N], why: &str) {
        let refused = rampd(["ctl", "--socket", text(&self.socket)]).args(order).finish();
        refused.assert_code(1);
        assert!(refused.stderr.contains(why), "{}", refused.describe());
    }

    fn until(&mut self, what: &str, wanted: impl Fn(&Page) -> bool) -> Page {
        self.agent.scrape_until(what, wanted)
    }

    /// A page a second of the load later, and that the run says of itself that it is in `state`.
    fn a_second_later(&mut self, page: &Page, state: &str) -> Page {
        let elapsed = |page: &Page| page.sum("rampd_run_elapsed_seconds", &[]);
        let later = self.until("a second more", |later| elapsed(later) >= elapsed(page) + 1.0);
        assert_eq!(later.sum("rampd_run_state", &[("state", state)]), 1.0);
        later
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn of(page: &Page, family: &str, scenario: &str) -> u64 {
    page.sum_or_zero(family, &[("scenario", scenario)]) as u64
}

/// Iterations of an arrival rate that have come due.
fn slots(page: &Page, scenario: &str) -> u64 {
    ["iterations_total", "iterations_interrupted_total", "dropped_iterations_total"]
        .map(|family| of(page, family, scenario))
        .iter()
        .sum()
}

#[test]
fn nothing_begins_in_a_pause_held_sockets_stay_and_what_was_planned_comes_later() {
    let mut run = Steered::start(
        "
scenarios:
  held: { executor: constant-vus, vus: 5, duration: 3s, flow: [{ websocket: { url: URL, steps: [{ hold: 500ms }] } }] }
  paced:
    executor: constant-vus
    vus: 3
    duration: 3s
    flow: [{ websocket: { url: URL, steps: [{ every: { rate: 100, steps: [{ send: { text: x, reply: fifo } }] } }] } }]
  rate: { executor: constant-arrival-rate, rate: 40, duration: 3s, preAllocatedVUs: 30, flow: [{ sleep: 10ms }] }
  each: { executor: per-vu-iterations, vus: 2, iterations: 60, flow: [{ sleep: 20ms }] }
",
    );
    run.until("the load", |page| of(page, "ws_msgs_sent_total", "paced") > 50 && slots(page, "rate") > 20);
    run.order(["pause"]);
    run.order(["pause"]);
    let all = ["rate", "each"];
    let paused = run.until("the last iterations", |page| {
        of(page, "vus", "rate") == 0 && page.sum_or_zero("ws_msg_replies_in_flight", &[]) == 0.0
    });
    let paused = run.a_second_later(&paused, "paused");
    let later = run.a_second_later(&paused, "paused");
    for scenario in all {
        assert_eq!(slots(&later, scenario), slots(&paused, scenario), "{scenario}");
    }
    assert_eq!(of(&later, "ws_msgs_sent_total", "paced"), of(&paused, "ws_msgs_sent_total", "paced"));
    assert_eq!(of(&later, "ws_sessions_total", "held"), of(&paused, "ws_sessions_total", "held"));
    // Twice as long as they hold.
    assert_eq!((of(&later, "ws_open_connections", "held"), of(&later, "ws_open_connections", "paced")), (5, 3));
    assert_eq!(of(&later, "rampd_planned_vus", "held"), 5);
    run.order(["resume"]);
    run.order(["resume"]);
    let sent = of(&later, "ws_msgs_sent_total", "paced");
    run.until("messages again", |page| of(page, "ws_msgs_sent_total", "paced") > sent);
    run.agent.wait().assert_code(0);
    let summary = Summary::read(&run.summary);
    // 40 a second for three seconds, and 60 of each of two VUs.
    let begun =
        summary.count("iterations") + summary.count("iterations_interrupted") + summary.count("dropped_iterations");
    let held_and_paced = summary.count("ws_sessions");
    assert_eq!(begun, 120 + 120 + held_and_paced, "every slot once, and every iteration of the others");
    // 300 slots of each of three VUs, which end with the load.
    let sent = summary.count("ws_msgs_sent");
    // The first connections are open some time after the start.
    assert!((780..=900).contains(&sent), "{sent} messages: none is made up for, none is lost");
}

#[test]
fn vus_of_a_curve_follow_orders_until_the_scenarios_end() {
    let mut run = Steered::start(
        "
scenarios:
  ramp: { executor: ramping-vus, startVUs: 1, stages: [{ duration: 4s, target: 40 }, { duration: 2s, target: 0 }] }
  flat: { executor: constant-vus, vus: 6, duration: 6s }
flow: [{ websocket: { url: URL, steps: [{ hold: {} }] } }]
",
    );
    run.until("the load", |page| of(page, "vus", "flat") == 6);
    for (scenario, vus) in [("ramp", 30_u64), ("flat", 2), ("ramp", 3), ("flat", 0), ("flat", 6), ("ramp", 40)] {
        run.order(["scale", scenario, &vus.to_string()]);
        run.until("so many VUs", |page| {
            of(page, "vus", scenario) == vus
                && of(page, "rampd_planned_vus", scenario) == vus
                && of(page, "ws_open_connections", scenario) == vus
        });
    }
    run.refused(["scale", "ramp", "41"], "at most 40 VUs");
    run.refused(["rate", "ramp", "1"], "rate can be set for: none");
    run.agent.wait().assert_code(0);
    let summary = Summary::read(&run.summary);
    assert_eq!((summary.value("vus", "max") as u64, summary.count("iterations_interrupted")), (46, 0));
    assert_eq!(summary.count("iterations"), summary.count("ws_sessions"));
}

#[test]
fn a_rate_is_followed_from_the_order_on_also_down_to_nothing_and_the_run_keeps_its_end() {
    let mut run = Steered::start(
        "
scenarios:
  rate: { executor: ramping-arrival-rate, startRate: 1, stages: [{ duration: 6s, target: 1 }], preAllocatedVUs: 40 }
flow: [{ sleep: 1ms }]
",
    );
    run.until("the load", |page| {
        page.sum_or_zero("rampd_run_elapsed_seconds", &[]) > 0.0 && of(page, "vus_max", "rate") == 40
    });
    run.order(["rate", "rate", "400"]);
    run.until("a higher rate", |page| slots(page, "rate") > 100);
    run.order(["rate", "rate", "0"]);
    let stopped = run.until("nothing in an iteration", |page| of(page, "vus", "rate") == 0);
    let later = run.a_second_later(&stopped, "running");
    assert_eq!(slots(&later, "rate"), slots(&stopped, "rate"));
    run.order(["rate", "rate", "20.5"]);
    run.until("a rate again", |page| slots(page, "rate") > slots(&later, "rate"));
    run.agent.wait().assert_code(0);
    let seconds = Summary::read(&run.summary).at("/rampd/duration_ms").as_f64().expect("a number") / 1e3;
    assert!(seconds > 5.5, "the last slot of 20.5/s is 49 ms before the end: {seconds}");
}

#[test]
fn a_paused_run_that_is_stopped_ends_in_order() {
    let mut run = Steered::start(
        "
vus: 4
duration: 10m
flow: [{ websocket: { url: URL, steps: [{ hold: {} }] } }]
",
    );
    run.until("the load", |page| page.sum_or_zero("ws_open_connections", &[]) == 4.0);
    run.order(["pause"]);
    run.order(["stop"]);
    let ended = run.agent.wait_at_most(Duration::from_secs(20));
    ended.assert_code(103);
    assert!(ended.stdout.contains("stopped by an order"), "{}", ended.describe());
    let summary = Summary::read(&run.summary);
    assert_eq!((summary.count("iterations"), summary.count("iterations_interrupted")), (4, 0));
    let closes = summary.count("ws_closes");
    assert_eq!(closes, 4);
}

/// One request over the socket itself: quicker than a process for each. None if the run has ended.
fn ask(socket: &Path, request: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    writeln!(stream, "{request}").ok()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok()?;
    Some(answer).filter(|answer| !answer.is_empty())
}

#[test]
fn what_is_counted_adds_up_on_every_page_whatever_is_ordered() {
    let seed = std::env::var(SEED).map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"));
    println!("{SEED}={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let scratch = Scratch::new();
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let profile = "
scenarios:
  ramp: { executor: ramping-vus, startVUs: 1, stages: [{ duration: 2s, target: 12 }, { duration: 4s, target: 0 }] }
  flat: { executor: constant-vus, vus: 4, duration: 6s, gracefulStop: 200ms }
  live: { executor: externally-controlled, vus: 1, maxVUs: 9, duration: 6s }
  rate: { executor: ramping-arrival-rate, stages: [{ duration: 6s, target: 80 }], preAllocatedVUs: 2, maxVUs: 20 }
  kept: { executor: constant-arrival-rate, rate: 50, duration: 6s, preAllocatedVUs: 4, maxVUs: 20 }
  each: { executor: per-vu-iterations, vus: 3, iterations: 11 }
  shared: { executor: shared-iterations, vus: 3, iterations: 40 }
flow:
  - websocket:
      url: URL
      steps:
        - send: { text: hello, reply: fifo }
        - every: { rate: 80, for: 60ms, steps: [{ send: { text: hello, reply: fifo } }] }
        - hold: 30ms
";
    let profile = scratch.write("profile.yaml", &profile.replace("URL", &format!("ws://{}/", echo.address())));
    let (socket, summary) = (scratch.path("control"), scratch.path("summary.json"));
    let mut agent =
        run_lingering(&profile).args(["--control-socket", text(&socket), "--summary-export", text(&summary)]).start();
    let scraper = Scraper::start(agent.address(), Duration::from_millis(20));
    agent.scrape_until("the load", |page| page.sum_or_zero("iterations_total", &[]) > 0.0);
    let (mut paused, mut done) = (false, 0);
    for _ in 0..60 {
        std::thread::sleep(Duration::from_millis(random.random_range(0..60)));
        let vus = random.random_range(0..=4);
        let request = match random.random_range(0..8) {
            0 | 1 => {
                paused = !paused;
                if paused { "{\"pause\":{}}".to_owned() } else { "{\"resume\":{}}".to_owned() }
            }
            2 | 3 => {
                format!("{{\"rate\":{{\"scenario\":\"rate\",\"perSecond\":{}}}}}", random.random_range(0.0..300.0))
            }
            _ => {
                let scenario = ["ramp", "flat", "live"].choose(&mut random).expect("not empty");
                format!("{{\"scale\":{{\"scenario\":\"{scenario}\",\"vus\":{vus}}}}}")
            }
        };
        // Without many pauses the plan's six seconds are over before all has been ordered.
        let Some(answer) = ask(&socket, &request) else {
            paused = false;
            break;
        };
        done += u32::from(answer.contains("done"));
        println!("{request}: {}", answer.trim());
    }
    let resumed = ask(&socket, "{\"resume\":{}}");
    assert!(resumed.is_some() || !paused, "a paused run has not ended");
    assert!(done > 5, "the orders came while the load went on");
    agent.wait().assert_code(0);

    let pages = scraper.pages();
    for (_, page) in &pages {
        assert_identities(page);
    }
    let (_, last) = pages.last().expect("not empty");
    for gauge in ["ws_open_connections", "ws_msg_replies_in_flight", "vus"] {
        assert_eq!(last.sum_or_zero(gauge, &[]), 0.0, "{gauge} at the end");
    }
    // Pauses and orders for others take nothing away and add nothing.
    assert_eq!([slots(last, "kept"), slots(last, "each"), slots(last, "shared")], [300, 33, 40]);
    assert_eq!(last.sum("iterations_total", &[]) as u64, Summary::read(&summary).count("iterations"));
}
