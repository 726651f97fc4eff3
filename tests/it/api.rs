//! The HTTP API of `rampd serve`, asked from outside by those who may and those who may not: cases A1 to A12 of the fault
//! matrix, each on a daemon of its own.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    thread,
    time::Duration,
};

use rampd::clock::Instant;
use serde_json::{Value, json};

use crate::support::{
    agent::{Agent, rampd},
    daemon::Site,
    http::{self, Response},
    scratch::Scratch,
};

const TOKEN: &str = "correct-horse-battery-staple";
const PROFILES: &str = "profiles: { short: { file: short.yaml }, long: { file: long.yaml } }";
const JSON: &str = "Content-Type: application/json\r\n";

/// A daemon with more in its configuration.
fn daemon(more: &str) -> (Site, Agent) {
    let site = Site::new("");
    site.write("token", &format!("{TOKEN}\n"));
    let configuration = format!("listen: 127.0.0.1:0\nhistory: {{ dir: history }}\n{more}\n{PROFILES}\n");
    site.write("rampd.yaml", &configuration);
    let agent = site.command().start();
    (site, agent)
}

fn get(address: SocketAddr, path: &str, headers: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    http::raw(address, request.as_bytes()).expect("an answer")
}

fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> Response {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n");
    http::raw(address, format!("{head}{body}").as_bytes()).expect("an answer")
}

fn order(address: SocketAddr, path: &str, body: &Value) -> (u16, Value) {
    let response = post(address, &format!("/api/v1/{path}"), JSON, &body.to_string());
    (response.status, serde_json::from_str(&response.body).expect("JSON"))
}

