//! One run: its verdict first, then the load, connections, messages, HTTP and checks.

use super::{
    board::Board,
    panel::{
        Kind::{Heatmap, Lines, Stat, Table},
        Panel, Unit,
    },
};

pub(super) fn board() -> Board {
    let board = Board::new("rampd-run", "rampd: run", "One run: its verdict, and what it did when.", false);
    let board = verdict(board.row("Verdict"));
    let board = load(board.row("Load"));
    let board = connections(board.row("WebSocket connections"));
    let board = messages(board.row("WebSocket messages"));
    let board = http(board.row("HTTP"));
    checks(board.row("Checks and bytes"))
}

fn verdict(board: Board) -> Board {
    board
        .panel(
            4,
            4,
            Panel::new(Stat, "Run", "Whether every agent of the run is done.", Unit::Count)
                .query("over", "min(last_over_time(rampd_run_finished{$run}[$__range]))", "run")
                .words(&[(0, "in progress", "blue"), (1, "over", "text")]),
        )
        .panel(
            4,
            4,
            Panel::new(
                Stat,
                "Validity",
                "Whether the figures are the target's: an invalid run measured its own generator. The worst agent counts.",
                Unit::Count,
            )
            .query(
                "validity",
                "max(2 * last_over_time(rampd_validity_state{$run, state=\"invalid\"}[$__range]) \
                 or last_over_time(rampd_validity_state{$run, state=\"suspect\"}[$__range]))",
                "validity",
            )
            .words(&[(0, "valid", "green"), (1, "suspect", "orange"), (2, "invalid", "red")]),
        )
        .panel(
            4,
            4,
            Panel::new(Stat, "Thresholds crossed", "Thresholds that some agent found crossed.", Unit::Exact)
                .query(
                    "crossed",
                    "count(min by (metric, threshold) (last_over_time(rampd_threshold_passed{$run}[$__range])) == 0) or vector(0)",
                    "crossed",
                )
                .words(&[(0, "none", "green")])
                .alarm(1.0),
        )
        .panel(
            4,
            4,
            Panel::new(Stat, "Time under load", "Time since the start of the load, without what follows its end.", Unit::Clock)
                .query("elapsed", "max(last_over_time(rampd_run_elapsed_seconds{$run}[$__range]))", "elapsed"),
        )
        .panel(
            4,
            4,
            Panel::new(Stat, "Messages sent", "Exactly, over all agents: the run's counter itself, not an estimate from its growth.", Unit::Exact)
                .query("sent", "sum(last_over_time(ws_msgs_sent_total{$run}[$__range]))", "sent"),
        )
        .panel(
            4,
            4,
            Panel::new(Stat, "Connection attempts", "WebSocket connections that were tried, exactly.", Unit::Exact)
                .query("attempts", "sum(last_over_time(ws_sessions_total{$run}[$__range]))", "attempts"),
        )
        .panel(
            24,
            8,
            Panel::new(
                Table,
                "Thresholds",
                "Each threshold of the profile in base units (seconds for times). Headroom is what is left until the \
                 limit, as a share of it; of several agents the worst value is shown.",
                Unit::Base,
            )
            .query("verdict", "min by (metric, threshold) (last_over_time(rampd_threshold_passed{$run}[$__range]))", "")
            .query(
                "value",
                "min by (metric, threshold) (last_over_time(rampd_threshold_value{$run, threshold=~\".*>.*\"}[$__range])) \
                 or max by (metric, threshold) (last_over_time(rampd_threshold_value{$run}[$__range]))",
                "",
            )
            .query("limit", "max by (metric, threshold) (last_over_time(rampd_threshold_limit{$run}[$__range]))", "")
            .query(
                "headroom",
                "min by (metric, threshold) (last_over_time(rampd_threshold_value{$run, threshold=~\".*>.*\"}[$__range]) \
                 / last_over_time(rampd_threshold_limit{$run}[$__range]) - 1) \
                 or min by (metric, threshold) (1 - last_over_time(rampd_threshold_value{$run, threshold=~\".*<.*\"}[$__range]) \
                 / last_over_time(rampd_threshold_limit{$run}[$__range]))",
                "",
            )
            .joined(&["metric", "threshold"])
            .column_unit("headroom", Unit::Share)
            .column_words("verdict", &[(0, "crossed", "red"), (1, "passed", "green")]),
        )
}

