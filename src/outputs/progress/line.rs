//! A tick as text: pure functions.

use std::time::Duration;

/// The state of a run at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tick {
    /// Since the start of the load.
    pub elapsed: Duration,
    /// Planned for the whole run, without graceful periods.
    pub total: Duration,
    /// One or two words: `running`, `ramping down`, `draining`.
    pub state: String,
    /// VUs that the plan asks for now.
    pub planned_vus: u64,
    /// VUs in an iteration.
    pub active_vus: u64,
    /// Most VUs that the plan asks for at any time.
    pub max_vus: u64,
    /// Open sockets.
    pub open: u64,
    /// Sockets being dialled or upgraded.
    pub connecting: u64,
    /// Messages per second since the last tick.
    pub sent_per_second: f64,
    /// Messages per second since the last tick.
    pub received_per_second: f64,
    /// Whether it goes on until it is stopped; `total` means nothing then.
    pub endless: bool,
    /// Iterations that ran to their end.
    pub complete: u64,
    /// Iterations of the whole run, where its VUs have no say in it.
    pub planned_iterations: Option<u64>,
    /// Iterations per second since the last tick, and those that arrival rates ask for now.
    pub arrivals: Option<(f64, f64)>,
    /// Iterations that were not started.
    pub dropped: u64,
    /// Iterations that were cut.
    pub interrupted: u64,
    /// Connection attempts that failed.
    pub failed_connects: u64,
    /// Names of metrics whose thresholds are crossed now.
    pub crossed: Vec<String>,
}

impl Tick {
    /// How far the run is, at most 1: its time, or its iterations if it ends with them.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.endless {
            return 0.0;
        }
        let time = if self.total.is_zero() { 1.0 } else { self.elapsed.as_secs_f64() / self.total.as_secs_f64() };
        let iterations = match (self.planned_iterations, self.arrivals) {
            (Some(planned @ 1..), None) => (self.complete + self.interrupted) as f64 / planned as f64,
            _ => 0.0,
        };
        time.max(iterations).min(1.0)
    }
}

/// A line of its own: `running (0m07.5s/2m30.0s), 12/2000 VUs, …`.
#[must_use]
pub fn plain(tick: &Tick) -> String {
    format!("{} {}", tick.state, status(tick))
}

/// Everything but the state's name, in k6's order. What is zero and would be bad is left out.
fn status(tick: &Tick) -> String {
    [vec![vus(tick), iterations(tick)], traffic(tick), troubles(tick)].concat().join(", ")
}

/// The same beside the bar, where a terminal cuts the end: what moves and what is wrong come first.
#[must_use]
pub fn beside_bar(tick: &Tick) -> String {
    [vec![vus(tick)], troubles(tick), traffic(tick), vec![short_iterations(tick)]].concat().join(", ")
}

/// k6's words for it do not fit beside a bar.
fn short_iterations(tick: &Tick) -> String {
    let planned = tick.planned_iterations.map_or_else(String::new, |planned| format!("/{planned}"));
    let interrupted = if tick.interrupted > 0 { format!(", {} interrupted", tick.interrupted) } else { String::new() };
    format!("{}{planned} complete{interrupted}", tick.complete)
}

fn iterations(tick: &Tick) -> String {
    let planned = tick.planned_iterations.map_or_else(String::new, |planned| format!("/{planned}"));
    format!("{}{planned} complete and {} interrupted iterations", tick.complete, tick.interrupted)
}

fn traffic(tick: &Tick) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some((per_second, planned)) = tick.arrivals {
        parts.push(format!("iters/s {} of {}", rate(per_second), rate(planned)));
    }
    if tick.open > 0 || tick.connecting > 0 {
        parts.push(format!("{} open", tick.open));
    }
    if tick.connecting > 0 {
        parts.push(format!("{} connecting", tick.connecting));
    }
    if tick.sent_per_second > 0.0 || tick.received_per_second > 0.0 {
        parts.push(format!("msgs/s {} out {} in", rate(tick.sent_per_second), rate(tick.received_per_second)));
    }
    parts
}

fn troubles(tick: &Tick) -> Vec<String> {
    let mut parts = Vec::new();
    if tick.dropped > 0 {
        parts.push(format!("{} dropped", tick.dropped));
    }
    if tick.failed_connects > 0 {
        parts.push(format!("{} failed to connect", tick.failed_connects));
    }
    if !tick.crossed.is_empty() {
        parts.push(format!("✗ {}", tick.crossed.join(" ")));
    }
    parts
}

/// The time, and active of most VUs; what the plan asks for only while the two differ by more than the moment
/// between a VU's start and its first step: 1 % of the most.
fn vus(tick: &Tick) -> String {
    let minutes = tick.endless || tick.elapsed.max(tick.total) >= Duration::from_secs(60);
    let (elapsed, total) = (clock(tick.elapsed, minutes), clock(tick.total, minutes));
    let differ = tick.planned_vus.abs_diff(tick.active_vus) * 100 > tick.max_vus;
    let planned = if differ { format!(" ({} planned)", tick.planned_vus) } else { String::new() };
    let time = if tick.endless { elapsed } else { format!("{elapsed}/{total}") };
    format!("({time}), {}/{} VUs{planned}", tick.active_vus, tick.max_vus)
}

