use super::*;
use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};
use proptest::prelude::*;

fn plan(text: &str) -> Plan {
    let text = format!("scenarios: {{ a: {{ {text} }} }}\nflow: [{{ sleep: 1s }}]");
    let source = Source::from_bytes("p.yaml", text.into_bytes()).unwrap();
    Plan::new(&config::load(&source, &Environment::default(), &Overrides::default()).unwrap())
}

fn walked(plan: &Plan) -> Vec<String> {
    let start = Instant::now();
    let mut workload = Workload::new(plan, Segment::WHOLE, start);
    let mut told = Vec::new();
    while let Some(at) = workload.next_at() {
        let since = at.since(start).as_millis();
        match workload.take(plan, at).unwrap() {
            Due::Change { change: Change::Start { vu }, .. } => told.push(format!("{since} start {vu}")),
            Due::Change { change: Change::Stop { vu, .. }, .. } => told.push(format!("{since} stop {vu}")),
            Due::Change { change: Change::Open, .. } => told.push(format!("{since} open")),
            Due::Change { change: Change::End { cut_at }, .. } => {
                told.push(format!("{since} end, cut at {}", cut_at.as_millis()));
            }
            Due::Slot { at: slot, .. } => {
                assert_eq!(slot, at);
                told.push(format!("{since} slot"));
            }
            Due::Cut { vu, .. } => told.push(format!("{since} cut {vu}")),
        }
    }
    told
}

#[test]
fn vus_are_there_before_the_first_slot_and_the_last_slot_before_the_end() {
    let ramping = plan(
        "executor: ramping-arrival-rate, startRate: 2, stages: [{ duration: 1s, target: 2 }], preAllocatedVUs: 2, gracefulStop: 3s",
    );
    assert_eq!(walked(&ramping), ["0 start 0", "0 start 1", "500 slot", "1000 slot", "1000 end, cut at 4000"]);
    let constant = plan("executor: constant-arrival-rate, rate: 2, duration: 1s, startTime: 1s, preAllocatedVUs: 1");
    assert_eq!(walked(&constant), ["1000 start 0", "1000 slot", "1500 slot", "2000 end, cut at 32000"]);
}

#[test]
fn a_run_of_iterations_is_over_when_its_vus_are_done_and_a_live_one_at_its_end() {
    let start = Instant::now();
    for (text, ends) in [
        ("executor: per-vu-iterations", false),
        ("executor: shared-iterations", false),
        ("executor: externally-controlled, maxVUs: 2, duration: 5s", true),
    ] {
        let plan = plan(text);
        let mut workload = Workload::new(&plan, Segment::WHOLE, start);
        assert!(!workload.is_over(), "{text}");
        assert!(workload.take(&plan, start).is_some());
        assert_eq!(!workload.is_over(), ends, "{text}");
        while workload.take(&plan, start + Duration::from_secs(1000)).is_some() {}
        assert!(workload.is_over(), "{text}");
    }
}

#[test]
fn late_slots_all_come_due_at_once_and_keep_their_times() {
    let plan = plan("executor: constant-arrival-rate, rate: 10, duration: 1s, preAllocatedVUs: 1");
    let start = Instant::now();
    let mut workload = Workload::new(&plan, Segment::WHOLE, start);
    let mut slots = Vec::new();
    while let Some(due) = workload.take(&plan, start + Duration::from_millis(450)) {
        if let Due::Slot { at, .. } = due {
            slots.push(at.since(start).as_millis());
        }
    }
    assert_eq!(slots, [0, 100, 200, 300, 400]);
}

#[test]
fn a_scenario_that_has_left_its_curve_has_its_end_and_nothing_else_to_come() {
    let curve = plan("executor: ramping-vus, startVUs: 2, stages: [{ duration: 2s, target: 0 }], gracefulStop: 3s");
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let mut workload = Workload::new(&curve, Segment::WHOLE, start);
    assert_eq!(std::iter::from_fn(|| workload.take(&curve, at(500))).count(), 2, "both VUs have begun");
    assert!(workload.is_over(), "the curve only takes VUs away");
    assert!(workload.leave_curve(&curve, 0, Duration::from_millis(500)));
    assert!(!workload.is_over(), "more may be ordered");
    assert_eq!(workload.next_at(), Some(at(2000)));
    let end = Change::End { cut_at: Duration::from_secs(5) };
    assert_eq!(workload.take(&curve, at(2000)), Some(Due::Change { scenario: 0, change: end }));
    assert!(workload.is_over());
}

