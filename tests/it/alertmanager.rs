//! The whole way of an alert: a real run, a real Prometheus with the generated rules, a real Alertmanager with the
//! generated configuration, and what it sends to a webhook.

use std::{collections::BTreeSet, path::Path, process::Command, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{
    agent::{Agent, rampd},
    pipeline::{Pipeline, alerts, generated, name},
    poll,
    prometheus::on_each_version,
    repository,
    results::Summary,
    scratch::Scratch,
    target::tool,
};

/// Fewer than 100 messages of a target that is 250 ms late: a busy machine may make such a run suspect, not invalid.
const PROFILE: &str = r#"
name: pipeline
scenarios:
  steady:
    executor: constant-vus
    vus: 5
    duration: ${DURATION}
    gracefulStop: 1s
    flow:
      - websocket:
          url: ${TARGET}
          steps:
            - repeat: { times: 100000, steps: [send: { text: hello, reply: fifo }, sleep: 50ms] }
thresholds:
  ws_msg_rtt: ["p(99)<200"]
  ws_msgs_received: ["count>20"]
  ws_msg_replies_lost: ["count<1"]
"#;

/// What is to be told of a run that is not invalid: each threshold that its agent found crossed, and `more`.
fn expected(summary: &Summary, more: &[&str]) -> BTreeSet<String> {
    let crossed = summary.thresholds().into_iter().filter(|(_, passed)| !passed).map(|((metric, threshold), _)| {
        let name = match (metric.as_str(), threshold.as_str()) {
            ("ws_msg_rtt", "p(99)<200") => "RampdWsMsgRttP99Crossed",
            ("ws_msgs_received", "count>20") => "RampdWsMsgsReceivedCountCrossed",
            ("ws_msg_replies_lost", "count<1") => "RampdWsMsgRepliesLostCountCrossed",
            other => panic!("{other:?} is no threshold of the profile"),
        };
        name.to_owned()
    });
    crossed.chain(more.iter().map(|name| (*name).to_owned())).collect()
}

fn echo<const N: usize>(options: [&str; N]) -> (Agent, String) {
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).args(options).start();
    let url = format!("ws://{}/", echo.address());
    (echo, url)
}

#[test]
fn a_good_run_is_silent_and_late_ones_are_told_once_each_and_never_resolved() {
    on_each_version(|version| {
        let pipeline = Pipeline::start(version, 2, PROFILE);
        let (_prompt, prompt) = echo([]);
        let (_late, late) = echo(["--delay", "250ms"]);

        pipeline.run(0, "good", &prompt, "2s").wait();
        let testids = pipeline.valid_runs(&[&late, &late], "4s");
        for testid in &testids {
            let wanted = expected(&pipeline.summary(testid), &[]);
            assert!(wanted.contains("RampdWsMsgRttP99Crossed"), "{wanted:?}");
            pipeline.assert_told(testid, &wanted);
        }
        // By now that of the run before would have been told too. A busy machine may make a good run a bad one.
        let good = pipeline.summary("good");
        let wanted = if good.validity() == "invalid" { BTreeSet::new() } else { expected(&good, &[]) };
        assert_eq!(pipeline.told("good"), wanted, "{}", pipeline.describe());

        let messages = pipeline.all_messages();
        let resolved: Vec<_> = messages.iter().filter(|message| message["status"] != "firing").collect();
        assert!(resolved.is_empty(), "the end of an alert is no news: {resolved:#?}");
        for testid in &testids {
            let with_it: Vec<Value> = messages
                .iter()
                .filter(|message| message["groupLabels"]["testid"] == **testid)
                .flat_map(alerts)
                .filter(|alert| name(alert) == "RampdWsMsgRttP99Crossed")
                .collect();
            assert_eq!(with_it.len(), 1, "told once: {messages:#?}");
            assert_late_alert(&with_it[0], testid);
        }
        let groups = messages.iter().map(|message| message["groupLabels"].to_string()).collect::<BTreeSet<_>>();
        assert!(groups.iter().all(|labels| labels.starts_with("{\"testid\":") && !labels.contains(',')), "{groups:?}");
    });
}

