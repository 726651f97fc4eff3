//! Where connections go to and come from, by the server's own account.

use std::collections::BTreeMap;

use crate::support::{
    agent::rampd,
    faults::{Fault, FaultyServer},
    nginx::Nginx,
    run::last_page,
    scratch::Scratch,
    target::{LIBRARIES, Library, Target},
};

/// Every request has a connection of its own.
fn nginx() -> Nginx {
    Nginx::start("keepalive_timeout 0; location = / { return 204; }", &[])
}

fn profile(head: &str, url: &str) -> String {
    format!("{head}\nvus: 2\nduration: 1s\nflow: [{{ http: \"{url}\" }}, {{ sleep: 5ms }}]\n")
}

#[test]
fn hosts_stand_for_names_and_ports_and_take_turns() {
    for (hosts, url, servers) in [
        ("api.test: 127.0.0.7", "http://api.test:PORT/", vec!["127.0.0.7"]),
        ("\"*.test:80\": \"127.0.0.8:PORT\"", "http://api.test/", vec!["127.0.0.8"]),
        (
            "api.test: [127.0.0.2, 127.0.0.3, \"[::1]:PORT\"]",
            "http://API.test:PORT/",
            vec!["127.0.0.2", "127.0.0.3", "::1"],
        ),
    ] {
        let nginx = nginx();
        let port = nginx.port().to_string();
        let head = format!("hosts: {{ {} }}", hosts.replace("PORT", &port));
        let (page, _) = last_page(&profile(&head, &url.replace("PORT", &port)));
        assert_eq!(page.sum("http_req_failures_total", &[]), 0.0);
        assert_eq!(page.sum("dns_lookups_total", &[]), 0.0);
        let mut counts = BTreeMap::new();
        nginx.stop_for_connections().into_iter().for_each(|seen| *counts.entry(seen.server).or_insert(0_u64) += 1);
        assert_eq!(counts.keys().collect::<Vec<_>>(), servers);
        assert!(counts.values().max().zip(counts.values().min()).is_some_and(|(most, least)| most - least <= 1));
    }
}

#[test]
fn source_addresses_take_turns() {
    let nginx = nginx();
    let head = "network: { sourceAddresses: [127.0.0.2-127.0.0.4, 127.1.0.0/30, \"::1\"] }";
    let (page, _) = last_page(&profile(head, &format!("{}/", nginx.url())));
    assert_eq!(page.sum("http_req_failures_total", &[]), 0.0);
    let mut counts = BTreeMap::new();
    nginx.stop_for_connections().into_iter().for_each(|seen| *counts.entry(seen.client).or_insert(0_u64) += 1);
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.1.0.1", "127.1.0.2"]);
    assert!(
        counts.values().max().zip(counts.values().min()).is_some_and(|(most, least)| most - least <= 1),
        "{counts:?}"
    );
}

#[test]
fn a_source_address_of_another_machine_is_refused_before_the_load() {
    let scratch = Scratch::new();
    // Of TEST-NET-1, which no machine has (RFC 5737).
    let text = profile("network: { sourceAddresses: [127.0.0.2, 192.0.2.1] }", "http://127.0.0.1:1/");
    let ended = rampd(["run"]).arg(scratch.write("profile.yaml", &text)).args(["--listen", "127.0.0.1:0"]).finish();
    ended.assert_code(107);
    assert!(ended.stderr.contains("192.0.2.1 of sourceAddresses"), "{}", ended.describe());
}

#[test]
fn check_counts_ports_by_pairs_of_addresses() {
    let scratch = Scratch::new();
    let text = profile(
        "hosts: { a.test: [127.0.0.1, 127.0.0.2] }\nnetwork: { sourceAddresses: 127.0.0.2-127.0.0.4 }",
        "http://a.test/",
    )
    .replace("vus: 2", "vus: 100");
    let ended = rampd(["check"]).arg(scratch.write("profile.yaml", &text)).finish();
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("Linux");
    let bounds: Vec<u64> = range.split_whitespace().map(|bound| bound.parse().expect("a number")).collect();
    let available = 6 * (bounds[1] - bounds[0] + 1);
    assert!(ended.stdout.contains(&format!("100 needed to a.test:80, {available} available")), "{}", ended.describe());
    assert!(ended.stdout.contains("source addresses......: 3"), "{}", ended.describe());
}

