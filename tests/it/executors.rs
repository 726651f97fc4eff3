//! Executors in real runs: what they count beside what k6 counted with the same options, slots that
//! the generator comes to late, and VUs that are set while a run goes on.

use std::{net::TcpListener, path::Path, sync::Mutex, time::Duration};

use nix::sys::signal::Signal;
use rampd::clock::Instant;
use serde_json::Value;

use crate::support::{
    agent::{Agent, rampd, run},
    nginx::Nginx,
    repository,
    results::Summary,
    scratch::Scratch,
};

fn json(path: &str) -> Value {
    let text = std::fs::read_to_string(repository().join(path)).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

/// Runs a profile quietly; returns its summary with the output.
fn counted(scratch: &Scratch, name: &str, profile: &str, arguments: &[&str]) -> (Summary, String) {
    let summary = scratch.path(&format!("{name}.json"));
    let mut command = run(&scratch.write(&format!("{name}.yaml"), profile));
    for argument in ["--summary-export", summary.to_str().expect("UTF-8")].iter().chain(arguments) {
        command = command.arg(argument);
    }
    let ended = command.finish();
    ended.assert_code(0);
    (Summary::read(&summary), ended.describe())
}

/// k6's cases that one agent runs alone, each beside k6's own counts.
#[test]
fn iterations_and_drops_are_k6s() {
    let cases = json("tests/k6/schedules/cases.json");
    let recorded = json("tests/fixtures/k6-schedules.json");
    let alone = cases.as_object().expect("cases").iter().filter(|(_, case)| case.get("segment").is_none());
    let queue = Mutex::new(alone.collect::<Vec<_>>());
    let scratch = Scratch::new();
    assert!(queue.lock().expect("sound").len() > 20);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some((name, case)) = { queue.lock().expect("sound").pop() } {
                    check_case(&scratch, name, case, &recorded["cases"][name]);
                }
            });
        }
    });
}

fn check_case(scratch: &Scratch, name: &str, case: &Value, k6: &Value) {
    let mut profile = case["options"].clone();
    profile["flow"] = serde_json::json!([{ "sleep": case["sleep_ms"] }]);
    let (summary, said) = counted(scratch, name, &profile.to_string(), &[]);
    let (iterations, dropped) = (summary.count("iterations"), summary.count("dropped_iterations"));
    let of_k6 = |key: &str| k6[key].as_u64().expect("a count");
    let (k6_iterations, k6_dropped) = (of_k6("iterations"), of_k6("dropped"));
    let context = format!("{name}: {iterations} and {dropped} dropped, k6 {k6_iterations} and {k6_dropped}\n{said}");
    // k6 begins one more where a slot of a constant rate falls on the end.
    let fewer = u64::from(name.contains("constant-rate") || name == "two-scenarios");
    let looping = matches!(
        name,
        "ramping-vus"
            | "ramping-vus-jumps"
            | "constant-vus"
            | "shorthand-duration"
            | "shorthand-stages"
            | "two-scenarios"
    );
    if looping {
        // A busy machine loses a little in each sleep.
        assert!(iterations <= k6_iterations + 2 && iterations * 10 + 20 >= k6_iterations * 8, "{context}");
        assert_eq!(dropped, k6_dropped, "{context}");
        return;
    }
    if name.starts_with("graceful") {
        assert_eq!((iterations, summary.count("iterations_interrupted")), (k6_iterations, 2), "{context}");
        return;
    }
    let (total, k6_total) = (iterations + dropped, k6_iterations + k6_dropped);
    assert!(total == k6_total || total + fewer == k6_total, "{context}");
    // An iteration that a busy machine ends late keeps its VU from the next slot.
    let delayed = if k6_dropped > 0 { 3 } else { 0 };
    assert!(dropped.abs_diff(k6_dropped) <= delayed, "{context}");
}

/// One VU, and two workers who share its slots: whoever has no VU hands them over.
#[test]
fn a_slot_is_dropped_only_if_the_vus_of_all_workers_are_busy() {
    let scratch = Scratch::new();
    let profile = "
scenarios:
  s: { executor: constant-arrival-rate, rate: 10, duration: 3s, preAllocatedVUs: 1, maxVUs: 2 }
flow: [{ sleep: 5ms }]
";
    let (summary, said) = counted(&scratch, "handed-over", profile, &["--workers", "2"]);
    assert_eq!(summary.count("iterations") + summary.count("dropped_iterations"), 30, "{said}");
    assert!(summary.count("dropped_iterations") <= 1, "{said}");
}

