//! What `/metrics` says about the run itself and about this process.

use std::{sync::Arc, time::Duration};

use crate::{
    catalogue::Contains,
    metrics::{
        exposition::{
            families::{Kind, Sheet, Value},
            fleet::{self, FleetFacts},
            serve::{self, ServeFacts},
            target,
            validity::{self, ValidityFacts},
        },
        observed::TargetValues,
        process::ProcessStats,
    },
    units::tags::Tags,
};

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunState {
    /// Serving zeros; no load yet.
    #[default]
    Waiting,
    /// Driving the load.
    Running,
    /// Nothing new begins until it is resumed.
    Paused,
    /// No new work; connections are being closed.
    Stopping,
    /// Over, everything planned was done.
    Finished,
    /// Over before its planned end.
    Aborted,
}

impl RunState {
    /// Every state, in the order of a run's life.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Running, Self::Paused, Self::Stopping, Self::Finished, Self::Aborted];

    /// Value of the label `state`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Finished => "finished",
            Self::Aborted => "aborted",
        }
    }

    /// Whether no value will change any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Aborted)
    }
}

/// When a stage begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageStart {
    /// The scenario's name.
    pub scenario: String,
    /// The stage's number within it, from 0.
    pub stage: String,
    /// Nanoseconds since 1970.
    pub at: i128,
}

/// A threshold with what is known of it, in k6's units (milliseconds for times); shown in base units.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdFact {
    /// The metric with its selector, as typed.
    pub metric: String,
    /// The expression, as typed.
    pub expression: String,
    /// The metric's value type; times are shown in seconds, as everywhere on `/metrics`.
    pub contains: Contains,
    /// What the value is compared with.
    pub limit: f64,
    /// The value at the last evaluation, if there was a sample.
    pub value: Option<f64>,
    /// The last judgement, none before the first evaluation.
    pub passed: Option<bool>,
}

/// Facts about the run; a value that is not known yet is not shown.
#[derive(Debug, Clone, Default)]
pub struct RunFacts {
    /// Labels of `rampd_build_info`: `version`, `revision`, `rustc`.
    pub build: Tags,
    /// Labels of `rampd_run_info`: `profile` and whatever identifies the run besides its tags. No secrets.
    pub info: Tags,
    /// Where the run is in its life.
    pub state: RunState,
    /// What the process will exit with; known when the run is over and judged.
    pub exit_code: Option<u8>,
    /// This agent's place among those of its run.
    pub fleet: FleetFacts,
    /// Start of the load in nanoseconds since 1970.
    pub started: Option<i128>,
    /// End of the load in nanoseconds since 1970.
    pub ended: Option<i128>,
    /// Time since the start of the load; stands still after its end.
    pub elapsed: Duration,
    /// When each stage begins; known from the start.
    pub stages: Vec<StageStart>,
    /// VUs that the plan provides for now, by scenario.
    pub planned_vus: Vec<(String, u64)>,
    /// The profile's thresholds.
    pub thresholds: Vec<ThresholdFact>,
    /// Whether its figures can be trusted.
    pub validity: ValidityFacts,
    /// What observed targets say of themselves.
    pub observed: Vec<TargetValues>,
    /// This process.
    pub process: ProcessStats,
    /// Local ports for one pair of addresses.
    pub ephemeral_ports: Option<u64>,
    /// Whether k6's metrics are served under its names for them, too.
    pub k6_series: bool,
    /// Of the daemon that runs it, if one does.
    pub serve: Option<Arc<ServeFacts>>,
}

