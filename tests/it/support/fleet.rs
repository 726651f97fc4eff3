//! Agents of one run, each a process in a network namespace of its own, and a target that is not ours at their hub.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use rampd::fleet::result::{AgentResult, Reader};
use serde_json::Value;

use crate::support::{
    agent::{Agent, AgentCommand, rampd},
    exposition::Page,
    namespaces::{HUB, Network, fleet_address, load_address},
    process::Ended,
    results::Summary,
    scratch::Scratch,
    target::Target,
};

/// What the agents share.
pub(crate) const TOKEN: &str = "0123456789abcdef";
/// Where agent 0 listens.
pub(crate) const FLEET_PORT: u16 = 6466;
/// Longest run of any test of a fleet.
const LONGEST: Duration = Duration::from_secs(40);

/// See the module. The agents are killed before their network is taken away.
#[derive(Debug)]
pub(crate) struct Fleet {
    agents: BTreeMap<u32, Agent>,
    target: Target,
    scratch: Scratch,
    network: Network,
    of: u32,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// By agent.
    pub(crate) ended: BTreeMap<u32, Ended>,
    /// What the target counted by itself.
    pub(crate) target: Value,
    scratch: Scratch,
}

impl Fleet {
    /// So many machines, as a fleet of all of them; `${TARGET}` in the profile is the target's address.
    pub(crate) fn new(of: u32, profile: &str) -> Self {
        Self::with_target(of, profile, &[])
    }

    /// The same with options of `tests/servers/README.md`.
    pub(crate) fn with_target(of: u32, profile: &str, options: &[&str]) -> Self {
        let network = Network::new(of);
        let target = Target::within(network.hub(), options);
        let scratch = Scratch::new();
        let fleet = Self { agents: BTreeMap::new(), target, scratch, network, of };
        fleet.write("profile.yaml", profile);
        fleet
    }

    /// Writes a file beside the profile, with the target's address in the place of `${TARGET}`.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let url = format!("ws://{HUB}:{}/ws", self.target.port());
        self.scratch.write(name, &text.replace("${TARGET}", &url))
    }

    /// Agent `index` of the fleet on a machine, nothing said about who it speaks with.
    pub(crate) fn apart(&self, index: u32, machine: u32, profile: &str) -> AgentCommand {
        let path = |name: String| self.scratch.path(&name).display().to_string();
        rampd(["run"])
            .arg(self.scratch.path(profile))
            .args(["--listen", "127.0.0.1:6464", "--linger", "0"])
            .args([
                "--summary-export",
                &path(format!("{machine}.json")),
                "--result",
                &path(format!("{machine}.result")),
            ])
            .env("RAMPD_FLEET", &format!("{index}/{}", self.of))
            .under(self.network.machine(machine).prefix())
    }

    /// Agent `index` as it should be, except for the machine it runs on.
    pub(crate) fn command_on(&self, index: u32, machine: u32) -> AgentCommand {
        self.with_leader(self.apart(index, machine, "profile.yaml"))
            .env("RAMPD_FLEET_TOKEN", TOKEN)
            .env("RAMPD_TESTID", "fleet-test")
            .args(["--on-invalid", "warn"])
    }

    /// Adds where the leader is.
    pub(crate) fn with_leader(&self, command: AgentCommand) -> AgentCommand {
        let leader = format!("{}:{FLEET_PORT}", fleet_address(0));
        command.env("RAMPD_FLEET_LEADER", &leader).env("RAMPD_FLEET_LISTEN", &leader)
    }

    /// Agent `index` as it should be.
    pub(crate) fn command(&self, index: u32) -> AgentCommand {
        self.command_on(index, index)
    }

    /// Starts one.
    pub(crate) fn start(&mut self, index: u32) {
        let command = self.command(index);
        self.start_as(index, command);
    }

    /// Starts some.
    pub(crate) fn start_all(&mut self, indexes: impl IntoIterator<Item = u32>) {
        indexes.into_iter().for_each(|index| self.start(index));
    }

    /// Starts one differently.
    pub(crate) fn start_as(&mut self, index: u32, command: AgentCommand) {
        self.agents.insert(index, command.start());
    }

    /// Starts agent 0 so that an invalid run is told by its exit code.
    pub(crate) fn start_judging_leader(&mut self) {
        let command = self.command(0).replacing("warn", "fail");
        self.start_as(0, command);
    }

    pub(crate) fn agent(&mut self, index: u32) -> &mut Agent {
        self.agents.get_mut(&index).expect("it has been started")
    }

    pub(crate) fn signal(&mut self, index: u32, signal: Signal) {
        self.agent(index).signal(signal);
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// `/metrics` of an agent, once `wanted` holds.
    pub(crate) fn scrape_until(&mut self, index: u32, what: &str, wanted: impl Fn(&Page) -> bool + Send) -> Page {
        let agent = self.agents.get_mut(&index).expect("it has been started");
        self.network.machine(index).inside(|| agent.scrape_until(what, wanted))
    }

    /// Waits until each of these sends messages; their pages.
    pub(crate) fn wait_for_load(&mut self, agents: impl IntoIterator<Item = u32>) -> Vec<Page> {
        let loaded = |page: &Page| page.sum_or_zero("ws_msgs_sent_total", &[]) > 0.0;
        agents.into_iter().map(|index| self.scrape_until(index, "messages", loaded)).collect()
    }

    /// Waits for the end of one.
    pub(crate) fn wait(&mut self, index: u32) -> Ended {
        self.agents.remove(&index).expect("it has been started").wait_at_most(LONGEST)
    }

    /// Waits for the end of all that are there.
    pub(crate) fn finish(mut self) -> Outcome {
        let ended =
            std::mem::take(&mut self.agents).into_iter().map(|(index, agent)| (index, agent.wait_at_most(LONGEST)));
        let ended = ended.collect();
        Outcome { ended, target: self.target.stop_with_counters(), scratch: self.scratch }
    }
}

