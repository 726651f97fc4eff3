//! Servers that refuse, stall or break off: counted by reason, retried with a growing pause, and
//! the run goes on to its end.

use std::time::Duration;

use crate::support::{
    agent::run_lingering,
    exposition::Page,
    faults::{BlackHole, Fault, FaultyServer},
    identities::assert_identities,
    scraper::Scraper,
    scratch::Scratch,
    target::{Library, Target},
};

const VUS: u64 = 5;
/// The pauses are at least 50, 100, 200, 400, 800 ms (half of the nominal ones), so in 2 s a VU
/// cannot start more than six times; a seventh is for rounding.
const MOST_ATTEMPTS: u64 = 7 * VUS;

/// Two seconds against `url`; the last page.
fn last_page(url: &str, steps: &str) -> Page {
    let scratch = Scratch::new();
    let profile = format!(
        "
scenarios:
  faulty:
    executor: constant-vus
    vus: {VUS}
    duration: 2s
    gracefulStop: 2s
    flow:
      - websocket:
          url: {url}
          timeouts: {{ connect: 200ms, upgrade: 200ms, close: 300ms }}
          steps:
{steps}
"
    );
    let mut agent = run_lingering(&scratch.write("profile.yaml", &profile)).start();
    let page = Scraper::start(agent.address(), Duration::from_millis(200)).last();
    agent.wait().assert_code(0);
    assert_identities(&page);
    page
}

const SEND_AND_HOLD: &str = "            - send: { text: hello, reply: fifo }\n            - hold: {}";
const SEND_TEN: &str =
    "            - repeat: { times: 10, steps: [{ send: { text: hello, reply: fifo } }] }\n            - hold: {}";

/// Every attempt fails for `reason`, and there are few of them, but more than one of each VU.
fn assert_never_opens(url: &str, reason: &str, status: &str) {
    let page = last_page(url, SEND_AND_HOLD);
    let attempts = page.sum("ws_sessions_total", &[]) as u64;
    let failed = page.sum("ws_connect_failures_total", &[("reason", reason)]) as u64;
    let reasons = page.values_of("ws_connect_failures_total", "reason");
    assert!(attempts > VUS, "{attempts} attempts: the run did not go on");
    assert!(attempts <= MOST_ATTEMPTS, "{attempts} attempts: a hot loop");
    // An attempt under way at the end is cut.
    let cut = page.sum_or_zero("ws_connect_failures_total", &[("reason", "interrupted")]) as u64;
    assert_eq!(failed + cut, attempts, "reasons on the page: {reasons:?}");
    assert!(failed >= VUS, "{failed} of {attempts}");
    assert!(page.sum("ws_sessions_total", &[("status", status)]) as u64 >= failed);
    assert_eq!(page.sum("ws_msgs_sent_total", &[]), 0.0);
    assert_eq!(page.sum("iterations_failed_total", &[("reason", "connect")]) as u64, failed);
}

fn assert_fault_never_opens(fault: Fault, reason: &str, status: &str) {
    let server = FaultyServer::start(fault);
    assert_never_opens(&server.url(), reason, status);
    if fault != Fault::Refused {
        assert!(server.accepted() <= MOST_ATTEMPTS, "{} connections by the server's count", server.accepted());
    }
}

#[test]
fn nobody_listens() {
    assert_fault_never_opens(Fault::Refused, "refused", "0");
}

#[test]
fn the_connection_attempt_is_never_answered() {
    assert_never_opens(&BlackHole::new().url(), "connect_timeout", "0");
}

#[test]
fn the_upgrade_is_never_answered() {
    assert_fault_never_opens(Fault::NeverAnswers, "upgrade_timeout", "0");
    for library in [Library::PyPiWebsockets, Library::NpmWs] {
        let target = Target::start(library, &["--mode", "stall"]);
        assert_never_opens(&target.url(), "upgrade_timeout", "0");
        let server = target.stop();
        assert!(server.opened == 0 && server.rejected <= MOST_ATTEMPTS, "{server:?}");
    }
}

