//! Programs that use the API: streams of events, `rampd ctl`, and schemathesis with the OpenAPI document.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use rampd::clock::Instant;
use serde_json::{Value, json};

use crate::support::{
    agent::{AgentCommand, rampd},
    daemon::{Daemon, Site},
    process::Process,
    repository,
    target::python,
};

fn site() -> Site {
    Site::new("  short: { file: short.yaml }\n  long: { file: long.yaml }")
}

/// A reader of events.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("a request");
        Self(BufReader::new(stream))
    }

    /// Reads events until one is as wanted.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("an event in time") > 0, "the stream has ended");
            if let Some(data) = line.strip_prefix("data: ")
                && wanted(&serde_json::from_str(data).expect("JSON"))
            {
                return;
            }
        }
    }
}

#[test]
fn a8_a_hundred_readers_see_every_change_and_scrapes_are_answered_meanwhile() {
    let site = site();
    let mut daemon = site.start();
    let address = daemon.address();
    let mut streams: Vec<_> = (0..100).map(|_| Stream::open(address)).collect();
    for stream in &mut streams {
        stream.until(|status| status["run"].is_null());
    }
    let id = daemon.start_run(&json!({ "profile": "long" }));
    daemon.wait_for_load(&id);
    let begun = Instant::now();
    let (status, _) = daemon.post("runs/current/pause", &json!({}));
    assert_eq!(status, 200);
    for stream in &mut streams {
        stream.until(|status| status["run"]["phase"] == "paused");
    }
    let took = Instant::now().since(begun);
    // `scripts/bench streams` measures it; here other tests share the machine.
    assert!(took < Duration::from_secs(5), "{took:?}");
    let page = daemon.scrape_until("a page", |_| true);
    assert!(page.sum("process_open_fds", &[]) < 300.0, "streams take a descriptor each");
    drop(streams);
    daemon.scrape_until("descriptors that were given back", |page| page.sum("process_open_fds", &[]) < 120.0);
    daemon.stop().assert_code(0);
}

fn ctl(daemon: &mut Daemon, arguments: &[&str]) -> AgentCommand {
    let url = format!("http://{}", daemon.address());
    arguments.iter().fold(rampd(["ctl", "--url", &url]), |command, argument| command.args([argument]))
}

#[test]
fn ctl_starts_watches_steers_and_reports() {
    let site = site();
    let mut daemon = site.start();
    let ended = ctl(&mut daemon, &["start", "short", "--vus", "2", "--iterations", "2", "--wait"]).finish();
    ended.assert_code(0);
    assert!(ended.stdout.contains(" starts\n") && ended.stdout.contains("passed"), "{}", ended.describe());
    let ended = ctl(&mut daemon, &["history", "--json"]).finish();
    ended.assert_code(0);
    let page: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let id = page["runs"][0]["id"].as_str().expect("a run").to_owned();
    let report = site.history().join("../report.html");
    let path = report.to_str().expect("UTF-8");
    ctl(&mut daemon, &["report", &id, "-o", path]).finish().assert_code(0);
    assert!(std::fs::read_to_string(&report).expect("a report").starts_with("<!DOCTYPE html>"));

    ctl(&mut daemon, &["start", "nothing"]).finish().assert_code(104);
    let ended = ctl(&mut daemon, &["start", "long"]).finish();
    ended.assert_code(0);
    let id = ended.stdout.split(' ').next().expect("its id").to_owned();
    daemon.wait_for_load(&id);
    for (arguments, told) in [
        (&["status"][..], "running"),
        (&["pause"], "is paused"),
        (&["resume"], "is running"),
        (&["scale", "default", "2"], "is running"),
    ] {
        let ended = ctl(&mut daemon, arguments).finish();
        ended.assert_code(0);
        assert!(ended.stdout.contains(told), "{arguments:?}: {}", ended.describe());
    }
    let ended = ctl(&mut daemon, &["start", "short"]).finish();
    ended.assert_code(1);
    assert!(ended.stderr.contains("a run goes on"), "{}", ended.describe());
    let watch = ctl(&mut daemon, &["watch"]).start();
    let (status, _) = daemon.post("runs/current/stop", &json!({}));
    assert_eq!(status, 200);
    let ended = watch.wait();
    ended.assert_code(103);
    daemon.stop().assert_code(0);
    let ended = rampd(["ctl", "--url", "http://127.0.0.1:9", "status"]).finish();
    ended.assert_code(1);
    assert!(ended.stderr.contains("rampd serve") && ended.stderr.contains("RAMPD_URL"), "{}", ended.describe());
}

#[test]
fn ctl_shows_the_token_that_it_was_given_in_a_file() {
    let site = site();
    let token = site.write("token", "correct-horse-battery-staple\n");
    let text =
        "listen: 127.0.0.1:0\ntokenFile: token\nhistory: { dir: history }\nprofiles: { short: { file: short.yaml } }";
    site.write("rampd.yaml", text);
    let mut daemon = site.start();
    let ended = ctl(&mut daemon, &["status"]).finish();
    ended.assert_code(1);
    assert!(ended.stderr.contains("--token-file"), "{}", ended.describe());
    let path = token.to_str().expect("UTF-8");
    let ended = ctl(&mut daemon, &["--token-file", path, "status"]).finish();
    ended.assert_code(0);
    assert!(ended.stdout.contains("short"), "{}", ended.describe());
}

/// Requests that the document permits are answered as it says, and those that it does not permit are refused.
#[test]
fn schemathesis_finds_nothing_that_the_document_does_not_say() {
    let site = site();
    let mut daemon = site.start();
    // Records, so that there are answers to look at.
    let id = daemon.start_run(&json!({ "profile": "short" }));
    daemon.runs_until("a run that has ended", |runs| {
        runs.iter().any(|run| run["id"] == id.as_str() && run["outcome"] == "passed")
    });
    let url = format!("http://{}/openapi.json", daemon.address());
    let mut command = Command::new(python().with_file_name("schemathesis"));
    command
        .arg("--config-file")
        .arg(repository().join("tests/servers/schemathesis.toml"))
        .args(["run", &url, "--max-examples", "15", "--seed", "7", "--workers", "1", "--no-color"])
        // A stream does not end.
        .args(["--exclude-path", "/api/v1/events", "--request-timeout", "20", "--generation-database", "none"])
        .current_dir(site.history());
    let ended = Process::start(command).wait(Duration::from_secs(240));
    ended.assert_code(0);
}
