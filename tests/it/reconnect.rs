//! Connections that end early are replaced: counted, paced, and as often as the profile allows.

use std::time::Duration;

use crate::support::{
    agent::run_lingering,
    exposition::Page,
    identities::assert_identities,
    scraper::Scraper,
    scratch::Scratch,
    target::{LIBRARIES, Library, Target},
};

const WORN_OUT: &str = r#"
vus: 2
duration: 1s
flow:
  - websocket:
      url: ${TARGET}
      reconnect: { attempts: 3, backoff: { initial: 5ms, max: 1m, jitter: 0 }, rate: 10000 }
      steps:
        - send: subscribe
        - expect: { count: 1, timeout: 5s }
        - repeat:
            times: 100
            steps: [send: { text: "{{ index }}", reply: fifo }, expect: { count: 1, timeout: 5s }]
"#;

/// The server ends each connection at its fifth message.
#[test]
fn steps_begin_anew_on_a_new_connection_until_the_attempts_are_used_up() {
    for library in LIBRARIES {
        let scratch = Scratch::new();
        let target = Target::start(library, &["--mode", "close-after", "--after", "5"]);
        let mut agent = run_lingering(&scratch.write("profile.yaml", WORN_OUT))
            .args(["-e", &format!("TARGET={}", target.url())])
            .start();
        let scraper = Scraper::start(agent.address(), Duration::from_millis(100));
        let pages: Vec<Page> = scraper.pages().into_iter().map(|(_, page)| page).collect();
        agent.wait().assert_code(0);
        pages.iter().for_each(assert_identities);
        let last = pages.last().expect("scraped");
        let server = target.stop();
        let replaced = last.sum("ws_reconnects_total", &[("result", "opened")]) as u64;
        let iterations = last.sum("iterations_total", &[]) as u64;
        assert!(replaced >= 6, "{library:?}: {replaced}");
        assert_eq!(server.opened, iterations + replaced, "{library:?}: each iteration opens once by itself");
        assert_eq!(server.messages_in, 5 * server.opened, "{library:?}: the steps begin with the first");
        let lost = last.sum("iterations_failed_total", &[("reason", "connection_lost")]) as u64;
        assert_eq!(lost, iterations, "{library:?}: no iteration can come to its end");
        assert_eq!(last.sum("ws_reconnects_total", &[("result", "failed")]), 0.0, "{library:?}");
    }
}

#[test]
fn after_a_restart_of_the_server_everybody_comes_back_one_after_the_other() {
    let profile = "
vus: 20
duration: 15s
flow:
  - websocket:
      url: ${TARGET}
      reconnect: { attempts: 1000, backoff: { initial: 10ms, max: 50ms }, rate: 40 }
      steps: [hold: {}]
";
    let scratch = Scratch::new();
    let target = Target::echo(Library::PyPiWebsockets);
    let port = target.port().to_string();
    let mut agent = run_lingering(&scratch.write("profile.yaml", profile))
        .args(["-e", &format!("TARGET={}", target.url()), "--linger", "0"])
        .start();
    let open = |page: &Page| page.sum_or_zero("ws_open_connections", &[]);
    agent.scrape_until("everybody is connected", |page| open(page) == 20.0);
    target.stop();
    agent.scrape_until("everybody is lost, and refused", |page| {
        open(page) == 0.0 && page.sum_or_zero("ws_reconnects_total", &[("result", "failed")]) > 0.0
    });
    let target = Target::start(Library::PyPiWebsockets, &["--mode", "echo", "--port", &port]);
    let page = agent.scrape_until("everybody is connected again", |page| open(page) == 20.0);
    assert_identities(&page);
    assert_eq!(page.sum("ws_reconnects_total", &[("result", "opened")]), 20.0);
    assert_eq!(page.sum_or_zero("iterations_failed_total", &[]), 0.0);
    // 20 connections at 40 a second: the last of them comes half a second after the first.
    let slowest = page.sum("ws_reconnecting_seconds_sum", &[]) / 20.0;
    assert!(slowest >= 0.2, "{slowest} s on average");
    agent.wait().assert_code(0);
    assert_eq!(target.stop().opened, 20);
}
