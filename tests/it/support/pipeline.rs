//! The whole way of an alert: agents, a Prometheus with the generated rules, an Alertmanager with the generated
//! configuration, and a receiver of its webhooks.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde_json::Value;

use crate::support::{
    agent::{Agent, AgentCommand, rampd},
    alertmanager::{Alertmanager, Receiver},
    poll,
    prometheus::{Prometheus, Setup, Version, free_port},
    results::Summary,
    scratch::Scratch,
};

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

/// What `rampd generate` writes.
pub(crate) fn generated(command: AgentCommand) -> String {
    let ended = command.finish();
    ended.assert_code(0);
    ended.stdout
}

/// Everything from the agents' ports to the webhook.
#[derive(Debug)]
pub(crate) struct Pipeline {
    scratch: Scratch,
    profile: PathBuf,
    pub(crate) ports: Vec<u16>,
    pub(crate) prometheus: Prometheus,
    pub(crate) alertmanager: Alertmanager,
    receiver: Receiver,
}

impl Pipeline {
    /// With the rules of `profile`, whose variables are TARGET and DURATION; scrapes as many `agents`.
    pub(crate) fn start(version: Version, agents: usize, profile: &str) -> Self {
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
    pub(crate) fn run(&self, agent: usize, testid: &str, target: &str, duration: &str) -> Agent {
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
    pub(crate) fn valid_runs(&self, targets: &[&str], duration: &str) -> Vec<String> {
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

    /// What the agent itself says of a run.
    pub(crate) fn summary(&self, testid: &str) -> Summary {
        Summary::read(&self.summary_path(testid))
    }

    /// Messages about one run.
    pub(crate) fn messages(&self, testid: &str) -> Vec<Value> {
        let about = |message: &Value| message["groupLabels"]["testid"] == testid;
        self.receiver.messages().into_iter().filter(about).collect()
    }

    /// Names of all alerts that were told of one run, but for those that a busy machine or a slow test decides: that
    /// the run was suspect or invalid at some moment, and that a threshold was already crossed while the run went on.
    pub(crate) fn told(&self, testid: &str) -> BTreeSet<String> {
        let named = |message: &Value| alerts(message).iter().map(|alert| name(alert).to_owned()).collect::<Vec<_>>();
        let all: BTreeSet<_> = self.messages(testid).iter().flat_map(named).collect();
        let live = |name: &str| name.strip_suffix("ing").is_some_and(|stem| all.contains(&format!("{stem}ed")));
        let busy = |name: &str| ["RampdRunSuspect", "RampdRunInvalid"].contains(&name);
        all.iter().filter(|name| !busy(name) && !live(name)).cloned().collect()
    }

    /// Waits until exactly `expected` was told.
    pub(crate) fn assert_told(&self, testid: &str, expected: &BTreeSet<String>) {
        let told = poll(Duration::from_secs(25), || (self.told(testid) == *expected).then_some(()));
        assert!(told.is_some(), "{testid}: told {:#?}, expected {expected:#?}\n{}", self.told(testid), self.describe());
    }

    /// Waits until every alert is resolved and dealt with, then returns all messages there ever were.
    pub(crate) fn all_messages(&self) -> Vec<Value> {
        let over = poll(Duration::from_secs(50), || {
            (self.alertmanager.alerts().is_empty() && self.alertmanager.groups() == 0).then_some(())
        });
        assert!(over.is_some(), "alerts do not end: {:#?}\n{}", self.alertmanager.alerts(), self.describe());
        self.receiver.messages()
    }

    /// What is where, for messages.
    pub(crate) fn describe(&self) -> String {
        format!(
            "alerts in Alertmanager: {:#?}\nmessages: {:#?}\n{}\n{}",
            self.alertmanager.alerts(),
            self.receiver.messages(),
            self.alertmanager.describe(),
            self.prometheus.describe()
        )
    }
}

/// The alerts of a message.
pub(crate) fn alerts(message: &Value) -> Vec<Value> {
    message["alerts"].as_array().expect("a list").clone()
}

/// An alert's name.
pub(crate) fn name(alert: &Value) -> &str {
    alert["labels"]["alertname"].as_str().expect("a name")
}
