//! What a run shows while it goes on (`/api/v1/status`), and the record that it leaves (`--record`).

use std::{path::Path, time::Duration};

use rampd::{
    metrics::hdr,
    outputs::{
        record::{self, MetricRecord, RunRecord},
        timeline::Point,
    },
};
use serde_json::Value;

use crate::support::{
    agent::{Agent, rampd, run, run_lingering},
    fleet::Fleet,
    poll,
    results::Summary,
    scraper::Scraper,
    scratch::Scratch,
};

/// A credential: it may be in nothing that a run shows or leaves.
const CANARY: &str = "canary-5c1e8";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn read(path: &Path) -> RunRecord {
    record::read(&std::fs::read(path).expect("written")).expect("a record")
}

fn metric<'r>(record: &'r RunRecord, name: &str) -> &'r MetricRecord {
    record.metrics.iter().find(|metric| metric.name == name).expect("it has samples")
}

fn status(agent: &mut Agent) -> Value {
    let response = agent.get("/api/v1/status", &[]).expect("served");
    assert_eq!(response.status, 200, "{}", response.body);
    serde_json::from_str::<Value>(&response.body).expect("JSON")["run"].clone()
}

#[test]
fn a_record_has_what_the_summary_has_and_its_curves_add_up_to_it() {
    let scratch = Scratch::new();
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let profile = scratch.write(
        "profile.yaml",
        &format!(
            "
name: curves
tags: {{ build: b7 }}
stages: [{{ duration: 1s, target: 4 }}, {{ duration: 2s, target: 4 }}]
thresholds: {{ ws_msg_rtt: ['p(95)<60000'], ws_msgs_sent: ['count>1000000'] }}
flow:
  - websocket:
      url: 'ws://{}/'
      steps: [{{ every: {{ rate: 50, steps: [{{ send: {{ text: x, reply: fifo }} }}] }} }}]
  - websocket: {{ url: 'ws://127.0.0.1:1/' }}
",
            echo.address()
        ),
    );
    let (path, summary) = (scratch.path("record.json"), scratch.path("summary.json"));
    let options = ["--record", text(&path), "--summary-export", text(&summary), "--testid", "r1"];
    run(&profile).args(options).finish().assert_code(99);
    let (record, summary) = (read(&path), Summary::read(&summary));
    assert_eq!((record.profile.as_str(), record.id.as_str(), record.testid.as_str()), ("curves", "r1", "r1"));
    assert_eq!((record.ended.as_str(), record.verdict.as_str(), record.exit_code), ("completed", "crossed", 99));
    assert_eq!((record.plan_seconds, record.agents, record.tags["build"].as_str()), (3.0, 1, "b7"));
    assert!(record.started_at < record.ended_at && record.elapsed_seconds >= 3.0, "{record:?}");
    assert!(record.thresholds[0].headroom > Some(0.5) && record.thresholds[1].headroom < Some(0.0), "{record:?}");
    assert!(record.machine.cores > 0 && record.machine.workers > 0 && !record.machine.kernel.is_empty());

    let sent = metric(&record, "ws_msgs_sent").values["count"];
    assert_eq!(sent, summary.count("ws_msgs_sent") as f64);
    let mut begin = 0.0;
    let in_curves = |value: fn(&Point) -> f64| {
        let mut begin = 0.0;
        let sums = record
            .timeline
            .points
            .iter()
            .map(|point| value(point) * (point.at - std::mem::replace(&mut begin, point.at)));
        sums.sum::<f64>()
    };
    assert!((in_curves(|point| point.sent) - sent).abs() < 1e-6 * sent);
    assert_eq!(record.timeline.points.iter().map(|point| point.vus).max(), Some(4));
    for point in &record.timeline.points {
        assert!(point.at > std::mem::replace(&mut begin, point.at), "{:?}", record.timeline);
    }
    let plan: Vec<_> = record.timeline.plan.iter().map(|corner| (corner.at, corner.vus)).collect();
    assert_eq!(plan, [(0.0, 1.0), (1.0, 4.0), (3.0, 4.0), (3.0, 0.0)]);

    let rtt = metric(&record, "ws_msg_rtt");
    let whole = hdr::decode(rtt.histogram.as_ref().expect("a trend")).expect("a histogram");
    let blocks = rtt.blocks.iter().map(|block| hdr::decode(block).expect("a histogram").len());
    assert_eq!((whole.len() as f64, blocks.sum::<u64>()), (rtt.values["count"], whole.len()));
    let refused = record.failures.iter().find(|failure| failure.what == "ws_connect").map(|failure| failure.count);
    assert_eq!(refused.unwrap_or(0), summary.count("ws_sessions") - summary.count("ws_closes"));
}

