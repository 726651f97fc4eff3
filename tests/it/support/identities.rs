//! What must add up on every page of `/metrics`, at any moment of a run.

use crate::support::exposition::Page;

/// Fails with the first sum that does not hold.
pub(crate) fn assert_identities(page: &Page) {
    let sum = |name: &str| page.sum_or_zero(name, &[]);
    let equal = |what: &str, left: f64, right: f64| assert!(left == right, "{what}: {left} is not {right}");

    let opened = sum("ws_connecting_seconds_count");
    let failed = sum("ws_connect_failures_total");
    equal("attempts by status = opened + failed", sum("ws_sessions_total"), opened + failed);
    equal("opened = status 101 without a failure", page.sum_or_zero("checks_total", &[("result", "pass")]), opened);
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
        "received = matched + late + unsolicited",
        sum("ws_msgs_received_total"),
        matched + sum("ws_msgs_late_total") + sum("ws_msgs_unsolicited_total"),
    );
    for family in page.types.iter().filter(|(_, kind)| *kind == "histogram").map(|(family, _)| family) {
        let infinite = page.sum_or_zero(&format!("{family}_bucket"), &[("le", "+Inf")]);
        equal(&format!("{family}: +Inf bucket = count"), infinite, sum(&format!("{family}_count")));
    }
}
