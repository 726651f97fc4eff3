//! Servers that refuse, reset, say goodbye or break HTTP/2: counted by reason, never a hot loop, and the run goes on.

use std::time::Duration;

use crate::support::{
    agent::run_lingering,
    exposition::Page,
    http2_faults::{FaultyHttp2, Http2Fault},
    identities::assert_identities,
    scraper::Scraper,
    scratch::Scratch,
};

const VUS: u64 = 5;
/// Pauses as after failed connects: see `faults.rs`.
const MOST_ATTEMPTS: u64 = 7 * VUS;

/// Two seconds of `flow` against the server; the last page.
fn last_page(server: &FaultyHttp2, request: &str) -> Page {
    let scratch = Scratch::new();
    let step = format!("  - http: {{ url: \"{}\", version: 2, {request} }}\n  - sleep: 10ms\n", server.url());
    let profile = format!("vus: {VUS}\nduration: 2s\nflow:\n{step}");
    let mut agent = run_lingering(&scratch.write("profile.yaml", &profile)).start();
    let page = Scraper::start(agent.address(), Duration::from_millis(200)).last();
    agent.wait().assert_code(0);
    assert_identities(&page);
    assert_eq!(page.sum("http_open_connections", &[]), 0.0);
    page
}

/// Every request fails for `reason`, and there are few of them, but more than one of each VU.
fn assert_fails(fault: Http2Fault, reason: &str) {
    let server = FaultyHttp2::start(fault);
    let page = last_page(&server, "timeout: 200ms");
    let requests = page.sum("http_reqs_total", &[]) as u64;
    let failed = page.sum("http_req_failures_total", &[("reason", reason)]) as u64;
    let reasons = page.values_of("http_req_failures_total", "reason");
    assert_eq!(failed, requests, "{fault:?}: {reasons:?}");
    assert!(requests > VUS, "{requests} requests: the run did not go on");
    assert!(requests <= MOST_ATTEMPTS, "{requests} requests: a hot loop");
    assert_eq!((server.accepted(), server.requests()), (requests, requests), "one connection for each request");
    assert_eq!(page.sum("http_req_duration_seconds_count", &[]) as u64, requests);
}

#[test]
fn a_stream_that_is_reset() {
    const INTERNAL_ERROR: u32 = 2;
    assert_fails(Http2Fault::ResetsTheStream(INTERNAL_ERROR), "stream_reset");
    assert_fails(Http2Fault::ResetsInTheBody, "stream_reset");
}

#[test]
fn a_stream_that_is_refused_on_a_new_connection() {
    const REFUSED_STREAM: u32 = 7;
    assert_fails(Http2Fault::ResetsTheStream(REFUSED_STREAM), "unprocessed");
}

#[test]
fn a_goodbye_with_an_error_and_one_without() {
    const ENHANCE_YOUR_CALM: u32 = 11;
    assert_fails(Http2Fault::SaysGoaway(ENHANCE_YOUR_CALM), "goaway");
    assert_fails(Http2Fault::SaysGoaway(0), "unprocessed");
}

#[test]
fn a_body_that_does_not_end_or_ends_early() {
    assert_fails(Http2Fault::EndlessBody, "timeout");
    assert_fails(Http2Fault::EndsInTheBody, "body_eof");
}

#[test]
fn a_server_that_does_not_speak_http_2_or_breaks_it() {
    assert_fails(Http2Fault::SpeaksHttp1, "malformed");
    assert_fails(Http2Fault::LargeFrame, "malformed");
}

#[test]
fn no_answer_ever() {
    assert_fails(Http2Fault::NeverAnswers, "timeout");
}

#[test]
fn pings_are_answered_and_change_nothing() {
    let server = FaultyHttp2::start(Http2Fault::Pings);
    let page = last_page(&server, "expect: { status: 200, contains: hello }");
    let requests = page.sum("http_reqs_total", &[("status", "200")]) as u64;
    assert_eq!(page.sum("checks_total", &[("result", "fail")]), 0.0);
    assert_eq!((server.accepted(), server.requests()), (VUS, requests));
    assert!(requests > 2 * VUS, "{requests}");
}

#[test]
fn a_request_that_meets_a_goodbye_is_sent_again_on_a_new_connection() {
    // Nothing of it was processed, so even a POST may be.
    let server = FaultyHttp2::start(Http2Fault::SaysGoawayAtTheSecond);
    let page = last_page(&server, "method: POST");
    let requests = page.sum("http_reqs_total", &[("status", "200")]) as u64;
    let retries = page.sum("http_req_retries_total", &[]) as u64;
    assert_eq!(page.sum("http_reqs_total", &[]) as u64, requests, "no request failed");
    // The first of each VU is on a new connection; every other one meets the goodbye.
    assert_eq!(retries, requests - VUS);
    assert_eq!((server.accepted(), server.requests()), (requests, requests + retries));
}
