//! The plan beside what k6 did with the same options: tests/fixtures/k6-schedules.json has when k6
//! v2.2 began which iteration (`make k6-schedules` records it anew).

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

/// How late k6 may have been on the machine that recorded it, in milliseconds.
const LATE: f64 = 60.0;
/// k6's clock and the scenario's start are whole milliseconds.
const EARLY: f64 = 2.0;

/// VU (from 1) and milliseconds since its scenario's start.
type Begun = Vec<(u32, f64)>;

struct Case {
    name: String,
    plan: Plan,
    sleep: f64,
    /// By scenario.
    begun: BTreeMap<String, Begun>,
    dropped: u64,
}

fn json(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases() -> Vec<Case> {
    let cases = json("tests/k6/schedules/cases.json");
    let recorded = json("tests/fixtures/k6-schedules.json");
    assert_eq!(recorded["k6"], "v2.2.0");
    let cases = cases.as_object().unwrap();
    assert!(cases.len() > 30);
    cases
        .iter()
        .map(|(name, case)| {
            let k6 = &recorded["cases"][name];
            let segment = case.get("segment").map_or(Segment::WHOLE, |of| {
                let part = |index: usize| of[index].as_u64().unwrap() as u32;
                Segment::new(part(0), part(1)).unwrap()
            });
            // JSON is YAML, and k6's options are a profile's.
            let mut profile = case["options"].clone();
            profile["flow"] = serde_json::json!([{ "sleep": case["sleep_ms"] }]);
            let source = Source::from_bytes(name, profile.to_string().into_bytes()).unwrap();
            let profile = config::load(&source, &Environment::default(), &Overrides::default());
            let profile = profile.unwrap_or_else(|report| panic!("{report}"));
            let row = |row: &Value| (row[0].as_u64().unwrap() as u32, row[2].as_f64().unwrap());
            let starts = k6["starts"].as_object().unwrap().iter();
            Case {
                name: name.clone(),
                plan: Plan::of_segment(&profile, segment),
                sleep: case["sleep_ms"].as_f64().unwrap(),
                begun: starts
                    .map(|(of, rows)| (of.clone(), rows.as_array().unwrap().iter().map(row).collect()))
                    .collect(),
                dropped: k6["dropped"].as_u64().unwrap(),
            }
        })
        .collect()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn near(k6: f64, planned: f64) -> bool {
    (planned - EARLY..=planned + LATE).contains(&k6)
}

/// First and last iteration of each VU, in the order of the first.
fn spans(begun: &Begun) -> Vec<(u32, f64, f64)> {
    let mut spans: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (vu, at) in begun {
        let span = spans.entry(*vu).or_insert((*at, *at));
        *span = (span.0.min(*at), span.1.max(*at));
    }
    let mut spans: Vec<_> = spans.into_iter().map(|(vu, (first, last))| (vu, first, last)).collect();
    spans.sort_by(|one, other| one.1.total_cmp(&other.1).then(one.2.total_cmp(&other.2)));
    spans
}

fn slots(scenario: &ScenarioPlan) -> Vec<f64> {
    let Work::Arrivals { schedule, .. } = &scenario.work else { panic!("{}", scenario.name) };
    let numbers = scenario.slots(Segment::WHOLE).unwrap();
    numbers.map_while(|number| schedule.slot(number)).map(millis).collect()
}

#[test]
fn slots_of_arrival_rates_are_k6s() {
    let mut seen = 0;
    for case in cases() {
        for scenario in case.plan.scenarios.iter().filter(|one| matches!(one.work, Work::Arrivals { .. })) {
            seen += 1;
            let (planned, mut begun) = (slots(scenario), case.begun[&scenario.name].clone());
            let (end, mut dropped) = (millis(scenario.end - scenario.start), case.dropped);
            // k6 has one more where a slot of a constant rate falls on the end: two timers race there.
            let more = begun.len() as u64 + dropped - planned.len() as u64;
            if more == 1 {
                assert!(case.name.contains("constant-rate") || case.name == "two-scenarios", "{}", case.name);
                match begun.pop() {
                    Some((_, last)) if near(last, end) => {}
                    other => {
                        begun.extend(other);
                        dropped -= 1;
                    }
                }
            }
            assert_eq!(begun.len() as u64 + dropped, planned.len() as u64, "{}", case.name);
            // Each began at a slot of its own, in order; the slots between were dropped.
            let mut left = planned.iter();
            for (_, at) in &begun {
                assert!(left.any(|slot| near(*at, *slot)), "{}: {at} is at no slot of {planned:?}", case.name);
            }
        }
    }
    assert!(seen >= 14, "{seen}");
}

#[test]
fn vus_that_loop_begin_and_end_when_k6s_do() {
    let mut seen = 0;
    for case in cases() {
        for (index, scenario) in case.plan.scenarios.iter().enumerate() {
            if !matches!(scenario.work, Work::Loop) {
                continue;
            }
            seen += 1;
            let mut planned: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
            for (_, event) in scenario.events(index) {
                let at = millis(event.at - scenario.start);
                match event.change {
                    Change::Start { vu } => drop(planned.insert(vu + 1, (at, f64::INFINITY))),
                    Change::Stop { vu, .. } => planned.get_mut(&(vu + 1)).unwrap().1 = at,
                    other => panic!("{other:?}"),
                }
            }
            let spans = spans(&case.begun[&scenario.name]);
            let numbers = |vus: &mut dyn Iterator<Item = u32>| vus.collect::<std::collections::BTreeSet<_>>();
            if case.begun.len() == 1 {
                // A VU that would begin at the very end is not begun by k6.
                let end = millis(scenario.end - scenario.start);
                planned.retain(|_, (start, _)| *start < end);
                assert_eq!(
                    numbers(&mut spans.iter().map(|span| span.0)),
                    numbers(&mut planned.keys().copied()),
                    "{}",
                    case.name
                );
            }
            let mut planned: Vec<_> = planned.into_values().collect();
            planned.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
            assert_eq!(spans.len(), planned.len(), "{}", case.name);
            for ((_, first, last), (start, stop)) in spans.iter().zip(&planned) {
                assert!(near(*first, *start), "{}: begun at {first}, planned at {start}", case.name);
                let latest = stop - case.sleep - LATE;
                assert!(
                    *last < stop + EARLY && (*last >= latest || last <= first),
                    "{}: last at {last}, {stop}",
                    case.name
                );
            }
        }
    }
    assert!(seen >= 9, "{seen}");
}

#[test]
fn iterations_are_split_over_vus_and_segments_as_k6_splits_them() {
    let mut seen = 0;
    for case in cases() {
        for scenario in &case.plan.scenarios {
            let Some(planned) = scenario.iterations().filter(|_| !matches!(scenario.work, Work::Arrivals { .. }))
            else {
                continue;
            };
            seen += 1;
            let begun = &case.begun[&scenario.name];
            assert_eq!(begun.len() as u64 + case.dropped, planned, "{}", case.name);
            let mut of_vus: BTreeMap<u32, u64> = BTreeMap::new();
            for (vu, _) in begun {
                *of_vus.entry(*vu).or_default() += 1;
            }
            let numbers: Vec<_> = (0..scenario.planned_vus()).map(|own| scenario.segment.number(own) + 1).collect();
            assert!(of_vus.keys().all(|vu| numbers.contains(vu)), "{}", case.name);
            if let Work::Each { iterations } = scenario.work {
                assert_eq!(of_vus.len(), numbers.len(), "{}", case.name);
                assert!(case.dropped > 0 || of_vus.values().all(|count| *count == iterations), "{}", case.name);
            }
        }
    }
    assert!(seen >= 9, "{seen}");
}
