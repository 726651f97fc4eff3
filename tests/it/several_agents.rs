//! One run of two agents: Prometheus, `rampd verdict` and the alerts say what all samples together say, which is
//! neither what the one agent says nor the other.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde_json::Value;

use crate::support::{
    agent::{AgentCommand, rampd},
    poll,
    prometheus::{Prometheus, Setup, Version, free_port, on_each_version},
    results::Summary,
    scratch::Scratch,
};

const TESTID: &str = "fleet";
/// 3 s are shorter than two scrape intervals.
const INTERVAL: &str = "2s";

/// 180 messages of each agent; one has a prompt target, the other one that is 100 ms late.
const PROFILE: &str = "
name: fleet
scenarios:
  steady:
    executor: constant-vus
    vus: 3
    duration: 3s
    gracefulStop: 2s
    flow:
      - websocket:
          url: ${TARGET}
          steps:
            - every: { rate: 20, steps: [ { send: { text: hello, reply: fifo } } ] }
thresholds:
  ws_msg_rtt: ['p(10)<50', 'p(90)<50', 'p(90)>=50', 'p(99.9)<60000', 'med<60000', 'p(0)<50', 'p(100)<50']
  ws_msgs_sent: ['count>250', 'count<250']
  checks: ['rate>0.99']
  ws_connect_failed: ['rate<0.01', { threshold: 'rate>0.5', abortOnFail: false }]
  ws_ping: [{ threshold: 'p(99)<1', allowEmpty: true }]
";

/// Milliseconds of every sample of `ws_msg_rtt` in `--out json=`.
fn round_trips(path: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(path).expect("the agent wrote it");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON lines"));
    let points = lines.filter(|line| line["metric"] == "ws_msg_rtt" && line["type"] == "Point");
    points.map(|point| point["data"]["value"].as_f64().expect("a number")).collect()
}

/// By nearest rank, on the samples themselves.
fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn final_alerts(prometheus: &Prometheus) -> BTreeSet<String> {
    let firing = prometheus.query("ALERTS{alertstate=\"firing\",verdict=\"final\"}");
    let text = |labels: &Value, name: &str| labels[name].as_str().expect("a label").to_owned();
    firing.iter().map(|(labels, _)| format!("{} {}", text(labels, "metric"), text(labels, "threshold"))).collect()
}

#[test]
fn two_agents_are_judged_on_all_their_samples_together() {
    on_each_version(judged_together);
}

