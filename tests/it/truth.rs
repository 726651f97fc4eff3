//! Numbers that stay true: against closed forms, known delays, and while the agent itself is starved.

use std::{process::Command, time::Duration};

use nix::sys::signal::Signal;

use crate::support::{
    agent::{Agent, rampd, run, run_judging_itself},
    exact::ExactTarget,
    process::Process,
    results::Summary,
    scratch::Scratch,
};

const TREND_STATS: &str = "summaryTrendStats: [avg, min, med, max, count, p(99), p(99.9)]";

/// Coordinated omission, in closed form: at a fixed rate for T, with one stall S of the target,
/// p_q = max(0, S − (1 − q)·T) of the response times from the intended sends. A tool that waits
/// for its own sends reports microseconds here, and sends less.
#[test]
fn a_target_frozen_for_a_second_reads_as_the_closed_form_says() {
    let scratch = Scratch::new();
    let summary = scratch.path("summary.json");
    let (total, stall) = (10.0, 1.0);
    let profile = format!(
        "
vus: 10
duration: 12s
{TREND_STATS}
flow:
  - websocket:
      url: ${{TARGET}}
      steps:
        - every: {{ rate: 100, for: 10s, steps: [ {{ send: {{ text: hello, reply: fifo }} }} ] }}
        - hold: {{}}
"
    );
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0", "--freeze-at", "4s", "--freeze-length", "1s"]).start();
    let url = format!("ws://{}/", echo.address());
    run(&scratch.write("profile.yaml", &profile))
        .env("TARGET", &url)
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish()
        .assert_code(0);
    let summary = Summary::read(&summary);

    assert_eq!(summary.count("ws_msgs_sent"), 10_000, "a stall must not reduce what is sent");
    assert_eq!(summary.count("ws_msgs_received"), 10_000);
    // HDR precision, the measured pacing lag, and the time the echo needs for the thousand messages that waited.
    let tolerance = 30.0 + summary.value("rampd_send_lag", "p(99.9)");
    for (quantile, key) in [(0.99, "p(99)"), (0.999, "p(99.9)")] {
        let oracle = 1000.0 * f64::max(0.0, stall - (1.0 - quantile) * total);
        let measured = summary.value("ws_msg_rtt", key);
        assert!(
            (measured - oracle).abs() <= tolerance,
            "{key}: {measured} ms, closed form {oracle} ms ± {tolerance} ms"
        );
    }
}

/// Other tests keep the machine busy, and that only ever adds: the best of several attempts counts.
#[test]
fn a_known_delay_of_the_target_is_measured_to_a_fifth_of_a_millisecond() {
    for delay in [1.0, 10.0, 100.0] {
        let added: Vec<f64> = (0..6)
            .map(|_| median_beside(delay) - delay)
            .scan(false, |done, added| (!std::mem::replace(done, added <= 0.2)).then_some(added))
            .collect();
        assert!(added.iter().all(|added| *added >= 0.0), "faster than the target answers: {added:?} ms at {delay} ms");
        assert!(added.last().is_some_and(|added| *added <= 0.2), "{added:?} ms added to a delay of {delay} ms");
    }
}

/// From the kernel's acceptance to the kernel's arrival stamp: neither end has the agent's delay. Of the samples
/// themselves: at 100 ms a step of the histogram's three digits is 0.07 ms wide.
fn median_beside(delay: f64) -> f64 {
    let target = ExactTarget::start(Duration::from_secs_f64(delay / 1000.0));
    let scratch = Scratch::new();
    let samples = scratch.path("samples.json");
    let profile = format!(
        "
vus: 1
duration: 2s
flow:
  - websocket:
      url: {}
      steps:
        - every: {{ rate: 9, for: 2s, steps: [ {{ send: {{ text: hello, reply: fifo }} }}, expect: 1 ] }}
",
        target.url()
    );
    run(&scratch.write("profile.yaml", &profile))
        .arg(format!("--out=json={}", samples.display()))
        .finish()
        .assert_code(0);
    let lines = std::fs::read_to_string(samples).expect("samples");
    let points = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let of_service = points.filter(|point| point["type"] == "Point" && point["metric"] == "ws_msg_service");
    let mut times: Vec<f64> = of_service.filter_map(|point| point["data"]["value"].as_f64()).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Milliseconds from a message's arrival at the target to its reply.
const HELD: f64 = 30.0;

/// Twenty sockets, each with a message every 60 ms whose reply takes [`HELD`], evenly spread. `starve` happens to the
/// agent in the middle; the summary and what the agent said.
fn starved(clock: &str, wrapper: [&str; 6], starve: impl FnOnce(&Agent)) -> (Summary, String) {
    let scratch = Scratch::new();
    let summary = scratch.path("summary.json");
    let profile = format!(
        "
vus: 20
duration: 4s
latencyClock: {clock}
{TREND_STATS}
flow:
  - websocket:
      url: ${{TARGET}}
      steps:
        - every: {{ rate: 16, for: 3s, steps: [ {{ send: {{ text: hello, reply: fifo }} }}, expect: 1 ] }}
"
    );
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0", "--delay", &format!("{HELD}ms")]).start();
    let url = format!("ws://{}/", echo.address());
    let mut agent = run(&scratch.write("profile.yaml", &profile))
        .env("TARGET", &url)
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .under(wrapper)
        .start();
    agent.scrape_until("messages to flow", |page| page.sum("ws_msgs_received_total", &[]) > 100.0);
    starve(&agent);
    let ended = agent.wait();
    ended.assert_code(0);
    (Summary::read(&summary), ended.describe())
}

/// Reasons that say that the generator did not get its core.
const STARVED: [&str; 5] = ["send_lag", "read_lag", "loop_lag", "run_queue", "cpu_pressure"];

const ON_ANY_CORE: [&str; 6] = ["nice", "-n", "0", "nice", "-n", "0"];

fn stopped_for_half_a_second(agent: &Agent) {
    agent.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(500));
    agent.signal(Signal::SIGCONT);
}

