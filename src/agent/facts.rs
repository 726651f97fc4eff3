//! What `/metrics` says about a run besides what its workers count.

use std::time::Duration;

use crate::{
    agent::{fleet::options::FleetOptions, health::Health, live::Live, steering::steered::Steered},
    clock::{Instant, WallClock},
    config::{profile::Profile, threshold::Threshold},
    engine::limits::ports,
    metrics::{
        exposition::{
            fleet::FleetFacts,
            run::{RunFacts, RunState, StageStart, ThresholdFact},
        },
        process::ProcessStats,
    },
    slo::evaluate::Evaluation,
    units::tags::Tags,
};

/// Labels of `rampd_build_info`.
#[must_use]
pub fn build() -> Tags {
    let label = |name: &str, value: Option<&str>| (name.to_owned(), value.unwrap_or("unknown").to_owned());
    Tags::from([
        label("version", Some(env!("CARGO_PKG_VERSION"))),
        label("revision", option_env!("RAMPD_REVISION")),
        label("rustc", option_env!("RAMPD_RUSTC")),
    ])
}

/// The facts before the load starts.
#[must_use]
pub fn waiting(profile: &Profile, judged: &[Threshold], fleet: Option<&FleetOptions>) -> RunFacts {
    RunFacts {
        build: build(),
        info: Tags::from([("profile".to_owned(), profile.name.clone())]),
        state: RunState::Waiting,
        thresholds: judged.iter().map(|threshold| fact(threshold, None)).collect(),
        fleet: FleetFacts {
            size: fleet.map_or(1, |fleet| fleet.segment.of()),
            index: fleet.map(|fleet| fleet.segment.index()),
            ..FleetFacts::default()
        },
        process: ProcessStats::read(),
        ephemeral_ports: ports::count(),
        k6_series: profile.k6_series,
        ..RunFacts::default()
    }
}

/// The facts at `now`, or at the end of the load.
#[must_use]
pub fn present(
    base: &RunFacts,
    live: &Live,
    health: &Health,
    steered: &Steered,
    wall: &WallClock,
    now: Instant,
) -> RunFacts {
    let since = |end: Instant| end.since(live.start);
    let elapsed = since(live.ended.unwrap_or(now));
    let is_on = matches!(live.state, RunState::Running | RunState::Paused);
    let thresholds = live.thresholds.iter().enumerate();
    RunFacts {
        state: live.state,
        started: (live.scheduled && now >= live.start).then(|| wall.unix_nanos(live.start)),
        ended: live.ended.map(|ended| wall.unix_nanos(ended)),
        elapsed,
        stages: if live.scheduled { stages(steered, wall, now) } else { Vec::new() },
        planned_vus: planned(steered, is_on.then(|| steered.elapsed(now))),
        thresholds: thresholds.map(|(index, threshold)| fact(threshold, live.evaluations.get(index))).collect(),
        validity: health.facts(),
        observed: live.observed.clone(),
        process: ProcessStats::read(),
        ..base.clone()
    }
}

/// When each stage of each scenario begins, in their order; those of an order that has replaced the rest do not.
#[must_use]
pub fn stages(steered: &Steered, wall: &WallClock, now: Instant) -> Vec<StageStart> {
    let scenarios = steered.plan().scenarios.iter();
    scenarios
        .flat_map(|scenario| {
            scenario.stages.iter().enumerate().map(|(index, at)| StageStart {
                scenario: scenario.name.clone(),
                stage: index.to_string(),
                at: wall.unix_nanos(steered.when(*at, now)),
            })
        })
        .collect()
}

/// By the plan, or by the order that has replaced it.
fn planned(steered: &Steered, at: Option<Duration>) -> Vec<(String, u64)> {
    let scenarios = steered.plan().scenarios.iter();
    scenarios.map(|scenario| (scenario.name.clone(), at.map_or(0, |at| scenario.vus_at(at).into()))).collect()
}

fn fact(threshold: &Threshold, evaluation: Option<&Evaluation>) -> ThresholdFact {
    ThresholdFact {
        metric: threshold.name.clone(),
        expression: threshold.source.clone(),
        contains: threshold.metric.contains(),
        limit: threshold.expression.limit,
        value: evaluation.and_then(|evaluation| evaluation.value),
        passed: evaluation.map(|evaluation| evaluation.passed),
    }
}
