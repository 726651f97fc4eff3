//! Name look-up against a name server of the tests' own: asked once for each time to live, followed
//! when it changes its mind, and counted when it fails.

use std::{collections::BTreeMap, net::Ipv6Addr, time::Duration};

use nix::sys::signal::Signal;

use crate::support::{
    agent::run,
    dns::{NameServer, Says},
    exposition::Page,
    faults::BlackHole,
    nginx::{Nginx, Seen},
    poll,
    run::last_page,
    scratch::Scratch,
    target::{Library, Target},
};

const NAME: &str = "target.test";

/// Every request has a connection of its own.
fn nginx() -> Nginx {
    Nginx::start("keepalive_timeout 0; location = / { return 204; }", &[])
}

/// Requests of two VUs for `duration` with `dns` as settings besides the name server.
fn requests(names: &NameServer, port: u16, dns: &str, duration: &str) -> Page {
    let profile = format!(
        "dns: {{ servers: [{}], {dns} }}
vus: 2
duration: {duration}
flow: [{{ http: \"http://{NAME}:{port}/\" }}, {{ sleep: 5ms }}]
",
        names.address()
    );
    last_page(&profile).0
}

fn by_server(seen: &[Seen]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for connection in seen {
        *counts.entry(connection.server.clone()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn a_name_is_asked_for_once_for_each_time_to_live() {
    for (dns, least, most) in [
        // The records say 1 s, and the run takes 3 s.
        ("policy: onlyIPv4", 3, 4),
        ("policy: onlyIPv4, ttl: inf", 1, 1),
        ("policy: onlyIPv4, ttl: 500ms", 5, 7),
    ] {
        let (nginx, names) = (nginx(), NameServer::start());
        names.name(NAME, &["127.0.0.1"], 1);
        let page = requests(&names, nginx.port(), dns, "3s");
        let seen = nginx.stop_for_connections();
        let asked = names.asked_v4(NAME);
        assert!((least..=most).contains(&asked), "{asked} questions with {dns}");
        assert_eq!(page.sum("dns_lookups_total", &[("result", "answered")]) as u64, asked);
        assert_eq!(page.sum("dns_lookup_seconds_count", &[]) as u64, asked);
        assert!(page.sum("dns_lookup_seconds_sum", &[]) > 0.0);
        assert_eq!(page.sum("http_reqs_total", &[("status", "204")]) as u64, seen.len() as u64);
        assert!(seen.len() > 50, "{} requests", seen.len());
    }
}

#[test]
fn without_a_cache_every_connection_asks() {
    let (nginx, names) = (nginx(), NameServer::start());
    names.name(NAME, &["127.0.0.1"], 300);
    requests(&names, nginx.port(), "policy: onlyIPv4, ttl: 0", "1s");
    let (asked, seen) = (names.asked_v4(NAME), nginx.stop_for_connections().len() as u64);
    // VUs that ask at the same time share the answer.
    assert!(asked > seen / 2 && asked <= seen, "{asked} questions, {seen} connections");
}

#[test]
fn addresses_get_equal_shares_in_turn() {
    let (nginx, names) = (nginx(), NameServer::start());
    names.name(NAME, &["127.0.0.1", "127.0.0.2", "::1", "127.0.0.3"], 300);
    let page = requests(&names, nginx.port(), "policy: any", "1s");
    assert_eq!(page.sum("connect_fallbacks_total", &[]), 0.0);
    let shares = by_server(&nginx.stop_for_connections());
    assert_eq!(shares.keys().collect::<Vec<_>>(), ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"]);
    let (least, most) = (shares.values().min(), shares.values().max());
    assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{shares:?}");
}

#[test]
fn the_first_address_is_the_only_one_if_so_selected() {
    let (nginx, names) = (nginx(), NameServer::start());
    names.name(NAME, &["127.0.0.2", "127.0.0.1"], 300);
    requests(&names, nginx.port(), "select: first", "1s");
    assert_eq!(by_server(&nginx.stop_for_connections()).into_keys().collect::<Vec<_>>(), ["127.0.0.2"]);
}

#[test]
fn a_change_during_the_run_is_followed() {
    let (nginx, names) = (nginx(), NameServer::start());
    names.name(NAME, &["127.0.0.1"], 1);
    let page = std::thread::scope(|scope| {
        scope.spawn(|| {
            let asked = poll(Duration::from_secs(20), || (names.asked_v4(NAME) > 0).then_some(()));
            asked.expect("the run asks");
            names.name(NAME, &["127.0.0.2"], 1);
        });
        requests(&names, nginx.port(), "policy: onlyIPv4", "3s")
    });
    assert_eq!(page.sum("http_req_failures_total", &[]), 0.0);
    let seen = nginx.stop_for_connections();
    let moved = seen.iter().position(|connection| connection.server == "127.0.0.2").expect("it is followed");
    assert!(moved > 0, "it begins with the first answer");
    let later = &seen[moved + 1..];
    assert!(later.len() > 20 && later.iter().all(|connection| connection.server == "127.0.0.2"), "{later:?}");
}

#[test]
fn failures_are_told_apart_and_not_asked_for_again_at_once() {
    for (says, result) in [(None, "not_found"), (Some(Says::Failure), "failed"), (Some(Says::Nothing), "timeout")] {
        let names = NameServer::start();
        if let Some(says) = says {
            names.says(NAME, says);
        }
        let page = requests(&names, 80, "policy: onlyIPv4, timeout: 200ms", "1500ms");
        let lookups = page.sum("dns_lookups_total", &[("result", result)]) as u64;
        assert!((1..=3).contains(&lookups), "{lookups} look-ups that ended with {result}");
        assert_eq!(page.sum("dns_lookups_total", &[]) as u64, lookups);
        assert_eq!(page.sum("dns_lookup_seconds_count", &[]), 0.0);
        let failed = page.sum("http_req_failures_total", &[("reason", "dns")]) as u64;
        assert!(failed > lookups, "{failed} requests, {lookups} look-ups");
        assert_eq!(page.sum("http_reqs_total", &[]) as u64, failed);
    }
}

#[test]
fn a_look_up_that_hangs_does_not_hold_up_the_end() {
    let (names, scratch) = (NameServer::start(), Scratch::new());
    names.says(NAME, Says::Nothing);
    let profile = format!(
        "network: {{ dns: {{ servers: [{}], timeout: 40s }} }}
scenarios:
  slow:
    {{ executor: constant-vus, vus: 2, duration: 40s, gracefulStop: 0s,
      flow: [ {{ websocket: {{ url: \"ws://{NAME}/\", timeouts: {{ connect: 40s }} }} }} ] }}
",
        names.address()
    );
    let agent = run(&scratch.write("profile.yaml", &profile)).start();
    let asked = poll(Duration::from_secs(20), || (names.asked_v4(NAME) > 0).then_some(()));
    asked.expect("the run asks");
    agent.signal(Signal::SIGINT);
    agent.wait_at_most(Duration::from_secs(10)).assert_code(105);
}

#[test]
fn a_dead_ipv6_address_is_got_around_and_counted() {
    let target = Target::echo(Library::PyPiWebsockets);
    let port = target.port();
    let names = NameServer::start();
    names.name(NAME, &["::1", "127.0.0.1"], 300);
    let flow = |policy: &str| {
        format!(
            "dns: {{ servers: [{}], policy: {policy} }}
stages: [{{ duration: 0s, target: 3 }}, {{ duration: 1s, target: 3 }}]
flow: [{{ websocket: {{ url: \"ws://{NAME}:{port}/\", steps: [{{ hold: {{}} }}] }} }}]
",
            names.address()
        )
    };
    // Nobody listens: at once. Nobody answers: after 250 ms.
    let (refused, _) = last_page(&flow("preferIPv6"));
    let hole = BlackHole::at((Ipv6Addr::LOCALHOST, port).into());
    let (hanging, _) = last_page(&flow("preferIPv6"));
    drop(hole);
    let (preferred, _) = last_page(&flow("preferIPv4"));
    for (page, fallbacks, least, most) in
        [(&refused, 3, 0.0, 0.25), (&hanging, 3, 0.25, 0.9), (&preferred, 0, 0.0, 0.25)]
    {
        assert_eq!(page.sum("connect_fallbacks_total", &[]) as u64, fallbacks);
        assert_eq!(page.sum("ws_sessions_total", &[("status", "101")]), 3.0);
        assert_eq!(page.sum("ws_connect_failures_total", &[]), 0.0);
        let mean = page.sum("ws_connecting_seconds_sum", &[]) / 3.0;
        assert!((least..most).contains(&mean), "{mean} s to connect");
    }
    assert_eq!(target.stop().opened, 9);
}