fn load(board: Board) -> Board {
    board
        .panel(
            12,
            8,
            Panel::new(
                Lines,
                "VUs, planned and actual",
                "Virtual users that the plan asks for, and those in an iteration.",
                Unit::Count,
            )
            .query("planned", "sum by (scenario) (rampd_planned_vus{$run})", "planned {{scenario}}")
            .query("actual", "sum by (scenario) (vus{$run})", "actual {{scenario}}")
            .dashed("/^planned /"),
        )
        .panel(
            12,
            8,
            Panel::new(
                Lines,
                "Iterations",
                "Iterations that ended, were cut, or were not started, each second.",
                Unit::PerSecond,
            )
            .query("ended", &rate("iterations_total", ""), "ended")
            .query("failed", &rate("iterations_failed_total", ""), "failed of these")
            .query("cut", &rate("iterations_interrupted_total", ""), "cut")
            .query("dropped", &rate("dropped_iterations_total", ""), "not started"),
        )
}

fn connections(board: Board) -> Board {
    board
        .panel(
            12,
            8,
            quantiles(
                Panel::new(
                    Lines,
                    "Time to connect",
                    "From dialling to the 101 response, opened sockets only. Dashed: the profile's limits.",
                    Unit::Seconds,
                ),
                "ws_connecting_seconds",
            )
            .limits("ws_connecting"),
        )
        .panel(
            12,
            8,
            heatmap(
                "Time to connect, distribution",
                "How many connections opened in how long.",
                "ws_connecting_seconds",
            ),
        )
        .panel(
            8,
            8,
            Panel::new(
                Lines,
                "Sockets",
                "Connections that are open, and those being dialled or upgraded.",
                Unit::Count,
            )
            .query("open", "sum(ws_open_connections{$run})", "open")
            .query("connecting", "sum(ws_connecting_connections{$run})", "connecting"),
        )
        .panel(
            8,
            8,
            Panel::new(Lines, "Attempts by status", "Upgrades by HTTP status, 0 without a response.", Unit::PerSecond)
                .query("attempts", &rate("ws_sessions_total", "status"), "{{status}}")
                .without_zeros(),
        )
        .panel(
            8,
            8,
            Panel::new(Lines, "Failed attempts by reason", "Connections that did not open.", Unit::PerSecond)
                .query("failed", &rate("ws_connect_failures_total", "reason"), "{{reason}}")
                .without_zeros(),
        )
        .panel(
            8,
            8,
            Panel::new(
                Lines,
                "Closes by side and code",
                "Ends of opened connections; 1006 is an end without a close frame.",
                Unit::PerSecond,
            )
            .query("closes", &rate("ws_closes_total", "by, code"), "{{by}} {{code}}")
            .without_zeros(),
        )
        .panel(
            8,
            8,
            Panel::new(
                Lines,
                "Disconnects by reason",
                "Opened connections that ended without a complete close handshake; also among the closes.",
                Unit::PerSecond,
            )
            .query("disconnects", &rate("ws_disconnects_total", "reason"), "{{reason}}")
            .without_zeros(),
        )
        .panel(
            8,
            8,
            Panel::new(
                Lines,
                "Reconnects by result",
                "Attempts to replace a connection that ended early.",
                Unit::PerSecond,
            )
            .query("reconnects", &rate("ws_reconnects_total", "result"), "{{result}}"),
        )
}

fn messages(board: Board) -> Board {
    board
        .panel(
            12,
            8,
            quantiles(
                Panel::new(
                    Lines,
                    "Round trip",
                    "From the intended send of a message to its matching reply. Dashed: the profile's limits.",
                    Unit::Seconds,
                ),
                "ws_msg_rtt_seconds",
            )
            .limits("ws_msg_rtt"),
        )
        .panel(12, 8, heatmap("Round trip, distribution", "How many replies came in how long.", "ws_msg_rtt_seconds"))
        .panel(
            8,
            8,
            Panel::new(
                Lines,
                "Messages",
                "Data messages that the kernel accepted for sending, and those received.",
                Unit::MessagesPerSecond,
            )
            .query("sent", &rate("ws_msgs_sent_total", ""), "sent")
            .query("received", &rate("ws_msgs_received_total", ""), "received"),
        )
        .panel(
            8,
            8,
            Panel::new(
                Lines,
                "Replies that did not come in time",
                "Awaited replies that timed out, came late, or were lost with their connection.",
                Unit::MessagesPerSecond,
            )
            .query("timed_out", &rate("ws_msg_replies_timed_out_total", ""), "timed out")
            .query("late", &rate("ws_msgs_late_total", ""), "late")
            .query("lost", &rate("ws_msg_replies_lost_total", ""), "lost"),
        )
        .panel(
            8,
            8,
            Panel::new(Lines, "Replies in flight", "Awaited replies that may still come.", Unit::Count).query(
                "in_flight",
                "sum(ws_msg_replies_in_flight{$run})",
                "in flight",
            ),
        )
}