/// Says which run, which threshold, what was found, what the limit is, and where to read on.
fn assert_late_alert(alert: &Value, testid: &str) {
    let labels = &alert["labels"];
    for (name, value) in [
        ("testid", testid),
        ("profile", "pipeline"),
        ("metric", "ws_msg_rtt"),
        ("threshold", "p(99)<200"),
        ("severity", "critical"),
        ("verdict", "final"),
        ("alert_type", "loadtest"),
    ] {
        assert_eq!(labels[name], value, "{name} of {alert:#}");
    }
    let annotation = |name: &str| alert["annotations"][name].as_str().unwrap_or_else(|| panic!("no {name}: {alert:#}"));
    assert_eq!(annotation("summary"), "The run has crossed the threshold ws_msg_rtt p(99)<200.");
    let description = format!(
        "Run {testid} of pipeline: a share of 0 of ws_msg_rtt is at most 200 ms; p(99)<200 wants at least 0.99 (0 also if \
         there was no sample)."
    );
    assert_eq!(annotation("description"), description);
    let runbook = annotation("runbook_url");
    assert!(repository().join(runbook).is_file(), "{runbook}");
}

#[test]
fn lost_messages_are_told_as_counts_and_as_drops() {
    on_each_version(|version| {
        let pipeline = Pipeline::start(version, 1, PROFILE);
        let (_resetting, target) = echo(["--reset-after", "1", "--delay", "50ms"]);
        let testid = pipeline.valid_runs(&[&target], "3s").remove(0);
        let wanted = expected(&pipeline.summary(&testid), &["RampdConnectionDrops"]);
        assert!(wanted.contains("RampdWsMsgRepliesLostCountCrossed"), "{wanted:?}");
        pipeline.assert_told(&testid, &wanted);
        let lost = pipeline.summary(&testid).count("ws_msg_replies_lost");
        let described = format!("ws_msg_replies_lost is {lost}, the limit of count<1 is 1.");
        let said = pipeline.messages(&testid).iter().any(|message| message.to_string().contains(&described));
        assert!(said, "nobody says {described}\n{}", pipeline.describe());
    });
}

#[test]
fn messages_that_never_come_are_told_as_a_count_and_as_a_percentile_of_nothing() {
    on_each_version(|version| {
        let pipeline = Pipeline::start(version, 1, PROFILE);
        let (_silent, target) = echo(["--silent"]);
        let testid = pipeline.valid_runs(&[&target], "2s").remove(0);
        let wanted = expected(&pipeline.summary(&testid), &[]);
        for name in ["RampdWsMsgsReceivedCountCrossed", "RampdWsMsgRttP99Crossed"] {
            assert!(wanted.contains(name), "{wanted:?}");
        }
        pipeline.assert_told(&testid, &wanted);
    });
}

#[test]
fn an_agent_killed_in_its_run_is_told_as_missing_and_nothing_is_judged() {
    on_each_version(|version| {
        let pipeline = Pipeline::start(version, 1, PROFILE);
        let (_late, target) = echo(["--delay", "250ms"]);
        let agent = pipeline.run(0, "killed", &target, "60s");
        let running = poll(Duration::from_secs(30), || {
            Some(pipeline.prometheus.query("rampd_run_state{state=\"running\"} == 1"))
                .filter(|series| !series.is_empty())
        });
        assert!(running.is_some(), "never seen running\n{}", pipeline.describe());
        agent.signal(Signal::SIGKILL);
        let missing =
            poll(Duration::from_secs(20), || pipeline.told("killed").contains("RampdAgentMissing").then_some(()));
        assert!(missing.is_some(), "nobody misses it\n{}", pipeline.describe());
        let messages = pipeline.messages("killed");
        let told: Vec<Value> = messages.iter().flat_map(alerts).collect();
        let missing = told.iter().find(|alert| name(alert) == "RampdAgentMissing").expect("found above");
        let instance = format!("127.0.0.1:{}", pipeline.ports[0]);
        assert_eq!(missing["labels"]["instance"], instance.as_str(), "{missing:#}");
        assert!(missing["annotations"]["description"].as_str().is_some_and(|text| text.contains(&instance)));
        let judged =
            told.iter().any(|alert| ["final", "agent"].iter().any(|verdict| alert["labels"]["verdict"] == *verdict));
        assert!(!judged, "{told:#?}");
    });
}

