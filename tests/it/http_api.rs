//! HTTP steps against an API on aiohttp: bodies arrive as they were meant, and its counts are the agent's.

use std::{collections::BTreeMap, process::Command, time::Duration};

use nix::sys::signal::Signal;

use crate::support::{
    agent::run_lingering, exposition::Page, identities::assert_identities, poll, process::Process, repository,
    scraper::Scraper, scratch::Scratch, target::python,
};

const VUS: u64 = 3;

/// Runs `flow` with the files of `scratch` beside its profile; the server's counts and the last page.
fn run(scratch: &Scratch, flow: &str) -> (BTreeMap<String, u64>, Page) {
    let mut command = Command::new(python());
    command.arg(repository().join("tests/servers/aiohttp_api.py"));
    let mut server = Process::start(command);
    let port = poll(Duration::from_secs(20), || {
        assert!(!server.has_ended(), "aiohttp ended at once\n{}", server.describe());
        let line = server.stdout().lines().next().map(str::to_owned)?;
        serde_json::from_str::<serde_json::Value>(&line).ok()?["port"].as_u64()
    });
    let port = port.expect("aiohttp says its port");
    let profile = scratch.write("profile.yaml", &format!("vus: {VUS}\nduration: 1s\nflow:\n{flow}"));
    let mut agent = run_lingering(&profile).args(["-e", &format!("TARGET=http://127.0.0.1:{port}")]).start();
    let page = Scraper::start(agent.address(), Duration::from_millis(100)).last();
    agent.wait().assert_code(0);
    assert_identities(&page);
    server.signal(Signal::SIGTERM);
    let ended = server.wait(Duration::from_secs(10));
    let counts = ended.stdout.lines().nth(1).unwrap_or_else(|| panic!("no counters\n{}", ended.describe()));
    (serde_json::from_str(counts).expect("counters are JSON"), page)
}

#[test]
fn bodies_arrive_as_they_were_meant() {
    let scratch = Scratch::new();
    // Every byte, and more than goes out with the head.
    let picture: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
    std::fs::write(scratch.path("picture.png"), &picture).expect("a temporary directory");
    let hash = "SHA";
    let flow = r#"
  - http:
      url: ${TARGET}/form
      method: POST
      form: { user: "u {{ vu }}&=+", empty: "" }
      expect: { contains: '&=+", "empty": ""' }
  - http:
      url: ${TARGET}/upload
      method: POST
      multipart: { user: "vu {{ vu }}", picture: { file: picture.png, type: image/png, filename: "a b.png" } }
      expect: { status: 200, contains: '"picture": ["a b.png", "image/png", 200000, "SHA"]' }
  - http: { url: "${TARGET}/body", method: POST, file: picture.png, expect: { contains: '[200000, "SHA"]' } }
  - http: { url: "${TARGET}/body", method: POST, expect: { contains: "[0, " } }
  - http: { url: "${TARGET}/chunks", expect: { contains: "chunk 18\nchunk 19" } }
  - http: { url: "${TARGET}/text", query: { coding: gzip }, expect: { contains: "hay\na needle" } }
  - http: { url: "${TARGET}/text", query: { coding: deflate }, expect: { contains: "hay\na needle" } }
  - sleep: 5ms
"#;
    let (counts, page) = run(&scratch, &flow.replace(hash, &sha256(&scratch, "picture.png")));
    assert_eq!(page.sum("checks_total", &[("result", "fail")]), 0.0, "{counts:?}");
    let rounds = page.sum("iterations_total", &[]) as u64;
    assert!(rounds > VUS);
    let expected = [("/form", 1), ("/upload", 1), ("/body", 2), ("/chunks", 1), ("/text", 2)];
    let expected = expected.map(|(path, each)| (format!("{path} 200"), each * rounds));
    assert_eq!(counts, BTreeMap::from(expected));
    assert_eq!(page.sum("http_connections_total", &[]) as u64, VUS);
}

#[test]
fn a_session_lives_as_long_as_its_cookie() {
    let flow = r#"
  - http: { url: "${TARGET}/me", expect: { status: 401 } }
  - http: ${TARGET}/login
  - http: { url: "${TARGET}/me", expect: { contains: me } }
  - http: ${TARGET}/logout
  - http: { url: "${TARGET}/me", expect: { status: 401 } }
  - sleep: 5ms
"#;
    let (counts, page) = run(&Scratch::new(), flow);
    assert_eq!(page.sum("checks_total", &[("result", "fail")]), 0.0, "{counts:?}");
    let rounds = page.sum("iterations_total", &[]) as u64;
    let expected = [("/me 401", 2), ("/me 200", 1), ("/login 200", 1), ("/logout 200", 1)];
    assert_eq!(counts, BTreeMap::from(expected.map(|(path, each)| (path.to_owned(), each * rounds))));
}

/// By the system's own program.
fn sha256(scratch: &Scratch, file: &str) -> String {
    let output = Command::new("sha256sum").arg(scratch.path(file)).output().expect("sha256sum is there");
    String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned()
}
