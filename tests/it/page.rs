//! The page in a real browser, served by the real program during real runs. What is done and seen there is in
//! `tests/page/scenarios`; each scenario also fails when the page breaks its own policy, asks another host for something
//! or says anything on the browser's console.

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use nix::sys::signal::Signal;

use crate::support::{
    agent::{Agent, rampd, run},
    poll,
    process::Process,
    repository,
    scratch::Scratch,
    target::node_package,
};

/// A browser on a machine that runs many of them takes seconds to start.
const PATIENCE: Duration = Duration::from_secs(120);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Never fewer than 2 VUs, at most 6, until it is stopped.
const STEERED: &str = "
scenarios:
  live: { executor: externally-controlled, vus: 2, maxVUs: 6, duration: 10m }
flow:
  - websocket:
      url: TARGET
      steps: [{ send: { text: hi, reply: fifo } }, { sleep: 200ms }, { close: {} }]";

/// So few samples that a busy machine cannot make it invalid.
const SHORT: &str = "
vus: 2
duration: 3s
flow:
  - websocket:
      url: TARGET
      steps: [{ send: { text: hi, reply: fifo } }, { sleep: 500ms }, { close: {} }]
thresholds:
  ws_connecting: [\"p(99)<60000\"]";

/// The same with a threshold that no network keeps.
const CROSSED: &str = "
  ws_msg_rtt: [\"p(50)<0.000001\"]";

/// A target, and a daemon with three profiles against it in a folder of its own.
struct Site {
    scratch: Scratch,
    target: Agent,
    daemon: Agent,
}

impl Site {
    fn start(more: &str) -> Self {
        let mut target = echo();
        let url = url(&mut target);
        let scratch = Scratch::new();
        scratch.write("steered.yaml", &STEERED.replace("TARGET", &url));
        scratch.write("short.yaml", &SHORT.replace("TARGET", &url));
        scratch.write("crossed.yaml", &format!("{}{CROSSED}", SHORT.replace("TARGET", &url)));
        let config = "history: { dir: history }
policy: { allowedTargets: [127.0.0.1] }
profiles:
  steered: { file: steered.yaml }
  short: { file: short.yaml }
  crossed: { file: crossed.yaml, schedule: \"0 3 1 1 *\" }
";
        scratch.write("rampd.yaml", &format!("{config}{more}"));
        let daemon = daemon(&scratch, "127.0.0.1:0");
        Self { scratch, target, daemon }
    }

    /// Lets a browser play a scenario against the daemon.
    fn plays(&mut self, scenario: &str, options: &[&str]) {
        let address = self.daemon.address();
        scenario_ends(drive(scenario, Some(address), options));
        assert!(!self.target.has_ended() && !self.daemon.has_ended());
    }
}

fn echo() -> Agent {
    rampd(["echo", "--listen", "127.0.0.1:0"]).start()
}

fn url(target: &mut Agent) -> String {
    format!("ws://{}/", target.address())
}

fn daemon(scratch: &Scratch, listen: &str) -> Agent {
    rampd(["serve"]).arg(scratch.path("rampd.yaml")).args(["--listen", listen]).start()
}

fn drive(scenario: &str, address: Option<SocketAddr>, options: &[&str]) -> Process {
    let tests = repository().join("tests/page");
    node_package(&tests, "playwright-core");
    node_package(&tests, "axe-core");
    let mut command = Command::new("node");
    command.arg(tests.join("drive.mjs")).arg(scenario).args(options);
    if let Some(address) = address {
        command.arg("--url").arg(format!("http://{address}/"));
    }
    Process::start(command)
}

fn scenario_ends(driver: Process) {
    let ended = driver.wait(PATIENCE);
    assert!(ended.status.success(), "{}", ended.describe());
}

#[test]
fn a_run_is_started_scaled_paused_resumed_and_stopped_by_clicks() {
    Site::start("").plays("steer", &[]);
}

#[test]
fn a_crossed_threshold_is_seen_during_the_run_and_afterwards() {
    Site::start("").plays("crossed", &[]);
}

#[test]
fn the_whole_way_goes_by_keyboard() {
    Site::start("").plays("keyboard", &[]);
}

#[test]
fn a_phone_shows_everything_within_its_edges() {
    Site::start("").plays("phone", &[]);
}

#[test]
fn what_the_api_refuses_stands_beside_the_control() {
    Site::start("").plays("refused", &[]);
}

#[test]
fn the_token_is_asked_for_and_kept_by_the_tab_alone() {
    let token = Scratch::new();
    let file = token.write("token", TOKEN);
    Site::start(&format!("tokenFile: {}\n", file.display())).plays("token", &["--token", TOKEN]);
}

#[test]
fn a_lost_connection_is_told_and_comes_back_by_itself() {
    let mut site = Site::start("");
    let address = site.daemon.address();
    let mut driver = drive("lost", Some(address), &[]);
    let mut said = |text: &str| {
        let found = poll(PATIENCE, || {
            let found = driver.stdout().lines().any(|line| line == text);
            assert!(found || !driver.has_ended(), "{}", driver.describe());
            found.then_some(())
        });
        assert!(found.is_some(), "the page has not come to `{text}`\n{}", driver.describe());
    };
    said("running");
    site.daemon.signal(Signal::SIGKILL);
    said("lost");
    assert!(poll(PATIENCE, || site.daemon.has_ended().then_some(())).is_some());
    site.daemon = daemon(&site.scratch, &address.to_string());
    scenario_ends(driver);
}

#[test]
fn rampd_run_shows_the_page_without_controls() {
    let mut target = echo();
    let scratch = Scratch::new();
    let profile = scratch.write("steered.yaml", &STEERED.replace("TARGET", &url(&mut target)));
    let mut agent = run(&profile).start();
    scenario_ends(drive("read_only", Some(agent.address()), &[]));
}

#[test]
fn a_report_opens_from_the_disk_alone() {
    let mut target = echo();
    let scratch = Scratch::new();
    let profile = scratch.write("crossed.yaml", &format!("{}{CROSSED}", SHORT.replace("TARGET", &url(&mut target))));
    let report = scratch.path("report.html");
    run(&profile).args(["--report"]).arg(&report).finish().assert_code(99);
    scenario_ends(drive("report", None, &["--file", report.to_str().expect("UTF-8")]));
}

/// Whether TypeScript's compiler accepts the page's scripts, or these in their place, and what it says.
fn checked(files: &[&Path]) -> (bool, String) {
    let tests = repository().join("tests/page");
    node_package(&tests, "typescript");
    let output = Command::new("node").arg(tests.join("check.mjs")).args(files).output().expect("node starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

#[test]
fn the_types_of_the_pages_scripts_are_right() {
    let (accepted, said) = checked(&[]);
    assert!(accepted && said.contains("\"complaints\":0"), "{said}");
}

#[test]
fn a_wrong_name_in_a_script_is_refused_at_its_line() {
    let page = repository().join("src/agent/page");
    let scratch = Scratch::new();
    for name in ["api.d.ts", "elements.js", "format.js", "client.js"] {
        std::fs::copy(page.join(name), scratch.path(name)).expect("a copy");
    }
    let text = std::fs::read_to_string(page.join("now.js")).expect("a script");
    let right = "run.planSeconds";
    let wrong = scratch.write("now.js", &text.replacen(right, "run.planSecond", 1));
    let (accepted, said) = checked(&[&wrong]);
    let line = text.split(right).next().expect("a part").matches('\n').count() + 1;
    assert!(!accepted && said.contains(&format!("now.js:{line}: ")) && said.contains("planSecond"), "{said}");
}
