//! Captures, data, checks and metrics of a profile against a service that knows what it has given out, and whether what
//! comes back is that; and that none of it reaches an output.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use crate::support::{
    agent::{run, run_lingering},
    exposition::Page,
    http::Response,
    results::{Points, Summary},
    scratch::Scratch,
    target::{Library, Target},
};

const VUS: u64 = 4;

/// Each user is a row of its own; the canary stands in data, tokens, headers and messages.
const PROFILE: &str = r#"
vus: 4
duration: 1s
seed: 7
metrics:
  logins: counter
  accepted: rate
  number: trend
  twice: { type: trend, time: true }
data:
  users: { file: users.csv, order: per-vu }
flow:
  - http:
      url: http://${HOST}/login
      method: POST
      name: login
      json: { user: "{{ data.users.name }}", secret: "{{ data.users.secret }}", unique: "{{ uuid }}", n: "{{ random(1,9) }}" }
      expect:
        status: 200
        headers: { content-type: { contains: json }, x-none: { exists: false } }
        contains: '"token"'
        json: { /noise/1/token: wrong, /id: { min: 1 } }
        maxDuration: 20s
      capture:
        token: { json: /token }
        id: { json: /id }
        ok: { json: /ok }
        text: { json: /text }
        etag: { header: ETag }
        canary: { header: x-canary }
        absent: { json: /absent }
  - set: { again: "{{ id }}", path: "items/{{ id }}" }
  - check:
      the number is positive: { value: "{{ again }}", min: 1 }
      nothing is absent: { value: "{{ absent }}", exists: true }
      the token is one: { value: "{{ token }}", regex: '^canary-token-\d+$' }
  - add: { logins: 1, accepted: "{{ ok }}", number: "{{ id }}", twice: "{{ absent }}" }
  - http:
      url: http://${HOST}/{{ path }}
      query: { user: "{{ data.users.name }}" }
      name: item
      headers: { Authorization: "Bearer {{ token }}", If-Match: "{{ etag }}", X-Canary: "{{ canary }}" }
      expect: { regex: 'item=\d+;', contains: "item={{ id }};" }
      capture: { item: { regex: 'item=(\d+)' }, between: { between: ['item=', ';'] } }
  - check:
      the item is the right one: { value: "{{ item }}", is: "{{ between }}" }
  - websocket:
      url: ws://${HOST}/ws
      headers: { Authorization: "Bearer {{ token }}" }
      steps:
        - send: { json: { op: hello, id: "{{ id }}", unused: "{{ data.users.secret }}" } }
        - sleep: 20ms
        - expect: { json: { /op: welcome, /of: "{{ id }}" }, capture: { session: { json: /session } }, timeout: 5s }
        - send: { json: { op: join, session: "{{ session }}", id: "{{ id }}", text: "{{ text }}" } }
        - expect: { contains: joined, json: { /session: "{{ session }}" }, timeout: 5s }
        - check: { joined: { value: "{{ session }}", contains: "canary-session-{{ id }}" } }
  - sleep: 20ms
thresholds:
  logins: ["count>3"]
  accepted: ["rate>0.5"]
  number: ["p(95)>0", "min>=1"]
  "checks{check:joined}": ["rate==1"]
  capture_failures: ["count>0"]
"#;

