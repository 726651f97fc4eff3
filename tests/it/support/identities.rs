//! What must add up on every page of `/metrics`, at any moment of a run.

use crate::support::exposition::Page;

/// Fails with the first sum that does not hold.
pub(crate) fn assert_identities(page: &Page) {
    let sum = |name: &str| page.sum_or_zero(name, &[]);
    let equal = |what: &str, left: f64, right: f64| assert!(left == right, "{what}: {left} is not {right}");

    let opened = sum("ws_connecting_seconds_count");
    let failed = sum("ws_connect_failures_total");
    equal("attempts by status = opened + failed", sum("ws_sessions_total"), opened + failed);
    equal(
        "opened = status 101 without a failure",
        page.sum_or_zero("checks_total", &[("check", "status is 101"), ("result", "pass")]),
        opened,
    );
    equal("opened = open + closed", opened, sum("ws_open_connections") + sum("ws_closes_total"));
    equal("closed = session durations", sum("ws_closes_total"), sum("ws_session_duration_seconds_count"));
    let matched = sum("ws_msg_rtt_seconds_count");
    equal(
        "awaited = matched + timed out + lost + in flight",
        sum("ws_msg_replies_expected_total"),
        matched
            + sum("ws_msg_replies_timed_out_total")
            + sum("ws_msg_replies_lost_total")
            + sum("ws_msg_replies_in_flight"),
    );
    equal(
        "received = matched + late + duplicate + unknown id + unsolicited",
        sum("ws_msgs_received_total"),
        matched
            + ["late", "duplicate", "unknown_id", "unsolicited"]
                .map(|kind| sum(&format!("ws_msgs_{kind}_total")))
                .iter()
                .sum::<f64>(),
    );
    equal(
        "answered pings = pings with a time",
        page.sum_or_zero("ws_pings_total", &[("result", "answered")]),
        sum("ws_ping_seconds_count"),
    );
    equal(
        "replacements = opened by reconnect",
        page.sum_or_zero("ws_reconnects_total", &[("result", "opened")]),
        sum("ws_reconnecting_seconds_count"),
    );
    let unanswered = sum("http_reqs_total") - page.sum_or_zero("http_req_blocked_seconds_count", &[]);
    let without_response =
        sum("http_req_failures_total") - page.sum_or_zero("http_req_failures_total", &[("reason", "status")]);
    equal(
        "status 0 = failures without a response",
        page.sum_or_zero("http_reqs_total", &[("status", "0")]),
        without_response,
    );
    assert!(
        (0.0..=without_response).contains(&unanswered),
        "{unanswered} requests without times, {without_response} without a response"
    );
    for phase in ["duration", "connecting", "tls_handshaking", "sending", "waiting", "receiving"] {
        let count = sum(&format!("http_req_{phase}_seconds_count"));
        equal(&format!("requests with {phase} = with blocked"), count, sum("http_req_blocked_seconds_count"));
    }
    for family in page.types.iter().filter(|(_, kind)| *kind == "histogram").map(|(family, _)| family) {
        let infinite = page.sum_or_zero(&format!("{family}_bucket"), &[("le", "+Inf")]);
        equal(&format!("{family}: +Inf bucket = count"), infinite, sum(&format!("{family}_count")));
    }
}
