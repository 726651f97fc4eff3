//! Who is no agent of a run is told so with code 104, and the run does not notice.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{
    fleet::steady,
    support::{
        agent::AgentCommand,
        fleet::{FLEET_PORT, Fleet, TOKEN},
        namespaces::fleet_address,
        poll,
    },
};

#[test]
fn strangers_are_refused_with_the_reason_and_the_fleet_of_the_others_is_exact() {
    let mut fleet = Fleet::new(4, &steady("", 6, 2));
    let (profile, all) = ("profile.yaml", [0, 1, 2, 3]);
    fleet.write("other.yaml", &steady("", 7, 2));
    // Machine 3 is left for strangers until its own agent comes.
    fleet.start_all(0..3);
    fleet.agent(0).wait_for_log("present=3");
    let stranger = |index: u32, profile: &str, token: &str, testid: &str| {
        let command = fleet.with_leader(fleet.apart(index, 3, profile));
        command.env("RAMPD_FLEET_TOKEN", token).env("RAMPD_TESTID", testid)
    };
    let size = |command: AgentCommand, size: &str| command.args(["--fleet", size]);
    let other_size = size(stranger(3, profile, TOKEN, "fleet-test"), "3/5");
    for (command, message) in [
        (stranger(3, profile, "fedcba9876543210", "fleet-test"), "the token is missing or wrong"),
        (stranger(2, profile, TOKEN, "fleet-test"), "agent 2 is there already, at 10.2.0.3"),
        (stranger(3, "other.yaml", TOKEN, "fleet-test"), "agent 3 has another profile than the leader"),
        (
            stranger(3, profile, TOKEN, "other-test"),
            "agent 3 has another testid than the leader (other-test, not fleet-test)",
        ),
        (other_size, "this fleet has 4 agents, and agent 3 believes in 5"),
    ] {
        let refused = command.finish();
        refused.assert_code(104);
        assert!(refused.stderr.contains(message), "no {message:?}\n{}", refused.describe());
        assert!(!refused.stderr.contains(TOKEN) && !refused.stderr.contains("fedcba"), "{}", refused.describe());
    }
    fleet.start(3);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 4]).assert_exact();
    assert_eq!(all.map(|agent| outcome.opened_by(agent)), [2, 2, 1, 1], "{}", outcome.describe());
}

#[test]
fn a_token_that_is_none_is_refused_before_anything_is_sent() {
    let fleet = Fleet::new(2, &steady("", 2, 2));
    for index in [0, 1] {
        let command = || fleet.with_leader(fleet.apart(index, index, "profile.yaml")).env("RAMPD_TESTID", "fleet-test");
        for (command, message) in [
            (command(), "set RAMPD_FLEET_TOKEN, or --fleet-token-file"),
            (command().env("RAMPD_FLEET_TOKEN", "short"), "the fleet's token has 5 characters; it needs at least 16"),
            (command().env("RAMPD_FLEET_TOKEN", "with a blank in it"), "characters other than printable ASCII"),
            (command().args(["--fleet-token-file", "/nowhere/token"]), "cannot read --fleet-token-file /nowhere/token"),
        ] {
            let refused = command.finish();
            refused.assert_code(104);
            assert!(refused.stderr.contains(message), "no {message:?}\n{}", refused.describe());
            assert!(!refused.stderr.contains("with a blank"), "{}", refused.describe());
        }
    }
    assert_eq!(fleet.finish().counted("opened"), 0);
}

/// Sends bytes to the leader; what it answers before it closes, or within 2 s.
fn say(bytes: &[u8]) -> String {
    let address: SocketAddr = format!("{}:{FLEET_PORT}", fleet_address(0)).parse().expect("an address");
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).expect("the leader listens");
    stream.set_read_timeout(Some(Duration::from_secs(2))).expect("a socket");
    // It may close before all has been sent.
    let _unsent = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _cut = stream.take(64 * 1024).read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// More connections than the leader has for a fleet of three, from before its agents come until after they have gone.
#[test]
fn garbage_at_the_leaders_port_changes_nothing() {
    const SLOW: usize = 300;
    let mut fleet = Fleet::new(3, &steady("", 6, 3));
    fleet.start(0);
    fleet.agent(0).wait_for_log("Listening for the other agents");
    let head = |length: usize, token: &str| {
        format!(
            "POST /fleet/v1/join HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut random = vec![0; 64 * 1024];
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)).expect("random bytes");
    let huge = [head(1 << 40, "fedcba9876543210").as_bytes(), &random].concat();
    let too_large = [head(1 << 40, TOKEN).as_bytes(), &random].concat();
    let no_json = [head(random.len(), TOKEN).as_bytes(), &random].concat();
    let long_head = format!("POST /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20));
    let held: Vec<_> = fleet.network().machine(1).inside(|| {
        assert!(say(&huge).starts_with("HTTP/1.1 401 "));
        assert!(say(&too_large).starts_with("HTTP/1.1 413 "));
        assert!(say(&no_json).starts_with("HTTP/1.1 400 "));
        assert!(say(long_head.as_bytes()).starts_with("HTTP/1.1 4"));
        say(&random);
        let address: SocketAddr = format!("{}:{FLEET_PORT}", fleet_address(0)).parse().expect("an address");
        let slow = |_| {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).expect("the kernel takes it");
            stream.write_all(b"POST /fleet/v1/join HTTP/1.1\r\nX: ").expect("it is buffered");
            stream
        };
        (0..SLOW).map(slow).collect()
    });
    fleet.start_all(1..3);
    fleet.wait_for_load(0..3);
    fleet.network().machine(2).inside(|| say(&random));
    let outcome = fleet.finish();
    drop(held);
    outcome.assert_codes(&[0; 3]).assert_exact();
    assert_eq!(outcome.counted("opened"), 6);
    assert!(
        poll(Duration::ZERO, || outcome.ended[&0].stderr.contains("token is missing or wrong").then_some(())).is_some()
    );
}
