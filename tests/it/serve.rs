//! `rampd serve`: schedules, requests, reloads and ends.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{
    agent::rampd,
    daemon::{SHORT, Site, outcome},
};

fn outcomes(runs: &[Value]) -> Vec<&str> {
    runs.iter().filter_map(|run| run["outcome"].as_str()).collect()
}

#[test]
fn a_schedule_runs_its_profile_again_and_again() {
    let site = Site::new("  short: { file: short.yaml, schedule: '* * * * * *' }");
    let mut daemon = site.start();
    let runs = daemon
        .runs_until("three passed runs", |runs| runs.iter().filter(|run| run["outcome"] == "passed").count() >= 3);
    let ids: std::collections::BTreeSet<_> = runs.iter().map(|run| run["id"].as_str()).collect();
    assert_eq!(ids.len(), runs.len(), "{runs:#?}");
    assert!(runs.iter().all(|run| run["trigger"] == "schedule" && run["profile"] == "short"), "{runs:#?}");
    let page = daemon.scrape_until("counted runs", |page| {
        page.sum_or_zero("rampd_serve_runs_total", &[("profile", "short"), ("outcome", "passed")]) >= 3.0
    });
    let (next, last) = ("rampd_serve_next_run_timestamp_seconds", "rampd_serve_last_run_timestamp_seconds");
    assert!(page.sum(next, &[("profile", "short")]) > page.sum(last, &[("profile", "short")]));
    assert_eq!(page.sum("rampd_serve_times_without_pass", &[]), 0.0);
    assert_eq!(page.sum("rampd_serve_last_exit_code", &[]), 0.0);
    daemon.stop().assert_code(0);
}

#[test]
fn a_run_that_outlasts_its_schedule_is_never_doubled() {
    let site = Site::new(
        "  waits: { file: long.yaml, schedule: '* * * * * *' }\n  skips: { file: short.yaml, schedule: '* * * * * *', ifBusy: skip }",
    );
    let mut daemon = site.start();
    let of = |runs: &[Value], profile: &str, outcome: &str| {
        runs.iter().filter(|run| run["profile"] == profile && run["outcome"] == outcome).count()
    };
    let runs = daemon.runs_until("times that were missed", |runs| {
        let twice = |profile| {
            runs.iter().any(|run| {
                run["profile"] == profile
                    && run["note"].as_str().is_some_and(|note| note.contains("times, last because"))
            })
        };
        twice("waits") && twice("skips")
    });
    assert_eq!((of(&runs, "waits", "running"), of(&runs, "waits", "missed")), (1, 1), "{runs:#?}");
    assert_eq!(of(&runs, "skips", "missed"), 1, "one entry stands for all of them: {runs:#?}");
    let queue = daemon.get("status")["daemon"]["queue"].clone();
    assert_eq!((queue[0]["profile"].as_str(), queue.as_array().map(Vec::len)), (Some("waits"), Some(1)), "{queue:#?}");
}

