//! What failed in a run, by kind and reason: one list from all the counters that count something going wrong.

use std::collections::BTreeMap;

use crate::{catalogue::Family, metrics::view::View};

/// A kind of failure, as [`counts`] names it, with the counter and the label that tells the reason.
const BY_LABEL: [(&str, Family, &str); 10] = [
    ("ws_connect", Family::WsConnectFailures, "reason"),
    ("ws_close", Family::WsDisconnects, "reason"),
    ("ws_ping", Family::WsPings, "result"),
    ("ws_reconnect", Family::WsReconnects, "result"),
    ("http_req", Family::HttpReqFailures, "reason"),
    ("dns_lookup", Family::DnsLookups, "result"),
    ("iteration", Family::IterationsFailed, "reason"),
    ("dropped_iteration", Family::DroppedIterations, "reason"),
    ("capture", Family::CaptureFailures, "capture"),
    ("metric_value", Family::MetricValuesRefused, "metric"),
];
/// Replies that did not come as they should.
const REPLIES: [(&str, Family); 4] = [
    ("timed_out", Family::WsMsgsTimedOut),
    ("lost", Family::WsMsgsLost),
    ("duplicate", Family::WsMsgsDuplicate),
    ("unknown_id", Family::WsMsgsUnknownId),
];
/// Results that are no failures: pings and reconnections that did what they should, names that were found.
const FINE: [&str; 3] = ["answered", "skipped", "opened"];
/// Close codes that say nothing of a failure: done, going away, no code given.
const ORDERLY: [&str; 3] = ["1000", "1001", "1005"];
/// No close frame came: such ends are in [`Family::WsDisconnects`] with their reason.
const NO_CLOSE_FRAME: &str = "1006";

/// How often what failed, by kind (`ws_connect`, `http_req`, `check`, …) and reason; none that is 0. A failure that ended an
/// iteration is also there as the iteration's.
#[must_use]
pub fn counts(view: &View<'_>) -> BTreeMap<(&'static str, String), u64> {
    let mut counts = BTreeMap::new();
    let mut add = |what, reason: &str, count: u64| {
        if count > 0 {
            *counts.entry((what, reason.to_owned())).or_insert(0) += count;
        }
    };
    for (series, count) in view.table.counters.iter().zip(view.snapshot.counters()) {
        let label = |name: &str| series.labels.get(name).map_or("", String::as_str);
        for (what, family, name) in BY_LABEL {
            if series.family == family && !FINE.contains(&label(name)) {
                add(what, label(name), *count);
            }
        }
        for (reason, family) in REPLIES {
            if series.family == family {
                add("ws_reply", reason, *count);
            }
        }
        match series.family {
            Family::Checks if label("result") == "fail" => add("check", label("check"), *count),
            Family::WsCloses
                if label("by") == "server" && !ORDERLY.contains(&label("code")) && label("code") != NO_CLOSE_FRAME =>
            {
                add("ws_close", &format!("server_{}", label("code")), *count);
            }
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::fixture;

    #[test]
    fn failures_are_counted_by_kind_and_reason_and_successes_are_not() {
        let counts = counts(&fixture::report().view());
        let counts: Vec<_> = counts.iter().map(|((what, reason), count)| format!("{what} {reason} {count}")).collect();
        let expected = [
            "check status is 101 3",
            "http_req status 1",
            "http_req timeout 1",
            "ws_connect refused 2",
            "ws_connect status 1",
            "ws_reply lost 4",
        ];
        assert_eq!(counts, expected);
    }
}
