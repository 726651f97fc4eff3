use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

mod guards;
mod streams;

use super::*;
use crate::{
    agent::{
        admin::AdminServer,
        board::Board,
        daemon::{
            desk::{self, Accepted, Change, Counter, Refusal, Request, RunEntry, Trigger},
            history::{History, Stored},
        },
    },
    config::daemon::HistoryConfig,
    fleet::token::Token,
    outputs::{
        run_status::{Phase, RunStatus},
        timeline::{Point, Timeline},
    },
};

const JSON: &str = "Content-Type: application/json\r\n";

/// A server with a daemon that accepts `known` and obeys.
struct Served {
    server: AdminServer,
    board: Board,
    daemon: Option<JoinHandle<Vec<(String, Change)>>>,
    _folder: TempDir,
}

pub(super) fn status(id: &str, phase: Phase) -> RunStatus {
    RunStatus {
        id: id.to_owned(),
        profile: "known".to_owned(),
        testid: "t1".to_owned(),
        phase,
        started_at: Some("2026-11-24T16:00:00Z".to_owned()),
        elapsed_seconds: 3.5,
        plan_elapsed_seconds: 3.0,
        plan_seconds: 60.0,
        latest: Point { at: 3.0, vus: 7, ..Point::default() },
        scenarios: Vec::new(),
        thresholds: Vec::new(),
        validity: crate::outputs::run_status::ValidityStatus { level: "valid".to_owned(), reasons: Vec::new() },
        verdict: None,
        exit_code: None,
        notes: Vec::new(),
    }
}

/// Three runs that have ended, and one whose record is damaged.
fn history(folder: &TempDir) -> Reader {
    let config = HistoryConfig { dir: folder.path().to_owned(), max_runs: 10, max_age: Duration::from_secs(86_400) };
    let mut history = History::open(&config).unwrap();
    for id in ["broken", "k0", "k1", "k2"] {
        let record = include_str!("../daemon/history/record.json").replace("ID", id);
        history.finish(Stored::new(entry(id)), Some(&serde_json::from_str(&record).unwrap()), Timestamp::now());
    }
    std::fs::write(folder.path().join("broken.record.json"), "{").unwrap();
    history.reader()
}

fn entry(id: &str) -> RunEntry {
    RunEntry {
        id: id.to_owned(),
        profile: "known".to_owned(),
        testid: "t".to_owned(),
        trigger: Trigger::Schedule,
        started_at: Timestamp::now().to_string(),
        elapsed_seconds: Some(60.0),
        outcome: "passed".to_owned(),
        exit_code: Some(0),
        note: None,
        has_record: true,
    }
}

fn surface(board: &Board, desk: Option<Desk>, token: Option<&str>, history: Reader) -> Surface {
    let token = token.map(|token| Token::new(token).unwrap());
    let access = watch::channel(Arc::new(Access::new(token, vec!["agent.example".to_owned()]))).1;
    Surface { board: board.reader(), desk, history: Some(history), access }
}

fn bind(surface: Surface) -> AdminServer {
    AdminServer::bind(SocketAddr::from(([127, 0, 0, 1], 0)), surface).unwrap().0
}

fn serving(token: Option<&str>) -> Served {
    let board = Board::default();
    let (desk, counter) = desk::channel();
    let daemon = tokio::spawn(obey(counter, board.clone()));
    let folder = tempfile::tempdir().unwrap();
    let server = bind(surface(&board, Some(desk), token, history(&folder)));
    Served { server, board, daemon: Some(daemon), _folder: folder }
}

async fn obey(mut counter: Counter, board: Board) -> Vec<(String, Change)> {
    let mut changes = Vec::new();
    while let Some(request) = counter.requests.recv().await {
        match request {
            Request::Start(request, reply) => {
                let repeated = request.key.as_deref() == Some("again");
                let accepted = Accepted { id: "r 2".to_owned(), queued: false, repeated };
                let answer = match request.profile.as_deref() {
                    Some("known") => Ok(accepted),
                    Some("busy") => Err(Refusal::Busy("a run goes on".to_owned())),
                    Some("full") => Err(Refusal::QueueFull("10 runs wait".to_owned())),
                    Some("greedy") => Err(Refusal::Denied("more than maxVUs".to_owned())),
                    _ => Err(Refusal::NotFound("no such profile".to_owned())),
                };
                reply.send(answer).unwrap();
            }
            Request::Change(run, change, reply) => {
                if change == Change::Pause {
                    board.show(status("r1", Phase::Paused));
                }
                let answer = match run.as_str() {
                    "r1" => Ok(()),
                    _ => Err(Refusal::Conflict("no run is going on".to_owned())),
                };
                changes.push((run, change));
                reply.send(answer).unwrap();
            }
            Request::Validate(request, reply) => {
                let text = request.profile_text.unwrap_or_default();
                let answer = if text.contains("flow") { Ok("a plan".to_owned()) } else { Err(Refusal::Invalid(text)) };
                reply.send(answer).unwrap();
            }
        }
    }
    changes
}

