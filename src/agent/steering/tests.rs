use super::*;
use crate::{
    config::{self, environment::Environment, overrides::Overrides, source::Source},
    plan::Plan,
};

const PROFILE: &str = "
scenarios:
  flat: { executor: constant-vus, vus: 3, duration: 10s }
  ramp: { executor: ramping-vus, startVUs: 1, stages: [{ duration: 4s, target: 9 }, { duration: 4s, target: 0 }] }
  live: { executor: externally-controlled, vus: 1, maxVUs: 5, duration: 10s }
  rate: { executor: constant-arrival-rate, rate: 10, duration: 10s, preAllocatedVUs: 1 }
  late: { executor: constant-vus, vus: 2, startTime: 5s, duration: 10s }
  each: { executor: per-vu-iterations, vus: 2 }
flow: [{ sleep: 1s }]";

fn plan(text: &str) -> Plan {
    let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
    Plan::new(&config::load(&source, &Environment::default(), &Overrides::default()).unwrap())
}

struct Run {
    start: Instant,
    steered: Steered,
}

impl Run {
    fn new() -> Self {
        let start = Instant::now();
        Self { start, steered: Steered::new(Arc::new(plan(PROFILE)), start) }
    }

    fn order(&mut self, millis: u64, action: &Action) -> Result<bool, Error> {
        let at = self.start + Duration::from_millis(millis);
        let wheel = wheel(action, &self.steered, at)?;
        if let Some(wheel) = &wheel {
            self.steered.take(wheel, at);
        }
        Ok(wheel.is_some())
    }

    fn vus(&mut self, millis: u64, scenario: &str, vus: u32) -> Result<bool, Error> {
        self.order(millis, &Action::SetVus { scenario: Some(scenario.to_owned()), vus })
    }

    fn planned(&self, millis: u64, scenario: usize) -> u32 {
        let at = self.steered.elapsed(self.start + Duration::from_millis(millis));
        self.steered.plan().scenarios[scenario].vus_at(at)
    }
}

#[test]
fn vus_are_set_where_they_loop_and_only_up_to_their_most() {
    let mut run = Run::new();
    for (scenario, most) in [("flat", 3), ("ramp", 9), ("live", 5), ("late", 2)] {
        assert_eq!((run.vus(0, scenario, 0), run.vus(0, scenario, most)), (Ok(true), Ok(true)), "{scenario}");
    }
    for (scenario, vus, message) in [
        ("live", 6, "scenario `live` has at most 5 VUs, 6 are too many; raise its `maxVUs` and start again"),
        (
            "ramp",
            10,
            "scenario `ramp` has at most 9 VUs, 10 are too many; raise the most VUs of its `vus` or `stages` and start again",
        ),
        (
            "each",
            1,
            "the VUs of scenario `each` cannot be set, because of its executor; VUs can be set for: flat, ramp, live, late",
        ),
        ("none", 1, "there is no scenario `none`; VUs can be set for: flat, ramp, live, late"),
    ] {
        assert_eq!(run.vus(0, scenario, vus).unwrap_err().to_string(), message);
    }
    let unnamed = run.order(0, &Action::SetVus { scenario: None, vus: 1 }).unwrap_err();
    assert_eq!(unnamed.to_string(), "name a scenario; VUs can be set for: flat, ramp, live, late");
}

#[test]
fn the_only_arrival_rate_needs_no_name_and_takes_rates_only() {
    let mut run = Run::new();
    let mut set = |per_second| run.order(2000, &Action::SetRate { scenario: None, per_second });
    for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e12] {
        assert!(matches!(set(wrong), Err(Error::NoRate { .. })), "{wrong}");
    }
    assert_eq!(set(25.0), Ok(true));
    let rate = &run.steered.plan().scenarios[3];
    assert_eq!(rate.rate_at(Duration::from_secs(3)), 25.0);
    // 20 by two seconds, and 8 times 25.
    assert_eq!(rate.iterations(), Some(220));
}

#[test]
fn a_scenario_that_is_over_takes_no_orders_and_one_to_come_keeps_them() {
    let mut run = Run::new();
    assert_eq!(run.vus(8000, "ramp", 1), Err(Error::Over { scenario: "ramp".to_owned() }));
    assert_eq!(run.vus(4999, "late", 1), Ok(true));
    assert_eq!([run.planned(4999, 4), run.planned(5000, 4), run.planned(14_999, 4)], [0, 1, 1]);
}

#[test]
fn an_order_ends_the_curve_and_its_stages_and_leaves_the_end() {
    let mut run = Run::new();
    assert_eq!(run.steered.plan().scenarios[1].stages.len(), 2);
    run.vus(1000, "ramp", 7).unwrap();
    assert!(run.steered.is_ordered(1) && !run.steered.is_ordered(0));
    assert_eq!(run.steered.plan().scenarios[1].stages, [Duration::ZERO]);
    assert_eq!([run.planned(1000, 1), run.planned(7999, 1), run.planned(8000, 1)], [7, 7, 0]);
    assert_eq!(run.steered.original().scenarios[1].vus_at(Duration::from_secs(6)), 5, "the profile's is kept");
}

#[test]
fn a_pause_moves_what_is_to_come_and_nothing_that_has_been() {
    let mut run = Run::new();
    let at = |millis| run.start + Duration::from_millis(millis);
    let (ramp_turns, late_begins, now) = (Duration::from_secs(4), Duration::from_secs(5), at(6500));
    assert_eq!(run.order(4500, &Action::Pause), Ok(true));
    assert_eq!(run.order(4600, &Action::Pause), Ok(false), "again is the same as once");
    assert_eq!(run.planned(9000, 1), run.planned(4500, 1));
    assert_eq!(run.steered.when(late_begins, now), now + Duration::from_millis(500));
    assert_eq!((run.order(7500, &Action::Resume), run.order(7500, &Action::Resume)), (Ok(true), Ok(false)));
    let start = run.start;
    assert_eq!(run.steered.when(ramp_turns, now), start + Duration::from_secs(4));
    assert_eq!(run.steered.when(late_begins, now), start + Duration::from_secs(8));
    assert_eq!(run.steered.elapsed(start + Duration::from_secs(8)), late_begins);
}

#[test]
fn a_part_of_a_fleet_is_stopped_and_not_changed() {
    let source = Source::from_bytes("p.yaml", PROFILE.as_bytes().to_vec()).unwrap();
    let profile = config::load(&source, &Environment::default(), &Overrides::default()).unwrap();
    let start = Instant::now();
    let part = Steered::new(Arc::new(Plan::of_segment(&profile, Segment::new(0, 2).unwrap())), start);
    for action in [Action::Pause, Action::Resume, Action::SetVus { scenario: Some("flat".to_owned()), vus: 1 }] {
        assert_eq!(wheel(&action, &part, start).unwrap_err(), Error::Fleet, "{action:?}");
    }
    assert!(wheel(&Action::Stop, &part, start).unwrap().is_none());
}

#[tokio::test]
async fn an_order_after_the_run_is_refused_at_once() {
    let (steering, orders) = channel();
    drop(orders);
    assert_eq!(steering.set_vus("live", 1).await, Err(Error::NoRun));
    assert_eq!(steering.order(Action::Stop).await, Err(Error::NoRun));
}
