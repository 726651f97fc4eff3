//! `observe:` against real servers: what they say of themselves before, during and after a run.

use std::{path::Path, process::Command, time::Duration};

use nix::sys::signal::Signal;

use crate::support::{
    agent::{rampd, run, run_lingering},
    exposition::Page,
    faults::{Fault, FaultyServer},
    http,
    nginx::Nginx,
    poll,
    process::{Ended, Process},
    repository,
    results::Summary,
    scratch::Scratch,
    target::{ObservedTarget, PromClient, tool},
};

/// Fifty times faster and with a fiftieth of the clients: 3 s, 40 clients in the ramp and 4 after it.
const FAST: [&str; 4] = ["--speed", "50", "--scale", "0.02"];
const AFTER: &str = "config/quantum-ws-after.yaml";

/// Runs the seed's ramp with what must hold after it; returns the end and the export.
fn run_after(scratch: &Scratch, target: &ObservedTarget) -> (Ended, Summary) {
    let summary = scratch.path("summary.json");
    let ended = run(&repository().join(AFTER))
        .args(FAST)
        // Python's allocator keeps some of what a few clients needed.
        .args(["-e", "MEMORY_RATIO=1.5"])
        .args(["-e", &format!("QUANTUM_WS_URL={}", target.url())])
        .args(["-e", &format!("QUANTUM_METRICS_URL={}", target.metrics())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish();
    (ended, Summary::read(&summary))
}

fn passed(summary: &Summary, metric: &str, threshold: &str) -> bool {
    let thresholds = summary.thresholds();
    *thresholds.get(&(metric.to_owned(), threshold.to_owned())).unwrap_or_else(|| panic!("{metric} in {thresholds:?}"))
}

#[test]
fn a_healthy_server_takes_clients_again_and_gives_its_memory_back() {
    let scratch = Scratch::new();
    let target = ObservedTarget::start(&[]);
    let (ended, summary) = run_after(&scratch, &target);
    for (metric, threshold) in [
        ("checks{scenario:ramp}", "rate>0.99"),
        ("checks{scenario:reconnect}", "rate==1"),
        ("target_memory", "ratio<1.5"),
        ("target_restarts", "count<1"),
    ] {
        assert!(passed(&summary, metric, threshold), "{metric} {threshold}\n{}", ended.describe());
    }
    let opened = summary.count("ws_sessions");
    assert!(opened >= 44, "{opened} connections in all\n{}", ended.describe());
    assert_eq!(target.stop(), opened, "the server's own count");
    for key in ["value", "min", "max", "before", "after"] {
        assert!(summary.value("target_memory", key) > 5e6, "{key}");
    }
    assert_eq!(summary.count("target_scrape_failures"), 0);
    for text in ["    TARGET\n", "target_memory", "before=", "✓ 'ratio<1.5' ratio=1", "0 failed"] {
        assert!(ended.stdout.contains(text), "{text}\n{}", ended.describe());
    }
}

#[test]
fn a_server_that_keeps_memory_for_each_connection_crosses_the_threshold() {
    let scratch = Scratch::new();
    // 44 connections leave 66 MiB, beside 30 MiB or so of the interpreter.
    let target = ObservedTarget::start(&["--leak-kib", "1536"]);
    let profile = std::fs::read_to_string(repository().join(AFTER)).expect("readable");
    assert!(profile.contains("settle: 1m"));
    let profile = scratch.write("after.yaml", &profile.replace("settle: 1m", "settle: 2s"));
    let summary = scratch.path("summary.json");
    let ended = run(&profile)
        .args(FAST)
        .args(["-e", "MEMORY_RATIO=1.5"])
        .args(["-e", &format!("QUANTUM_WS_URL={}", target.url())])
        .args(["-e", &format!("QUANTUM_METRICS_URL={}", target.metrics())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish();
    ended.assert_code(99);
    let summary = Summary::read(&summary);
    assert!(!passed(&summary, "target_memory", "ratio<1.5"), "{}", ended.describe());
    assert!(
        passed(&summary, "target_restarts", "count<1") && passed(&summary, "checks{scenario:reconnect}", "rate==1")
    );
    let ratio = summary.value("target_memory", "after") / summary.value("target_memory", "before");
    assert!(ratio > 1.5 && (summary.value("target_memory", "ratio") - ratio).abs() < 1e-9, "{ratio}");
    assert!(ended.stderr.contains("waiting for the observed targets to settle"), "{}", ended.describe());
    let page = target.stop();
    assert!(page >= 44);
}

/// Observes `TARGET` and judges everything that a target has; more thresholds can be added.
const OBSERVING: &str = r#"
scenarios:
  some:
    executor: constant-vus
    vus: 2
    duration: 3s
    flow:
      - websocket:
          url: ${TARGET}
          steps: [{ sleep: 200ms }]
observe:
  server:
    url: ${METRICS}
    interval: 100ms
    metrics:
      memory: process_resident_memory_bytes
      errors: { series: 'ws_opened_total{code=~"5..",path=~"/ .ws."}', kind: counter }
      opened: ws_opened_total
      nothing: no_such_series
thresholds:
  target_errors: ["count<1"]
  target_restarts: ["count<1"]
"#;

/// The page while the run goes on, as soon as `wanted` holds, and the end.
fn observing(
    target: &ObservedTarget,
    profile: &str,
    scratch: &Scratch,
    wanted: impl Fn(&Page) -> bool,
) -> (Page, Summary, Ended) {
    let summary = scratch.path("summary.json");
    let mut agent = run(&scratch.write("profile.yaml", profile))
        .args(["-e", &format!("TARGET={}", target.url()), "-e", &format!("METRICS={}", target.metrics())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .start();
    let page = agent.scrape_until("what the target says", wanted);
    let ended = agent.wait();
    (page, Summary::read(&summary), ended)
}

#[test]
fn errors_are_the_increase_of_the_series_that_were_asked_for() {
    for (options, errors) in [(&[][..], false), (&["--failing"][..], true)] {
        let scratch = Scratch::new();
        let target = ObservedTarget::start(options);
        let increase = |page: &Page, metric| {
            page.sum_or_zero("target_increase_total", &[("metric", metric), ("target", "server")])
        };
        let (page, summary, ended) = observing(&target, OBSERVING, &scratch, |page| increase(page, "opened") > 3.0);
        assert_eq!(increase(&page, "errors"), if errors { increase(&page, "opened") } else { 0.0 });
        assert_eq!(page.sum("target_up", &[("target", "server")]), 1.0);
        assert!(page.sum("target_value", &[("metric", "memory")]) > 5e6);
        let counted = target.stop();
        assert_eq!(summary.count("target_opened"), counted, "the server's own count\n{}", ended.describe());
        assert_eq!(summary.count("target_errors"), if errors { counted } else { 0 });
        assert_eq!(ended.code(), if errors { 99 } else { 0 }, "{}", ended.describe());
        assert_eq!(passed(&summary, "target_errors", "count<1"), !errors);
    }
}

#[test]
fn a_restart_is_counted_and_crosses_its_threshold() {
    let scratch = Scratch::new();
    let target = ObservedTarget::start(&[]);
    let summary = scratch.path("summary.json");
    let mut agent = run(&scratch.write("profile.yaml", OBSERVING))
        .args(["-e", &format!("TARGET={}", target.url()), "-e", &format!("METRICS={}", target.metrics())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .start();
    let opened = |page: &Page| page.sum_or_zero("target_increase_total", &[("metric", "opened")]);
    // Older than a second: the start of a process is a whole number of ticks after a boot time that is rounded.
    agent.scrape_until("a second of the load", |page| {
        page.sum("rampd_run_elapsed_seconds", &[]) > 1.2 && opened(page) > 2.0
    });
    let target = target.restart();
    agent.scrape_until("a restart", |page| page.sum_or_zero("target_restarts_total", &[]) == 1.0);
    let ended = agent.wait();
    ended.assert_code(99);
    let summary = Summary::read(&summary);
    assert_eq!(summary.count("target_restarts"), 1, "{}", ended.describe());
    assert!(!passed(&summary, "target_restarts", "count<1") && passed(&summary, "target_errors", "count<1"));
    assert!(target.stop() > 0, "the run went on with the new one");
}

#[test]
fn what_cannot_be_read_is_counted_by_its_reason_and_has_no_sample() {
    let nginx = Nginx::start(
        "location /missing { return 404; } location /text { default_type text/plain; } location /moved { return 301 /text; }",
        &[
            ("html", b"<html></html>\n"),
            ("cut", b"up 1\nup 2"),
            ("big", &b"# a comment of a line\n".repeat(800_000)),
            ("text", b"up 1\n"),
        ],
    );
    let silent = FaultyServer::start(Fault::NeverAnswers);
    let closed = FaultyServer::start(Fault::EndInsteadOfAnswer);
    let refused = FaultyServer::start(Fault::Refused);
    let at = |server: &FaultyServer| server.url().replace("ws://", "http://");
    let scratch = Scratch::new();
    let summary = scratch.path("summary.json");
    let base = nginx.url();
    let targets = [
        ("refused", at(&refused)),
        ("timeout", at(&silent)),
        ("eof", at(&closed)),
        ("status", format!("{base}/missing")),
        ("page", format!("{base}/html")),
        ("too_big", format!("{base}/big")),
        ("dns", "http://no-such-host.invalid/".to_owned()),
    ];
    let mut profile = "duration: 1s\nvus: 1\nflow: [{ sleep: 2s }]\nobserve:\n".to_owned();
    let mut thresholds = String::new();
    for (reason, url) in &targets {
        profile.push_str(&format!("  {reason}: {{ url: \"{url}\", interval: 30s, timeout: 1s, settle: 0s }}\n"));
        thresholds.push_str(&format!("  target_memory{{target:{reason}}}: [\"value>0\"]\n"));
    }
    profile.push_str(&format!("  cut: {{ url: {base}/cut, interval: 1m, settle: 0s }}\n  moved: {{ url: {base}/moved, interval: 1m, settle: 0s }}\n  fine: {base}/text\n"));
    profile.push_str(&format!(
        "thresholds:\n{thresholds}  \"target_memory{{target:fine}}\": [{{ threshold: ratio<2, allowEmpty: true }}]\n"
    ));
    let ended = run(&scratch.write("profile.yaml", &profile))
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish();
    ended.assert_code(99);
    let summary = Summary::read(&summary);
    let said = summary.at("/rampd/targets").as_array().expect("a list");
    let failures = |name: &str| {
        let target = said.iter().find(|target| target["name"] == name).unwrap_or_else(|| panic!("{name} in {said:?}"));
        (target["scrapes"].as_u64().expect("a count"), target["failures"].clone())
    };
    for (reason, _) in &targets {
        // Before the load and after it.
        assert_eq!(failures(reason), (2, serde_json::json!({ *reason: 2 })), "{reason}\n{}", ended.describe());
        assert!(!passed(&summary, &format!("target_memory{{target:{reason}}}"), "value>0"));
    }
    assert_eq!(failures("cut").1, serde_json::json!({ "page": 2 }));
    assert_eq!(failures("moved").1, serde_json::json!({ "status": 2 }), "redirects are not followed");
    assert_eq!(failures("fine").1, serde_json::json!({}));
    assert!(passed(&summary, "target_memory{target:fine}", "ratio<2"), "allowEmpty");
    assert!(
        ended.stdout.contains("✗ 'value>0' no samples") && ended.stdout.contains("{ reason:refused }"),
        "{}",
        ended.describe()
    );
    assert!(ended.stderr.contains("line 1: no name of a metric"), "the log says where\n{}", ended.describe());
}

#[test]
fn tls_settings_and_headers_hold_and_secrets_stay_inside() {
    let nginx = Nginx::start_encrypted(
        r#"location / { if ($http_authorization != "Bearer s3cret") { return 401; }
           default_type text/plain; return 200 "process_resident_memory_bytes 7\n"; }"#,
    );
    let scratch = Scratch::new();
    let (summary, points) = (scratch.path("summary.json"), scratch.path("points.json"));
    let profile = scratch.write(
        "profile.yaml",
        "duration: 1s\nflow: [{ sleep: 2s }]\ntls: { caFile: \"${CA}\" }\nobserve:\n  server:\n    url: \"https://localhost:${PORT}/metrics?key=qu3ry\"\n    headers: { Authorization: \"Bearer ${TOKEN}\" }\nthresholds: { target_memory: [\"value==7\", \"ratio==1\"], target_restarts: [{ threshold: count<1, allowEmpty: true }] }\n",
    );
    let ca = nginx.certificate();
    let mut agent = run(&profile)
        .args(["-e", &format!("PORT={}", nginx.port()), "-e", &format!("CA={}", ca.display())])
        .env("TOKEN", "s3cret")
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .args(["--out", &format!("json={}", points.display()), "--log", "debug"])
        .start();
    let page = agent.get("/metrics", &[]).expect("served").body;
    let ended = agent.wait();
    ended.assert_code(0);
    let outputs = [
        page,
        ended.stdout,
        ended.stderr,
        std::fs::read_to_string(&summary).expect("written"),
        std::fs::read_to_string(&points).expect("written"),
    ];
    for output in outputs {
        assert!(!output.contains("s3cret") && !output.contains("qu3ry"), "{output}");
    }
    assert!(nginx.stop().iter().all(|access| access.status == 200), "every reading had its header");
}

/// Debian's Prometheus, which watches nothing; killed on drop.
fn prometheus(scratch: &Scratch) -> (Process, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = port.expect("a free port");
    let configuration = scratch.write("prometheus.yml", "global: { scrape_interval: 1m }\n");
    let mut command = Command::new(tool("prometheus"));
    command.arg("--config.file").arg(configuration).arg("--storage.tsdb.path").arg(scratch.path("data"));
    command.arg(format!("--web.listen-address={address}"));
    let mut process = Process::start(command);
    let ready = poll(Duration::from_secs(30), || {
        assert!(!process.has_ended(), "{}", process.describe());
        http::get(address, "/-/ready", &[]).ok().filter(|answer| answer.status == 200)
    });
    assert!(ready.is_some(), "Prometheus is not ready\n{}", process.describe());
    (process, format!("http://{address}/metrics"))
}

#[test]
fn pages_of_real_programs_are_read() {
    let scratch = Scratch::new();
    let python = ObservedTarget::start(&[]);
    let node = PromClient::start();
    let (_prometheus, go) = prometheus(&scratch);
    let own_profile = scratch.write("own.yaml", "duration: 30s\nflow: [{ sleep: 1s }]\n");
    let mut own = run_lingering(&own_profile).start();
    let rust = format!("http://{}/metrics", own.address());
    let mut profile = "duration: 1s\nflow: [{ sleep: 2s }]\nobserve:\n".to_owned();
    let mut thresholds = "thresholds:\n".to_owned();
    for (name, url, accept, more) in [
        ("python", python.metrics(), "text/plain", "info: python_info"),
        (
            "openmetrics",
            python.metrics(),
            "application/openmetrics-text",
            "info: 'python_info{implementation=\"CPython\"}'",
        ),
        ("node", node.metrics(), "text/plain", "info: 'http_requests_total{path=~\"a .quoted. .*lines\"}'"),
        ("go", go, "text/plain", "info: 'go_memstats_heap_inuse_bytes'"),
        (
            "go-openmetrics",
            String::new(),
            "application/openmetrics-text;version=1.0.0",
            "info: prometheus_http_requests_total",
        ),
        ("rust", rust, "*/*", "info: 'rampd_run_state{state=\"running\"}'"),
    ] {
        let url = if url.is_empty() { go_url(&profile) } else { url };
        profile.push_str(&format!(
            "  {name}:\n    url: {url}\n    headers: {{ Accept: \"{accept}\" }}\n    metrics:\n      memory: process_resident_memory_bytes\n      cpu: process_cpu_seconds_total\n      {more}\n"
        ));
        thresholds.push_str(&format!(
            "  target_memory{{target:{name}}}: [\"before>1e6\", \"after>1e6\", \"ratio>0.5\"]\n  target_cpu{{target:{name}}}: [\"count>=0\"]\n  target_restarts{{target:{name}}}: [\"count<1\"]\n"
        ));
        if !more.contains("_total") {
            thresholds.push_str(&format!("  target_info{{target:{name}}}: [\"value>0\"]\n"));
        } else {
            thresholds.push_str(&format!("  target_info{{target:{name}}}: [\"count>=0\"]\n"));
        }
    }
    let ended = run(&scratch.write("profile.yaml", &(profile + &thresholds))).finish();
    ended.assert_code(0);
    assert!(!ended.stdout.contains("reason:"), "{}", ended.describe());
}

/// Prometheus's address, which the profile has already.
fn go_url(profile: &str) -> String {
    let (_, rest) = profile.split_once("  go:\n    url: ").expect("before");
    rest.lines().next().expect("an address").to_owned()
}

#[test]
fn an_interrupt_ends_the_wait_for_a_target_and_writes_what_is_known() {
    let scratch = Scratch::new();
    let target = ObservedTarget::start(&[]);
    let summary = scratch.path("summary.json");
    let profile =
        OBSERVING.replace("    interval:", "    settle: 10m\n    interval:").replace("duration: 3s", "duration: 1s");
    let mut agent = run(&scratch.write("profile.yaml", &format!("{profile}  target_memory: [ratio<0]\n")))
        .args(["-e", &format!("TARGET={}", target.url()), "-e", &format!("METRICS={}", target.metrics())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .start();
    let settling = |page: &Page| {
        page.sum("rampd_run_state", &[("state", "stopping")]) == 1.0
            && page.sum_or_zero("rampd_run_end_timestamp_seconds", &[]) > 0.0
            && page.sum_or_zero("target_value_after", &[("metric", "memory")]) > 0.0
    };
    let page = agent.scrape_until("the load is over and the target is not settled", settling);
    assert_eq!(page.sum("rampd_run_finished", &[]), 0.0);
    agent.signal(Signal::SIGTERM);
    agent.wait_at_most(Duration::from_secs(10)).assert_code(105);
    let summary = Summary::read(&summary);
    assert!(!passed(&summary, "target_memory", "ratio<0") && summary.value("target_memory", "after") > 0.0);
    assert_eq!(summary.at("/rampd/ended"), "interrupted");
}

#[test]
fn check_says_what_is_observed() {
    let ended = rampd(["check"]).arg(Path::new(AFTER)).finish();
    assert!(ended.stdout.contains("server: https://quantum.example.com/metrics every 5s"), "{}", ended.describe());
    for scenario in ["* ramp:", "* reconnect:"] {
        assert!(ended.stdout.contains(scenario), "{}", ended.describe());
    }
}
