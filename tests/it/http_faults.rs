//! HTTP servers that refuse, stall, break off or send nonsense: counted by reason, never a hot
//! loop, and the run goes on to its end.

use std::time::Duration;

use crate::support::{
    agent::run_lingering,
    exposition::Page,
    http_faults::{FaultyHttp, HttpFault},
    identities::assert_identities,
    scraper::Scraper,
    scratch::Scratch,
};

const VUS: u64 = 5;
/// Pauses as after failed connects: see `faults.rs`.
const MOST_ATTEMPTS: u64 = 7 * VUS;

/// Two seconds of `flow` against `url`; the last page.
fn last_page(url: &str, flow: &str) -> Page {
    let scratch = Scratch::new();
    let profile = format!("vus: {VUS}\nduration: 2s\nflow:\n{}", flow.replace("URL", url));
    let mut agent = run_lingering(&scratch.write("profile.yaml", &profile)).start();
    let page = Scraper::start(agent.address(), Duration::from_millis(200)).last();
    agent.wait().assert_code(0);
    assert_identities(&page);
    page
}

/// Every request fails for `reason`, and there are few of them, but more than one of each VU.
fn assert_fails(fault: HttpFault, reason: &str) {
    let server = FaultyHttp::start(fault);
    let page = last_page(&server.url(), "  - http: { url: \"URL\", timeout: 200ms }\n");
    let requests = page.sum("http_reqs_total", &[]) as u64;
    let failed = page.sum("http_req_failures_total", &[("reason", reason)]) as u64;
    assert_eq!(failed, requests, "reasons: {:?}", page.values_of("http_req_failures_total", "reason"));
    assert!(requests > VUS, "{requests} requests: the run did not go on");
    assert!(requests <= MOST_ATTEMPTS, "{requests} requests: a hot loop");
    assert_eq!(page.sum("http_reqs_total", &[("status", "0")]) as u64, requests);
    assert_eq!(page.sum("iterations_total", &[]) as u64, requests, "as in k6, the iteration goes on");
    if fault == HttpFault::Refused {
        assert_eq!(page.sum("http_req_duration_seconds_count", &[]), 0.0, "no connection, no time");
    } else {
        assert_eq!(page.sum("http_req_duration_seconds_count", &[]) as u64, requests);
        assert_eq!(server.accepted(), requests, "one connection for each request");
        assert_eq!(server.requests(), requests);
    }
}

#[test]
fn nobody_listens() {
    assert_fails(HttpFault::Refused, "refused");
}

#[test]
fn no_answer_ever() {
    assert_fails(HttpFault::NeverAnswers, "timeout");
}

#[test]
fn a_reset_instead_of_an_answer() {
    assert_fails(HttpFault::ResetInsteadOfAnswer, "reset");
}

#[test]
fn an_end_instead_of_an_answer() {
    assert_fails(HttpFault::EndInsteadOfAnswer, "eof");
}

#[test]
fn bytes_that_are_no_http() {
    assert_fails(HttpFault::Garbage, "malformed");
}

#[test]
fn a_body_shorter_than_its_content_length() {
    assert_fails(HttpFault::ShortBody, "body_eof");
}

#[test]
fn a_chunk_whose_length_is_no_number() {
    assert_fails(HttpFault::BadChunk, "malformed");
}

#[test]
fn a_body_without_an_end() {
    assert_fails(HttpFault::EndlessBody, "timeout");
}

#[test]
fn headers_without_an_end() {
    assert_fails(HttpFault::EndlessHead, "head_too_big");
}

#[test]
fn interim_responses_without_an_end() {
    assert_fails(HttpFault::InformationalFlood, "timeout");
}

