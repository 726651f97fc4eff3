use std::sync::Arc;

use super::*;
use crate::{
    config::{self, environment::Environment, overrides::Overrides, source::Source},
    engine::instruments::Instruments,
    metrics::recorder::Recorder,
    slo::validity::signals::Events,
    units::tags::Tags,
};

const SECOND: Duration = Duration::from_secs(1);

fn plan(yaml: &str) -> Plan {
    let source = Source::from_bytes("test.yaml", yaml.as_bytes().to_vec()).unwrap();
    Plan::new(&config::load(&source, &Environment::default(), &Overrides::default()).unwrap())
}

const FLOW: &str = "flow: [{ websocket: { url: 'ws://127.0.0.1:1/', steps: [{ hold: 1s }] } }]";

/// A run with one recorder and no kernel but the one that the test gives.
struct Run {
    start: Instant,
    slots: GeneratorSlots,
    recorder: Recorder,
    history: History,
}

impl Run {
    fn new(boundaries: &[u32]) -> Self {
        let start = Instant::now();
        let plan = plan(&format!("vus: 1\nduration: 1s\n{FLOW}\n"));
        let instruments = Instruments::new(&plan, Tags::new(), &[]);
        let table = Arc::clone(&instruments.table);
        let recorder = Recorder::new(&table, start, None);
        let slots = instruments.generator;
        let first = Totals::new(start, kernel(0, 0), Counts::default(), &slots, &recorder.snapshot());
        let boundaries = boundaries.iter().map(|second| SECOND * *second).collect();
        Self { start, slots, recorder, history: History::new(start, boundaries, first) }
    }

    fn at(&self, seconds: u32, kernel: KernelTotals) -> Totals {
        let at = self.start + SECOND * seconds;
        Totals::new(at, kernel, Counts::default(), &self.slots, &self.recorder.snapshot())
    }

    fn tick(&mut self, seconds: u32, kernel: KernelTotals) {
        let totals = self.at(seconds, kernel);
        self.history.tick(&totals, LatencyClock::Kernel);
    }

    fn end(&mut self, seconds: u32, kernel: KernelTotals) {
        let totals = self.at(seconds, kernel);
        self.history.end(&totals, LatencyClock::Kernel);
    }
}

/// Two workers that have waited `millis` together, and a quota with these throttled periods, out of ten each second.
fn kernel(millis: u64, throttled: u64) -> KernelTotals {
    let periods = 1000;
    let time = Duration::from_millis(throttled * 50);
    KernelTotals {
        run_queue: Some(Duration::from_millis(millis)),
        workers: 2,
        cpu_pressure: None,
        throttling: Some(proc::Throttling { periods: periods + throttled * 10, throttled, time }),
    }
}

#[test]
fn every_stage_has_the_signals_of_its_own_time_and_the_run_those_of_all() {
    let mut run = Run::new(&[10, 20]);
    run.recorder.observe_n(run.slots.send_lag, 1_000_000, 200);
    run.tick(10, kernel(100, 0));
    run.recorder.observe_n(run.slots.send_lag, 50_000_000, 200);
    run.history.happened(|happened| happened.gaps.note(SECOND));
    run.tick(15, kernel(100, 0));
    run.tick(20, kernel(12_100, 3));
    run.end(30, kernel(12_100, 3));
    let RunValidity { judgement, signals, stages } = &run.history.validity;
    let told: Vec<_> = stages
        .iter()
        .map(|stage| {
            let lag = stage.signals.send_lag.map(|lag| (lag.p99.as_millis(), lag.samples));
            let queue = stage.signals.run_queue.map(|share| (share * 1000.0).round());
            (stage.from.as_secs(), stage.to.as_secs(), lag, queue, stage.judgement.level)
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, 10, Some((1, 200)), Some(5.0), Level::Valid),
            (10, 20, Some((50, 200)), Some(600.0), Level::Invalid),
            (20, 30, None, Some(0.0), Level::Valid),
        ]
    );
    assert_eq!(stages[1].signals.clock_gaps, Some(Events { count: 1, largest: SECOND }));
    assert_eq!(stages[1].signals.throttled.map(|throttled| throttled.periods), Some(0.1));
    assert_eq!(stages[2].signals.clock_gaps, Some(Events::default()));
    assert_eq!(signals.send_lag.map(|lag| lag.samples), Some(400));
    assert_eq!(signals.run_queue.map(|share| (share * 1000.0).round()), Some(202.0));
    assert_eq!(judgement.level, Level::Suspect);
}

