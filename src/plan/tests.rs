//! What all parts of a plan are together.

use proptest::prelude::*;

use super::*;
use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};

mod k6;

fn plan(text: &str, segment: Segment) -> Plan {
    let text = format!("{text}\nflow: [{{ sleep: 1s }}]");
    let source = Source::from_bytes("p.yaml", text.into_bytes()).unwrap();
    let profile = config::load(&source, &Environment::default(), &Overrides::default());
    Plan::of_segment(&profile.unwrap_or_else(|report| panic!("{report}")), segment)
}

const SCENARIOS: &str = "scenarios:
  each: { executor: per-vu-iterations, vus: 7, iterations: 3, startTime: 2s }
  shared: { executor: shared-iterations, vus: 5, iterations: 23, maxDuration: 9s }
  flat: { executor: constant-vus, vus: 4, duration: 5s }
  ramp: { executor: ramping-vus, startVUs: 3, stages: [{ duration: 4s, target: 11 }, { duration: 3s, target: 2 }], gracefulRampDown: 1s }
  rate: { executor: constant-arrival-rate, rate: 7, duration: 3s, preAllocatedVUs: 2, maxVUs: 5 }
  rates: { executor: ramping-arrival-rate, startRate: 1, stages: [{ duration: 5s, target: 9 }], preAllocatedVUs: 3 }
  live: { executor: externally-controlled, vus: 2, maxVUs: 9, duration: 4s }
";

#[test]
fn an_executor_knows_without_a_plan_how_many_vus_how_fast_and_how_long() {
    let text = format!("{SCENARIOS}flow: [{{ sleep: 1s }}]");
    let profile = crate::config::fixture::profile(&text);
    let plan = Plan::new(&profile);
    for (scenario, planned) in profile.scenarios.iter().zip(&plan.scenarios) {
        let alone = Plan { scenarios: vec![planned.clone()], metrics: Vec::new() };
        let executor = &scenario.executor;
        assert_eq!(executor.most_vus(), planned.max_vus_of_all(), "{}", planned.name);
        assert_eq!(executor.duration(), Some(planned.end - planned.start), "{}", planned.name);
        let peak = alone.peak_rate_between(Duration::ZERO, planned.end);
        assert!((executor.highest_rate() - peak).abs() < 1e-6, "{}: {peak}", planned.name);
    }
}

fn is_common(event: &Event) -> bool {
    matches!(event.change, Change::Open | Change::End { .. })
}

fn sorted(mut events: Vec<Event>) -> Vec<String> {
    events.sort_by_key(|event| event.at);
    let mut lines: Vec<_> = events.iter().map(|event| format!("{event:?}")).collect();
    lines.sort();
    lines
}

proptest! {
    #[test]
    fn the_shares_of_all_workers_of_all_agents_are_exactly_the_whole_run(agents in 1u32..6, workers in prop::collection::vec(1u32..5, 6)) {
        let whole = plan(SCENARIOS, Segment::WHOLE);
        let parts: Vec<_> = (0..agents).map(|index| plan(SCENARIOS, Segment::new(index, agents).unwrap())).collect();
        let shares: Vec<_> = parts.iter().zip(&workers)
            .flat_map(|(part, workers)| (0..*workers).map(move |index| (part, Segment::new(index, *workers).unwrap())))
            .collect();

        let of_vus = |events: Vec<Event>| events.into_iter().filter(|event| !is_common(event)).collect::<Vec<_>>();
        let everything = of_vus(whole.events(Segment::WHOLE));
        let together = of_vus(shares.iter().flat_map(|(part, worker)| part.events(*worker)).collect());
        prop_assert_eq!(sorted(together), sorted(everything));
        // Every worker hears of the beginnings and ends that concern all.
        let common = whole.events(Segment::WHOLE).iter().filter(|event| is_common(event)).count();
        for (part, worker) in &shares {
            prop_assert_eq!(part.events(*worker).iter().filter(|event| is_common(event)).count(), common);
        }

        for (index, scenario) in whole.scenarios.iter().enumerate() {
            let sum = |of: &dyn Fn(&ScenarioPlan) -> u64| parts.iter().map(|part| of(&part.scenarios[index])).sum::<u64>();
            prop_assert_eq!(sum(&|part| part.max_vus().into()), u64::from(scenario.max_vus()));
            if let Some(iterations) = scenario.iterations() {
                prop_assert_eq!(sum(&|part| part.iterations().unwrap()), iterations, "{}", scenario.name);
            }
            let Work::Arrivals { schedule, .. } = &scenario.work else { continue };
            let numbers = shares.iter().filter_map(|(part, worker)| part.scenarios[index].slots(*worker));
            let mut slots: Vec<_> = numbers.flat_map(|own| own.take_while(|number| *number < schedule.total())).collect();
            slots.sort_unstable();
            prop_assert_eq!(slots, (0..schedule.total()).collect::<Vec<_>>(), "{}", scenario.name);
        }
    }

    #[test]
    fn an_agents_vus_at_any_time_are_its_own_of_the_whole(agents in 1u32..6, millis in 0u64..8_000) {
        let whole = plan(SCENARIOS, Segment::WHOLE);
        let parts: Vec<_> = (0..agents).map(|index| plan(SCENARIOS, Segment::new(index, agents).unwrap())).collect();
        let time = Duration::from_millis(millis);
        prop_assert_eq!(parts.iter().map(|part| part.vus_at(time)).sum::<u32>(), whole.vus_at(time));
    }
}

#[test]
fn a_worker_without_vus_has_no_slots() {
    let one = plan(
        "scenarios: { a: { executor: constant-arrival-rate, rate: 9, duration: 1s, preAllocatedVUs: 1 } }",
        Segment::WHOLE,
    );
    let slots =
        |index| one.scenarios[0].slots(Segment::new(index, 2).unwrap()).map(|own| own.take(3).collect::<Vec<_>>());
    assert_eq!((slots(0), slots(1)), (Some(vec![0, 1, 2]), None));
}

#[test]
fn a_run_knows_its_iterations_where_they_are_not_its_vus_affair() {
    let of = |text: &str| plan(text, Segment::WHOLE).iterations();
    assert_eq!(of("iterations: 23\nvus: 5"), Some(23));
    assert_eq!(of("scenarios: { a: { executor: per-vu-iterations, vus: 7, iterations: 3 } }"), Some(21));
    assert_eq!(
        of("scenarios: { a: { executor: constant-arrival-rate, rate: 7, duration: 3s, preAllocatedVUs: 2 } }"),
        Some(21)
    );
    assert_eq!(of("duration: 1s"), None);
    assert_eq!(of(SCENARIOS), None);
}

#[test]
fn a_run_without_an_end_says_so() {
    let endless = plan("scenarios: { a: { executor: externally-controlled, maxVUs: 3, duration: 0 } }", Segment::WHOLE);
    assert!(endless.is_endless() && !plan(SCENARIOS, Segment::WHOLE).is_endless());
    assert_eq!((endless.peak_vus(), endless.vus_at(Duration::ZERO)), (3, 0));
}
