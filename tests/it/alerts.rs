//! A real Prometheus with the generated rules, beside a real run: the alerts are the agent's own verdict.

use std::{collections::BTreeSet, path::Path, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{
    agent::{AgentCommand, rampd},
    poll,
    prometheus::{Prometheus, Setup, Version, free_port, on_each_version},
    results::Summary,
    scratch::Scratch,
    target::{Library, Target},
};

/// Thresholds of each form, some of which hold and some do not, whatever the machine does.
const PROFILE: &str = r#"
name: alerts
vus: 4
duration: 5s
flow:
  - websocket:
      url: ${TARGET}
      steps:
        - repeat:
            times: 100
            steps:
              - send: { text: hello, reply: fifo }
              - sleep: 50ms
thresholds:
  ws_connecting: ["p(99)<60000", "p(99)<0.01", "p(0)>0.001", "p(100)<0.001", "p(99)==5", "avg<60000", "avg<0.001", "max<0.001", "min>0.0001"]
  ws_msg_rtt: ["med<60000", "med>60000"]
  ws_msgs_sent: ["count>10", "count>1000000", "count<5", "rate>0.1", "rate>1000000"]
  ws_ping: ["p(95)<10", { threshold: "avg<10", allowEmpty: true }]
  vus_max: ["value<5", "value<4"]
  checks: ["rate==1", "rate<0.5"]
  ws_connect_failed: ["rate<0.01"]
  http_req_failed: ["rate<0.1", { threshold: "rate<0.2", allowEmpty: true }]
  "ws_sessions{scenario:default}": ["count>3", "count<2"]
  "ws_sessions{status:403}": ["count<1", "count>1"]
  "ws_connecting{name:nobody}": ["p(99)<200"]
"#;

fn rules(arguments: AgentCommand) -> String {
    let ended = arguments.finish();
    ended.assert_code(0);
    // The rules' own times are for runs of minutes.
    let times = [("interval: 10s", "interval: 1s"), ("for: 20s", "for: 2s"), ("for: 40s", "for: 4s")];
    times.iter().fold(ended.stdout, |text, (from, to)| text.replace(from, to))
}

/// A Prometheus with the profile's rules and those of every run.
fn watch(version: Version, scratch: &Scratch, agent_port: u16, profile: &Path, variable: &str) -> Prometheus {
    scratch.write("own.rules.yaml", &rules(rampd(["generate", "rules"]).arg(profile).args(["-e", variable])));
    scratch.write("every.rules.yaml", &rules(rampd(["generate", "rules"])));
    Setup::new(version, scratch.directory(), "500ms").start(&[agent_port])
}

/// Metric and threshold of each firing alert with the verdict.
fn thresholds(prometheus: &Prometheus, verdict: &str) -> BTreeSet<(String, String)> {
    let firing = prometheus.query(&format!("ALERTS{{alertstate=\"firing\",verdict=\"{verdict}\"}}"));
    let label = |labels: &Value, name: &str| labels[name].as_str().expect("a label").to_owned();
    firing.iter().map(|(labels, _)| (label(labels, "metric"), label(labels, "threshold"))).collect()
}

#[test]
fn alerts_are_exactly_the_thresholds_that_the_agent_found_crossed() {
    on_each_version(exactly_what_was_crossed_fires);
}

fn exactly_what_was_crossed_fires(version: Version) {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", PROFILE);
    let variable = format!("TARGET={}", target.url());
    let port = free_port();
    let watch = watch(version, &scratch, port, &profile, &variable);

    let summary = scratch.path("summary.json");
    rampd(["run"])
        .arg(&profile)
        .args(["--listen", &format!("127.0.0.1:{port}"), "-e", &variable, "--on-invalid", "warn"])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish()
        .assert_code(99);
    let summary = Summary::read(&summary);
    let crossed: BTreeSet<_> =
        summary.thresholds().into_iter().filter(|(_, passed)| !passed).map(|(threshold, _)| threshold).collect();
    assert!(crossed.len() > 10, "{crossed:?}");

    for verdict in ["final", "agent"] {
        let fired =
            poll(Duration::from_secs(15), || Some(thresholds(&watch, verdict)).filter(|fired| *fired == crossed));
        assert!(
            fired.is_some(),
            "{verdict}: Prometheus says {:#?}, the agent {crossed:#?}\n{}",
            thresholds(&watch, verdict),
            watch.describe()
        );
    }
    let live = watch.query("max_over_time(ALERTS{alertstate=\"firing\",verdict=\"live\"}[1m])");
    let told = |name: &str| live.iter().any(|(labels, _)| labels["alertname"] == name);
    assert!(told("RampdWsMsgsSentCount3Crossing"), "more than 5 messages were seen at once: {live:#?}");
    assert!(!told("RampdWsMsgsSentCountCrossing"), "the end alone knows whether messages are missing: {live:#?}");

    let points = poll(Duration::from_secs(15), || {
        Some(watch.query("last_over_time(testid:ws_msgs_sent:sum[5m])")).filter(|points| !points.is_empty())
    });
    let points = points.expect("the run leaves a point");
    assert_eq!(points.len(), 1, "{points:#?}");
    assert_eq!(points[0].1 as u64, summary.count("ws_msgs_sent"));
    // Three more evaluations, each of which could leave another one.
    std::thread::sleep(Duration::from_secs(3));
    let number = watch.query("count_over_time(testid:ws_msgs_sent:sum[5m])");
    assert_eq!(number[0].1, 1.0, "a run leaves one point");
}

#[test]
fn an_agent_that_is_killed_is_missing_and_its_run_is_not_judged() {
    on_each_version(a_killed_agent_is_missing);
}

fn a_killed_agent_is_missing(version: Version) {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", &PROFILE.replace("duration: 5s", "duration: 1m"));
    let variable = format!("TARGET={}", target.url());
    let port = free_port();
    let watch = watch(version, &scratch, port, &profile, &variable);
    let agent = rampd(["run"])
        .arg(&profile)
        .args(["--listen", &format!("127.0.0.1:{port}"), "-e", &variable, "--on-invalid", "warn"])
        .start();
    let running = poll(Duration::from_secs(30), || {
        Some(watch.query("rampd_run_state{state=\"running\"} == 1")).filter(|series| !series.is_empty())
    });
    assert!(running.is_some(), "never seen running\n{}", watch.describe());
    assert!(watch.query("ALERTS{alertname=\"RampdAgentMissing\"}").is_empty(), "it is there");
    agent.signal(Signal::SIGKILL);
    // Pending for 30 s; that it fires then is a unit test of the rules.
    let missing = poll(Duration::from_secs(15), || {
        Some(watch.query("ALERTS{alertname=\"RampdAgentMissing\"}")).filter(|series| !series.is_empty())
    });
    assert!(missing.is_some(), "nobody misses it\n{}", watch.describe());
    assert!(thresholds(&watch, "final").is_empty() && thresholds(&watch, "agent").is_empty());
}