#[test]
fn no_credential_is_in_a_status_or_a_record() {
    let scratch = Scratch::new();
    scratch.write("token", CANARY);
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let profile = format!(
        "
env: {{ DEFAULT: {CANARY} }}
vus: 1
duration: 1s
flow:
  - websocket:
      url: 'ws://{0}/?key={CANARY}&a=${{TOKEN}}'
      headers: {{ Authorization: 'Bearer ${{file:token}}', Cookie: {CANARY}, X-Api-Key: '${{DEFAULT}}' }}
      steps:
        - send: {{ text: '{{\"seq\":{{{{ seq }}}},\"token\":\"{CANARY}\"}}', reply: fifo }}
        - expect: 1
        - hold: {{}}
  - http: {{ url: 'http://{0}/{{{{ vu }}}}?{CANARY}', query: {{ q: {CANARY} }}, auth: {{ basic: {{ user: me, password: {CANARY} }} }} }}
",
        echo.address()
    );
    let (profile, path) = (scratch.write("profile.yaml", &profile), scratch.path("record.json"));
    let mut agent = run_lingering(&profile).args(["--record", text(&path), "-e", &format!("TOKEN={CANARY}")]).start();
    agent.scrape_until("a message", |page| page.sum_or_zero("ws_msgs_received_total", &[]) > 0.0);
    let body = agent.get("/api/v1/status", &[]).expect("served").body;
    assert!(body.contains("\"phase\":\"") && !body.contains(CANARY), "{body}");
    let timeline = agent.get("/api/v1/runs/current/timeline", &[]).expect("served").body;
    assert!(!timeline.contains(CANARY), "{timeline}");
    Scraper::start(agent.address(), Duration::from_millis(200)).last();
    agent.wait().assert_code(0);
    let written = std::fs::read_to_string(&path).expect("written");
    assert!(!written.contains(CANARY), "{written}");
    let shown = read(&path).profile_text.expect("it was read");
    assert!(shown.contains("Bearer ${file:token}") && shown.contains("a=${TOKEN}"), "{shown}");
}

