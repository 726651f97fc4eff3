//! The whole way of an alert: a real run, a real Prometheus with the generated rules, a real Alertmanager with the
//! generated configuration, and what it sends to a webhook.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{
    agent::{Agent, AgentCommand, rampd},
    alertmanager::{Alertmanager, Receiver},
    poll,
    prometheus::{Prometheus, Setup, Version, free_port, on_each_version},
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

/// The rules' own times are for runs of minutes: a tenth of them, and the verdict for 8 s in place of 600 s.
const RULES: [(&str, &str); 8] = [
    ("interval: 10s", "interval: 1s"),
    ("for: 20s", "for: 2s"),
    ("for: 30s", "for: 3s"),
    ("for: 40s", "for: 4s"),
    ("< 540", "< 6"),
    ("< 600", "< 8"),
    ("< 660", "< 12"),
    ("[15m]", "[20s]"),
];
const ROUTE: [(&str, &str); 2] = [("group_wait: 10s", "group_wait: 1s"), ("group_interval: 1m", "group_interval: 2s")];

/// `text` with other times, of which each is in one of the texts at least.
fn hastened(text: &str, times: &[(&str, &str)]) -> String {
    times.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn generated(command: AgentCommand) -> String {
    let ended = command.finish();
    ended.assert_code(0);
    ended.stdout
}

/// Everything from the agents' ports to the webhook.
struct Pipeline {
    scratch: Scratch,
    profile: PathBuf,
    ports: Vec<u16>,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    receiver: Receiver,
}

impl Pipeline {
    fn start(version: Version, agents: usize, profile: &str) -> Self {
        let scratch = Scratch::new();
        let receiver = Receiver::start();
        let profile = scratch.write("profile.yaml", profile);
        let variables = ["-e", "TARGET=ws://localhost/", "-e", "DURATION=4s"];
        let own = generated(rampd(["generate", "rules"]).arg(&profile).args(variables));
        let every = generated(rampd(["generate", "rules"]));
        for (from, _) in RULES {
            assert!(own.contains(from) || every.contains(from), "no {from} in the rules");
        }
        scratch.write("own.rules.yaml", &hastened(&own, &RULES));
        scratch.write("every.rules.yaml", &hastened(&every, &RULES));
        let route = generated(rampd(["generate", "alertmanager", "--webhook", &receiver.url()]));
        for (from, _) in ROUTE {
            assert!(route.contains(from), "no {from} in {route}");
        }
        let route = scratch.write("alertmanager.yml", &hastened(&route, &ROUTE));
        let alertmanager = Alertmanager::start(&route, scratch.directory());
        let ports: Vec<_> = (0..agents).map(|_| free_port()).collect();
        let prometheus =
            Setup::new(version, scratch.directory(), "500ms").with_alertmanager(alertmanager.port()).start(&ports);
        Self { scratch, profile, ports, prometheus, alertmanager, receiver }
    }

    /// A run of `testid` on the port of the number `agent`.
    fn run(&self, agent: usize, testid: &str, target: &str, duration: &str) -> Agent {
        let summary = self.summary_path(testid);
        rampd(["run"])
            .arg(&self.profile)
            .args(["--testid", testid, "--listen", &format!("127.0.0.1:{}", self.ports[agent])])
            .args(["-e", &format!("TARGET={target}"), "-e", &format!("DURATION={duration}"), "--on-invalid", "warn"])
            .args(["--summary-export", summary.to_str().expect("UTF-8")])
            // Tests beside it may keep both cores busy. Who may not do this runs it as it is, with a warning.
            .under(["nice", "-n", "-10"])
            .start()
    }

    /// A run with each target at the same time, which crosses thresholds; their testids. Again where a busy machine was
    /// the limit itself: what is told then is another test's.
    fn valid_runs(&self, targets: &[&str], duration: &str) -> Vec<String> {
        for attempt in 1..=5 {
            let testids: Vec<_> = (0..targets.len()).map(|agent| format!("run-{attempt}-{agent}")).collect();
            let start = |agent: usize| self.run(agent, &testids[agent], targets[agent], duration);
            let agents: Vec<_> = (0..targets.len()).map(start).collect();
            for agent in agents {
                agent.wait().assert_code(99);
            }
            if testids.iter().all(|testid| self.summary(testid).validity() != "invalid") {
                return testids;
            }
        }
        panic!("five runs were invalid, the machine is too busy\n{}", self.describe());
    }

    fn summary_path(&self, testid: &str) -> PathBuf {
        self.scratch.path(&format!("{testid}.json"))
    }

    fn summary(&self, testid: &str) -> Summary {
        Summary::read(&self.summary_path(testid))
    }

    /// Messages about one run.
    fn messages(&self, testid: &str) -> Vec<Value> {
        let about = |message: &Value| message["groupLabels"]["testid"] == testid;
        self.receiver.messages().into_iter().filter(about).collect()
    }

    /// Names of all alerts that were told of one run, but for those that a busy machine or a slow test decides: that
    /// the run was suspect or invalid at some moment, and that a threshold was already crossed while the run went on.
    fn told(&self, testid: &str) -> BTreeSet<String> {
        let named = |message: &Value| alerts(message).iter().map(|alert| name(alert).to_owned()).collect::<Vec<_>>();
        let all: BTreeSet<_> = self.messages(testid).iter().flat_map(named).collect();
        let live = |name: &str| name.strip_suffix("ing").is_some_and(|stem| all.contains(&format!("{stem}ed")));
        let busy = |name: &str| ["RampdRunSuspect", "RampdRunInvalid"].contains(&name);
        all.iter().filter(|name| !busy(name) && !live(name)).cloned().collect()
    }

    /// Waits until exactly `expected` was told.
    fn assert_told(&self, testid: &str, expected: &BTreeSet<String>) {
        let told = poll(Duration::from_secs(25), || (self.told(testid) == *expected).then_some(()));
        assert!(told.is_some(), "{testid}: told {:#?}, expected {expected:#?}\n{}", self.told(testid), self.describe());
    }

    /// Waits until every alert is resolved and dealt with, then returns all messages there ever were.
    fn all_messages(&self) -> Vec<Value> {
        let over = poll(Duration::from_secs(50), || {
            (self.alertmanager.alerts().is_empty() && self.alertmanager.groups() == 0).then_some(())
        });
        assert!(over.is_some(), "alerts do not end: {:#?}\n{}", self.alertmanager.alerts(), self.describe());
        self.receiver.messages()
    }

    fn describe(&self) -> String {
        format!(
            "alerts in Alertmanager: {:#?}\nmessages: {:#?}\n{}\n{}",
            self.alertmanager.alerts(),
            self.receiver.messages(),
            self.alertmanager.describe(),
            self.prometheus.describe()
        )
    }
}

fn alerts(message: &Value) -> Vec<Value> {
    message["alerts"].as_array().expect("a list").clone()
}

fn name(alert: &Value) -> &str {
    alert["labels"]["alertname"].as_str().expect("a name")
}

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
