//! `rampd healthcheck` beside a real agent, and beside everything that is none.

use std::{net::TcpListener, time::Duration};

use rampd::clock::Instant;

use crate::support::{
    agent::{rampd, run},
    nginx::Nginx,
    process::Ended,
    prometheus::free_port,
    repository,
};

fn check(url: &str) -> Ended {
    rampd(["healthcheck", "--url", url]).finish()
}

#[test]
fn a_running_agent_is_well_by_every_way_to_ask() {
    let mut agent = run(&repository().join("config/quantum-ws.yaml")).args(["--echo", "--scale", "0.01"]).start();
    let url = format!("http://{}", agent.address());
    agent.scrape_until("a page", |_| true);
    for path in ["", "/", "/readyz", "/livez", "/metrics"] {
        let ended = check(&format!("{url}{path}"));
        ended.assert_code(0);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("ok\n", ""), "{path}");
    }
    rampd(["healthcheck"]).env("RAMPD_HEALTHCHECK_URL", &url).finish().assert_code(0);
    let ended = check(&format!("{url}/nothing"));
    ended.assert_code(1);
    assert!(ended.stderr.contains("status 404"), "{}", ended.describe());
}

#[test]
fn without_an_agent_the_address_and_the_reason_are_told() {
    let port = free_port();
    let ended = check(&format!("http://127.0.0.1:{port}"));
    ended.assert_code(1);
    for part in [&format!("http://127.0.0.1:{port}/readyz"), "refused", "--listen"] {
        assert!(ended.stderr.contains(part), "no {part}: {}", ended.describe());
    }
}

#[test]
fn an_agent_that_is_not_ready_and_others_are_not_well() {
    for (directive, told) in [
        ("return 503;", "still being prepared"),
        ("return 500;", "status 500"),
        ("return 204;", "status 204"),
        ("return 302 /livez;", "status 302"),
    ] {
        let nginx = Nginx::start(&format!("location = /readyz {{ {directive} }}"), &[]);
        let ended = check(&format!("http://127.0.0.1:{}", nginx.port()));
        ended.assert_code(1);
        assert!(ended.stderr.contains(told), "{directive}: {}", ended.describe());
    }
}

#[test]
fn who_accepts_and_says_nothing_is_given_up_in_time() {
    // The kernel takes the connection, and nobody ever reads from it.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let begun = Instant::now();
    let url = format!("http://{}", silent.local_addr().expect("bound"));
    let ended = rampd(["healthcheck", "--url", &url, "--timeout", "200ms"]).finish();
    let took = Instant::now().since(begun);
    ended.assert_code(1);
    assert!(ended.stderr.contains("no answer within 200ms"), "{}", ended.describe());
    assert!((Duration::from_millis(200)..Duration::from_secs(10)).contains(&took), "{took:?}");
}

#[test]
fn what_is_no_address_of_an_agent_is_a_bad_option_and_not_repeated() {
    for url in ["127.0.0.1:6464", "https://127.0.0.1:6464", "http://user:secret@127.0.0.1"] {
        let ended = check(url);
        ended.assert_code(104);
        assert!(ended.stderr.contains("http://127.0.0.1:6464"), "{}", ended.describe());
        assert!(!ended.stderr.contains("secret"), "{}", ended.describe());
    }
}
