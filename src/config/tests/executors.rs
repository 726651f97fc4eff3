//! Executors, k6's shorthand, and what the command line makes of them.

use super::*;
use crate::{
    config::profile::{RateStage, VuPool},
    units::rate::Rate,
};

#[test]
fn the_shorthand_is_k6s() {
    let of = |text: &str| good(&format!("{text}\n{FLOW}")).scenarios[0].executor.clone();
    assert_eq!(of("duration: 30s"), Executor::ConstantVus { vus: 1, duration: Duration::from_secs(30) });
    assert_eq!(of("duration: 30s\nvus: 7"), Executor::ConstantVus { vus: 7, duration: Duration::from_secs(30) });
    assert_eq!(of("stages: [{ duration: 1s, target: 5 }]"), ramp(1, &[stage(1, 5)]));
    assert_eq!(of("stages: [{ duration: 1s, target: 0 }]\nvus: 7"), ramp(7, &[stage(1, 0)]));
    assert_eq!(of("stages: [{ duration: 0, target: 5 }]"), ramp(1, &[stage(0, 5)]));
    let shared = |vus, iterations, seconds| Executor::SharedIterations {
        vus,
        iterations,
        max_duration: Duration::from_secs(seconds),
    };
    assert_eq!(of("iterations: 9"), shared(1, 9, 600));
    assert_eq!(of("iterations: 9\nvus: 3"), shared(3, 9, 600));
    assert_eq!(of("iterations: 9\nduration: 5s"), shared(1, 9, 5));
    assert_eq!(of("vus: 3"), shared(3, 3, 600));
    let once = Executor::PerVuIterations { vus: 1, iterations: 1, max_duration: Duration::from_secs(600) };
    assert_eq!(of(""), once);
}

#[test]
fn every_executor_is_read_with_k6s_defaults() {
    let of = |text: &str| good(&format!("scenarios: {{ a: {{ executor: {text} }} }}\n{FLOW}")).scenarios.remove(0);
    let rate = |text: &str| Rate::parse(text).unwrap();
    let (second, minutes) = (Duration::from_secs(1), Duration::from_secs(600));
    let pool = |pre_allocated, max| VuPool { pre_allocated, max };
    for (text, executor) in [
        ("shared-iterations", Executor::SharedIterations { vus: 1, iterations: 1, max_duration: minutes }),
        (
            "shared-iterations, vus: 2, iterations: 7, maxDuration: 1s",
            Executor::SharedIterations { vus: 2, iterations: 7, max_duration: second },
        ),
        ("per-vu-iterations", Executor::PerVuIterations { vus: 1, iterations: 1, max_duration: minutes }),
        (
            "constant-arrival-rate, rate: 2.5, duration: 10m, timeUnit: 1m, preAllocatedVUs: 0, maxVUs: 9",
            Executor::ConstantArrivalRate {
                rate: rate("2.5"),
                time_unit: second * 60,
                duration: minutes,
                pool: pool(0, 9),
            },
        ),
        (
            "constant-arrival-rate, rate: 30, duration: 10m, preAllocatedVUs: 4",
            Executor::ConstantArrivalRate { rate: rate("30"), time_unit: second, duration: minutes, pool: pool(4, 4) },
        ),
        (
            "ramping-arrival-rate, preAllocatedVUs: 4, stages: [{ duration: 10s, target: 0.25 }]",
            Executor::RampingArrivalRate {
                start_rate: rate("0"),
                time_unit: second,
                stages: vec![RateStage { duration: 10 * second, target: rate("0.25") }],
                pool: pool(4, 4),
            },
        ),
        (
            "externally-controlled, vus: 4, duration: 1s",
            Executor::ExternallyControlled { vus: 4, max_vus: 4, duration: Some(second) },
        ),
        (
            "externally-controlled, maxVUs: 4, duration: 0",
            Executor::ExternallyControlled { vus: 0, max_vus: 4, duration: None },
        ),
    ] {
        let scenario = of(text);
        let grace = if text.starts_with("externally") { 0 } else { 30 };
        assert_eq!((scenario.executor, scenario.graceful_stop), (executor, second * grace), "{text}");
    }
}