/// Half of the VUs take a tenth of the time of the others; nobody runs out before all is done.
#[test]
fn shared_iterations_are_taken_as_they_come_by_all_workers() {
    let scratch = Scratch::new();
    let profile = "vus: 4\niterations: 3000\nflow: [{ sleep: { min: 0ms, max: 5ms } }]";
    let (summary, said) = counted(&scratch, "shared", profile, &["--workers", "2"]);
    assert_eq!((summary.count("iterations"), summary.count("dropped_iterations")), (3000, 0), "{said}");
}

/// The agent is stopped for half a second in the middle of 100 slots a second.
#[test]
fn a_late_arrival_counts_from_its_slot_and_is_the_generators_lag() {
    let scratch = Scratch::new();
    let summary = scratch.path("summary.json");
    let profile = "
summaryTrendStats: [max, count]
scenarios:
  ws:
    { executor: constant-arrival-rate, rate: 100, duration: 4s, preAllocatedVUs: 100, flow: [{ websocket: { url: '${TARGET}' } }] }
  http: { executor: constant-arrival-rate, rate: 50, duration: 4s, preAllocatedVUs: 50, flow: [{ http: '${SITE}' }] }
";
    let nginx = Nginx::start("location = / { return 204; }", &[]);
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let url = format!("ws://{}/", echo.address());
    let mut agent = run(&scratch.write("profile.yaml", profile))
        .env("TARGET", &url)
        .env("SITE", &nginx.url())
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .start();
    agent.scrape_until("iterations", |page| page.sum("iterations_total", &[]) > 100.0);
    agent.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(500));
    agent.signal(Signal::SIGCONT);
    let ended = agent.wait();
    ended.assert_code(0);
    let summary = Summary::read(&summary);
    let said = ended.describe();
    assert_eq!(summary.count("iterations"), 600, "no slot is left out\n{said}");
    assert_eq!(nginx.stop().len(), 200, "by nginx's own count");
    let start_lag = summary.value("rampd_start_lag", "max");
    assert!(start_lag > 400.0, "{start_lag}\n{said}");
    assert_eq!(summary.value("rampd_start_lag", "count") as u64, 600);
    // These count from the slot, so that the late ones hold the lag: half a second less two slots' distance at least.
    for metric in ["ws_connecting", "http_req_blocked", "iteration_duration"] {
        let worst = summary.value(metric, "max");
        assert!(worst > 400.0, "{metric} {worst}, lag {start_lag}\n{said}");
    }
    // k6's definition begins with the sending.
    assert!(summary.value("http_req_duration", "max") < 400.0, "{said}");
    assert!(said.contains("start_lag"), "the run says that it was late\n{said}");
}

/// Five VUs for 800 slots a second: the pause makes the generator late, and then too many slots are due at once.
#[test]
fn drops_are_told_apart_by_whose_doing_they_are() {
    let scratch = Scratch::new();
    let busy = "
scenarios:
  s: { executor: constant-arrival-rate, rate: 20, duration: 2s, preAllocatedVUs: 1 }
flow: [{ sleep: 300ms }]
";
    let (summary, said) = counted(&scratch, "busy", busy, &[]);
    assert!(summary.count("dropped_iterations") > 25, "{said}");
    assert!(said.contains("All 1 VUs are busy: iterations are dropped"), "{said}");

    let late = "
scenarios:
  s: { executor: constant-arrival-rate, rate: 100, duration: 3s, preAllocatedVUs: 5 }
flow: [{ sleep: 5ms }]
";
    let mut agent = run(&scratch.write("late.yaml", late)).start();
    agent.scrape_until("iterations", |page| page.sum("iterations_total", &[]) > 50.0);
    agent.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(500));
    agent.signal(Signal::SIGCONT);
    let page =
        agent.scrape_until("late slots", |page| page.sum("dropped_iterations_total", &[("reason", "late")]) > 20.0);
    assert!(page.sum("rampd_validity", &[("reason", "dropped_slots")]) >= 0.0);
    let ended = agent.wait();
    ended.assert_code(0);
    assert!(ended.stdout.contains("dropped_slots"), "{}", ended.describe());
}