struct Outcome {
    server: Value,
    summary: Summary,
    points: Points,
    page: Page,
    /// Everything that left the agent.
    outputs: Vec<(&'static str, String)>,
}

fn users(scratch: &Scratch) {
    let row = |number: u64| format!("\"user {number}, é\",canary-data-{number}\n");
    scratch.write("users.csv", &format!("name,secret\n{}", (1..=VUS).map(row).collect::<String>()));
}

fn outcome() -> Outcome {
    let scratch = Scratch::new();
    let target = Target::values();
    users(&scratch);
    let (summary, points) = (scratch.path("summary.json"), scratch.path("points.json"));
    let mut agent = run_lingering(&scratch.write("profile.yaml", PROFILE))
        .args(["-e", &format!("HOST={}", target.host()), "--log", "trace"])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .args(["--out", &format!("json={}", points.display())])
        .start();
    let address = agent.address();
    let mut pages = Vec::new();
    while let Ok(Response { body, .. }) =
        crate::support::http::get(address, "/metrics", &crate::support::scraper::HEADERS)
    {
        pages.push(body);
        std::thread::sleep(Duration::from_millis(100));
    }
    let ended = agent.wait();
    ended.assert_code(0);
    let page = Page::parse(pages.last().expect("scraped"));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("written");
    Outcome {
        server: target.stop_with_counters(),
        outputs: vec![
            ("stdout", ended.stdout),
            ("stderr", ended.stderr),
            ("/metrics", pages.concat()),
            ("summary", read(&summary)),
            ("points", read(&points)),
        ],
        summary: Summary::read(&summary),
        points: Points::read(&points, &summary),
        page,
    }
}

#[test]
fn what_a_service_gave_out_comes_back_as_it_was_and_reaches_no_output() {
    let Outcome { server, summary, points, page, outputs } = outcome();
    let counted = |key: &str| server[key].as_u64().unwrap_or(0);
    let logins = counted("logins");
    assert!(logins >= 2 * VUS, "{server}");
    // An iteration may be cut behind any step.
    for (right, wrong) in
        [("items_right", "items_wrong"), ("sockets_right", "sockets_wrong"), ("joins_right", "joins_wrong")]
    {
        assert!(counted(right) + VUS >= logins && counted(wrong) == 0, "{right}: {server}");
    }
    assert_eq!(counted("etags_right"), counted("items_right"));

    // Every VU kept the row of its own.
    let served: BTreeSet<&str> = server["users"].as_object().expect("users").keys().map(String::as_str).collect();
    let expected: BTreeSet<String> = (1..=VUS).map(|number| format!("user {number}, é")).collect();
    assert_eq!(served, expected.iter().map(String::as_str).collect());
    let bodies = server["bodies"].as_array().expect("bodies");
    let unique: BTreeSet<&str> = bodies.iter().map(|body| body["unique"].as_str().expect("a text")).collect();
    assert_eq!(unique.len(), bodies.len(), "no UUID twice");
    assert!(bodies.iter().all(|body| (1..=9).contains(&body["n"].as_i64().expect("a number"))));

    let adds = summary.count("logins");
    assert!(adds + VUS >= logins && adds <= logins);
    assert_eq!(points.count("logins"), adds);
    assert_eq!(page.sum("logins_total", &[("scenario", "default")]) as u64, adds);
    assert_eq!(page.sum("accepted_total", &[]) as u64, adds);
    assert_eq!((points.samples("accepted"), points.samples("number")), (adds, adds));
    assert_eq!(summary.value("number", "min"), 1.0);
    assert_eq!(page.sum("number_count", &[]) as u64, adds);
    assert_eq!(page.types["number"], "histogram");
    let accepted = summary.value("accepted", "passes") as u64;
    assert_eq!(page.sum("accepted_total", &[("result", "pass")]) as u64, accepted);
    assert!(accepted < adds, "every fourth is refused");
    assert_eq!(page.sum("metric_values_refused_total", &[("metric", "twice")]) as u64, adds);
    assert_eq!(page.sum("capture_failures_total", &[("capture", "absent")]) as u64, summary.count("capture_failures"));
    assert_eq!(page.sum("capture_failures_total", &[("capture", "token")]), 0.0);
    for (check, result) in [
        ("the number is positive", "fail"),
        ("nothing is absent", "pass"),
        ("the token is one", "fail"),
        ("the item is the right one", "fail"),
        ("joined", "fail"),
        ("header content-type contains json", "fail"),
        ("header x-none is absent", "fail"),
        ("/noise/1/token is wrong", "fail"),
        ("/id is at least 1", "fail"),
        ("body contains item={{ id }};", "fail"),
    ] {
        let other = if result == "fail" { "pass" } else { "fail" };
        assert_eq!(page.sum("checks_total", &[("check", check), ("result", result)]), 0.0, "{check}");
        assert!(page.sum("checks_total", &[("check", check), ("result", other)]) > 0.0, "{check}");
    }

    for (name, text) in outputs {
        assert!(!text.is_empty(), "{name} is empty");
        assert!(
            !text.contains("canary-"),
            "{name} has a value: {:?}",
            text.lines().find(|line| line.contains("canary-"))
        );
        if name == "stdout" {
            assert!(text.contains("CUSTOM"), "{text}");
        }
    }
}

#[test]
fn a_missing_value_is_counted_by_its_name_and_the_vu_goes_on() {
    let scratch = Scratch::new();
    let target = Target::echo(Library::NpmWs);
    let profile = r#"
vus: 2
duration: 2s
flow:
  - websocket:
      url: ${TARGET}
      steps:
        - send: { json: { a: 1 } }
        - expect: { contains: "a", capture: { found: { json: /a }, lost: { json: /b } } }
        - send: "{{ found }}"
        - expect: { contains: "{{ found }}" }
        - send: "{{ lost }}"
"#;
    let summary = scratch.path("summary.json");
    let ended = run(&scratch.write("profile.yaml", profile))
        .args(["-e", &format!("TARGET={}", target.url())])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish();
    ended.assert_code(0);
    assert!(ended.stderr.contains("`{{ lost }}` has no value"), "{}", ended.stderr);
    let summary = Summary::read(&summary);
    let (failed, received) = (summary.count("iterations_failed"), target.stop().messages_in);
    assert!(failed >= 4, "{failed} iterations: each VU goes on after the first");
    assert_eq!(summary.count("capture_failures"), failed);
    assert_eq!((summary.count("iterations"), received), (failed, 2 * failed));
}

/// The bodies that the service saw, in an order of their own.
fn bodies(workers: &str, seed: u64) -> BTreeSet<String> {
    let scratch = Scratch::new();
    let target = Target::values();
    users(&scratch);
    let profile = format!(
        "
vus: 4
duration: 1s
seed: {seed}
data: {{ users: {{ file: users.csv, order: random }} }}
flow:
  - http:
      url: http://${{HOST}}/login
      method: POST
      json: {{ user: '{{{{ data.users.name }}}}', of: '{{{{ vu }}}}/{{{{ iteration }}}}', id: '{{{{ uuid }}}}', n: '{{{{ random(0,1000000) }}}}' }}
  - sleep: 250ms
"
    );
    let ended = run(&scratch.write("profile.yaml", &profile))
        .args(["-e", &format!("HOST={}", target.host()), "--workers", workers])
        .finish();
    ended.assert_code(0);
    let server = target.stop_with_counters();
    let bodies = server["bodies"].as_array().expect("bodies").iter();
    // Slow machines run fewer iterations; the first of each VU there always is.
    bodies.filter(|body| body["of"].as_str().is_some_and(|of| of.ends_with("/0"))).map(Value::to_string).collect()
}

#[test]
fn a_seed_sends_the_same_whatever_the_number_of_workers() {
    let one = bodies("1", 7);
    assert_eq!(one.len() as u64, VUS);
    assert_eq!(bodies("2", 7), one);
    assert!(bodies("2", 8).is_disjoint(&one));
}
