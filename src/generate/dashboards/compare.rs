//! Several runs side by side, each as a whole: runs rarely overlap, so that lines over time would say little.

use super::{
    board::Board,
    panel::{
        Kind::{Bars, Lines, Table},
        Panel, Unit,
    },
};

pub(super) fn board() -> Board {
    Board::new(
        "rampd-compare",
        "rampd: compare runs",
        "Several runs, each as a whole. The time range must hold all of them.",
        true,
    )
    .row("Verdicts")
    .panel(24, 14, verdicts())
    .panel(24, 6, summary())
    .row("Times over the whole run")
    .panel(
        8,
        8,
        quantile(
            "Time to connect, p(99)",
            "From dialling to 101, to the nearest bucket of the histogram.",
            "ws_connecting_seconds",
        ),
    )
    .panel(
        8,
        8,
        quantile(
            "Round trip, p(99)",
            "From the intended send to the matching reply, to the nearest bucket.",
            "ws_msg_rtt_seconds",
        ),
    )
    .panel(
        8,
        8,
        quantile(
            "HTTP request, p(99)",
            "Without connecting, to the nearest bucket of the histogram.",
            "http_req_duration_seconds",
        ),
    )
    .row("When they ran")
    .panel(
        12,
        8,
        Panel::new(Lines, "VUs", "Virtual users in an iteration.", Unit::Count)
            .query("vus", "sum by (testid) (vus{$run})", "{{testid}}")
            .colours_by_name(),
    )
    .panel(
        12,
        8,
        Panel::new(
            Lines,
            "Messages sent",
            "Data messages that the kernel accepted, each second.",
            Unit::MessagesPerSecond,
        )
        .query("sent", "sum by (testid) (rate(ws_msgs_sent_total{$run}[$__rate_interval]))", "{{testid}}")
        .colours_by_name(),
    )
}

fn verdicts() -> Panel {
    Panel::new(
        Table,
        "Thresholds of each run",
        "Limit and value in base units (seconds for times); of several agents the worst value is shown.",
        Unit::Base,
    )
    .query("verdict", "min by (metric, threshold, testid) (last_over_time(rampd_threshold_passed{$run}[$__range]))", "")
    .query(
        "value",
        "min by (metric, threshold, testid) (last_over_time(rampd_threshold_value{$run, threshold=~\".*>.*\"}[$__range])) \
         or max by (metric, threshold, testid) (last_over_time(rampd_threshold_value{$run}[$__range]))",
        "",
    )
    .query("limit", "max by (metric, threshold, testid) (last_over_time(rampd_threshold_limit{$run}[$__range]))", "")
    .joined(&["metric", "threshold", "testid"])
    .column_words("verdict", &[(0, "crossed", "red"), (1, "passed", "green")])
}

fn summary() -> Panel {
    let total = |counter: &str| format!("sum by (testid) (last_over_time({counter}{{$run}}[$__range]))");
    Panel::new(
        Table,
        "Totals of each run",
        "Exact totals over all agents. The share of failed connections is empty without an attempt.",
        Unit::Exact,
    )
    .query("connections tried", &total("ws_sessions_total"), "")
    .query(
        "connections failed",
        &format!("{} / {}", total("ws_connect_failures_total"), total("ws_sessions_total")),
        "",
    )
    .query("messages sent", &total("ws_msgs_sent_total"), "")
    .query("messages received", &total("ws_msgs_received_total"), "")
    .query("replies lost", &total("ws_msg_replies_lost_total"), "")
    .query("HTTP requests", &total("http_reqs_total"), "")
    .query("iterations", &total("iterations_total"), "")
    .query("time under load", "max by (testid) (last_over_time(rampd_run_elapsed_seconds{$run}[$__range]))", "")
    .joined(&["testid"])
    .column_unit("connections failed", Unit::Share)
    .column_unit("time under load", Unit::Clock)
}

fn quantile(title: &'static str, description: &'static str, family: &str) -> Panel {
    let expression = format!(
        "sort_desc(histogram_quantile(0.99, sum by (testid, le) (last_over_time({family}_bucket{{$run}}[$__range]))))"
    );
    Panel::new(Bars, title, description, Unit::Seconds).query("p99", &expression, "{{testid}}")
}