#[test]
fn an_order_before_the_start_of_a_scenario_waits_for_it() {
    let late = plan("executor: constant-vus, vus: 2, startTime: 1s, duration: 1s");
    let start = Instant::now();
    let mut workload = Workload::new(&late, Segment::WHOLE, start);
    assert!(!workload.leave_curve(&late, 0, Duration::from_millis(500)));
    let due = workload.take(&late, start + Duration::from_secs(1));
    assert_eq!(due, Some(Due::Change { scenario: 0, change: Change::Open }));
}

#[test]
fn a_pause_holds_cuts_too_and_a_stop_ends_it() {
    let plan = plan("executor: constant-vus, duration: 1s, gracefulStop: 1s");
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let mut workload = Workload::new(&plan, Segment::WHOLE, start);
    while workload.take(&plan, at(1000)).is_some() {}
    workload.cut(Duration::from_secs(2), 0, 0, 1);
    workload.clock.pause(at(1500));
    assert_eq!((workload.next_at(), workload.take(&plan, at(60_000))), (None, None));
    workload.clear(at(60_000));
    assert_eq!(workload.next_at(), Some(at(60_500)));
}

/// What is ordered of an arrival rate, after so many milliseconds.
#[derive(Debug, Clone)]
enum Ordered {
    Rate(f64),
    Pause,
    Resume,
}

fn orders() -> impl Strategy<Value = Vec<(u64, Ordered)>> {
    let order = prop_oneof![
        2 => prop::sample::select(vec![0.0, 0.7, 15.0, 230.5]).prop_map(Ordered::Rate),
        1 => Just(Ordered::Pause),
        1 => Just(Ordered::Resume),
    ];
    prop::collection::vec((0u64..400, order), 0..10)
}

/// The slots of one worker, in milliseconds by the clock, with the plan as it was at last.
fn slots_of(plan: &Plan, worker: Segment, orders: &[(u64, Ordered)], start: Instant) -> (Vec<u128>, Plan) {
    let mut plan = plan.clone();
    let mut workload = Workload::new(&plan, worker, start);
    let (mut slots, mut now) = (Vec::new(), start);
    let mut take = |workload: &mut Workload, plan: &Plan, until| {
        while let Some(due) = workload.take(plan, until) {
            if let Due::Slot { at, .. } = due {
                slots.push(at.since(start).as_nanos());
            }
        }
    };
    for (after, order) in orders {
        now = now + Duration::from_millis(*after);
        take(&mut workload, &plan, now);
        let elapsed = workload.clock.elapsed(now);
        match order {
            Ordered::Pause => workload.clock.pause(now),
            Ordered::Resume => workload.clock.resume(now),
            Ordered::Rate(per_second) => {
                plan = plan.with(0, plan.scenarios[0].with_rate(elapsed, *per_second).unwrap());
                workload.leave_curve(&plan, 0, elapsed);
            }
        }
    }
    workload.clock.resume(now);
    take(&mut workload, &plan, now + Duration::from_secs(100));
    assert!(workload.is_over());
    (slots, plan)
}

proptest! {
    #[test]
    fn whatever_is_ordered_the_slots_of_all_workers_are_those_of_one(
        constant in any::<bool>(), vus in 1u32..6, workers in 1u32..5, orders in orders(),
    ) {
        let executor = if constant {
            "executor: constant-arrival-rate, rate: 40, duration: 2s"
        } else {
            "executor: ramping-arrival-rate, startRate: 5, stages: [{ duration: 1s, target: 90 }, { duration: 1s, target: 0 }]"
        };
        let plan = plan(&format!("{executor}, preAllocatedVUs: {vus}"));
        let start = Instant::now();
        let (whole, last) = slots_of(&plan, Segment::WHOLE, &orders, start);
        let mut all: Vec<_> = Segment::new(0, workers).unwrap().siblings()
            .flat_map(|worker| slots_of(&plan, worker, &orders, start).0).collect();
        all.sort_unstable();
        prop_assert_eq!(&all, &whole);
        let planned = last.scenarios[0].iterations().unwrap();
        prop_assert!(planned.abs_diff(whole.len() as u64) <= 1, "{} slots, {} planned", whole.len(), planned);
        // No slot in a pause.
        let (mut now, mut paused) = (0, None);
        for (after, order) in &orders {
            now += u128::from(*after) * 1_000_000;
            match (order, paused) {
                (Ordered::Pause, None) => paused = Some(now),
                (Ordered::Resume, Some(since)) => {
                    prop_assert!(!whole.iter().any(|slot| since < *slot && *slot < now));
                    paused = None;
                }
                _ => {}
            }
        }
    }
}