#[test]
fn a_status_follows_orders_at_once_and_ends_with_the_verdict() {
    let scratch = Scratch::new();
    let profile = scratch.write(
        "profile.yaml",
        "
scenarios:
  flat: { executor: constant-vus, vus: 3, duration: 20s, flow: [{ sleep: 50ms }] }
  rate: { executor: constant-arrival-rate, rate: 20, duration: 20s, preAllocatedVUs: 2, flow: [{ sleep: 10ms }] }
thresholds: { iterations: ['count>0'] }
",
    );
    let (socket, path) = (scratch.path("control"), scratch.path("record.json"));
    let mut agent = run_lingering(&profile).args(["--control-socket", text(&socket), "--record", text(&path)]).start();
    agent.scrape_until("the load", |page| page.sum_or_zero("iterations_total", &[]) > 0.0);
    let order = |order: &[&str]| {
        let command =
            order.iter().fold(rampd(["ctl", "--socket", text(&socket)]), |command, word| command.args([word]));
        command.finish().assert_code(0);
    };
    let running = status(&mut agent);
    assert_eq!((&running["phase"], &running["verdict"]), (&"running".into(), &Value::Null));
    assert_eq!(running["scenarios"][0]["maxVus"], 3);
    assert_eq!(running["scenarios"][1]["plannedRate"], 20.0);
    order(&["pause"]);
    let paused = status(&mut agent);
    assert_eq!((&paused["phase"], &paused["scenarios"][0]["plannedVus"]), (&"paused".into(), &3.into()));
    order(&["scale", "flat", "1"]);
    let scaled = status(&mut agent);
    assert_eq!((&scaled["scenarios"][0]["plannedVus"], &scaled["scenarios"][0]["ordered"]), (&1.into(), &true.into()));
    order(&["resume"]);
    assert_eq!(status(&mut agent)["phase"], "running");
    order(&["stop"]);
    let phase = status(&mut agent)["phase"].clone();
    assert!(phase == "stopping" || phase == "finished", "{phase}");
    let scraper = Scraper::start(agent.address(), Duration::from_millis(100));
    let finished = poll(Duration::from_secs(30), || Some(status(&mut agent)).filter(|run| run["phase"] == "finished"))
        .expect("finished within 30 s");
    assert_eq!((&finished["verdict"], &finished["exitCode"]), (&"passed".into(), &103.into()));
    assert_eq!(finished["latest"]["vus"], 0);
    scraper.last();
    agent.wait().assert_code(103);
    let record = read(&path);
    assert_eq!((record.ended.as_str(), record.exit_code), ("stopped", 103));
    assert!(record.timeline.plan.iter().any(|corner| corner.vus == 1.0 + 2.0), "{:?}", record.timeline.plan);
}

#[test]
fn a_record_that_cannot_be_written_is_found_out_before_the_load() {
    let scratch = Scratch::new();
    let profile = scratch.write("profile.yaml", "vus: 1\nduration: 1s\nflow: [{ sleep: 1s }]");
    let ended = run(&profile).args(["--record", text(&scratch.path("none/record.json"))]).finish();
    ended.assert_code(104);
    assert!(ended.stderr.contains("choose another path in --record FILE"), "{}", ended.describe());
}

#[test]
fn the_record_of_a_fleet_is_of_all_its_agents() {
    let profile = crate::fleet::steady("thresholds: { ws_msgs_sent: ['count>0'] }", 4, 2);
    let mut fleet = Fleet::new(2, &profile);
    let path = fleet.write("record.json", "");
    let leader = fleet.command(0).args(["--record", text(&path)]);
    fleet.start_as(0, leader);
    fleet.start_all(1..2);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 2]).assert_exact();
    let record = read(&path);
    assert_eq!((record.agents, record.verdict.as_str()), (2, "passed"));
    assert_eq!(metric(&record, "ws_msgs_sent").values["count"], outcome.summary().count("ws_msgs_sent") as f64);
    assert!(!record.timeline.points.is_empty() && metric(&record, "ws_msg_rtt").blocks.is_empty());
    assert!(record.notes.iter().any(|note| note.contains("agent 0's alone")), "{:?}", record.notes);
}

#[test]
fn the_record_of_a_merge_has_the_figures_and_no_curves() {
    let scratch = Scratch::new();
    let profile = scratch.write("profile.yaml", "vus: 2\niterations: 10\nflow: [{ sleep: 1ms }]");
    let (result, own, merged) = (scratch.path("result"), scratch.path("own.json"), scratch.path("merged.json"));
    run(&profile).args(["--result", text(&result), "--record", text(&own)]).finish().assert_code(0);
    rampd(["merge", text(&result), "--record", text(&merged)]).finish().assert_code(0);
    let (own, merged) = (read(&own), read(&merged));
    assert_eq!(
        (&merged.digest, &merged.testid, merged.elapsed_seconds),
        (&own.digest, &own.testid, own.elapsed_seconds)
    );
    let without_blocks = |metrics: &[MetricRecord]| {
        metrics.iter().map(|metric| MetricRecord { blocks: Vec::new(), ..metric.clone() }).collect::<Vec<_>>()
    };
    assert_eq!(without_blocks(&merged.metrics), without_blocks(&own.metrics));
    assert!(merged.timeline.points.is_empty() && merged.started_at.is_empty() && merged.profile_text.is_none());
}
