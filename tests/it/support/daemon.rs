//! `rampd serve` with a folder of its own, against the embedded echo target.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{
    agent::{Agent, AgentCommand, rampd},
    exposition::Page,
    http, poll,
    process::Ended,
    scratch::Scratch,
};

/// Five connections that end by themselves after 100 ms.
pub(crate) const SHORT: &str = "
vus: 5
iterations: 5
flow:
  - websocket:
      url: ws://127.0.0.1:9/
      steps:
        - send: { text: hello, reply: fifo }
        - hold: { for: 100ms }
";

/// Five connections that stay until somebody ends the run.
const LONG: &str = "
vus: 5
duration: 50s
flow:
  - websocket:
      url: ws://127.0.0.1:9/
      steps:
        - send: { text: hello, reply: fifo }
        - hold: {}
";

/// A running daemon; killed on drop. What it has written stays for the next one.
#[derive(Debug)]
pub(crate) struct Daemon {
    agent: Agent,
}

/// The folder of daemons that follow each other.
#[derive(Debug)]
pub(crate) struct Site {
    scratch: Scratch,
}

impl Site {
    /// With profiles `short.yaml`, `long.yaml` and this configuration's `profiles:`.
    pub(crate) fn new(profiles: &str) -> Self {
        let site = Self { scratch: Scratch::new() };
        site.write("short.yaml", SHORT);
        site.write("long.yaml", LONG);
        site.configure(profiles);
        site
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        self.scratch.write(name, text)
    }

    /// Writes a configuration.
    pub(crate) fn configure(&self, profiles: &str) {
        self.write(
            "rampd.yaml",
            &format!("listen: 127.0.0.1:0\nhistory: {{ dir: history, maxRuns: 500 }}\nprofiles:\n{profiles}\n"),
        );
    }

    pub(crate) fn history(&self) -> PathBuf {
        self.scratch.path("history")
    }

    pub(crate) fn command(&self) -> AgentCommand {
        rampd(["serve"]).arg(self.scratch.path("rampd.yaml")).args(["--echo", "--linger", "0"])
    }

    pub(crate) fn start(&self) -> Daemon {
        Daemon { agent: self.command().start() }
    }
}

impl Daemon {
    /// Where it listens.
    pub(crate) fn address(&mut self) -> std::net::SocketAddr {
        self.agent.address()
    }

    /// `/api/v1/…`, which must be there.
    pub(crate) fn get(&mut self, path: &str) -> Value {
        let response = self.agent.get(&format!("/api/v1/{path}"), &[]).expect("an answer");
        assert_eq!(response.status, 200, "{path}: {}", response.body);
        serde_json::from_str(&response.body).expect("JSON")
    }

    /// Status and body.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        let response = http::post(self.agent.address(), &format!("/api/v1/{path}"), &body.to_string());
        let response = response.expect("an answer");
        (response.status, serde_json::from_str(&response.body).expect("JSON"))
    }

    /// Starts a run; its name.
    pub(crate) fn start_run(&mut self, body: &Value) -> String {
        let (status, accepted) = self.post("runs", body);
        assert_eq!(status, 202, "{accepted}");
        accepted["id"].as_str().expect("a name").to_owned()
    }

    /// The history, newest first.
    pub(crate) fn runs(&mut self) -> Vec<Value> {
        self.get("runs?limit=200")["runs"].as_array().expect("a list").clone()
    }

    /// Names of all runs that it knows with how they stand: first those that wait, so that none slips through as it begins.
    pub(crate) fn known(&mut self) -> BTreeMap<String, Value> {
        let queue = self.get("status")["daemon"]["queue"].as_array().expect("a list").clone();
        let waiting = queue.iter().map(|run| json!({ "id": run["id"], "outcome": "queued" }));
        let all: Vec<_> = waiting.chain(self.runs()).collect();
        all.into_iter().map(|run| (run["id"].as_str().expect("a name").to_owned(), run)).collect()
    }

    /// Reads the configuration anew; returns when it is in force.
    pub(crate) fn reload(&mut self) {
        let loaded = "rampd_serve_config_loaded_timestamp_seconds";
        let before = self.agent.scrape().sum(loaded, &[]);
        self.signal(Signal::SIGHUP);
        self.scrape_until("the new configuration", |page| page.sum(loaded, &[]) > before);
    }

    /// Waits until the history is as wanted.
    pub(crate) fn runs_until(&mut self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let found = poll(Duration::from_secs(30), || {
            let runs = self.runs();
            wanted(&runs).then_some(runs)
        });
        found.unwrap_or_else(|| panic!("never saw: {what}\n{:#?}", self.runs()))
    }

    /// Waits until the run goes on.
    pub(crate) fn wait_for_load(&mut self, id: &str) {
        self.runs_until("a run that goes on", |runs| outcome(runs, id) == Some("running"));
        self.agent.scrape_until("open connections", |page| page.sum_or_zero("ws_open_connections", &[]) > 0.0);
    }

    pub(crate) fn scrape_until(&mut self, what: &str, wanted: impl Fn(&Page) -> bool) -> Page {
        self.agent.scrape_until(what, wanted)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.agent.signal(signal);
    }

    /// Ends it as nothing can be prepared for.
    pub(crate) fn kill(self) {
        self.agent.signal(Signal::SIGKILL);
        drop(self.agent.wait());
    }

    /// Ends it in order.
    pub(crate) fn stop(self) -> Ended {
        self.agent.signal(Signal::SIGTERM);
        self.agent.wait()
    }
}

/// How a run ended.
pub(crate) fn outcome<'r>(runs: &'r [Value], id: &str) -> Option<&'r str> {
    runs.iter().find(|run| run["id"] == id)?["outcome"].as_str()
}