#[test]
fn a_run_is_started_refused_queued_and_stopped_on_request() {
    let site = Site::new("  long: { file: long.yaml }\n  short: { file: short.yaml }");
    let mut daemon = site.start();
    let first =
        daemon.start_run(&json!({ "profile": "long", "key": "k", "overrides": { "vus": 3, "duration": "40s" } }));
    daemon.wait_for_load(&first);
    let (status, again) = daemon.post("runs", &json!({ "profile": "long", "key": "k" }));
    assert_eq!((status, again["id"].as_str()), (200, Some(first.as_str())), "{again}");
    let (status, busy) = daemon.post("runs", &json!({ "profile": "short" }));
    assert_eq!((status, busy["error"]["code"].as_str()), (409, Some("busy")), "{busy}");
    let second = daemon.start_run(&json!({ "profile": "short", "whenBusy": "queue" }));
    let third = daemon.start_run(&json!({ "profile": "short", "whenBusy": "queue" }));
    let (status, stopped) = daemon.post(&format!("runs/{third}/stop"), &json!({}));
    assert_eq!(status, 200, "{stopped}");
    let (status, stopped) = daemon.post("runs/current/stop", &json!({}));
    assert_eq!(status, 200, "{stopped}");
    let runs = daemon.runs_until("all three ended", |runs| outcome(runs, &second) == Some("passed"));
    assert_eq!((outcome(&runs, &first), outcome(&runs, &third)), (Some("stopped"), Some("stopped")), "{runs:#?}");
    let (status, over) = daemon.post(&format!("runs/{first}/stop"), &json!({}));
    assert_eq!(status, 409, "{over}");
    let (status, unknown) = daemon.post("runs", &json!({ "profile": "sort" }));
    assert_eq!(status, 404, "{unknown}");
    let (status, wrong) = daemon.post("runs", &json!({ "profile": "short", "overrides": { "duration": "soon" } }));
    assert_eq!(status, 422, "{wrong}");
    daemon.stop().assert_code(0);
}

#[test]
fn a_bad_configuration_is_refused_while_the_old_one_goes_on() {
    let site = Site::new("  short: { file: short.yaml }");
    let mut daemon = site.start();
    let successful = "rampd_serve_config_reload_successful";
    daemon.scrape_until("the configuration in force", |page| page.sum(successful, &[]) == 1.0);
    site.configure("  short: { file: short.yaml, schedul: '* * * * *' }");
    daemon.signal(Signal::SIGHUP);
    daemon.scrape_until("a refused configuration", |page| page.sum(successful, &[]) == 0.0);
    let status = daemon.get("status");
    let problem = status["daemon"]["configProblem"].as_str().expect("a problem");
    assert!(problem.contains("did you mean `schedule`?"), "{problem}");
    let id = daemon.start_run(&json!({ "profile": "short" }));
    daemon.runs_until("a run of the old one", |runs| outcome(runs, &id) == Some("passed"));
    // Nobody says so: the file has changed.
    site.configure("  short: { file: short.yaml }\n  other: { file: short.yaml }");
    daemon.scrape_until("the new configuration", |page| page.sum(successful, &[]) == 1.0);
    assert_eq!(daemon.get("status")["daemon"]["profiles"][1]["name"], "other");
    // A profile is part of it.
    site.write("short.yaml", "flow: [{ sleep: 1 }]\nduration: x");
    daemon.scrape_until("a refused profile", |page| page.sum(successful, &[]) == 0.0);
    let id = daemon.start_run(&json!({ "profile": "short" }));
    daemon.runs_until("a run of the old text", |runs| outcome(runs, &id) == Some("passed"));
    daemon.stop().assert_code(0);
}

#[test]
fn a_run_in_flight_keeps_its_profile() {
    let site = Site::new("  long: { file: long.yaml }");
    let mut daemon = site.start();
    let id = daemon.start_run(&json!({ "profile": "long" }));
    daemon.wait_for_load(&id);
    site.write("long.yaml", SHORT);
    site.configure("  long: { file: long.yaml }\n  other: { file: short.yaml }");
    daemon.reload();
    assert_eq!(outcome(&daemon.runs(), &id), Some("running"));
    assert_eq!(daemon.post("runs/current/stop", &json!({})).0, 200);
    daemon.runs_until("its end", |runs| outcome(runs, &id) == Some("stopped"));
    let id = daemon.start_run(&json!({ "profile": "long" }));
    daemon.runs_until("a run of the new one", |runs| outcome(runs, &id) == Some("passed"));
}