#[test]
fn boundaries_that_pass_between_two_ticks_close_one_stage() {
    let mut run = Run::new(&[3, 4, 5, 60]);
    run.tick(2, kernel(0, 0));
    assert_eq!(run.history.validity.stages.len(), 0);
    run.tick(6, kernel(0, 0));
    run.end(9, kernel(0, 0));
    let told: Vec<_> =
        run.history.validity.stages.iter().map(|stage| (stage.from.as_secs(), stage.to.as_secs())).collect();
    assert_eq!(told, [(0, 6), (6, 9)]);
}

#[test]
fn what_the_kernel_does_not_offer_is_not_available_and_not_judged() {
    let mut run = Run::new(&[]);
    let nothing = KernelTotals::default();
    run.history.first.kernel = nothing;
    run.end(10, nothing);
    let signals = run.history.validity.signals;
    assert_eq!((signals.run_queue, signals.cpu_pressure, signals.throttled), (None, None, None));
    assert_eq!((signals.send_lag, signals.dropped_slots, signals.samples_dropped), (None, None, None));
    assert_eq!(run.history.validity.judgement, Default::default());
}

#[test]
fn shares_of_less_than_a_second_are_not_judged() {
    let mut run = Run::new(&[]);
    let mut totals = run.at(1, kernel(900, 9));
    totals.at = run.start + SECOND / 2;
    run.history.end(&totals, LatencyClock::Kernel);
    assert_eq!(run.history.validity.signals.run_queue, None);
    assert_eq!(run.history.validity.signals.throttled, None);
}

#[test]
fn stages_of_all_scenarios_make_one_list_and_the_last_goes_on_to_the_end() {
    let scenario = |name: &str, start: &str, stages: &str| {
        format!("  {name}: {{ executor: ramping-vus, startTime: {start}, stages: {stages}, {FLOW} }}\n")
    };
    let one = scenario("one", "0s", "[{ duration: 30s, target: 5 }, { duration: 1m, target: 9 }]");
    let two = scenario("two", "30s", "[{ duration: 20s, target: 5 }, { duration: 10s, target: 9 }]");
    let plan = plan(&format!("scenarios:\n{one}{two}"));
    assert_eq!(boundaries(&plan), [30, 50, 60].map(Duration::from_secs));
}

#[test]
fn facts_have_every_reason_and_one_state_and_totals_since_the_start() {
    let plan = plan(&format!("vus: 1\nduration: 1s\n{FLOW}\n"));
    let instruments = Instruments::new(&plan, Tags::new(), &[]);
    let empty = Snapshot::empty(&instruments.table);
    let start = Instant::now();
    let mut health = Health::new(&plan, start, LatencyClock::Kernel, instruments.generator, &empty);
    let before = health.facts();
    assert_eq!(before.reasons.len(), Reason::ALL.len());
    assert!(before.reasons.iter().all(|(_, set)| !set));
    assert_eq!(before.states, [("valid", true), ("suspect", false), ("invalid", false)]);
    health.ready(start);
    health.beat(health.next_beat() + SECOND);
    let counts = Counts { workers_lost: 1, ..Counts::default() };
    health.end(&empty, counts, Instant::now() + SECOND);
    let after = health.facts();
    let set: Vec<_> = after.reasons.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    assert_eq!(set, ["clock_gap", "worker_lost"]);
    assert_eq!(after.states, [("valid", false), ("suspect", false), ("invalid", true)]);
    assert_eq!(after.clock_gaps, Some(1));
}