fn http(board: Board) -> Board {
    let phases = ["blocked", "connecting", "tls_handshaking", "sending", "waiting", "receiving"];
    let mean = phases.into_iter().fold(
        Panel::new(
            Lines,
            "Phases of a request, mean",
            "Mean of each phase over all requests; kept connections count with 0.",
            Unit::Seconds,
        ),
        |panel, phase| {
            let family = format!("http_req_{phase}_seconds");
            let expression =
                format!("{} / {}", rate(&format!("{family}_sum"), ""), rate(&format!("{family}_count"), ""));
            panel.query(phase, &expression, phase)
        },
    );
    board
        .panel(
            12,
            8,
            quantiles(
                Panel::new(
                    Lines,
                    "Request duration",
                    "Sending, waiting and receiving, without connecting. Dashed: the profile's limits.",
                    Unit::Seconds,
                ),
                "http_req_duration_seconds",
            )
            .limits("http_req_duration"),
        )
        .panel(12, 8, mean)
        .panel(
            12,
            8,
            Panel::new(
                Lines,
                "Requests by name and status",
                "Status 0 is a request without a complete response.",
                Unit::RequestsPerSecond,
            )
            .query("requests", &rate("http_reqs_total", "name, status"), "{{name}} {{status}}")
            .without_zeros(),
        )
        .panel(
            12,
            8,
            Panel::new(
                Lines,
                "Failed requests by reason",
                "Requests without a complete response, or with a status that was not expected.",
                Unit::RequestsPerSecond,
            )
            .query("failed", &rate("http_req_failures_total", "reason"), "{{reason}}")
            .without_zeros(),
        )
}

fn checks(board: Board) -> Board {
    board
        .panel(
            12,
            8,
            Panel::new(Table, "Checks", "Share of each check that passed, over the whole run.", Unit::Share)
                .query(
                    "passed",
                    "(sum by (check) (last_over_time(checks_total{$run, result=\"pass\"}[$__range])) \
                     or 0 * sum by (check) (last_over_time(checks_total{$run}[$__range]))) \
                     / sum by (check) (last_over_time(checks_total{$run}[$__range]))",
                    "",
                )
                .query("count", "sum by (check) (last_over_time(checks_total{$run}[$__range]))", "")
                .joined(&["check"])
                .column_unit("count", Unit::Exact),
        )
        .panel(
            12,
            8,
            Panel::new(Lines, "Bytes", "Bytes on sockets, TLS and framing included.", Unit::BytesPerSecond)
                .query("sent", &rate("data_sent_bytes_total", ""), "sent")
                .query("received", &rate("data_received_bytes_total", ""), "received"),
        )
}

/// Growth of a counter in a second, by labels or over all series.
fn rate(counter: &str, by: &str) -> String {
    let sum = if by.is_empty() { "sum".to_owned() } else { format!("sum by ({by}) ") };
    format!("{sum}(rate({counter}{{$run}}[$__rate_interval]))")
}

fn quantiles(panel: Panel, family: &str) -> Panel {
    [("p50", 0.5, "median"), ("p95", 0.95, "p(95)"), ("p99", 0.99, "p(99)")].into_iter().fold(
        panel,
        |panel, (id, quantile, legend)| {
            let buckets = rate(&format!("{family}_bucket"), "le");
            panel.query(id, &format!("histogram_quantile({quantile}, {buckets})"), legend)
        },
    )
}

fn heatmap(title: &'static str, description: &'static str, family: &str) -> Panel {
    let expression = format!("sum by (le) (increase({family}_bucket{{$run}}[$__rate_interval]))");
    Panel::new(Heatmap, title, description, Unit::Seconds).query("buckets", &expression, "{{le}}")
}
