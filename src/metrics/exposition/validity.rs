//! What `/metrics` says about the run's validity.

use std::time::Duration;

use crate::{
    metrics::exposition::families::{Kind, Sheet, Value},
    units::tags::Tags,
};

/// The judgement so far, and what it is made of besides the lags. What is not available is not shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidityFacts {
    /// Every reason, and whether the run is suspect or invalid for it.
    pub reasons: Vec<(&'static str, bool)>,
    /// Every level, and whether it is the present one.
    pub states: Vec<(&'static str, bool)>,
    /// Waits of all worker threads for a core since the start.
    pub run_queue_wait: Option<Duration>,
    /// Time since the start in which any task of the container (or else of the machine) waited for a core.
    pub cpu_pressure: Option<Duration>,
    /// Time since the start that the container's CPU quota cost, over all cores.
    pub cpu_throttled: Option<Duration>,
    /// Times that the process stood still.
    pub clock_gaps: Option<u64>,
}

/// Adds the families.
pub fn families(sheet: &mut Sheet, facts: &ValidityFacts) {
    let flags = |label: &str, flags: &[(&'static str, bool)]| -> Vec<_> {
        let labels = |value: &str| Tags::from([(label.to_owned(), value.to_owned())]);
        flags.iter().map(|(value, set)| (labels(value), Value::Number(f64::from(u8::from(*set))))).collect()
    };
    sheet.add(
        "rampd_validity",
        "1 for each reason that makes the run suspect or invalid so far, 0 for the others.",
        Kind::Gauge,
        flags("reason", &facts.reasons),
    );
    sheet.add(
        "rampd_validity_state",
        "Whether the run measures its target so far (valid), perhaps (suspect) or its own generator (invalid): 1 for the present state, 0 for the others.",
        Kind::Gauge,
        flags("state", &facts.states),
    );
    let mut counter = |name, help, value: Option<f64>| {
        sheet.add(name, help, Kind::Counter, value.map(|value| (Tags::new(), Value::Number(value))));
    };
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    counter(
        "rampd_run_queue_wait_seconds_total",
        "Time that the worker threads waited for a core, added up over them.",
        seconds(facts.run_queue_wait),
    );
    counter(
        "rampd_cpu_pressure_seconds_total",
        "Time in which any task of the container, or of the machine where there is none, waited for a core.",
        seconds(facts.cpu_pressure),
    );
    counter(
        "rampd_cpu_throttled_seconds_total",
        "Time that the container stood still because its CPU quota was used up, added up over the cores.",
        seconds(facts.cpu_throttled),
    );
    counter(
        "rampd_clock_gaps_total",
        "Times that the whole process stood still for more than 0.25 s.",
        facts.clock_gaps.map(|gaps| gaps as f64),
    );
}