#[test]
fn a_body_above_the_cap_of_expect_is_refused() {
    let server = FaultyHttp::start(HttpFault::EndlessBody);
    let flow = "  - http: { url: \"URL\", maxBodySize: 64KiB, expect: { contains: bye } }\n";
    let page = last_page(&server.url(), flow);
    let requests = page.sum("http_reqs_total", &[]);
    assert!(requests > 0.0);
    assert_eq!(page.sum("http_req_failures_total", &[("reason", "body_too_big")]), requests);
    assert_eq!(page.sum("checks_total", &[("result", "fail")]), requests);
}

#[test]
fn the_end_of_the_stream_may_be_the_end_of_the_body() {
    let server = FaultyHttp::start(HttpFault::CloseDelimited);
    let page = last_page(&server.url(), "  - http: { url: \"URL\", expect: { contains: hello } }\n  - sleep: 10ms\n");
    let requests = page.sum("http_reqs_total", &[("status", "200")]) as u64;
    assert_eq!(page.sum("http_reqs_total", &[]) as u64, requests);
    assert_eq!(page.sum("checks_total", &[("result", "pass")]) as u64, requests);
    assert_eq!((server.accepted(), server.requests()), (requests, requests));
}

/// Every request is answered with `status`, `hello` in its body where it has one; how many there were and connections.
fn assert_answers(fault: HttpFault, request: &str, status: u16) -> (u64, u64) {
    let server = FaultyHttp::start(fault);
    let page = last_page(&server.url(), &format!("  - http: {{ url: \"URL\", {request} }}\n  - sleep: 10ms\n"));
    let requests = page.sum("http_reqs_total", &[("status", &status.to_string())]) as u64;
    let failed = page.sum("http_req_failures_total", &[]);
    assert_eq!(page.sum("http_reqs_total", &[]) as u64, requests, "{failed} failed");
    assert_eq!(page.sum("checks_total", &[("result", "fail")]), 0.0);
    assert_eq!(server.requests(), requests);
    assert!(requests > 2 * VUS, "{requests} requests");
    (requests, server.accepted())
}

#[test]
fn interim_responses_are_passed_over() {
    let (_, connections) = assert_answers(HttpFault::InterimFirst, "expect: { status: 200, contains: hello }", 200);
    assert_eq!(connections, VUS);
}

#[test]
fn an_answer_in_single_bytes_is_put_together() {
    let (_, connections) = assert_answers(HttpFault::ByteByByte, "expect: { status: 200, contains: hello }", 200);
    assert_eq!(connections, VUS);
}

#[test]
fn the_end_of_the_stream_within_a_chunk() {
    assert_fails(HttpFault::ChunkedEof, "body_eof");
}

#[test]
fn a_server_that_says_close_is_taken_at_its_word() {
    let (requests, connections) = assert_answers(HttpFault::SaysClose, "expect: { contains: hello }", 200);
    assert_eq!(connections, requests);
}

#[test]
fn an_answer_that_nobody_asked_for_ends_the_connection_and_answers_nothing() {
    let (requests, connections) = assert_answers(HttpFault::AnswersTwice, "expect: { contains: hello }", 200);
    assert_eq!(connections, requests);
}

#[test]
fn responses_without_a_body_are_complete_whatever_their_length_says() {
    for (status, request) in [(204, "method: GET"), (304, "method: GET"), (200, "method: HEAD")] {
        let (_, connections) = assert_answers(
            HttpFault::LengthWithoutBody(status),
            &format!("{request}, expect: {{ status: {status} }}"),
            status,
        );
        assert_eq!(connections, VUS, "{status}");
    }
}

#[test]
fn two_lengths_of_one_body() {
    assert_fails(HttpFault::TwoLengths, "malformed");
}

#[test]
fn too_many_headers() {
    assert_fails(HttpFault::ManyHeaders, "head_too_big");
}

