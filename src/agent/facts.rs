//! What `/metrics` says about a run besides what its workers count.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    agent::{fleet::options::FleetOptions, health::Health, live::Live},
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
    plan::{Plan, ScenarioPlan},
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
    (plan, ordered): (&Plan, &BTreeMap<usize, u32>),
    wall: &WallClock,
    now: Instant,
) -> RunFacts {
    let since = |end: Instant| end.since(live.start);
    let elapsed = since(live.ended.unwrap_or(now));
    let thresholds = live.thresholds.iter().enumerate();
    RunFacts {
        state: live.state,
        started: (live.scheduled && now >= live.start).then(|| wall.unix_nanos(live.start)),
        ended: live.ended.map(|ended| wall.unix_nanos(ended)),
        elapsed,
        stages: if live.scheduled { stages(plan, wall, live.start) } else { Vec::new() },
        planned_vus: planned(plan, ordered, if live.state == RunState::Running { Some(elapsed) } else { None }),
        thresholds: thresholds.map(|(index, threshold)| fact(threshold, live.evaluations.get(index))).collect(),
        validity: health.facts(),
        observed: live.observed.clone(),
        process: ProcessStats::read(),
        ..base.clone()
    }
}

/// When each stage of each scenario begins, in their order.
#[must_use]
pub fn stages(plan: &Plan, wall: &WallClock, start: Instant) -> Vec<StageStart> {
    let scenarios = plan.scenarios.iter();
    scenarios
        .flat_map(|scenario| {
            scenario.stages.iter().enumerate().map(|(index, at)| StageStart {
                scenario: scenario.name.clone(),
                stage: index.to_string(),
                at: wall.unix_nanos(start + *at),
            })
        })
        .collect()
}

/// By the plan, or by the order that has replaced it; what is ordered before a scenario begins waits for it.
pub(super) fn planned(plan: &Plan, ordered: &BTreeMap<usize, u32>, at: Option<Duration>) -> Vec<(String, u64)> {
    let scenarios = plan.scenarios.iter().enumerate();
    let vus = |index: usize, scenario: &ScenarioPlan| match (at, ordered.get(&index)) {
        (Some(at), Some(ordered)) if (scenario.start..scenario.end).contains(&at) => u64::from(*ordered),
        (Some(at), _) => scenario.vus_at(at).into(),
        (None, _) => 0,
    };
    scenarios.map(|(index, scenario)| (scenario.name.clone(), vus(index, scenario))).collect()
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
