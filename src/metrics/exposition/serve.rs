//! What `/metrics` says about a daemon beside its run. These series carry no tag of a run: they outlive all of them.

use std::collections::BTreeMap;

use crate::{
    metrics::exposition::families::{Kind, Sheet, Value},
    units::tags::Tags,
};

/// What all names of the daemon's families begin with.
const PREFIX: &str = "rampd_serve_";

/// Of one profile of the configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileFacts {
    /// When it runs next, in seconds since 1970.
    pub next: Option<f64>,
    /// When its last run was taken up, in seconds since 1970.
    pub last: Option<f64>,
    /// When the last run that passed was taken up, in seconds since 1970.
    pub last_passed: Option<f64>,
    /// Of its last run that ended.
    pub last_exit_code: Option<u8>,
    /// Seconds between its next two times.
    pub period: Option<f64>,
    /// Whether its schedule stands still after failures.
    pub suspended: bool,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServeFacts {
    /// Runs that wait.
    pub queue: usize,
    /// Runs since the start, by profile and outcome.
    pub runs: BTreeMap<(String, &'static str), u64>,
    /// By name.
    pub profiles: BTreeMap<String, ProfileFacts>,
    /// Whether the configuration in force is the one on disk.
    pub reloaded: bool,
    /// When it was read, in seconds since 1970.
    pub loaded_at: f64,
    /// Runs that the history knows.
    pub kept: usize,
    /// What could not be written, removed or read.
    pub history_errors: u64,
}

/// Adds the families, or replaces those of an earlier state.
pub fn families(sheet: &mut Sheet, facts: &ServeFacts) {
    sheet.retain(|name| !name.starts_with(PREFIX));
    let one = |value: f64| [(Tags::new(), Value::Number(value))];
    let profile = |name: &str| Tags::from([("profile".to_owned(), name.to_owned())]);
    sheet.add_untagged(
        "rampd_serve_queue_length",
        "Runs that wait for their turn.",
        Kind::Gauge,
        one(facts.queue as f64),
    );
    let runs = facts.runs.iter().map(|((name, outcome), count)| {
        let mut labels = profile(name);
        labels.insert("outcome".to_owned(), (*outcome).to_owned());
        (labels, Value::Number(*count as f64))
    });
    sheet.add_untagged(
        "rampd_serve_runs_total",
        "Runs that have ended since the daemon was started, and times that were missed, by outcome.",
        Kind::Counter,
        runs,
    );
    let mut of_profiles = |name, help, value: fn(&ProfileFacts) -> Option<f64>| {
        let shown =
            facts.profiles.iter().filter_map(|(name, facts)| Some((profile(name), Value::Number(value(facts)?))));
        sheet.add_untagged(name, help, Kind::Gauge, shown);
    };
    of_profiles(
        "rampd_serve_next_run_timestamp_seconds",
        "When each scheduled profile runs next, in seconds since 1970.",
        |facts| facts.next,
    );
    of_profiles(
        "rampd_serve_schedule_period_seconds",
        "From the next time of each scheduled profile to the one after it.",
        |facts| facts.period,
    );
    of_profiles(
        "rampd_serve_schedule_suspended",
        "1 while the schedule stands still because its runs did not pass.",
        |facts| facts.next.map(|_| f64::from(u8::from(facts.suspended))),
    );
    of_profiles(
        "rampd_serve_last_run_timestamp_seconds",
        "When the last run of each profile was taken up, in seconds since 1970.",
        |facts| facts.last,
    );
    of_profiles(
        "rampd_serve_last_passed_timestamp_seconds",
        "When the last run of each profile that passed was taken up, in seconds since 1970.",
        |facts| facts.last_passed,
    );
    of_profiles("rampd_serve_last_exit_code", "Exit code of the last run of each profile that has ended.", |facts| {
        facts.last_exit_code.map(f64::from)
    });
    sheet.add_untagged(
        "rampd_serve_config_reload_successful",
        "1 if the configuration in force is the one on disk, 0 if that was refused.",
        Kind::Gauge,
        one(f64::from(u8::from(facts.reloaded))),
    );
    sheet.add_untagged(
        "rampd_serve_config_loaded_timestamp_seconds",
        "When the configuration in force was read, in seconds since 1970.",
        Kind::Gauge,
        one(facts.loaded_at),
    );
    sheet.add_untagged("rampd_serve_history_runs", "Runs in the history.", Kind::Gauge, one(facts.kept as f64));
    sheet.add_untagged(
        "rampd_serve_history_errors_total",
        "What could not be written into the history, removed from it or read.",
        Kind::Counter,
        one(facts.history_errors as f64),
    );
}