#[test]
fn the_server_answers_403() {
    for library in [Library::PyPiWebsockets, Library::NpmWs] {
        let target = Target::start(library, &["--mode", "refuse"]);
        assert_never_opens(&target.url(), "status", "403");
        let server = target.stop();
        assert!(server.opened == 0 && server.rejected > VUS, "{server:?}");
    }
}

#[test]
fn the_server_resets_the_connection_instead_of_upgrading_it() {
    assert_fault_never_opens(Fault::ResetOnAccept, "reset", "0");
    let target = Target::start(Library::PyPiWebsockets, &["--mode", "reset"]);
    assert_never_opens(&target.url(), "reset", "0");
}

#[test]
fn the_server_ends_the_connection_instead_of_upgrading_it() {
    assert_fault_never_opens(Fault::EndInsteadOfAnswer, "upgrade_eof", "0");
}

#[test]
fn the_server_speaks_no_http() {
    assert_fault_never_opens(Fault::Garbage, "upgrade_malformed", "0");
}

#[test]
fn the_server_accepts_another_key() {
    assert_fault_never_opens(Fault::WrongAccept, "bad_upgrade", "101");
}

/// Connections open, end early, and open again after a pause.
fn assert_lost_and_reopened(page: &Page) -> u64 {
    let opened = page.sum("ws_connecting_seconds_count", &[]) as u64;
    assert!(opened > VUS, "{opened} opened: the run did not go on");
    assert!(opened <= MOST_ATTEMPTS, "{opened} opened: a hot loop");
    assert_eq!(page.sum("ws_open_connections", &[]), 0.0);
    assert_eq!(page.sum("ws_msg_replies_in_flight", &[]), 0.0);
    assert!(page.sum("iterations_failed_total", &[("reason", "connection_lost")]) > 0.0);
    opened
}

#[test]
fn the_server_ends_the_stream_without_a_close_frame() {
    let server = FaultyServer::start(Fault::EndWithoutCloseFrame);
    let page = last_page(&server.url(), SEND_AND_HOLD);
    let opened = assert_lost_and_reopened(&page);
    // Our message can meet the closed end, which then answers with RST.
    let ended = |reason| page.sum_or_zero("ws_disconnects_total", &[("reason", reason)]) as u64;
    assert_eq!(ended("eof") + ended("reset"), opened);
    assert_eq!(page.sum("ws_closes_total", &[("by", "network"), ("code", "1006")]) as u64, opened);
}

#[test]
fn what_is_queued_after_an_end_that_came_with_the_reply_is_in_no_books() {
    let server = FaultyServer::start(Fault::EndAfterReply);
    let send_and_expect = "            - send: { text: hello, reply: fifo }\n            - expect: { count: 1 }\n";
    let page = last_page(&server.url(), &send_and_expect.repeat(2));
    let opened = assert_lost_and_reopened(&page);
    assert_eq!(page.sum("ws_msg_rtt_seconds_count", &[]) as u64, opened, "each has its first reply");
    assert_eq!(page.sum("ws_closes_total", &[("by", "network"), ("code", "1006")]) as u64, opened);
}

#[test]
fn a_ping_whose_connection_ends_is_lost() {
    let server = FaultyServer::start(Fault::EndAfterReply);
    let page = last_page(&server.url(), "            - ping: {}\n            - hold: {}");
    let opened = assert_lost_and_reopened(&page);
    assert_eq!(page.sum("ws_pings_total", &[("result", "lost")]) as u64, opened);
}

#[test]
fn the_server_resets_an_open_connection() {
    let target = Target::start(Library::PyPiWebsockets, &["--mode", "reset-after", "--after", "7"]);
    let page = last_page(&target.url(), SEND_TEN);
    let opened = assert_lost_and_reopened(&page);
    let server = target.stop();
    assert_eq!(server.opened, opened);
    assert_eq!(page.sum("ws_disconnects_total", &[("reason", "reset")]) as u64, opened);
    assert_eq!(page.sum("ws_closes_total", &[("by", "network"), ("code", "1006")]) as u64, opened);
    // RST discards what the client had not read yet.
    assert!(page.sum("ws_msg_rtt_seconds_count", &[]) as u64 <= server.messages_out);
    assert!(page.sum("ws_msg_replies_lost_total", &[]) as u64 >= 4 * opened, "messages 7 to 10 of each");
}