/// A closed port refuses at once: an arrival rate goes on at its rate, and does not pause its VUs.
#[test]
fn a_refusing_target_meets_the_rate_and_no_more() {
    let scratch = Scratch::new();
    let refusing = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let profile = format!(
        "
scenarios:
  s: {{ executor: constant-arrival-rate, rate: 50, duration: 2s, preAllocatedVUs: 3 }}
flow: [{{ websocket: {{ url: 'ws://{refusing}/' }} }}]
"
    );
    let (summary, said) = counted(&scratch, "refused", &profile, &[]);
    let (failed, dropped) = (summary.count("iterations_failed"), summary.count("dropped_iterations"));
    assert_eq!(failed + dropped, 100, "{said}");
    assert!(dropped <= 5, "{said}");
}

#[test]
fn check_draws_rates_and_counts_iterations() {
    let scratch = Scratch::new();
    let profile = scratch.write(
        "profile.yaml",
        "
scenarios:
  rates: { executor: ramping-arrival-rate, preAllocatedVUs: 10, maxVUs: 40, stages: [{ duration: 10s, target: 20 }] }
  shared: { executor: shared-iterations, vus: 2, iterations: 30 }
flow: [{ websocket: { url: 'ws://127.0.0.1:1/', steps: [{ send: hello }, { send: again }] } }]
",
    );
    let ended = rampd(["check"]).arg(&profile).finish();
    ended.assert_code(0);
    for line in [
        "iterations per second",
        " 20 ┤",
        "* rates: Up to 20.00 iterations/s for 10s over 1 stages (maxVUs: 10-40, gracefulStop: 30s)",
        "* shared: 30 iterations shared among 2 VUs (maxDuration: 10m0s, gracefulStop: 30s)",
        "iterations............: 100 (scenario rates)",
        "VUs suffice...........: 10 for iterations of up to 500ms, 40 up to 2s (scenario rates)",
        "iterations............: 30 (scenario shared)",
        "messages..............: 200 (100 iterations of 2, scenario rates)",
        "messages..............: 60 (30 iterations of 2, scenario shared)",
    ] {
        assert!(ended.stdout.contains(line), "{line}\n{}", ended.describe());
    }
}

/// Waits until so many VUs of the scenario are in an iteration.
fn settled(agent: &mut Agent, vus: u32) {
    agent.scrape_until("so many VUs", |page| {
        let now = |family| page.sum_or_zero(family, &[("scenario", "live")]) as u32;
        now("vus") == vus && now("rampd_planned_vus") == vus
    });
}

#[test]
fn vus_are_set_within_100_ms_while_a_run_goes_on() {
    let scratch = Scratch::new();
    let (summary, socket) = (scratch.path("summary.json"), scratch.path("control"));
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let profile = scratch.write(
        "profile.yaml",
        &format!(
            "
scenarios:
  live: {{ executor: externally-controlled, vus: 1, maxVUs: 60, duration: 8s }}
  each: {{ executor: per-vu-iterations, flow: [{{ sleep: 1s }}] }}
flow: [{{ websocket: {{ url: 'ws://{}/', steps: [{{ hold: {{}} }}] }} }}]
",
            echo.address()
        ),
    );
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (socket, exported) = (path(&socket), path(&summary));
    let mut agent = run(&profile).args(["--control-socket", &socket, "--summary-export", &exported]).start();
    let scale = |scenario, vus: u32| rampd(["ctl", "--socket", &socket, "scale", scenario, &vus.to_string()]).finish();
    settled(&mut agent, 1);
    for (scenario, vus, message) in [
        ("each", 1, "the VUs of scenario `each` cannot be set, because of its executor; VUs can be set for: live"),
        ("live", 61, "scenario `live` has at most 60 VUs, 61 are too many"),
    ] {
        let refused = scale(scenario, vus);
        refused.assert_code(1);
        assert!(refused.stderr.contains(message), "{}", refused.describe());
    }
    let mut fastest = Duration::MAX;
    for vus in [51, 2, 8, 0, 10, 30] {
        let asked = Instant::now();
        scale("live", vus).assert_code(0);
        fastest = fastest.min(Instant::now().since(asked));
        settled(&mut agent, vus);
    }
    // Other tests keep the machine busy, and that only ever adds.
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
    agent.wait().assert_code(0);
    let summary = Summary::read(&summary);
    // Each VU that begins opens one connection and holds it until it is taken away.
    assert_eq!(summary.count("ws_sessions"), 1 + 50 + 6 + 10 + 20);
    assert_eq!(summary.value("vus_max", "max") as u64, 61);
    let after = scale("live", 1);
    after.assert_code(1);
    assert!(after.stderr.contains("was it started with --control-socket"), "{}", after.describe());
}