#[test]
fn a_signal_ends_the_run_in_order_and_leaves_the_queue_to_the_next_daemon() {
    let site = Site::new("  long: { file: long.yaml }\n  short: { file: short.yaml }");
    let mut daemon = site.start();
    let first = daemon.start_run(&json!({ "profile": "long" }));
    daemon.wait_for_load(&first);
    let second = daemon.start_run(&json!({ "profile": "short", "whenBusy": "queue" }));
    daemon.stop().assert_code(0);
    let mut daemon = site.start();
    let runs = daemon.runs_until("the run that waited", |runs| outcome(runs, &second) == Some("passed"));
    assert_eq!(outcome(&runs, &first), Some("interrupted"), "{runs:#?}");
    let interrupted = runs.iter().find(|run| run["id"] == first.as_str()).expect("it is there");
    assert_eq!(interrupted["exitCode"], 105, "it ended in order: {interrupted:#}");
}

#[test]
fn failures_in_a_row_suspend_a_schedule_until_a_run_passes() {
    let site = Site::new(
        "  strict: { file: strict.yaml, schedule: '* * * * * *', ifFailed: { suspendAfter: 2 }, env: { LIMIT: count<1 } }",
    );
    let strict = format!("{SHORT}thresholds: {{ ws_msgs_sent: [\"${{LIMIT}}\"] }}\n");
    site.write("strict.yaml", &strict);
    let mut daemon = site.start();
    let page = daemon.scrape_until("a suspended schedule", |page| {
        page.sum_or_zero("rampd_serve_schedule_suspended", &[("profile", "strict")]) == 1.0
    });
    assert_eq!(page.sum("rampd_serve_last_exit_code", &[]), 99.0);
    assert_eq!(page.sum("rampd_serve_times_without_pass", &[]), 2.0);
    assert_eq!(outcomes(&daemon.runs()), ["crossed", "crossed"]);
    let problem = daemon.get("status")["daemon"]["profiles"][0]["problem"].clone();
    assert!(problem.as_str().is_some_and(|problem| problem.contains("2 runs in a row did not pass")), "{problem}");
    site.write("strict.yaml", SHORT);
    daemon.reload();
    let id = daemon.start_run(&json!({ "profile": "strict" }));
    daemon.runs_until("a schedule that goes on", |runs| {
        outcome(runs, &id) == Some("passed") && outcomes(runs).first() == Some(&"passed") && runs.len() >= 4
    });
}

#[test]
fn what_keeps_a_daemon_from_serving_has_its_exit_code() {
    let site = Site::new("  short: { file: short.yaml }");
    let mut daemon = site.start();
    daemon.scrape_until("a daemon that serves", |_| true);
    let second = site.command().finish();
    second.assert_code(106);
    assert!(second.stderr.contains("another daemon uses the history"), "{}", second.describe());
    drop(daemon);
    site.configure("  short: { file: none.yaml }");
    let bad = site.command().finish();
    bad.assert_code(104);
    assert!(bad.stderr.contains("there is no such file"), "{}", bad.describe());
    site.configure("  short: { file: short.yaml }");
    let open = site.command().args(["--listen", "0.0.0.0:0"]).finish();
    open.assert_code(104);
    assert!(open.stderr.contains("without a token"), "{}", open.describe());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    site.command().args(["--listen", address.as_str()]).finish().assert_code(106);
}

#[test]
fn a_configuration_can_be_checked_without_serving() {
    let site =
        Site::new("  short: { file: short.yaml, schedule: '0 6 * * *', onStart: true }\n  long: { file: long.yaml }");
    let checked = site.command().args(["--check"]).finish();
    checked.assert_code(0);
    for text in ["short", "`0 6 * * *`, next 2", "06:00:00 UTC", "when the daemon starts", "on request"] {
        assert!(checked.stdout.contains(text), "{text}: {}", checked.describe());
    }
    assert!(!site.history().exists(), "checking leaves nothing behind");
    site.configure("  a b: { file: short.yaml }");
    site.command().args(["--check"]).finish().assert_code(104);
}

#[test]
fn the_configuration_that_comes_with_rampd_is_right() {
    rampd(["serve", "config/rampd.yaml", "--check"]).finish().assert_code(0);
}