impl Outcome {
    /// Fails with everybody's output unless these are the exit codes, in the order of the agents.
    pub(crate) fn assert_codes(&self, expected: &[i32]) -> &Self {
        let codes: Vec<_> = self.ended.values().map(Ended::code).collect();
        assert_eq!(codes, expected, "{}", self.describe());
        self
    }

    /// The output of all, for messages.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("target: {}\n", self.target);
        for (index, ended) in &self.ended {
            text.push_str(&format!("===== agent {index}\n{}\n", ended.describe()));
        }
        text
    }

    /// Fails unless an agent's log or summary has the text.
    pub(crate) fn assert_said(&self, index: u32, text: &str) -> &Self {
        let ended = &self.ended[&index];
        assert!(ended.stdout.contains(text) || ended.stderr.contains(text), "no {text:?}\n{}", self.describe());
        self
    }

    /// Agent 0's summary: the fleet's.
    pub(crate) fn summary(&self) -> Summary {
        Summary::read(&self.scratch.path("0.json"))
    }

    /// What an agent wrote for `rampd merge`.
    pub(crate) fn result(&self, index: u32) -> AgentResult {
        let path: &Path = &self.scratch.path(&format!("{index}.result"));
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Reader::default().read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// What `rampd merge` makes of the files of these agents.
    pub(crate) fn merge(&self, agents: impl IntoIterator<Item = u32>) -> (Ended, Summary) {
        let export = self.scratch.path("merged.json");
        let files = agents.into_iter().map(|agent| self.scratch.path(&format!("{agent}.result")));
        let command = files.fold(rampd(["merge"]), AgentCommand::arg);
        let ended = command.arg("--summary-export").arg(&export).finish();
        (ended, Summary::read(&export))
    }

    /// A count of the target's.
    pub(crate) fn counted(&self, key: &str) -> u64 {
        self.target[key].as_u64().unwrap_or_else(|| panic!("no {key} in {}", self.target))
    }

    /// Connections that the target had from a machine.
    pub(crate) fn opened_by(&self, machine: u32) -> u64 {
        self.target["peers"][load_address(machine)]["opened"].as_u64().unwrap_or(0)
    }

    /// Milliseconds between the first connections of the first and the last machine that connected.
    pub(crate) fn spread(&self) -> f64 {
        let peers = self.target["peers"].as_object().expect("a map").values();
        let firsts: Vec<_> = peers.map(|peer| peer["first_ms"].as_f64().expect("a number")).collect();
        let (first, last) =
            firsts.iter().fold((f64::MAX, f64::MIN), |(low, high), one| (low.min(*one), high.max(*one)));
        last - first
    }

    /// Fails unless the merged result is what the target counted: connections and messages, for each agent and together.
    pub(crate) fn assert_exact(&self) -> &Self {
        let summary = self.summary();
        for (metric, key) in
            [("ws_sessions", "opened"), ("ws_msgs_sent", "messages_in"), ("ws_msgs_received", "messages_out")]
        {
            assert_eq!(summary.count(metric), self.counted(key), "{metric}\n{}", self.describe());
        }
        for one in summary.at("/rampd/fleet/results").as_array().expect("a list") {
            let agent = one["agent"].as_u64().expect("a number") as u32;
            assert_eq!(one["ws_sessions"].as_u64(), Some(self.opened_by(agent)), "agent {agent}\n{}", self.describe());
        }
        self
    }
}