impl Served {
    async fn ask(&self, request: &str) -> (u16, String, Value) {
        let (head, body) = exchange(self.server.addr(), request).await;
        let status = head[9..12].parse().unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (status, head, body)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        (status, body)
    }

    async fn post(&self, path: &str, body: &str) -> (u16, String, Value) {
        self.ask(&post(path, JSON, body)).await
    }

    async fn code(&self, request: &str) -> (u16, String) {
        let (status, _, body) = self.ask(request).await;
        assert!(body["error"]["message"].as_str().is_some_and(|text| text.len() > 10), "{body}");
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

async fn exchange(addr: SocketAddr, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    timeout(Duration::from_secs(20), stream.read_to_end(&mut response)).await.unwrap().unwrap();
    let split = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = response.split_off(split);
    (String::from_utf8(response).unwrap(), body)
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn the_status_is_that_of_the_board_and_the_daemon() {
    let served = serving(None);
    let (code, body) = served.get("/api/v1/status").await;
    assert_eq!((code, &body["run"]), (200, &Value::Null));
    served.board.show(status("r1", Phase::Running));
    let (_, body) = served.get("/api/v1/status").await;
    assert_eq!((&body["run"]["id"], &body["run"]["latest"]["vus"]), (&json!("r1"), &json!(7)));
    let read: status::Status = serde_json::from_value(body).unwrap();
    assert_eq!(read.run, Some(self::status("r1", Phase::Running)));
}

#[tokio::test]
async fn a_run_is_started_and_refusals_have_their_codes() {
    let served = serving(None);
    let (code, head, body) = served.post("/api/v1/runs", r#"{"profile":"known"}"#).await;
    assert_eq!((code, &body["id"]), (202, &json!("r 2")));
    assert!(head.contains("location: /api/v1/runs/r%202\r\n"), "{head}");
    let (code, _, body) = served.post("/api/v1/runs", r#"{"profile":"known","key":"again"}"#).await;
    assert_eq!((code, &body["id"]), (200, &json!("r 2")));
    for (body, status, code) in [
        (r#"{"profile":"busy"}"#, 409, "busy"),
        (r#"{"profile":"full"}"#, 409, "queue_full"),
        (r#"{"profile":"greedy"}"#, 403, "denied"),
        (r#"{"profile":"none"}"#, 404, "not_found"),
        ("{}", 422, "invalid"),
        (r#"{"profile":"known","profileText":"x"}"#, 422, "invalid"),
        (r#"{"profile":"known","key":""}"#, 422, "invalid"),
        (r#"{"profile":"known","vus":3}"#, 422, "invalid"),
        (r#"{"profile":7}"#, 422, "invalid"),
        (r#"{"profile":"#, 400, "bad_json"),
    ] {
        assert_eq!(served.code(&post("/api/v1/runs", JSON, body)).await, (status, code.to_owned()), "{body}");
    }
    let (code, _, body) = served.post("/api/v1/profiles/validate", r#"{"profileText":"flow: []"}"#).await;
    assert_eq!((code, body), (200, json!({"plan": "a plan"})));
    let bad = post("/api/v1/profiles/validate", JSON, r#"{"profileText":"?"}"#);
    assert_eq!(served.ask(&bad).await.0, 422);
}

#[tokio::test]
async fn changes_reach_the_run_that_goes_on() {
    let mut served = serving(None);
    served.board.show(status("r1", Phase::Running));
    let (code, _, body) = served.post("/api/v1/runs/current/pause", "{}").await;
    assert_eq!((code, body), (200, json!({"id": "r1", "phase": "paused"})));
    for (path, body, expected) in [
        ("/api/v1/runs/r1/resume", "", 200),
        ("/api/v1/runs/r1/scale", r#"{"vus":5}"#, 200),
        ("/api/v1/runs/r1/stop", "{}", 200),
        ("/api/v1/runs/r0/stop", "{}", 409),
        ("/api/v1/runs/r1/stop", r#"{"now":true}"#, 422),
        ("/api/v1/runs/r1/scale", "{}", 422),
    ] {
        assert_eq!(served.post(path, body).await.0, expected, "{path} {body}");
    }
    drop(served.server);
    let changes = served.daemon.take().unwrap().await.unwrap();
    let of_run: Vec<_> = changes.iter().map(|(run, _)| run.as_str()).collect();
    assert_eq!(of_run, ["r1", "r1", "r1", "r1", "r0"], "what was invalid has reached nobody");
    assert_eq!(changes[2].1, Change::ScaleVus { scenario: None, vus: 5 });
}

#[tokio::test]
async fn records_are_of_runs_that_have_ended() {
    let served = serving(None);
    served.board.show(status("r9", Phase::Running));
    served.board.draw(Arc::new(Timeline { interval_seconds: 4.0, ..Timeline::default() }));
    let (_, page) = served.get("/api/v1/runs?limit=2").await;
    assert_eq!((&page["runs"][0]["id"], &page["next"]), (&json!("k2"), &json!("k1")));
    assert_eq!(served.get("/api/v1/runs/k1").await.1["id"], "k1");
    assert_eq!(served.get("/api/v1/runs/latest").await.1["id"], "k2");
    assert_eq!(served.get("/api/v1/runs/k1/timeline").await.1["intervalSeconds"], 1.0);
    assert_eq!(served.get("/api/v1/runs/current/timeline").await.1["intervalSeconds"], 4.0);
    let report = "GET /api/v1/runs/latest/report HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (head, body) = exchange(served.server.addr(), report).await;
    assert!(head.contains("content-type: text/html; charset=utf-8\r\n") && head.contains("frame-ancestors"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("smoke-k2"));
    let compared = "GET /api/v1/compare?base=k0&with=k1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert!(String::from_utf8(exchange(served.server.addr(), compared).await.1).unwrap().contains("smoke-k1"));
    for path in ["/api/v1/runs/k1/charts", "/api/v1/runs/r9/charts"] {
        let charts = served.get(path).await.1;
        assert!(charts["charts"][0]["svg"].as_str().is_some_and(|svg| svg.starts_with("<svg")), "{path}: {charts}");
    }
    for (path, status, code) in [
        ("/api/v1/runs/r9", 409, "not_finished"),
        ("/api/v1/runs/current", 409, "not_finished"),
        ("/api/v1/runs/none", 404, "not_found"),
        ("/api/v1/runs?limit=0", 422, "invalid"),
        ("/api/v1/runs?page=2", 422, "invalid"),
        ("/api/v1/compare?base=k0", 422, "invalid"),
        ("/api/v1/compare?base=k0&with=none", 404, "not_found"),
        ("/api/v1/profiles/none", 404, "not_found"),
        ("/api/v1/nothing", 404, "not_found"),
        ("/api/v2", 404, "not_found"),
        ("/api/v1x/status", 404, "not_found"),
        ("/api/v1/runs/broken", 500, "internal"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(served.code(&request).await, (status, code.to_owned()), "{path}");
    }
    served.board.show(status("r9", Phase::Finished));
    assert_eq!(served.get("/api/v1/runs/r9").await.0, 404, "ended, and not yet kept");
    assert_eq!(served.get("/api/v1/runs/current/timeline").await.0, 404);
}

#[tokio::test]
async fn without_a_daemon_everything_is_read_only() {
    let board = Board::default();
    board.show(status("r1", Phase::Running));
    let server = bind(Surface::read_only(board.reader()));
    let served = Served { server, board, daemon: None, _folder: tempfile::tempdir().unwrap() };
    let (_, body) = served.get("/api/v1/status").await;
    assert_eq!((&body["daemon"]["mode"], &body["run"]["id"]), (&json!("run"), &json!("r1")));
    assert_eq!(served.get("/api/v1/runs").await.1, json!({"runs": [], "next": null}));
    for path in ["/api/v1/runs", "/api/v1/runs/current/stop", "/api/v1/runs/r1/scale", "/api/v1/profiles/validate"] {
        assert_eq!(served.code(&post(path, JSON, "{}")).await, (403, "read_only".to_owned()), "{path}");
    }
}