#[test]
fn a_stopped_agent_does_not_charge_its_pause_to_the_server() {
    let (kernel, said) = starved("kernel", ON_ANY_CORE, stopped_for_half_a_second);
    // About half of the sockets had a reply under way: without the kernel's stamps those are half a second long.
    let worst = kernel.value("ws_msg_service", "max");
    assert!(worst < 250.0, "the server was charged {worst} ms\n{said}");
    let read_lag = kernel.value("rampd_read_lag", "max");
    assert!(read_lag > 400.0, "the pause is the generator's read lag, not {read_lag} ms\n{said}");
    let reasons = kernel.validity_reasons();
    assert!(reasons.contains(&"clock_gap"), "{reasons:?}: the run says that it stood still\n{said}");

    let (user, _) = starved("user", ON_ANY_CORE, stopped_for_half_a_second);
    assert!(user.value("ws_msg_service", "max") > 400.0, "without the kernel's stamps the pause is in the latency");
}

/// Threads that never rest keep the agent's core busy for half of its messages. The agent has the lowest priority, so
/// that three of them make it wait for 80 ms and more, and they a low one, for the sake of the tests beside this one.
#[test]
fn an_agent_beside_busy_threads_on_its_core_does_not_charge_its_waits_to_the_server() {
    let core = last_core();
    let wrapper = ["taskset", "-c", &core, "nice", "-n", "19"];
    let busy = |_: &Agent| {
        let spinners = [(); 3].map(|()| {
            let mut spinner = Command::new("taskset");
            spinner.args(["-c", &core, "nice", "-n", "5", "sh", "-c", "while :; do :; done"]);
            Process::start(spinner)
        });
        std::thread::sleep(Duration::from_millis(1500));
        drop(spinners);
    };
    // Other tests keep the target waiting as well, and that only ever adds: the best of several attempts counts.
    let attempts: Vec<_> = (0..4)
        .map(|_| {
            let (summary, said) = starved("kernel", wrapper, busy);
            let reasons = summary.validity_reasons();
            assert!(summary.validity() != "valid", "the run says that it was starved\n{said}");
            assert!(reasons.iter().any(|reason| STARVED.contains(reason)), "{reasons:?} is not why\n{said}");
            let charged = summary.value("ws_msg_service", "p(99)") - HELD;
            (charged, summary.value("rampd_read_lag", "p(99)"))
        })
        .scan(false, |done, attempt| (!std::mem::replace(done, is_told_apart(attempt))).then_some(attempt))
        .collect();
    assert!(attempts.last().copied().is_some_and(is_told_apart), "charged to the server, read lag, ms: {attempts:?}");

    let (user, said) = starved("user", wrapper, busy);
    let charged = user.value("ws_msg_service", "p(99)") - HELD;
    let least = attempts.last().map_or(0.0, |(_, read_lag)| read_lag / 4.0);
    assert!(charged > least, "without the kernel's stamps the waits are in the latency, not {charged} ms\n{said}");
}

/// The agent's 99th percentile waited long, and not a quarter of that is the server's: what it is charged are its own
/// waits, for the bursts of a starved agent and for a core that it shares with other tests.
fn is_told_apart((charged, read_lag): (f64, f64)) -> bool {
    read_lag > 20.0 && charged < read_lag / 4.0
}

/// The last core that this process may run on.
fn last_core() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list");
    line.trim().rsplit([',', '-']).next().expect("never empty").to_owned()
}

#[test]
fn a_run_that_was_the_limit_itself_ends_with_96_although_its_thresholds_hold() {
    let scratch = Scratch::new();
    let profile = "
vus: 5
duration: 5s
flow:
  - websocket:
      url: ${TARGET}
      steps:
        - every: { rate: 40, steps: [ { send: { text: hello, reply: fifo } } ] }
thresholds:
  ws_msgs_sent: ['count>100']
";
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let url = format!("ws://{}/", echo.address());
    let mut agent = run_judging_itself(&scratch.write("profile.yaml", profile)).env("TARGET", &url).start();
    agent.scrape_until("messages to flow", |page| page.sum("ws_msgs_received_total", &[]) > 100.0);
    // A fifth of the messages leaves up to a second late.
    agent.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(1));
    agent.signal(Signal::SIGCONT);
    let ended = agent.wait();
    ended.assert_code(96);
    assert!(ended.stdout.contains("send_lag") && ended.stdout.contains("✓ 'count>100'"), "{}", ended.describe());
}