#[test]
fn what_is_blocked_gets_no_connection() {
    for (head, host) in [
        ("blockHostnames: [\"*host\"]", "localhost"),
        ("blacklistIPs: [127.0.0.0/8]", "127.0.0.1"),
        ("blacklistIPs: [127.0.0.0/8]\nhosts: { a.test: 127.0.0.1 }", "a.test"),
    ] {
        let nginx = nginx();
        let (page, _) = last_page(&profile(head, &format!("http://{host}:{}/", nginx.port())));
        let blocked = page.sum("http_req_failures_total", &[("reason", "blocked")]);
        assert!(blocked > 0.0 && blocked == page.sum("http_reqs_total", &[]), "{head}: {blocked}");
        assert_eq!(nginx.stop_for_connections(), []);
    }
}

#[test]
fn the_systems_own_names_are_known() {
    let nginx = nginx();
    let (page, _) = last_page(&profile("", &format!("http://localhost:{}/", nginx.port())));
    assert_eq!(page.sum("http_req_failures_total", &[]), 0.0);
    assert_eq!(page.sum("dns_lookups_total", &[("result", "answered")]), 1.0);
    assert!(nginx.stop_for_connections().len() > 10);
}

fn sockets(url: &str, keys: &str, steps: &str) -> String {
    format!(
        "stages: [{{ duration: 0s, target: 3 }}, {{ duration: 1s, target: 3 }}]
flow:
  - websocket: {{ url: \"{url}\", {keys} steps: [{steps}] }}
"
    )
}

const HELLO: &str = "{ send: { text: hello, reply: fifo } }, { hold: {} }";

#[test]
fn ipv6_addresses_have_brackets_in_urls() {
    let target = Target::start(Library::PyPiWebsockets, &["--host", "::1"]);
    let (page, _) = last_page(&sockets(&target.url().replace("127.0.0.1", "[::1]"), "", HELLO));
    assert_eq!(page.sum("ws_msg_rtt_seconds_count", &[]), 3.0);
    assert_eq!(target.stop().messages_in, 3);
}

#[test]
fn a_reset_leaves_no_close_frame_and_loses_no_reply() {
    for library in LIBRARIES {
        let target = Target::echo(library);
        let (page, _) = last_page(&sockets(&target.url(), "closeMode: rst,", HELLO));
        assert_eq!(page.sum("ws_closes_total", &[("by", "client"), ("code", "1006")]), 3.0);
        assert_eq!(page.sum("ws_disconnects_total", &[]), 0.0);
        assert_eq!(page.sum("ws_msg_rtt_seconds_count", &[]), 3.0);
        let counted = target.stop();
        assert_eq!((counted.opened, counted.closed, counted.messages_in), (3, 3, 3));
        // npm ws reports the end without a frame as 1006.
        let codes: Vec<_> = counted.close_codes.keys().map(String::as_str).collect();
        assert!(matches!(codes.as_slice(), ["none" | "1006"]), "{codes:?}");
    }
}

#[test]
fn the_server_may_close_first() {
    let steps = "{ send: hello }, { send: hello }";
    // The server closes at the second message; one that does not is left after timeouts.close.
    for (options, by, code) in [
        (["--mode", "close-after", "--after", "2"], "server", "1011"),
        (["--mode", "echo", "--after", "0"], "client", "1000"),
    ] {
        let target = Target::start(Library::PyPiWebsockets, &options);
        let keys = "closeMode: server-first, timeouts: { close: 400ms },";
        let text = sockets(&target.url(), keys, steps).replace("duration: 1s", "duration: 100ms");
        let (page, _) = last_page(&text);
        let opened = page.sum("ws_sessions_total", &[("status", "101")]);
        assert!(opened >= 3.0);
        assert_eq!(page.sum("ws_closes_total", &[("by", by), ("code", code)]), opened);
        assert_eq!(page.sum("iterations_failed_total", &[]), 0.0);
        assert_eq!(target.stop().opened, opened as u64);
    }
}

#[test]
fn a_peer_that_takes_nothing_more_is_given_up_after_peer_timeout() {
    let server = FaultyServer::start(Fault::NeverCloses);
    // Larger than what both kernels hold, so that the peer's window closes.
    let text = "x".repeat(200_000);
    let steps = format!("{{ repeat: {{ times: 80, steps: [{{ send: {text} }}] }} }}, {{ hold: {{}} }}");
    let keys = "timeouts: { write: 50s },";
    let head = "network: { peerTimeout: 1s, sendBuffer: 64KiB }\n";
    let profile = sockets(&server.url(), keys, &steps).replace("duration: 1s", "duration: 6s");
    let (page, _) = last_page(&format!("{head}{profile}"));
    assert!(page.sum("ws_disconnects_total", &[("reason", "peer_timeout")]) >= 3.0);
    assert_eq!(page.sum("ws_disconnects_total", &[("reason", "write_timeout")]), 0.0);
}