#[test]
fn an_answer_before_the_end_of_the_request_counts() {
    let server = FaultyHttp::start(HttpFault::AnswersBeforeTheBody);
    let scratch = Scratch::new();
    // More than the kernel takes at once.
    std::fs::write(scratch.path("large"), vec![b'x'; 16 << 20]).expect("a temporary directory");
    let profile = format!(
        "vus: 1\nduration: 1s\nflow:\n  - http: {{ url: \"{}\", method: POST, file: large, expect: {{ status: 413 }} }}\n",
        server.url()
    );
    let mut agent = run_lingering(&scratch.write("profile.yaml", &profile)).start();
    let page = Scraper::start(agent.address(), Duration::from_millis(200)).last();
    agent.wait().assert_code(0);
    assert_identities(&page);
    let requests = page.sum("http_reqs_total", &[("status", "413")]) as u64;
    assert!(requests > 2, "{requests}");
    assert_eq!(page.sum("http_reqs_total", &[]) as u64, requests);
    assert_eq!((server.requests(), server.accepted()), (requests, requests));
}

#[test]
fn a_request_on_a_connection_that_is_just_closing_is_sent_again_once() {
    let server = FaultyHttp::start(HttpFault::EndsAtTheSecond);
    let page = last_page(&server.url(), "  - http: \"URL\"\n  - sleep: 10ms\n");
    let requests = page.sum("http_reqs_total", &[("status", "200")]) as u64;
    let retries = page.sum("http_req_retries_total", &[]) as u64;
    assert_eq!(page.sum("http_reqs_total", &[]) as u64, requests, "no request failed");
    assert_eq!(page.sum("http_req_failures_total", &[]), 0.0);
    // The first of each VU is on a new connection; every other one meets the end of the old one.
    assert_eq!(retries, requests - VUS);
    assert_eq!((server.accepted(), server.requests()), (requests, requests + retries));
}

#[test]
fn a_post_on_a_connection_that_is_just_closing_is_not_sent_twice() {
    let server = FaultyHttp::start(HttpFault::EndsAtTheSecond);
    let page = last_page(&server.url(), "  - http: { url: \"URL\", method: POST }\n  - sleep: 10ms\n");
    let failed = page.sum("http_req_failures_total", &[("reason", "eof")]) as u64;
    let requests = page.sum("http_reqs_total", &[]) as u64;
    assert!(failed >= VUS, "{failed}");
    assert_eq!(page.sum("http_reqs_total", &[("status", "200")]) as u64, requests - failed);
    assert_eq!(page.sum("http_req_retries_total", &[]), 0.0);
    assert_eq!(server.requests(), requests);
}

#[test]
fn a_loop_around_a_refusing_server_is_no_hot_loop() {
    let server = FaultyHttp::start(HttpFault::Refused);
    let flow = "  - repeat: { times: 6, steps: [{ http: \"URL\" }] }\n";
    let page = last_page(&server.url(), flow);
    // Six requests of one iteration have the pauses of six iterations.
    let (requests, iterations) = (page.sum("http_reqs_total", &[]) as u64, page.sum("iterations_total", &[]) as u64);
    assert!((VUS..=2 * VUS).contains(&iterations), "{iterations} iterations");
    assert_eq!(requests, 6 * iterations);
}

#[test]
fn requests_are_cut_with_their_iterations_and_counted_apart() {
    let server = FaultyHttp::start(HttpFault::NeverAnswers);
    let scratch = Scratch::new();
    let profile = format!(
        "scenarios:\n  cut: {{ executor: constant-vus, vus: {VUS}, duration: 1s, gracefulStop: 0s }}\nflow: [http: \"{}\"]\n",
        server.url()
    );
    let mut agent = run_lingering(&scratch.write("profile.yaml", &profile)).start();
    let page = Scraper::start(agent.address(), Duration::from_millis(200)).last();
    agent.wait().assert_code(0);
    assert_identities(&page);
    assert_eq!(page.sum("http_reqs_interrupted_total", &[]) as u64, VUS);
    assert_eq!(page.sum("iterations_interrupted_total", &[]) as u64, VUS);
    assert_eq!((page.sum("http_reqs_total", &[]), page.sum("http_open_connections", &[])), (0.0, 0.0));
}