#[test]
fn the_command_line_replaces_the_shorthand_as_in_k6() {
    let stages = vec![stage(5, 50)];
    let ramped = Overrides { stages: stages.clone(), ..Overrides::default() };
    let timed = Overrides { duration: Some(Duration::from_secs(9)), ..Overrides::default() };
    let crowd = Overrides { vus: Some(3), ..Overrides::default() };
    let of = |text: &str, overrides: &Overrides| {
        load_text(&format!("{text}\n{FLOW}"), overrides).unwrap_or_else(|report| panic!("{report}")).scenarios[0]
            .executor
            .clone()
    };
    let constant = |vus, seconds| Executor::ConstantVus { vus, duration: Duration::from_secs(seconds) };
    assert_eq!(of("duration: 30s\nvus: 7", &ramped), ramp(7, &stages));
    assert_eq!(of("stages: [{ duration: 1s, target: 5 }]", &timed), constant(1, 9));
    assert_eq!(of("duration: 30s\nvus: 7", &crowd), constant(3, 30));
    assert_eq!(of("stages: [{ duration: 1s, target: 5 }]", &crowd), ramp(3, &[stage(1, 5)]));
    assert_eq!(of("iterations: 5", &timed), constant(1, 9));
    assert_eq!(of("scenarios: { a: { executor: constant-vus, duration: 1s } }", &ramped), ramp(1, &stages));
    assert_eq!(of("", &Overrides { vus: Some(4), ..timed.clone() }), constant(4, 9));
    let counted = Overrides { iterations: Some(8), ..Overrides::default() };
    let shared =
        |vus, seconds| Executor::SharedIterations { vus, iterations: 8, max_duration: Duration::from_secs(seconds) };
    assert_eq!(of("stages: [{ duration: 1s, target: 5 }]", &counted), shared(1, 600));
    assert_eq!(of("vus: 2\nduration: 30s", &counted), shared(2, 600));
    assert_eq!(of("", &Overrides { vus: Some(4), duration: timed.duration, ..counted.clone() }), shared(4, 9));
    assert_eq!(of("scenarios: { a: { executor: constant-vus, duration: 1s } }", &counted), shared(1, 600));
}

#[test]
fn the_command_line_does_not_drop_flows_silently() {
    let own_flow = "scenarios: { a: { executor: constant-vus, duration: 1s, flow: [{ sleep: 1s }] } }";
    let ramped = Overrides { stages: vec![stage(5, 50)], ..Overrides::default() };
    let both = Overrides { duration: Some(Duration::from_secs(9)), ..ramped.clone() };
    let crowd = Overrides { vus: Some(3), ..Overrides::default() };
    let none = Overrides { vus: Some(0), ..Overrides::default() };
    insta::assert_snapshot!(bad(own_flow, &ramped), @r"
    error: `--stage` would replace `scenarios`, and with them their flows
      --> command line at --stage
      hint: move the `flow` to the top of the profile, or use `--scale` and `--speed`
    ");
    insta::assert_snapshot!(bad(own_flow, &crowd), @r"
    error: `--vus` does nothing: the profile has `scenarios` with VUs of their own
      --> command line at --vus
      hint: use `--scale`, or `--stage`, `--iterations` and `--duration`, which replace the scenarios
    ");
    insta::assert_snapshot!(bad(&format!("duration: 1s\n{FLOW}"), &both), @r"
    error: `--stage` and `--duration` exclude each other
      --> command line at --stage
      hint: each stage has its own duration, and its VUs run as many iterations as they can
    ");
    insta::assert_snapshot!(bad(&format!("duration: 1s\n{FLOW}"), &none), @r"
    error: must be at least 1
      --> command line at --vus
      hint: without VUs there is no load
    ");
}