/// What a new user starts, with a folder of its own for the history: its policy names the profiles' own targets, and
/// the embedded one is what `--echo` asks for.
#[test]
fn the_shipped_configuration_runs_the_seeds_profile_against_the_embedded_target() {
    let site = Site::new("  short: { file: short.yaml }");
    let config = crate::support::repository().join("config");
    let shipped = std::fs::read_to_string(config.join("rampd.yaml")).expect("config/rampd.yaml");
    let folder = config.to_str().expect("UTF-8");
    let own = shipped.replace("/var/tmp/rampd-history", "history").replace("127.0.0.1:6464", "127.0.0.1:0");
    let own = own.replace("file: ", &format!("file: {folder}/"));
    assert!(own.contains("dir: history") && own.contains("listen: 127.0.0.1:0"), "{own}");
    site.write("rampd.yaml", &own);
    let mut daemon = site.start();
    let id = daemon.start_run(&json!({ "profile": "quantum-ws", "overrides": { "speed": 30.0, "scale": 0.1 } }));
    let runs = daemon.runs_until("its end", |runs| runs.iter().any(|run| !run["exitCode"].is_null()));
    let record = daemon.get(&format!("runs/{id}"));
    let sessions = record["metrics"].as_array().expect("metrics").iter().find(|metric| metric["name"] == "ws_sessions");
    assert_eq!(sessions.expect("sessions")["values"]["count"], 200.0, "{runs:#?}");
    assert_eq!(record["failures"], json!([]), "{runs:#?}");
}

#[test]
fn rates_ordered_while_a_run_goes_on_stay_below_the_operators_for_all_its_scenarios_together() {
    let site = Site::new("  rates: { file: rates.yaml }");
    site.write(
        "rates.yaml",
        "scenarios:
  a: { executor: constant-arrival-rate, rate: 20, duration: 1m, preAllocatedVUs: 2 }
  b: { executor: constant-arrival-rate, rate: 20, duration: 1m, preAllocatedVUs: 2 }
flow: [{ sleep: 1ms }]",
    );
    let policy = "listen: 127.0.0.1:0\nhistory: { dir: history }\npolicy: { maxRate: 50 }\n";
    site.write("rampd.yaml", &format!("{policy}profiles: {{ rates: {{ file: rates.yaml }} }}"));
    let mut daemon = site.start();
    daemon.start_run(&json!({ "profile": "rates" }));
    daemon.scrape_until("iterations", |page| page.sum_or_zero("iterations_total", &[]) > 0.0);
    let mut scale = |scenario: &str, rate: f64| {
        daemon.post("runs/current/scale", &json!({ "scenario": scenario, "perSecond": rate })).0
    };
    assert_eq!([scale("a", 30.0), scale("b", 21.0), scale("b", 10.0), scale("a", 30.5)], [200, 403, 200, 403]);
}

#[test]
fn a_run_is_stopped_while_an_observed_target_has_not_answered_yet() {
    // It accepts nobody: connections wait in the backlog.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = silent.local_addr().expect("an address");
    let site = Site::new("  observed: { file: observed.yaml }");
    site.write(
        "observed.yaml",
        &format!(
            "duration: 1m\nobserve: {{ t: {{ url: 'http://{target}/metrics', timeout: 1m, interval: 2m }} }}\nflow: [{{ sleep: 1s }}]"
        ),
    );
    let mut daemon = site.start();
    let id = daemon.start_run(&json!({ "profile": "observed" }));
    let (status, answer) = daemon.post(&format!("runs/{id}/stop"), &json!({}));
    assert_eq!(status, 200, "{answer}");
    let runs = daemon.runs_until("its end", |runs| runs.iter().any(|run| !run["exitCode"].is_null()));
    assert_eq!(outcomes(&runs), ["stopped"], "{runs:#?}");
}