/// Of one width through the whole run: `07.5s`, `0m07.5s`, `2h00m07.5s`.
fn clock(time: Duration, minutes: bool) -> String {
    let tenths = time.as_millis() / 100;
    let (hours, minute, second, tenth) = (tenths / 36_000, tenths / 600 % 60, tenths / 10 % 60, tenths % 10);
    match (hours, minutes) {
        (0, false) => format!("{second:02}.{tenth}s"),
        (0, true) => format!("{minute}m{second:02}.{tenth}s"),
        _ => format!("{hours}h{minute:02}m{second:02}.{tenth}s"),
    }
}

/// Three digits are enough to watch: `0`, `7.5`, `812`, `13.4k`, `1.2M`.
fn rate(per_second: f64) -> String {
    match per_second {
        under if under < 9.95 => format!("{:.1}", under.max(0.0)).trim_end_matches(".0").to_owned(),
        under if under < 999.5 => format!("{under:.0}"),
        under if under < 999_950.0 => format!("{:.1}k", under / 1e3),
        large => format!("{:.1}M", large / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick() -> Tick {
        Tick {
            elapsed: Duration::from_millis(7_540),
            total: Duration::from_secs(150),
            state: "running".to_owned(),
            planned_vus: 25,
            active_vus: 25,
            max_vus: 2000,
            ..Tick::default()
        }
    }

    #[test]
    fn a_calm_line_is_short() {
        assert_eq!(plain(&tick()), "running (0m07.5s/2m30.0s), 25/2000 VUs, 0 complete and 0 interrupted iterations");
    }

    #[test]
    fn everything_that_happens_is_told() {
        let busy = Tick {
            planned_vus: 125,
            open: 23,
            connecting: 2,
            sent_per_second: 13_400.0,
            received_per_second: 812.4,
            complete: 7,
            interrupted: 1,
            failed_connects: 3,
            crossed: vec!["ws_connecting".to_owned(), "checks".to_owned()],
            ..tick()
        };
        assert_eq!(
            plain(&busy),
            "running (0m07.5s/2m30.0s), 25/2000 VUs (125 planned), 7 complete and 1 interrupted iterations, 23 open, \
             2 connecting, msgs/s 13.4k out 812 in, 3 failed to connect, ✗ ws_connecting checks"
        );
        assert_eq!(
            beside_bar(&busy),
            "(0m07.5s/2m30.0s), 25/2000 VUs (125 planned), 3 failed to connect, ✗ ws_connecting checks, 23 open, \
             2 connecting, msgs/s 13.4k out 812 in, 7 complete, 1 interrupted"
        );
    }

    #[test]
    fn iterations_are_told_as_they_were_planned() {
        let shared = Tick { complete: 12, planned_iterations: Some(100), interrupted: 1, dropped: 3, ..tick() };
        assert_eq!(
            plain(&shared),
            "running (0m07.5s/2m30.0s), 25/2000 VUs, 12/100 complete and 1 interrupted iterations, 3 dropped"
        );
        assert_eq!((shared.share() * 100.0).round().to_bits(), 13f64.to_bits(), "13 of 100 are over");
        let arrivals = Tick { arrivals: Some((49.6, 50.0)), dropped: 0, ..shared };
        assert!(plain(&arrivals).ends_with("iterations, iters/s 50 of 50"), "{}", plain(&arrivals));
        assert_eq!((arrivals.share() * 100.0).round().to_bits(), 5f64.to_bits(), "an arrival rate goes by its time");
        let endless = Tick { endless: true, ..tick() };
        assert!(plain(&endless).starts_with("running (0m07.5s), 25/2000 VUs"), "{}", plain(&endless));
        assert_eq!(endless.share().to_bits(), 0f64.to_bits());
    }

    #[test]
    fn a_vu_on_its_way_is_no_difference_to_the_plan() {
        assert!(!plain(&Tick { planned_vus: 45, ..tick() }).contains("planned"), "20 of 2000");
        assert!(plain(&Tick { planned_vus: 46, ..tick() }).contains("(46 planned)"));
        assert!(plain(&Tick { planned_vus: 2, active_vus: 1, max_vus: 10, ..tick() }).contains("1/10 VUs (2 planned)"));
    }

    #[test]
    fn clocks_have_one_width_in_a_run() {
        for (millis, minutes, text) in [
            (0, false, "00.0s"),
            (59_990, false, "59.9s"),
            (59_990, true, "0m59.9s"),
            (61_000, true, "1m01.0s"),
            (7_261_000, true, "2h01m01.0s"),
        ] {
            assert_eq!(clock(Duration::from_millis(millis), minutes), text);
        }
    }

    #[test]
    fn rates_have_three_digits() {
        for (per_second, text) in [
            (0.0, "0"),
            (7.5, "7.5"),
            (9.96, "10"),
            (812.0, "812"),
            (999.7, "1.0k"),
            (13_400.0, "13.4k"),
            (999_999.0, "1.0M"),
        ] {
            assert_eq!(rate(per_second), text);
        }
    }

    #[test]
    fn a_run_without_a_planned_time_is_complete() {
        assert_eq!(Tick::default().share().to_bits(), 1f64.to_bits());
        assert!(tick().share() < 0.06);
    }
}