/// Status and code of an error, whose shape is always the same.
fn refused(response: &Response) -> (u16, String) {
    let body: Value = serde_json::from_str(&response.body).unwrap_or_else(|_| panic!("no JSON: {response:?}"));
    let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {body}"));
    assert_eq!((body.as_object().map(serde_json::Map::len), error.len()), (Some(1), 2), "{body}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    (response.status, error["code"].as_str().expect("a code").to_owned())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Starts `long` and waits for its load.
fn running(agent: &mut Agent) -> SocketAddr {
    let address = agent.address();
    let (status, accepted) = order(address, "runs", &json!({ "profile": "long" }));
    assert_eq!(status, 202, "{accepted}");
    agent.scrape_until("open connections", |page| page.sum_or_zero("ws_open_connections", &[]) >= 5.0);
    address
}

fn run(address: SocketAddr) -> Value {
    let status: Value = serde_json::from_str(&get(address, "/api/v1/status", "").body).expect("JSON");
    status["run"].clone()
}

#[test]
fn a1_who_has_no_token_changes_and_reads_nothing_and_guesses_are_slowed_down() {
    let (_site, mut agent) = daemon("tokenFile: token");
    let address = agent.address();
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(get(address, "/api/v1/status", &right).status, 200);
    assert_eq!(refused(&get(address, "/api/v1/status", "")), is(401, "unauthorized"));
    assert_eq!(refused(&post(address, "/api/v1/runs", JSON, r#"{"profile":"short"}"#)), is(401, "unauthorized"));
    for path in ["/metrics", "/livez", "/readyz", "/", "/openapi.json"] {
        assert_ne!(get(address, path, "").status, 401, "{path}");
    }
    let mut statuses = Vec::new();
    for last in 0..12 {
        let wrong = format!("Authorization: Bearer {TOKEN}{last}\r\n");
        statuses.push(get(address, "/api/v1/status", &wrong).status);
    }
    assert_eq!(statuses, [vec![401; 10], vec![429; 2]].concat());
    assert_eq!(refused(&get(address, "/api/v1/status", &right)), is(429, "too_many_attempts"));
    agent.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = agent.wait();
    assert!(ended.stderr.contains("wrong token"), "{}", ended.describe());
    assert!(!ended.stderr.contains(TOKEN) && !ended.stdout.contains(TOKEN), "{}", ended.describe());
}

#[test]
fn a2_others_are_let_in_only_with_a_token() {
    let scratch = Scratch::new();
    scratch.write("p.yaml", "vus: 1\nduration: 1s\nflow: [{ sleep: 1s }]");
    let token = scratch.write("token", TOKEN);
    std::fs::set_permissions(token, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let config = |more: &str| {
        let text = format!("listen: 0.0.0.0:0\nhistory: {{ dir: h }}\n{more}\nprofiles: {{ p: {{ file: p.yaml }} }}");
        rampd(["serve"]).arg(scratch.write("rampd.yaml", &text))
    };
    let ended = config("").finish();
    ended.assert_code(104);
    assert!(ended.stderr.contains("tokenFile") && ended.stderr.contains("127.0.0.1"), "{}", ended.describe());
    let mut agent = config("tokenFile: token").start();
    let port = agent.address().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(get(address, "/api/v1/status", "").status, 401);
    agent.wait_for_log("chmod 600");
}

#[test]
fn a3_what_is_malformed_too_large_or_slow_is_refused() {
    let (_site, mut agent) = daemon("");
    let address = agent.address();
    assert_eq!(refused(&post(address, "/api/v1/runs", JSON, "{\"profile\":")), is(400, "bad_json"));
    assert_eq!(refused(&post(address, "/api/v1/runs", JSON, "[]")), is(422, "invalid"));
    let large = format!("{{\"profileText\":\"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(refused(&post(address, "/api/v1/runs", JSON, &large)), is(413, "too_large"));
    // A body that never ends, and a head that never ends.
    let begun = Instant::now();
    let body = format!("POST /api/v1/runs HTTP/1.1\r\nHost: {address}\r\n{JSON}Content-Length: 9\r\n\r\n{{");
    assert_eq!(refused(&http::raw(address, body.as_bytes()).expect("an answer")), is(408, "slow"));
    let head = http::raw(address, b"GET /api/v1/status HTTP/1.1\r\nHost: local");
    assert!(head.is_err() || head.is_ok_and(|response| response.status == 408), "it is cut");
    let took = Instant::now().since(begun);
    assert!(took < Duration::from_secs(40), "{took:?}");
    let long = format!("X: {}\r\n", "x".repeat(20_000));
    assert_eq!(get(address, "/api/v1/status", &long).status, 431);
    assert_eq!(get(address, "/livez", "").status, 200);
}

#[test]
fn a4_one_run_at_a_time_and_none_is_stopped_twice() {
    let (_site, mut agent) = daemon("");
    let address = agent.address();
    assert_eq!(order(address, "runs/current/stop", &json!({})).0, 409, "nothing goes on");
    running(&mut agent);
    let (status, busy) = order(address, "runs", &json!({ "profile": "short" }));
    assert_eq!((status, &busy["error"]["code"]), (409, &json!("busy")));
    let id = run(address)["id"].as_str().expect("a run").to_owned();
    for _ in 0..2 {
        let (status, body) = order(address, "runs/current/pause", &json!({}));
        assert_eq!((status, &body["id"], &body["phase"]), (200, &json!(id), &json!("paused")), "again is as once");
    }
    assert_eq!(order(address, &format!("runs/{id}/stop"), &json!({})).0, 200);
    agent.scrape_until("the end", |page| page.sum_or_zero("ws_open_connections", &[]) == 0.0);
    let record = crate::support::poll(Duration::from_secs(20), || {
        let record = get(address, &format!("/api/v1/runs/{id}"), "");
        (record.status == 200).then(|| serde_json::from_str::<Value>(&record.body).expect("JSON"))
    });
    assert_eq!(record.expect("a record")["ended"], "stopped");
    assert_eq!(order(address, &format!("runs/{id}/stop"), &json!({})).0, 409);
}

#[test]
fn a5_nothing_goes_beyond_the_operators_caps_and_targets() {
    let (_site, mut agent) = daemon("policy: { maxVUs: 6, maxDuration: 15m, allowedTargets: [127.0.0.1] }");
    let address = running(&mut agent);
    for (path, body, told) in [
        ("runs/current/scale", json!({ "vus": 7 }), "6"),
        ("runs", json!({ "profile": "long", "whenBusy": "queue", "overrides": { "vus": 7, "duration": "1m" } }), "6"),
        (
            "runs",
            json!({ "profile": "long", "whenBusy": "queue", "overrides": { "vus": 1, "duration": "20m" } }),
            "15m",
        ),
    ] {
        let (status, body) = order(address, path, &body);
        assert_eq!(status, 403, "{path} {body}");
        assert!(body["error"]["message"].as_str().is_some_and(|message| message.contains(told)), "{body}");
    }
    let elsewhere = "vus: 1\nduration: 1s\nflow: [{ http: { url: 'http://192.0.2.1/' } }]";
    let (status, body) = order(address, "runs", &json!({ "profileText": elsewhere, "whenBusy": "queue" }));
    assert_eq!((status, &body["error"]["code"]), (403, &json!("denied")), "{body}");
    let (status, body) = order(address, "runs/current/scale", &json!({ "vus": 3 }));
    assert_eq!(status, 200, "{body}");
}

#[test]
fn a6_orders_at_one_moment_are_carried_out_one_after_the_other() {
    let (_site, mut agent) = daemon("");
    let address = running(&mut agent);
    let clients: Vec<_> = (0..8)
        .map(|client: u32| {
            thread::spawn(move || {
                for turn in 0..5 {
                    let (path, body) = match (client + turn) % 3 {
                        0 => ("runs/current/pause", json!({})),
                        1 => ("runs/current/resume", json!({})),
                        _ => ("runs/current/scale", json!({ "vus": 1 + client % 5 })),
                    };
                    let (status, body) = order(address, path, &body);
                    assert_eq!(status, 200, "{path}: {body}");
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().expect("every order is carried out"));
    assert_eq!(order(address, "runs/current/scale", &json!({ "vus": 2 })).0, 200);
    assert_eq!(order(address, "runs/current/resume", &json!({})).0, 200);
    agent.scrape_until("the state of the last orders", |page| page.sum_or_zero("vus", &[]) == 2.0);
    let run = run(address);
    assert_eq!((&run["phase"], &run["scenarios"][0]["plannedVus"]), (&json!("running"), &json!(2)), "{run}");
}

#[test]
fn a7_after_a_crash_in_a_run_no_load_is_left_and_the_run_is_told_of() {
    let (site, mut agent) = daemon("");
    let address = running(&mut agent);
    let id = run(address)["id"].as_str().expect("a run").to_owned();
    agent.signal(nix::sys::signal::Signal::SIGKILL);
    drop(agent.wait());
    let mut agent = site.command().start();
    let address = agent.address();
    let page: Value = serde_json::from_str(&get(address, "/api/v1/runs", "").body).expect("JSON");
    assert_eq!((&page["runs"][0]["id"], &page["runs"][0]["outcome"]), (&json!(id), &json!("interrupted")), "{page}");
    assert_eq!(run(address), Value::Null, "nothing goes on");
    assert_eq!(refused(&get(address, &format!("/api/v1/runs/{id}"), "")), is(404, "not_found"));
    assert_eq!(order(address, "runs/current/stop", &json!({})).0, 409);
}

#[test]
fn a9_pages_of_other_sites_reach_nothing() {
    let (_site, mut agent) = daemon("allowedHosts: [agent.example]");
    let address = agent.address();
    let asked = |host: &str, headers: &str| {
        let request = format!("GET /api/v1/status HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        http::raw(address, request.as_bytes()).expect("an answer")
    };
    assert_eq!(asked("agent.example", "").status, 200);
    assert_eq!(refused(&asked("evil.example", "")), is(403, "bad_host"), "a name that was made to point here");
    let own = format!("Origin: http://{address}\r\n");
    assert_eq!(asked(&address.to_string(), &own).status, 200);
    for origin in ["http://evil.example", "null", "http://localhost"] {
        let headers = format!("Origin: {origin}\r\n");
        assert_eq!(refused(&asked(&address.to_string(), &headers)), is(403, "bad_origin"), "{origin}");
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let headers = format!("Content-Type: {content_type}\r\n");
        let sent = post(address, "/api/v1/runs", &headers, r#"{"profile":"short"}"#);
        assert_eq!(refused(&sent), is(415, "not_json"), "what a form can send: {content_type}");
    }
    let page = get(address, "/", "");
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")));
    assert!(get(address, "/api/v1/status", &own).header("access-control-allow-origin").is_none());
}

#[test]
fn a10_what_a_server_says_becomes_no_label_and_no_answer() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", server.local_addr().expect("bound"));
    thread::spawn(move || {
        for stream in server.incoming() {
            let answer =
                b"HTTP/1.1 418 canary-phrase\r\nX-Canary: canary-header\r\nContent-Length: 11\r\n\r\ncanary-body";
            let mut stream = stream.expect("a connection");
            // It is read as far as it goes: whoever asks is the agent.
            let _read = stream.read(&mut [0; 4096]);
            let _written = stream.write_all(answer);
        }
    });
    let site = Site::new("");
    let targets = "policy: { allowedTargets: [127.0.0.1] }";
    site.write("rampd.yaml", &format!("listen: 127.0.0.1:0\nhistory: {{ dir: history }}\n{targets}\n{PROFILES}\n"));
    let mut agent = rampd(["serve"]).arg(site.history().with_file_name("rampd.yaml")).args(["--linger", "0"]).start();
    let address = agent.address();
    let text = format!("vus: 1\niterations: 3\nflow: [{{ http: {{ url: '{url}' }} }}]");
    let (status, accepted) = order(address, "runs", &json!({ "profileText": text }));
    assert_eq!(status, 202, "{accepted}");
    let id = accepted["id"].as_str().expect("a run").to_owned();
    // 418 is none of the statuses that have a label of their own.
    let page =
        agent.scrape_until("three answers", |page| page.sum_or_zero("http_reqs_total", &[("status", "other")]) == 3.0);
    assert_eq!(page.sum("http_req_failures_total", &[]), 3.0);
    let record = crate::support::poll(Duration::from_secs(20), || {
        let record = get(address, &format!("/api/v1/runs/{id}"), "");
        (record.status == 200).then_some(record.body)
    });
    let mut told = vec![record.expect("a record")];
    for path in ["/metrics", "/api/v1/status", "/api/v1/runs/latest/report", "/api/v1/runs/latest/timeline"] {
        told.push(get(address, path, "").body);
    }
    for text in told {
        assert!(text.len() > 100 && !text.contains("canary"), "{text}");
    }
}

#[test]
fn a11_what_is_not_there_is_told_as_json() {
    let (_site, mut agent) = daemon("");
    let address = agent.address();
    for path in ["/nothing", "/api", "/api/v1", "/api/v1/", "/api/v2/status", "/api/v1/runs/x/y", "/assets/../x"] {
        assert_eq!(refused(&get(address, path, "")), is(404, "not_found"), "{path}");
    }
    for (method, path, allow) in [
        ("DELETE", "/api/v1/runs", "GET, HEAD, POST"),
        ("PUT", "/metrics", "GET, HEAD"),
        ("GET", "/api/v1/runs/x/stop", "POST"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let response = http::raw(address, request.as_bytes()).expect("an answer");
        assert_eq!(refused(&response), is(405, "method_not_allowed"), "{method} {path}");
        assert_eq!(response.header("allow"), Some(allow));
    }
}

#[test]
fn a12_a_profile_that_is_sent_reads_neither_files_nor_the_environment() {
    let site = Site::new("");
    let secret = site.write("secret", "s3cr3t-canary");
    site.write("rampd.yaml", &format!("listen: 127.0.0.1:0\nhistory: {{ dir: history }}\n{PROFILES}\n"));
    let mut agent = site.command().env("CANARY", "s3cr3t-canary").start();
    let address = agent.address();
    for url in ["ws://127.0.0.1:9/${CANARY}".to_owned(), format!("ws://127.0.0.1:9/${{file:{}}}", secret.display())] {
        let text = format!("vus: 1\niterations: 1\nflow: [{{ websocket: {{ url: '{url}', steps: [] }} }}]");
        for path in ["runs", "profiles/validate"] {
            let (status, body) = order(address, path, &json!({ "profileText": text }));
            assert_eq!(status, 422, "{body}");
            assert!(!body.to_string().contains("s3cr3t-canary"), "{body}");
        }
    }
}
