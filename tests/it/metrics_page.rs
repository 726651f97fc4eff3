//! The page of `/metrics` as a whole: all families from the
//! start, and Prometheus's own linter has nothing to say.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use rampd::catalogue::{Family, FamilyKind};

use crate::support::{
    agent::{Agent, run},
    exposition::Page,
    identities::assert_identities,
    prometheus::on_each_version,
    scratch::Scratch,
    target::{Library, Target, python},
};

/// Nothing happens in the first two seconds.
const LATE: &str = r#"
scenarios:
  late:
    executor: constant-vus
    vus: 5
    duration: 2s
    startTime: 2s
    flow:
      - websocket:
          url: ${TARGET}
          steps:
            - send: { text: hello, reply: fifo }
            - hold: {}
thresholds:
  ws_connecting: ["p(99)<123"]
"#;

/// What has no value before the load: its start and end, and what thresholds' values are.
const LATER: [&str; 4] = [
    "rampd_run_start_timestamp_seconds",
    "rampd_run_end_timestamp_seconds",
    "rampd_threshold_passed",
    "rampd_threshold_value",
];

fn kind_name(kind: FamilyKind) -> &'static str {
    match kind {
        FamilyKind::Counter => "counter",
        FamilyKind::Gauge => "gauge",
        FamilyKind::Trend => "histogram",
    }
}

/// Whether a command accepts the page, and what it says.
fn check(mut command: Command, page: &str) -> (bool, String) {
    let mut reader = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    reader.stdin.take().expect("piped").write_all(page.as_bytes()).expect("it reads the page");
    let output = reader.wait_with_output().expect("it ends");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

fn promtool_check(page: &str) {
    on_each_version(|version| {
        let mut promtool = Command::new(version.promtool());
        promtool.args(["check", "metrics"]);
        let (accepted, said) = check(promtool, page);
        assert!(accepted && said.is_empty(), "promtool {version:?} check metrics: {said}\n{page}");
    });
}

/// The reference parser is stricter than Prometheus: about units, suffixes, and families of one name.
fn open_metrics_check(agent: &mut Agent) {
    let accept = [("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")];
    let response = agent.get("/metrics", &accept).expect("served");
    assert_eq!(response.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let mut parser = Command::new(python());
    parser.args([
        "-c",
        "import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as families\n\
         print(sum(len(family.samples) for family in families(sys.stdin.read())))",
    ]);
    let samples = response.body.lines().filter(|line| !line.starts_with('#')).count();
    let (accepted, said) = check(parser, &response.body);
    assert!(accepted && said.trim() == samples.to_string(), "{said}\n{}", response.body);
}

#[test]
fn every_family_is_there_at_zero_before_the_load_and_stays() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", LATE);
    let mut agent = run(&profile).args(["-e", &format!("TARGET={}", target.url())]).start();

    let before = agent.get("/metrics", &[]).expect("served before the load");
    assert_eq!(before.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let idle = Page::parse(&before.body);
    for family in Family::ALL {
        assert_eq!(idle.types.get(family.name()).map(String::as_str), Some(kind_name(family.kind())), "{family:?}");
        assert!(idle.helps.contains(family.name()), "{family:?} without help");
        let sample = match family.kind() {
            FamilyKind::Trend => format!("{}_count", family.name()),
            FamilyKind::Counter | FamilyKind::Gauge => family.name().to_owned(),
        };
        let value = idle.sum(&sample, &[]);
        // The plan is known from the start.
        let expected = if *family == Family::VusMax { 5.0 } else { 0.0 };
        assert_eq!(value, expected, "{family:?} before the load");
    }
    open_metrics_check(&mut agent);

    let busy = agent.scrape_until("five open connections", |page| page.sum("ws_open_connections", &[]) == 5.0);
    let new: Vec<_> = busy.families().difference(&idle.families()).map(|family| (*family).to_owned()).collect();
    assert!(new.iter().all(|family| LATER.contains(&family.as_str())), "{new:?} were not there from the start");
    assert_identities(&busy);
    let during = agent.get("/metrics", &[]).expect("served during the load");
    open_metrics_check(&mut agent);
    agent.wait().assert_code(0);
    // Once the run is over: both promtools take their time where the machine is busy.
    promtool_check(&before.body);
    promtool_check(&during.body);
}

#[test]
fn a_thresholds_limit_is_a_bucket_boundary() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let profile = scratch.write("profile.yaml", LATE);
    let mut agent = run(&profile).args(["-e", &format!("TARGET={}", target.url())]).start();
    let page = agent.scrape();
    let bounds = page.values_of("ws_connecting_seconds_bucket", "le");
    assert!(bounds.contains("0.123"), "{bounds:?}");
    assert!(bounds.contains("+Inf"), "{bounds:?}");
}
