//! A real Prometheus with the generated rules, beside a real run: the alerts are the agent's own verdict.

use std::{collections::BTreeSet, net::TcpListener, process::Command, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{
    agent::{AgentCommand, rampd},
    http, poll,
    process::Process,
    results::Summary,
    scratch::Scratch,
    target::{Library, Target, tool},
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
            times: 1000
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

/// A Prometheus server with rules that are evaluated each second; killed on drop.
struct Watch {
    process: Process,
    port: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn rules(arguments: AgentCommand) -> String {
    let ended = arguments.finish();
    ended.assert_code(0);
    // The rules' own interval is for runs of minutes.
    ended.stdout.replace("interval: 10s", "interval: 1s")
}

impl Watch {
    fn start(scratch: &Scratch, agent_port: u16, rule_files: &[String]) -> Self {
        for (index, rules) in rule_files.iter().enumerate() {
            scratch.write(&format!("{index}.rules.yaml"), rules);
        }
        let config = scratch.write(
            "prometheus.yml",
            &format!(
                "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}\nrule_files: ['*.rules.yaml']\n\
                 scrape_configs:\n  - job_name: rampd\n    static_configs: [{{ targets: ['127.0.0.1:{agent_port}'] }}]\n"
            ),
        );
        let port = free_port();
        let mut command = Command::new(tool("prometheus"));
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", scratch.path("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let server = Self { process: Process::start(command), port };
        // A new target waits up to 5 s for its first scrape; nobody is there yet, so that one fails.
        let tried = poll(Duration::from_secs(30), || {
            let answer = http::get(([127, 0, 0, 1], port).into(), "/api/v1/targets", &[]).ok()?;
            answer.body.contains("\"health\":\"down\"").then_some(())
        });
        assert!(tried.is_some(), "Prometheus does not scrape\n{}", server.process.describe());
        server
    }

    fn query(&self, query: &str) -> Vec<Value> {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let path = format!("/api/v1/query?query={encoded}");
        let answer = http::get(([127, 0, 0, 1], self.port).into(), &path, &[]).expect("Prometheus answers");
        let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(answer["status"], "success", "{query}: {answer:#}");
        answer["data"]["result"].as_array().expect("a list of series").clone()
    }

    /// Metric and threshold of each firing alert with the verdict.
    fn thresholds(&self, verdict: &str) -> BTreeSet<(String, String)> {
        let firing = self.query(&format!("ALERTS{{alertstate=\"firing\",verdict=\"{verdict}\"}}"));
        let label = |series: &Value, name: &str| series["metric"][name].as_str().expect("a label").to_owned();
        firing.iter().map(|series| (label(series, "metric"), label(series, "threshold"))).collect()
    }
}

#[test]
fn alerts_are_exactly_the_thresholds_that_the_agent_found_crossed() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", PROFILE);
    let variable = format!("TARGET={}", target.url());
    let port = free_port();
    let own = rules(rampd(["generate", "rules"]).arg(&profile).args(["-e", &variable]));
    let watch = Watch::start(&scratch, port, &[own, rules(rampd(["generate", "rules"]))]);

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
        let fired = poll(Duration::from_secs(15), || Some(watch.thresholds(verdict)).filter(|fired| *fired == crossed));
        assert!(
            fired.is_some(),
            "{verdict}: Prometheus says {:#?}, the agent {crossed:#?}\n{}",
            watch.thresholds(verdict),
            watch.process.describe()
        );
    }
    let live = watch.query("max_over_time(ALERTS{alertstate=\"firing\",verdict=\"live\"}[1m])");
    let told = |name: &str| live.iter().any(|series| series["metric"]["alertname"] == name);
    assert!(told("RampdWsMsgsSentCount3Crossing"), "more than 5 messages were seen at once: {live:#?}");
    assert!(!told("RampdWsMsgsSentCountCrossing"), "the end alone knows whether messages are missing: {live:#?}");

    let points = watch.query("last_over_time(testid:ws_msgs_sent:sum[5m])");
    assert_eq!(points.len(), 1, "{points:#?}");
    assert_eq!(points[0]["value"][1], summary.count("ws_msgs_sent").to_string());
    let number = watch.query("count_over_time(testid:ws_msgs_sent:sum[5m])");
    assert_eq!(number[0]["value"][1], "1", "a run leaves one point");
}

#[test]
fn an_agent_that_is_killed_is_missing_and_its_run_is_not_judged() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", &PROFILE.replace("duration: 5s", "duration: 1m"));
    let variable = format!("TARGET={}", target.url());
    let port = free_port();
    let own = rules(rampd(["generate", "rules"]).arg(&profile).args(["-e", &variable]));
    let watch = Watch::start(&scratch, port, &[own, rules(rampd(["generate", "rules"]))]);
    let agent = rampd(["run"])
        .arg(&profile)
        .args(["--listen", &format!("127.0.0.1:{port}"), "-e", &variable, "--on-invalid", "warn"])
        .start();
    let running = poll(Duration::from_secs(30), || {
        Some(watch.query("rampd_run_state{state=\"running\"} == 1")).filter(|series| !series.is_empty())
    });
    assert!(running.is_some(), "never seen running\n{}", watch.process.describe());
    assert!(watch.query("ALERTS{alertname=\"RampdAgentMissing\"}").is_empty(), "it is there");
    agent.signal(Signal::SIGKILL);
    // Pending for 30 s; that it fires then is a unit test of the rules.
    let missing = poll(Duration::from_secs(15), || {
        Some(watch.query("ALERTS{alertname=\"RampdAgentMissing\"}")).filter(|series| !series.is_empty())
    });
    assert!(missing.is_some(), "nobody misses it\n{}", watch.process.describe());
    assert!(watch.thresholds("final").is_empty() && watch.thresholds("agent").is_empty());
}