/// Adds the families of the run and of the process.
pub fn families(sheet: &mut Sheet, facts: &RunFacts, samples_dropped: u64) {
    let number = |value: f64| [(Tags::new(), Value::Number(value))];
    let seconds = |nanos: i128| nanos as f64 / 1e9;

    let info = |labels: &Tags| [(labels.clone(), Value::Number(1.0))];
    build(sheet, &facts.build);
    sheet.add("rampd_run_info", "What is run; always 1.", Kind::Gauge, info(&facts.info));
    sheet.add(
        "rampd_run_state",
        "Where the run is in its life: 1 for the present state, 0 for the others.",
        Kind::Gauge,
        RunState::ALL.map(|state| (labels([("state", state.name())]), flag(state == facts.state))),
    );
    sheet.add(
        "rampd_run_finished",
        "1 once no value of the run will change any more.",
        Kind::Gauge,
        [(Tags::new(), flag(facts.state.is_over()))],
    );
    sheet.add(
        "rampd_run_exit_code",
        "Exit code of the agent: 0 passed, 96 invalid, 99 a threshold was crossed, 103 stopped, 105 interrupted, 1 failed.",
        Kind::Gauge,
        facts.exit_code.into_iter().flat_map(|code| number(code.into())),
    );
    fleet::families(sheet, &facts.fleet);
    sheet.add(
        "rampd_run_start_timestamp_seconds",
        "Start of the load in seconds since 1970.",
        Kind::Gauge,
        facts.started.into_iter().flat_map(|at| number(seconds(at))),
    );
    sheet.add(
        "rampd_run_end_timestamp_seconds",
        "End of the load in seconds since 1970.",
        Kind::Gauge,
        facts.ended.into_iter().flat_map(|at| number(seconds(at))),
    );
    sheet.add(
        "rampd_run_elapsed_seconds",
        "Time since the start of the load, without the time after its end.",
        Kind::Gauge,
        number(facts.elapsed.as_secs_f64()),
    );
    let stages = facts.stages.iter().map(|stage| {
        let labels = labels([("scenario", stage.scenario.as_str()), ("stage", stage.stage.as_str())]);
        (labels, Value::Number(seconds(stage.at)))
    });
    sheet.add(
        "rampd_stage_start_timestamp_seconds",
        "Start of each stage in seconds since 1970, planned ones too.",
        Kind::Gauge,
        stages,
    );
    let planned = facts.planned_vus.iter();
    sheet.add(
        "rampd_planned_vus",
        "Virtual users that the plan provides for now.",
        Kind::Gauge,
        planned.map(|(scenario, vus)| (labels([("scenario", scenario.as_str())]), Value::Number(*vus as f64))),
    );
    thresholds(sheet, &facts.thresholds);
    validity::families(sheet, &facts.validity);
    sheet.add(
        "rampd_json_samples_dropped_total",
        "Samples that are in all metrics but not in the JSON output, whose queue was full.",
        Kind::Counter,
        number(samples_dropped as f64),
    );
    target::families(sheet, &facts.observed);
    sheet.add(
        "rampd_ephemeral_ports",
        "Local ports for connections between one pair of addresses: net.ipv4.ip_local_port_range without the reserved ones.",
        Kind::Gauge,
        facts.ephemeral_ports.into_iter().flat_map(|ports| number(ports as f64)),
    );
    process(sheet, &facts.process);
    if let Some(facts) = &facts.serve {
        serve::families(sheet, facts);
    }
}

/// Adds the build's family.
pub(super) fn build(sheet: &mut Sheet, labels: &Tags) {
    let series = [(labels.clone(), Value::Number(1.0))];
    sheet.add("rampd_build_info", "The agent's build; always 1.", Kind::Gauge, series);
}

fn thresholds(sheet: &mut Sheet, thresholds: &[ThresholdFact]) {
    let of = |value: &dyn Fn(&ThresholdFact) -> Option<Value>| -> Vec<(Tags, Value)> {
        let shown = thresholds.iter().filter_map(|fact| Some((fact, value(fact)?)));
        let labelled = shown.map(|(fact, value)| {
            (labels([("metric", fact.metric.as_str()), ("threshold", fact.expression.as_str())]), value)
        });
        labelled.collect()
    };
    let base = |fact: &ThresholdFact, value: f64| {
        Value::Number(if fact.contains == Contains::Time { value / 1e3 } else { value })
    };
    sheet.add(
        "rampd_threshold_limit",
        "Limit of each threshold in base units: seconds for times, though the profile says milliseconds.",
        Kind::Gauge,
        of(&|fact| Some(base(fact, fact.limit))),
    );
    sheet.add(
        "rampd_threshold_value",
        "Value of each threshold's metric at the last evaluation, in base units.",
        Kind::Gauge,
        of(&|fact| fact.value.map(|value| base(fact, value))),
    );
    sheet.add(
        "rampd_threshold_passed",
        "1 if the threshold held at the last evaluation, 0 if it was crossed.",
        Kind::Gauge,
        of(&|fact| fact.passed.map(flag)),
    );
}

/// Adds the families of the process, or replaces those of an earlier state. The names are Prometheus's conventions for every
/// client library.
pub fn process(sheet: &mut Sheet, stats: &ProcessStats) {
    sheet.retain(|name| !name.starts_with("process_"));
    let rows = [
        (
            "process_cpu_seconds_total",
            "Total user and system CPU time in seconds.",
            Kind::Counter,
            stats.cpu.map(|cpu| cpu.as_secs_f64()),
        ),
        (
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            Kind::Gauge,
            stats.resident_bytes.map(|bytes| bytes as f64),
        ),
        (
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            Kind::Gauge,
            stats.virtual_bytes.map(|bytes| bytes as f64),
        ),
        ("process_open_fds", "Number of open file descriptors.", Kind::Gauge, stats.open_files.map(|n| n as f64)),
        ("process_max_fds", "Maximum number of open file descriptors.", Kind::Gauge, stats.max_files.map(|n| n as f64)),
        ("process_start_time_seconds", "Start of the process in seconds since 1970.", Kind::Gauge, stats.start_time),
        ("process_threads", "Number of OS threads.", Kind::Gauge, stats.threads.map(|n| n as f64)),
    ];
    for (name, help, kind, value) in rows {
        sheet.add(name, help, kind, value.map(|value| (Tags::new(), Value::Number(value))));
    }
}

pub(super) fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Tags {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn flag(set: bool) -> Value {
    Value::Number(f64::from(u8::from(set)))
}
