//! `--annotate`: the run and its stages as marks in Grafana, by a fake of its API; whatever that does, the load is driven
//! and judged as without it.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{
    agent::{AgentCommand, rampd, run, run_lingering},
    exposition::Page,
    grafana::{Grafana, Mood},
    nginx::Nginx,
    poll,
    process::Ended,
    scratch::Scratch,
};

const PROFILE: &str = "
name: marked
stages:
  - { duration: 500ms, target: 2 }
  - { duration: 1s, target: 2 }
  - { duration: 500ms, target: 0 }
flow:
  - websocket:
      url: ${TARGET:-ws://localhost:1/}
      steps: [ { hold: {} } ]
thresholds:
  ws_connecting: ['p(99)<${LIMIT}']
";
/// In no output.
const TOKEN: &str = "glsa_c4n4ry";

fn marked(scratch: &Scratch, grafana: &Grafana) -> AgentCommand {
    let profile = scratch.write("profile.yaml", PROFILE);
    with_marks(run(&profile).arg("--echo"), grafana)
}

fn with_marks(command: AgentCommand, grafana: &Grafana) -> AgentCommand {
    let options = ["-e", "LIMIT=60000", "--testid", "t1", "--log", "debug"];
    command.args(options).env("RAMPD_ANNOTATE_URL", &grafana.url()).env("RAMPD_GRAFANA_TOKEN", TOKEN)
}

fn tags(annotation: &Value) -> Vec<&str> {
    annotation["tags"].as_array().expect("tags").iter().map(|tag| tag.as_str().expect("a text")).collect()
}

fn millis(annotation: &Value, key: &str) -> f64 {
    annotation[key].as_f64().unwrap_or_else(|| panic!("no {key} in {annotation}"))
}

/// The one line of the summary's notes about marks.
fn note(ended: &Ended) -> &str {
    let mut notes = ended.stdout.lines().filter(|line| line.trim_start().starts_with("annotations: "));
    let note = notes.next().unwrap_or_else(|| panic!("no note\n{}", ended.describe()));
    assert_eq!(notes.next(), None, "{}", ended.describe());
    note.trim()
}

fn assert_secret(ended: &Ended) {
    assert!(!ended.describe().contains("c4n4ry"), "{}", ended.describe());
}

#[test]
fn the_run_and_its_stages_are_marked_at_the_times_of_the_metrics() {
    let (scratch, grafana) = (Scratch::new(), Grafana::start(Mood::Well));
    let profile = scratch.write("profile.yaml", PROFILE);
    // With an embedded target the first address in the log would be that one's.
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let target = format!("TARGET=ws://{}/", echo.address());
    let mut agent = with_marks(run_lingering(&profile), &grafana).args(["-e", &target]).start();
    // Whoever is Prometheus is waited for at the end from its first scrape on.
    let prometheus = [("User-Agent", "Prometheus/2.42.0"), ("X-Prometheus-Scrape-Timeout-Seconds", "5")];
    let page = poll(Duration::from_secs(30), || {
        let answer = agent.get("/metrics", &prometheus).ok().filter(|answer| answer.status == 200)?;
        Some(Page::parse(&answer.body)).filter(|page| page.sum("rampd_run_finished", &[]) == 1.0)
    });
    let page = page.expect("the final state is served");
    let ended = agent.wait();
    ended.assert_code(0);
    assert_secret(&ended);
    assert!(!ended.stdout.contains("annotations: "), "{}", ended.stdout);

    let annotations = grafana.annotations();
    assert_eq!(annotations.len(), 4, "{annotations:#?}");
    let (whole, stages) = annotations.split_first().expect("four");
    // Milliseconds are cut, and seconds on the page are floats.
    let near = |millis: f64, seconds: f64| assert!((seconds * 1e3 - millis).abs() <= 1.001, "{millis} {seconds}");
    near(millis(whole, "time"), page.sum("rampd_run_start_timestamp_seconds", &[]));
    near(millis(whole, "timeEnd"), page.sum("rampd_run_end_timestamp_seconds", &[]));
    assert_eq!(tags(whole), ["rampd", "testid:t1", "profile:marked"]);
    assert_eq!(whole["text"], "marked t1: passed (exit code 0)");
    for (number, stage) in stages.iter().enumerate() {
        let number = number.to_string();
        near(millis(stage, "time"), page.sum("rampd_stage_start_timestamp_seconds", &[("stage", &number)]));
        let own = format!("stage:{number}");
        assert_eq!(tags(stage), ["rampd", "testid:t1", "profile:marked", "scenario:default", &own]);
        assert!(stage.get("timeEnd").is_none(), "{stage}");
    }

    let asked = grafana.asked();
    let methods: Vec<_> = asked.iter().map(|asked| asked.method.as_str()).collect();
    assert_eq!(methods, ["POST", "POST", "POST", "POST", "PATCH"], "{asked:#?}");
    let bearer = format!("Bearer {TOKEN}");
    for request in &asked {
        assert_eq!(request.authorization.as_deref(), Some(&*bearer));
        assert_eq!(request.content_type.as_deref(), Some("application/json"));
    }
    // Before its end a run's mark reaches to the planned one.
    assert_eq!(millis(&asked[0].body, "timeEnd") - millis(&asked[0].body, "time"), 2000.0);
    assert_eq!(asked[0].body["text"], "marked t1: running");
}

#[test]
fn a_grafana_behind_an_encrypted_proxy_is_trusted_by_its_certificate_only() {
    let (scratch, grafana) = (Scratch::new(), Grafana::start(Mood::Well));
    let proxied = format!("location / {{ proxy_pass {}; }}", grafana.url().trim_end_matches("/grafana/"));
    for proxy in [Nginx::start_encrypted(&proxied), Nginx::start_http2(&proxied)] {
        let before = grafana.annotations().len();
        let url = format!("https://localhost:{}/grafana", proxy.port());
        let distrusted = marked(&scratch, &grafana).env("RAMPD_ANNOTATE_URL", &url).finish();
        distrusted.assert_code(0);
        assert!(note(&distrusted).contains("tls: "), "{}", distrusted.stdout);
        assert_eq!(grafana.annotations().len(), before);

        let authority = proxy.certificate();
        let options = ["--annotate-ca-file", authority.to_str().expect("UTF-8")];
        let trusted = marked(&scratch, &grafana).env("RAMPD_ANNOTATE_URL", &url).args(options).finish();
        trusted.assert_code(0);
        assert!(!trusted.stdout.contains("annotations: "), "{}", trusted.stdout);
        assert_secret(&trusted);
        let annotations = grafana.annotations();
        assert_eq!(annotations.len(), before + 4, "{annotations:#?}");
        assert_eq!(annotations[before]["text"], "marked t1: passed (exit code 0)");
    }
}

#[test]
fn a_run_that_ends_early_has_no_marks_of_stages_that_never_began() {
    let (scratch, grafana) = (Scratch::new(), Grafana::start(Mood::Well));
    let profile = scratch.write("profile.yaml", &PROFILE.replace("duration: 1s", "duration: 10m"));
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let target = format!("TARGET=ws://{}/", echo.address());
    let mut agent = with_marks(run(&profile), &grafana).args(["-e", "LIMIT=0.000001", "-e", &target]).start();
    agent.scrape_until("the second stage", |page| {
        page.sum("rampd_run_elapsed_seconds", &[]) > 0.6 && grafana.annotations().len() == 3
    });
    agent.signal(Signal::SIGTERM);
    let ended = agent.wait();
    ended.assert_code(105);
    let annotations = grafana.annotations();
    assert_eq!(annotations.len(), 3, "{annotations:#?}");
    let text = annotations[0]["text"].as_str().expect("a text");
    assert!(
        text.starts_with("marked t1: interrupted (exit code 105); ws_connecting p(99)<0.000001 is crossed: "),
        "{text}"
    );
    assert!(millis(&annotations[0], "timeEnd") - millis(&annotations[0], "time") < 60_000.0, "{annotations:#?}");
}

#[test]
fn a_refused_token_is_told_once_and_nothing_more_is_asked() {
    for (mood, said) in [
        (Mood::Status(401), "status 401; is RAMPD_GRAFANA_TOKEN the token of a service account?"),
        (Mood::Status(404), "status 404; is it the address of a Grafana?"),
        (Mood::Page, "without the number of an annotation"),
    ] {
        let (scratch, grafana) = (Scratch::new(), Grafana::start(mood));
        let ended = marked(&scratch, &grafana).finish();
        ended.assert_code(0);
        assert_secret(&ended);
        assert!(
            note(&ended).starts_with("annotations: Grafana has not taken 1 of 1: http://127.0.0.1:"),
            "{}",
            ended.stdout
        );
        assert!(note(&ended).contains(said), "{}", ended.stdout);
        assert_eq!(ended.stderr.matches("Grafana has not taken an annotation").count(), 1, "{}", ended.stderr);
        assert_eq!(grafana.asked().len(), 1, "{:#?}", grafana.asked());
    }
}

#[test]
fn a_grafana_that_nobody_reaches_is_noted() {
    let (scratch, grafana) = (Scratch::new(), Grafana::start(Mood::Refuses));
    let ended = marked(&scratch, &grafana).finish();
    ended.assert_code(0);
    assert_secret(&ended);
    assert!(note(&ended).contains("refused: "), "{}", ended.stdout);
    assert_eq!(ended.stderr.matches("Grafana has not taken an annotation").count(), 1, "{}", ended.stderr);
}

#[test]
fn a_grafana_that_hangs_delays_neither_the_load_nor_the_end_for_long() {
    let (scratch, grafana) = (Scratch::new(), Grafana::start(Mood::Never));
    let summary = scratch.path("summary.json");
    let begun = rampd::clock::Instant::now();
    let ended = marked(&scratch, &grafana).args(["--summary-export", summary.to_str().expect("UTF-8")]).finish();
    // 2 s of load, 8 s of patience, and a busy machine.
    let took = rampd::clock::Instant::now().since(begun);
    ended.assert_code(0);
    assert!(took < Duration::from_secs(20), "{took:?}");
    let summary: Value = serde_json::from_slice(&std::fs::read(&summary).expect("a summary")).expect("JSON");
    assert_eq!(summary["metrics"]["ws_sessions"]["count"], 2, "{summary:#}");
    let note = note(&ended);
    assert!(note.contains("no answer within 3s") || note.contains("within 8s"), "{note}");
}

#[test]
fn a_slow_grafana_gets_every_mark_with_its_own_time() {
    let (scratch, grafana) = (Scratch::new(), Grafana::start(Mood::Slowly(Duration::from_millis(700))));
    let ended = marked(&scratch, &grafana).finish();
    ended.assert_code(0);
    assert!(!ended.stdout.contains("annotations: "), "{}", ended.stdout);
    let annotations = grafana.annotations();
    assert_eq!(annotations.len(), 4, "{annotations:#?}");
    let start = millis(&annotations[0], "time");
    let offsets: Vec<_> = annotations[1..].iter().map(|stage| millis(stage, "time") - start).collect();
    assert_eq!(offsets, [0.0, 500.0, 1500.0]);
    assert_eq!(annotations[0]["text"], "marked t1: passed (exit code 0)");
}

#[test]
fn a_grafana_that_is_overloaded_for_a_moment_is_asked_again() {
    let (scratch, grafana) = (Scratch::new(), Grafana::start(Mood::EveryOther(503)));
    let ended = marked(&scratch, &grafana).finish();
    ended.assert_code(0);
    assert!(!ended.stdout.contains("annotations: "), "{}", ended.stdout);
    assert_eq!(grafana.annotations().len(), 4, "{:#?}", grafana.annotations());
    assert_eq!(grafana.asked().len(), 10, "{:#?}", grafana.asked());
}

#[test]
fn what_is_no_address_and_no_token_is_refused_before_the_load_and_not_repeated() {
    let scratch = Scratch::new();
    let profile = scratch.write("profile.yaml", PROFILE);
    for (url, token, said) in [
        ("grafana:3000", TOKEN, "--annotate is no http:// or https:// address"),
        ("http://admin:c4n4ry@127.0.0.1:1/", "", "--annotate is an address with a user or password"),
        ("http://127.0.0.1:1/?orgId=c4n4ry", "", "--annotate is an address with a query or fragment"),
        ("http://127.0.0.1:1/", "c4n4ry c4n4ry", "RAMPD_GRAFANA_TOKEN is a token with a space"),
    ] {
        let command = run(&profile).args(["--echo", "-e", "LIMIT=1", "--annotate", url]);
        let ended = command.env("RAMPD_GRAFANA_TOKEN", token).finish();
        ended.assert_code(104);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert_secret(&ended);
    }
    let help = rampd(["run", "--help"]).env("RAMPD_ANNOTATE_URL", "http://c4n4ry").finish();
    assert!(help.stdout.contains("RAMPD_ANNOTATE_URL"), "{}", help.stdout);
    assert_secret(&help);
}