#[test]
fn of_an_invalid_run_nobody_is_told_what_it_measured() {
    on_each_version(|version| {
        // A message each 50 ms whatever comes back: those of the pause are late, and more than 100 are sent in all, for
        // with fewer one hiccup condemns no run.
        let steady = PROFILE.replace("repeat: { times: 100000,", "every: { rate: 20,").replace(", sleep: 50ms", "");
        let pipeline = Pipeline::start(version, 1, &steady);
        let (_late, target) = echo(["--delay", "250ms"]);
        let agent = pipeline.run(0, "stopped", &target, "6s");
        let sent = poll(Duration::from_secs(30), || {
            Some(pipeline.prometheus.query("sum(ws_msgs_sent_total) > 20")).filter(|series| !series.is_empty())
        });
        assert!(sent.is_some(), "no messages\n{}", pipeline.describe());
        agent.signal(Signal::SIGSTOP);
        std::thread::sleep(Duration::from_secs(2));
        agent.signal(Signal::SIGCONT);
        agent.wait().assert_code(99);
        assert_eq!(pipeline.summary("stopped").validity(), "invalid");

        let is = |alert: &Value, verdict: &str| alert["labels"]["verdict"] == verdict;
        let held_back = poll(Duration::from_secs(20), || {
            let alerts = pipeline.alertmanager.alerts();
            let held = |verdict: &str| {
                alerts.iter().any(|alert| is(alert, verdict) && alert["status"]["state"] == "suppressed")
            };
            (held("final") && held("agent")).then_some(())
        });
        assert!(held_back.is_some(), "not suppressed\n{}", pipeline.describe());
        let over = poll(Duration::from_secs(20), || {
            let alerts = pipeline.alertmanager.alerts();
            (!alerts.iter().any(|alert| is(alert, "final") || is(alert, "agent"))).then_some(())
        });
        assert!(over.is_some(), "told for ever\n{}", pipeline.describe());
        let messages = pipeline.messages("stopped");
        let told: Vec<Value> = messages.iter().flat_map(alerts).collect();
        assert!(told.iter().any(|alert| name(alert) == "RampdRunInvalid"), "{told:#?}");
        assert!(!told.iter().any(|alert| is(alert, "final") || is(alert, "agent")), "{told:#?}");
    });
}

fn amtool(arguments: &[&str], config: &Path) -> String {
    let output = Command::new(tool("amtool")).args(arguments).arg(config).output().expect("amtool starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "amtool {arguments:?} {}: {said}", config.display());
    said
}

#[test]
fn amtool_accepts_the_configuration_of_the_repository_and_a_generated_one() {
    let scratch = Scratch::new();
    let generated = generated(rampd(["generate", "alertmanager", "--webhook", "https://chat.example/hook?a=b"]));
    for config in [repository().join("config/alertmanager.yml"), scratch.write("alertmanager.yml", &generated)] {
        let said = amtool(&["check-config"], &config);
        for found in ["SUCCESS", "2 inhibit rules", "2 receivers"] {
            assert!(said.contains(found), "no {found} in {said}");
        }
        for (labels, receiver) in [("alert_type=loadtest", "loadtest"), ("alert_type=other", "others")] {
            let output = Command::new(tool("amtool"))
                .args(["config", "routes", "test", labels, "--config.file"])
                .arg(&config)
                .output()
                .expect("amtool starts");
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), receiver, "{labels}");
        }
    }
}