fn judged_together(version: Version) {
    let scratch = Scratch::new();
    let profile = scratch.write("profile.yaml", PROFILE);
    for (file, profile) in [("own.rules.yaml", Some(&profile)), ("every.rules.yaml", None)] {
        let command = rampd(["generate", "rules", "-e", "TARGET=ws://localhost/"]);
        let ended = profile.into_iter().fold(command, AgentCommand::arg).finish();
        scratch.write(
            file,
            &ended.assert_code(0).stdout.replace("interval: 10s", "interval: 1s").replace("for: 20s", "for: 2s"),
        );
    }
    let mut prompt = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let mut late = rampd(["echo", "--listen", "127.0.0.1:0", "--delay", "100ms"]).start();
    let targets = [prompt.address(), late.address()];
    let ports = [free_port(), free_port()];
    let prometheus = Setup::new(version, scratch.directory(), INTERVAL).start(&ports);

    let file = |agent: usize, kind: &str| scratch.path(&format!("{agent}.{kind}"));
    let agents = [0, 1].map(|agent| {
        rampd(["run", "--testid", TESTID, "--on-invalid", "warn"])
            .arg(&profile)
            .args(["--listen", &format!("127.0.0.1:{}", ports[agent])])
            .args(["-e", &format!("TARGET=ws://{}/", targets[agent])])
            .args(["--summary-export", file(agent, "summary").to_str().expect("UTF-8")])
            .args(["--out", &format!("json={}", file(agent, "samples").display())])
            .start()
    });
    for agent in agents {
        agent.wait().assert_code(99);
    }

    let summaries = [0, 1].map(|agent| Summary::read(&file(agent, "summary")));
    let total = |metric: &str| summaries.iter().map(|summary| summary.count(metric)).sum::<u64>();
    let mut samples: Vec<f64> = [0, 1].iter().flat_map(|agent| round_trips(&file(*agent, "samples"))).collect();
    samples.sort_by(f64::total_cmp);
    assert_eq!(samples.len() as u64, total("ws_msgs_received"));
    let within = |limit: f64| {
        format!("{} of {} within the limit", samples.iter().filter(|value| **value < limit).count(), samples.len())
    };
    let sent = total("ws_msgs_sent");
    let at = |percent| percentile(&samples, percent);
    let expected = [
        ("ws_msg_rtt", "p(10)<50", at(10.0) < 50.0, within(50.0)),
        ("ws_msg_rtt", "p(90)<50", at(90.0) < 50.0, within(50.0)),
        ("ws_msg_rtt", "p(90)>=50", at(90.0) >= 50.0, within(50.0)),
        ("ws_msg_rtt", "p(99.9)<60000", at(99.9) < 60000.0, within(60000.0)),
        ("ws_msg_rtt", "med<60000", at(50.0) < 60000.0, within(60000.0)),
        ("ws_msg_rtt", "p(0)<50", at(0.0) < 50.0, within(50.0)),
        ("ws_msg_rtt", "p(100)<50", at(100.0) < 50.0, within(50.0)),
        ("ws_msgs_sent", "count>250", sent > 250, format!("count={sent}")),
        ("ws_msgs_sent", "count<250", sent < 250, format!("count={sent}")),
        ("checks", "rate>0.99", true, "6 of 6".to_owned()),
        ("ws_connect_failed", "rate<0.01", true, "0 of 6".to_owned()),
        ("ws_connect_failed", "rate>0.5", false, "0 of 6".to_owned()),
        ("ws_ping", "p(99)<1", true, "0 of 0 within the limit".to_owned()),
    ];
    // The test is of nothing if one agent alone would say the same.
    for summary in &summaries {
        let own = summary.thresholds();
        let differs = expected
            .iter()
            .any(|(metric, threshold, passed, _)| own[&((*metric).to_owned(), (*threshold).to_owned())] != *passed);
        assert!(differs, "{own:?}");
    }

    let url = prometheus.url();
    let verdict = rampd(["verdict", "--testid", TESTID, "--on-invalid", "warn", "--prometheus", &url]).finish();
    verdict.assert_code(99);
    for (metric, threshold, passed, found) in &expected {
        let line = format!("{} {metric} '{threshold}' {found}\n", if *passed { '✓' } else { '✗' });
        assert!(verdict.stdout.contains(&line), "no {line}\n{}", verdict.describe());
    }
    assert!(verdict.stdout.contains("by 2 agent(s)"), "{}", verdict.describe());
    for (metric, family) in [("ws_msgs_sent", "ws_msgs_sent_total"), ("ws_msgs_received", "ws_msgs_received_total")] {
        let stored = prometheus.query(&format!("sum by (testid) (last_over_time({family}[1h]))"));
        assert_eq!(stored.len(), 1, "{stored:?}");
        assert_eq!(stored[0].1 as u64, total(metric), "{family} in {version:?}");
    }

    let crossed: BTreeSet<_> = expected
        .iter()
        .filter(|(_, _, passed, _)| !passed)
        .map(|(metric, threshold, ..)| format!("{metric} {threshold}"))
        .collect();
    let fired = poll(Duration::from_secs(15), || Some(final_alerts(&prometheus)).filter(|fired| *fired == crossed));
    assert!(
        fired.is_some(),
        "{version:?}: {:#?}, not {crossed:#?}\n{}",
        final_alerts(&prometheus),
        prometheus.describe()
    );
    let alone = prometheus.query("ALERTS{alertname=\"RampdThresholdCrossed\"}");
    assert!(alone.is_empty(), "one agent's word counts for nothing among several: {alone:?}");

    let extreme = PROFILE.replace("'p(10)<50'", "'max<60000'");
    let extreme = scratch.write("extreme.yaml", &extreme);
    let undecidable =
        rampd(["verdict", "--testid", TESTID, "--prometheus", &url, "-e", "TARGET=ws://localhost/"]).arg(&extreme);
    let undecidable = undecidable.finish();
    undecidable.assert_code(1);
    assert!(undecidable.stderr.contains("max<60000 of ws_msg_rtt cannot be judged"), "{}", undecidable.describe());
}