#[test]
fn the_server_closes_with_1011() {
    for library in [Library::PyPiWebsockets, Library::NpmWs] {
        let target = Target::start(library, &["--mode", "close-after", "--after", "7"]);
        let page = last_page(&target.url(), SEND_TEN);
        let opened = assert_lost_and_reopened(&page);
        let server = target.stop();
        assert_eq!(server.opened, opened, "{library:?}");
        assert_eq!(page.sum("ws_closes_total", &[("by", "server"), ("code", "1011")]) as u64, opened, "{library:?}");
        assert_eq!(page.sum("ws_msg_rtt_seconds_count", &[]) as u64, server.messages_out, "{library:?}");
        assert_eq!(page.sum("ws_msg_replies_lost_total", &[]) as u64, 4 * opened, "{library:?}: messages 7 to 10");
    }
}

#[test]
fn the_server_never_answers_our_close() {
    let server = FaultyServer::start(Fault::NeverCloses);
    let page = last_page(&server.url(), "            - sleep: 100ms");
    assert!(page.sum("ws_disconnects_total", &[("reason", "close_timeout")]) as u64 >= VUS);
    assert_eq!(page.sum("ws_open_connections", &[]), 0.0);
}

#[test]
fn frames_that_break_the_protocol_end_the_connection_for_their_reason() {
    // RFC 6455 §5.2, §5.5, §7.4, §8.1; the code is that of our close frame.
    let cases: [(&str, &'static [u8], &str, &str); 8] = [
        ("a masked frame", b"\x81\x81\x01\x02\x03\x04x", "protocol", "1002"),
        ("a reserved bit", b"\xc1\x01x", "protocol", "1002"),
        ("a reserved opcode", b"\x83\x00", "protocol", "1002"),
        ("a continuation of nothing", b"\x80\x01x", "protocol", "1002"),
        ("a ping of 126 bytes", b"\x89\x7e\x00\x7e", "protocol", "1002"),
        ("text that is not UTF-8", b"\x81\x01\xff", "bad_utf8", "1007"),
        ("a claim of 2^63 - 1 bytes", b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "message_too_big", "1009"),
        ("a close frame with 1006", b"\x88\x02\x03\xee", "bad_close_code", "1002"),
    ];
    std::thread::scope(|scope| {
        for (what, bytes, reason, code) in cases {
            scope.spawn(move || {
                let server = FaultyServer::start(Fault::Sends(bytes));
                let page = last_page(&server.url(), SEND_AND_HOLD);
                let opened = assert_lost_and_reopened(&page);
                let disconnects = page.sum_or_zero("ws_disconnects_total", &[("reason", reason)]) as u64;
                assert_eq!(disconnects, opened, "{what}");
                let closes = page.sum_or_zero("ws_closes_total", &[("by", "client"), ("code", code)]) as u64;
                assert_eq!(closes, opened, "{what}");
            });
        }
    });
}

#[test]
fn a_frame_in_the_segment_of_the_upgrade_is_a_message() {
    let server = FaultyServer::start(Fault::Sends(b"\x81\x05hello\x89\x00\x82\x00"));
    let page = last_page(&server.url(), "            - expect: 2");
    let opened = page.sum("ws_connecting_seconds_count", &[]) as u64;
    assert!(opened >= VUS, "{opened} opened");
    assert_eq!(page.sum("ws_msgs_received_total", &[]) as u64, 2 * opened);
    assert_eq!(page.sum("ws_msgs_unsolicited_total", &[]) as u64, 2 * opened);
    assert_eq!(page.sum("iterations_failed_total", &[]), 0.0);
}
