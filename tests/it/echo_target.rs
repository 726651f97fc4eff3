//! The embedded echo target: by itself against a client that is not ours, and under `run --echo`.

use crate::support::{
    agent::{rampd, run},
    process::Process,
    results::Summary,
    scratch::Scratch,
    target::python,
};

/// Sends two messages with PyPI `websockets`, prints the replies and the close code.
const CLIENT: &str = r#"
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], compression=None) as socket:
        await socket.send("text")
        await socket.send(b"binary")
        print(await socket.recv(), await socket.recv())
    print(socket.close_code)
asyncio.run(main())
"#;

fn client(url: &str) -> String {
    let mut command = std::process::Command::new(python());
    command.args(["-c", CLIENT, url]);
    let ended = Process::start(command).wait(std::time::Duration::from_secs(20));
    ended.stdout + &ended.stderr
}

#[test]
fn a_client_that_is_not_ours_gets_its_messages_back() {
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0"]).start();
    let said = client(&format!("ws://{}/ws", echo.address()));
    assert_eq!(said, "text b'binary'\n1000\n");
}

#[test]
fn the_echo_target_refuses_with_the_status_asked_for() {
    let mut echo = rampd(["echo", "--listen", "127.0.0.1:0", "--refuse-status", "503"]).start();
    let said = client(&format!("ws://{}/ws", echo.address()));
    assert!(said.contains("HTTP 503"), "{said}");
}

#[test]
fn run_echo_needs_no_server() {
    let scratch = Scratch::new();
    let summary = scratch.path("summary.json");
    let profile = "
vus: 3
duration: 1s
flow:
  - websocket:
      url: wss://quantum.example.com/ws
      steps:
        - send: { text: hello, reply: fifo }
        - hold: {}
thresholds:
  ws_msg_rtt: ['p(99)<5000']
";
    let ended = run(&scratch.write("profile.yaml", profile))
        .arg("--echo")
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .finish();
    ended.assert_code(0);
    assert_eq!(Summary::read(&summary).count("ws_msgs_received"), 3);
}
