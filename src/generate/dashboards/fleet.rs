//! The agents of a run: whether all are there, share the load, and measure the target rather than themselves.

use super::{
    board::Board,
    panel::{
        Kind::{Lines, Stat, States, Table},
        Panel, Unit,
    },
};

pub(super) fn board() -> Board {
    let board = Board::new(
        "rampd-fleet",
        "rampd: fleet and generator health",
        "The agents of a run, and whether they were the limit themselves.",
        false,
    );
    let board = fleet(board.row("Fleet"));
    let board = validity(board.row("Validity"));
    resources(board.row("Resources"))
}

fn fleet(board: Board) -> Board {
    board
        .panel(
            4,
            6,
            Panel::new(Stat, "Agents", "Agents that this run was scraped from, and how many it has.", Unit::Count)
                .query("agents", "count(count by (instance) (last_over_time(rampd_run_info{$run}[$__range])))", "scraped")
                .query("size", "max(last_over_time(rampd_fleet_size{$run}[$__range]))", "of"),
        )
        .panel(
            4,
            6,
            Panel::new(
                Stat,
                "Skew of the start",
                "Time between the first and the last agent's start of the load: by the instant that they agreed on, or by \
                 their wall clocks if they do not know each other.",
                Unit::Seconds,
            )
            .query(
                "skew",
                "max(last_over_time(rampd_fleet_start_delay_seconds{$run}[$__range])) \
                 - min(last_over_time(rampd_fleet_start_delay_seconds{$run}[$__range])) \
                 or max(last_over_time(rampd_run_start_timestamp_seconds{$run}[$__range])) \
                 - min(last_over_time(rampd_run_start_timestamp_seconds{$run}[$__range]))",
                "skew",
            ),
        )
        .panel(
            16,
            6,
            Panel::new(Table, "Builds and starts", "Each agent's version, and how long after the first one it started.", Unit::Seconds)
                .query(
                    "behind the first",
                    "max by (instance, version, revision) (last_over_time(rampd_run_start_timestamp_seconds{$run}[$__range]) \
                     * on (instance) group_left (version, revision) last_over_time(rampd_build_info{$run}[$__range])) \
                     - scalar(min(last_over_time(rampd_run_start_timestamp_seconds{$run}[$__range])))",
                    "",
                )
                .joined(&["instance", "version", "revision"]),
        )
        .panel(8, 8, by_agent("VUs by agent", "Virtual users in an iteration; equal shares are about equal.", Unit::Count, "vus{$run}"))
        .panel(8, 8, by_agent("Sockets by agent", "Open WebSocket connections.", Unit::Count, "ws_open_connections{$run}"))
        .panel(
            8,
            8,
            by_agent("Messages by agent", "Messages sent each second.", Unit::MessagesPerSecond, "rate(ws_msgs_sent_total{$run}[$__rate_interval])"),
        )
}

fn validity(board: Board) -> Board {
    board
        .panel(
            24,
            9,
            Panel::new(
                States,
                "Doubts by reason",
                "Red where any agent has this reason to call the run suspect or invalid so far.",
                Unit::Count,
            )
            .query("reasons", "max by (reason) (rampd_validity{$run})", "{{reason}}")
            .words(&[(0, "no", "green"), (1, "yes", "red")]),
        )
        .panel(
            12,
            8,
            lag(
                "Lag of sending, p(99)",
                "From the intended send of a message to the kernel's acceptance.",
                "rampd_send_lag_seconds",
            ),
        )
        .panel(
            12,
            8,
            lag("Lag of reading, p(99)", "From the kernel's receive time stamp to our read.", "rampd_read_lag_seconds"),
        )
        .panel(12, 8, lag("Lag of the event loop, p(99)", "Lateness of a worker's events.", "rampd_loop_lag_seconds"))
        .panel(
            12,
            8,
            lag(
                "Lag of starts, p(99)",
                "From the slot of an arrival rate to the begin of its iteration.",
                "rampd_start_lag_seconds",
            ),
        )
        .panel(
            12,
            8,
            by_agent(
                "Times at a standstill",
                "Times that the whole process stood still for more than 0.25 s, since the start.",
                Unit::Count,
                "rampd_clock_gaps_total{$run}",
            ),
        )
        .panel(
            12,
            8,
            by_agent(
                "Iterations not started",
                "Iterations that could not start in time, each second.",
                Unit::PerSecond,
                "rate(dropped_iterations_total{$run}[$__rate_interval])",
            ),
        )
}

fn resources(board: Board) -> Board {
    let sockets = "(sum by (instance) (ws_open_connections{$run}) + sum by (instance) (ws_connecting_connections{$run}) \
         + sum by (instance) (http_open_connections{$run})) / max by (instance) (rampd_ephemeral_ports{$run})";
    board
        .panel(8, 8, by_agent("CPU", "Cores in use.", Unit::Count, "rate(process_cpu_seconds_total{$run}[$__rate_interval])"))
        .panel(
            8,
            8,
            Panel::new(
                Lines,
                "Waits for a core",
                "Seconds in a second: worker threads that waited, anyone who waited (pressure), and a CPU quota that was used up. \
                 0 where the system does not say, or has no quota.",
                Unit::Seconds,
            )
            .query("queue", &known_or_zero("rampd_run_queue_wait_seconds_total"), "workers {{instance}}")
            .query("pressure", &known_or_zero("rampd_cpu_pressure_seconds_total"), "pressure {{instance}}")
            .query("throttled", &known_or_zero("rampd_cpu_throttled_seconds_total"), "quota {{instance}}"),
        )
        .panel(8, 8, by_agent("Memory", "Resident memory.", Unit::Bytes, "process_resident_memory_bytes{$run}"))
        .panel(
            8,
            8,
            by_agent("Files", "Open files as a share of the limit; sockets are files.", Unit::Share, "process_open_fds{$run} / process_max_fds{$run}")
                .maximum(1.0),
        )
        .panel(
            8,
            8,
            Panel::new(
                Lines,
                "Ports",
                "Sockets as a share of the local ports that the agent's machine has for one target address. With several \
                 targets more is possible.",
                Unit::Share,
            )
            .query("ports", sockets, "{{instance}}"),
        )
        .panel(
            8,
            8,
            by_agent("Samples missing in the JSON output", "Samples that are in all metrics but not in the JSON file, since the start.", Unit::Count, "rampd_json_samples_dropped_total{$run}"),
        )
}

fn by_agent(title: &'static str, description: &'static str, unit: Unit, expression: &str) -> Panel {
    Panel::new(Lines, title, description, unit).query(
        "agent",
        &format!("sum by (instance) ({expression})"),
        "{{instance}}",
    )
}

fn lag(title: &'static str, description: &'static str, family: &str) -> Panel {
    let buckets = format!("sum by (instance, le) (rate({family}_bucket{{$run}}[$__rate_interval]))");
    Panel::new(Lines, title, description, Unit::Seconds).query(
        "p99",
        &format!("histogram_quantile(0.99, {buckets})"),
        "{{instance}}",
    )
}

/// A counter that not every system has.
fn known_or_zero(counter: &str) -> String {
    format!(
        "sum by (instance) (rate({counter}{{$run}}[$__rate_interval])) or 0 * sum by (instance) (rampd_run_info{{$run}})"
    )
}
