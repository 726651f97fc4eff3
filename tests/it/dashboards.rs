//! Every query of every dashboard, asked of a real Prometheus that scraped a real run.

use std::process::Command;

use rampd::generate::dashboards;
use serde_json::Value;

use crate::support::{
    agent::rampd,
    prometheus::{Prometheus, Setup, Version, free_port, on_each_version},
    repository,
    scratch::Scratch,
};

/// Uses all that has a panel: sockets with messages, one that nobody accepts, and requests, of which one fails.
const PROFILE: &str = r#"
name: panels
scenarios:
  sockets:
    executor: ramping-vus
    stages: [{ duration: 4s, target: 10 }, { duration: 4s, target: 10 }, { duration: 2s, target: 0 }]
    flow:
      - websocket:
          url: ${WS}
          steps:
            - repeat: { times: 20, steps: [send: { text: hello, reply: fifo }, sleep: 50ms] }
  pages:
    executor: constant-arrival-rate
    rate: 5
    duration: 9s
    preAllocatedVUs: 2
    flow:
      - http: { url: "${WEB}/-/healthy", name: healthy }
      - http: { url: "${WEB}/nowhere", name: nowhere }
  refused:
    executor: constant-arrival-rate
    rate: 1
    duration: 9s
    preAllocatedVUs: 1
    flow:
      - websocket: { url: "ws://127.0.0.1:1/", steps: [hold: {}] }
thresholds:
  ws_connecting: ["p(99)<2000"]
  ws_msg_rtt: ["p(99)<2000"]
  ws_msgs_sent: ["count>10"]
  http_req_duration: ["p(95)<2000"]
"#;

/// Legends that a healthy run leaves without a value, for nothing of the kind happened; the line itself is there, at 0.
const NOTHING_HAPPENED: [&str; 2] = ["Disconnects by reason", "Reconnects by result"];

/// A query and where it stands.
struct Asked {
    place: String,
    title: String,
    expression: String,
    legend: String,
    instant: bool,
}

fn queries() -> Vec<Asked> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let mut all = Vec::new();
    for (file, dashboard) in dashboards::all() {
        for panel in list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row") {
            for target in list(&panel["targets"]) {
                all.push(Asked {
                    place: format!("{file}, {}, {}", panel["title"], target["refId"]),
                    title: text(&panel["title"]),
                    expression: text(&target["expr"]),
                    legend: text(&target["legendFormat"]),
                    instant: target["instant"] == true,
                });
            }
        }
        for annotation in list(&dashboard["annotations"]["list"]) {
            all.push(Asked {
                place: format!("{file}, annotations"),
                title: text(&annotation["name"]),
                expression: text(&annotation["expr"]),
                legend: format!("{} {}", text(&annotation["titleFormat"]), text(&annotation["textFormat"])),
                instant: false,
            });
        }
    }
    all
}

/// The series of the answer, as Prometheus's own client reads it.
fn ask(version: Version, server: &Prometheus, asked: &Asked, testid: &str, start: f64) -> Vec<Value> {
    let expression =
        asked.expression.replace("$testid", testid).replace("$__rate_interval", "3s").replace("$__range", "2m");
    assert!(!expression.contains('$'), "{}: an unknown variable\n{expression}", asked.place);
    let mut promtool = Command::new(version.promtool());
    promtool.args(["query", "--format=json", if asked.instant { "instant" } else { "range" }]);
    if asked.instant {
        promtool.arg(format!("--time={:.3}", start + 11.0));
    } else {
        promtool.args([format!("--start={:.3}", start + 1.0), format!("--end={:.3}", start + 10.0)]).arg("--step=1s");
    }
    let output = promtool.args([&server.url(), &expression]).output().expect("promtool starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}\n{expression}", asked.place);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{}: {error}", asked.place))
}

/// Whether any point can be drawn: a quantile of nothing is NaN.
fn has_number(series: &Value) -> bool {
    let points = series["values"].as_array().cloned().unwrap_or_else(|| vec![series["value"].clone()]);
    points.iter().any(|point| point[1].as_str().and_then(|text| text.parse().ok()).is_some_and(f64::is_finite))
}

/// The labels that `{{…}}` in a legend stands for.
fn labels(legend: &str) -> Vec<&str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).collect()
}

#[test]
fn every_panel_of_a_real_run_has_data_and_names() {
    on_each_version(every_panel_has_data_and_names);
}

fn every_panel_has_data_and_names(version: Version) {
    let scratch = Scratch::new();
    let mut echo = rampd(["echo"]).args(["--listen", "127.0.0.1:0"]).start();
    let agent_port = free_port();
    let server = Setup::new(version, scratch.directory(), "500ms").start(&[agent_port]);
    let mut agent = rampd(["run"])
        .arg(scratch.write("profile.yaml", PROFILE))
        .args(["--listen", &format!("127.0.0.1:{agent_port}"), "--on-invalid", "warn"])
        .args(["-e", &format!("WS=ws://{}", echo.address()), "-e", &format!("WEB={}", server.url())])
        .start();
    let page = agent.scrape_until("the start", |page| page.types.contains_key("rampd_run_start_timestamp_seconds"));
    let start = page.sum("rampd_run_start_timestamp_seconds", &[]);
    let testids = page.values_of("rampd_run_info", "testid");
    let testid = (*testids.first().expect("a testid")).to_owned();
    agent.wait().assert_code(0);

    let queries = queries();
    assert!(queries.len() > 80, "{} queries", queries.len());
    let mut wrong = Vec::new();
    for asked in &queries {
        let series = ask(version, &server, asked, &testid, start);
        if series.is_empty() {
            wrong.push(format!("{}: no answer to\n  {}", asked.place, asked.expression));
        }
        if !series.is_empty() && !series.iter().any(has_number) {
            wrong.push(format!("{}: nothing but NaN to\n  {}", asked.place, asked.expression));
        }
        // A family without a sample yet has one line at 0 without labels; some other line must have them.
        let named = |label: &&str| series.iter().any(|series| series["metric"][*label].is_string());
        if !NOTHING_HAPPENED.contains(&asked.title.as_str()) && !labels(&asked.legend).iter().all(named) {
            wrong.push(format!("{}: {:?} is not in {series:?}", asked.place, asked.legend));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), server.describe());
}

#[test]
fn provisioning_finds_the_dashboards_and_their_data_source() {
    let read = |name: &str| -> Value {
        let path = repository().join("grafana/provisioning").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let sources = read("datasources/prometheus.yaml");
    assert_eq!(sources["apiVersion"], 1);
    assert_eq!(sources["datasources"][0]["type"], "prometheus");
    // Else the windows of rate() are a minute, which is a whole stage.
    assert_eq!(sources["datasources"][0]["jsonData"]["timeInterval"], "5s");
    let providers = read("dashboards/rampd.yaml");
    assert_eq!(providers["apiVersion"], 1);
    assert_eq!(providers["providers"][0]["type"], "file");
    assert_eq!(providers["providers"][0]["allowUiUpdates"], false);
}
