use super::*;
use crate::slo::validity::{
    run::{RunValidity, StageValidity},
    signals::{Events, OwnLimits, Throttled},
};

const MANY: u64 = 1_000_000;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn of(p99: Duration, samples: u64) -> Option<Lag> {
    Some(Lag { p99, samples, longest: p99 })
}

fn throttled(periods: f64) -> Option<Throttled> {
    Some(Throttled { periods, time: ms(1) })
}

fn events(count: u64) -> Option<Events> {
    Some(Events { count, largest: ms(300) })
}

fn own(attempts: u64, fd_limit: u64) -> Option<OwnLimits> {
    Some(OwnLimits { attempts, fd_limit, ..OwnLimits::default() })
}

fn levels(signals: Signals) -> (Level, Level) {
    (judge(&signals, LatencyClock::Kernel).level, judge(&signals, LatencyClock::User).level)
}

#[test]
fn each_limit_has_two_sides() {
    use Level::{Invalid, Suspect, Valid};
    let none = Signals::default();
    let (low, high) = (ms(10), ms(100));
    let nano = Duration::from_nanos(1);
    // Signals, and the level with the kernel's clock and with ours.
    let table = [
        (none, Valid, Valid),
        (Signals { send_lag: of(low, MANY), ..none }, Valid, Valid),
        (Signals { send_lag: of(low + nano, MANY), ..none }, Suspect, Suspect),
        (Signals { read_lag: of(low, MANY), ..none }, Valid, Valid),
        (Signals { read_lag: of(low + nano, MANY), ..none }, Suspect, Suspect),
        (Signals { read_lag: of(high, MANY), ..none }, Suspect, Suspect),
        (Signals { read_lag: of(high + nano, MANY), ..none }, Suspect, Invalid),
        (Signals { start_lag: of(low, MANY), ..none }, Valid, Valid),
        (Signals { start_lag: of(low + nano, MANY), ..none }, Suspect, Suspect),
        (Signals { start_lag: of(high + nano, MANY), ..none }, Invalid, Invalid),
        (Signals { loop_lag: of(low, MANY), ..none }, Valid, Valid),
        (Signals { loop_lag: of(low + nano, MANY), ..none }, Suspect, Suspect),
        (Signals { loop_lag: of(high, MANY), ..none }, Suspect, Suspect),
        (Signals { loop_lag: of(high + nano, MANY), ..none }, Invalid, Invalid),
        (Signals { loop_lag: of(high + nano, 99), ..none }, Suspect, Suspect),
        (Signals { loop_lag: of(high + nano, 100), ..none }, Invalid, Invalid),
        (Signals { run_queue: Some(0.1), ..none }, Valid, Valid),
        (Signals { run_queue: Some(0.101), ..none }, Suspect, Suspect),
        (Signals { run_queue: Some(0.5), ..none }, Suspect, Suspect),
        (Signals { run_queue: Some(0.51), ..none }, Invalid, Invalid),
        (Signals { cpu_pressure: Some(0.5), ..none }, Valid, Valid),
        (Signals { cpu_pressure: Some(0.51), ..none }, Suspect, Suspect),
        (Signals { cpu_pressure: Some(1.0), ..none }, Suspect, Suspect),
        (Signals { cpu_pressure: Some(1.0), run_queue: Some(0.01), ..none }, Valid, Valid),
        (Signals { throttled: throttled(0.01), ..none }, Valid, Valid),
        (Signals { throttled: throttled(0.011), ..none }, Suspect, Suspect),
        (Signals { throttled: throttled(0.25), ..none }, Suspect, Suspect),
        (Signals { throttled: throttled(0.251), ..none }, Invalid, Invalid),
        (Signals { dropped_slots: Some(0), ..none }, Valid, Valid),
        (Signals { dropped_slots: Some(1), ..none }, Suspect, Suspect),
        (Signals { own_limits: own(0, 0), ..none }, Valid, Valid),
        (Signals { own_limits: own(MANY, 0), ..none }, Valid, Valid),
        (Signals { own_limits: own(MANY, 1), ..none }, Suspect, Suspect),
        (Signals { own_limits: own(100, 1), ..none }, Suspect, Suspect),
        (Signals { own_limits: own(99, 1), ..none }, Invalid, Invalid),
        (Signals { clock_gaps: events(0), ..none }, Valid, Valid),
        (Signals { clock_gaps: events(1), ..none }, Suspect, Suspect),
        (Signals { clock_steps: events(0), ..none }, Valid, Valid),
        (Signals { clock_steps: events(1), ..none }, Suspect, Suspect),
        (Signals { samples_dropped: Some(0), ..none }, Valid, Valid),
        (Signals { samples_dropped: Some(MANY), ..none }, Suspect, Suspect),
        (Signals { workers_lost: Some(0), ..none }, Valid, Valid),
        (Signals { workers_lost: Some(1), ..none }, Invalid, Invalid),
    ];
    for (signals, kernel, user) in table {
        assert_eq!(levels(signals), (kernel, user), "{signals:?}");
    }
}

#[test]
fn a_late_send_condemns_only_with_a_witness_in_the_generator() {
    let late = Signals { send_lag: of(ms(101), MANY), ..Signals::default() };
    // Alone it may be a target that does not read; a gap or a dropped slot does not say where the time went.
    let alone = [
        late,
        Signals { clock_gaps: events(1), ..late },
        Signals { dropped_slots: Some(5), ..late },
        Signals { run_queue: Some(0.1), read_lag: of(ms(10), MANY), loop_lag: of(ms(10), MANY), ..late },
    ];
    for signals in alone {
        assert_eq!(judge(&signals, LatencyClock::Kernel).level, Level::Suspect, "{signals:?}");
    }
    let standstill = Some(Lag { p99: ms(1), samples: MANY, longest: ms(101) });
    let witnessed = [
        Signals { loop_lag: standstill, ..late },
        Signals { read_lag: of(ms(11), MANY), ..late },
        Signals { start_lag: of(ms(11), MANY), ..late },
        Signals { loop_lag: of(ms(11), MANY), ..late },
        Signals { run_queue: Some(0.11), ..late },
        Signals { cpu_pressure: Some(0.6), ..late },
        Signals { throttled: throttled(0.02), ..late },
    ];
    for signals in witnessed {
        assert_eq!(judge(&signals, LatencyClock::Kernel).level_of(Reason::SendLag), Level::Invalid, "{signals:?}");
    }
}

#[test]
fn each_limit_of_this_machine_is_a_reason_of_its_own() {
    let limits = OwnLimits { attempts: 1000, fd_limit: 1, no_local_port: 20, no_memory: 3 };
    let judgement = judge(&Signals { own_limits: Some(limits), ..Signals::default() }, LatencyClock::Kernel);
    let told: Vec<_> = judgement.findings.iter().map(|one| (one.reason, one.level, one.measured)).collect();
    assert_eq!(
        told,
        [
            (Reason::FdLimit, Level::Suspect, Figure::Share(0.001)),
            (Reason::NoLocalPort, Level::Invalid, Figure::Share(0.02)),
            (Reason::NoMemory, Level::Suspect, Figure::Share(0.003)),
        ]
    );
}

#[test]
fn findings_are_told_in_order_with_what_was_measured_and_the_limit() {
    let signals =
        Signals { workers_lost: Some(1), run_queue: Some(0.2), send_lag: of(ms(250), MANY), ..Signals::default() };
    let judgement = judge(&signals, LatencyClock::Kernel);
    let told: Vec<_> = judgement.findings.iter().map(|one| (one.reason, one.level, one.measured, one.limit)).collect();
    assert_eq!(
        told,
        [
            (Reason::SendLag, Level::Invalid, Figure::Time(ms(250)), Figure::Time(ms(100))),
            (Reason::RunQueue, Level::Suspect, Figure::Share(0.2), Figure::Share(0.1)),
            (Reason::WorkerLost, Level::Invalid, Figure::Count(1), Figure::Count(0)),
        ]
    );
    assert_eq!(
        judgement.message().unwrap(),
        "the run is invalid (send_lag, run_queue, worker_lost): \
         the generator was the limit; the figures are its own, not the target's"
    );
    let lost = Signals { workers_lost: Some(1), ..Signals::default() };
    assert_eq!(
        judge(&lost, LatencyClock::Kernel).message().unwrap(),
        "the run is invalid (worker_lost): a part of the load and of its figures is missing"
    );
    assert_eq!(judge(&Signals::default(), LatencyClock::Kernel).message(), None);
}

fn stage(from: u64, to: u64, signals: Signals) -> StageValidity {
    StageValidity { from: ms(from), to: ms(to), signals, judgement: judge(&signals, LatencyClock::Kernel) }
}

#[test]
fn an_invalid_stage_makes_a_valid_run_suspect_and_says_which() {
    let (calm, starved) =
        (Signals::default(), Signals { run_queue: Some(0.6), loop_lag: of(ms(200), MANY), ..Signals::default() });
    let slow = Signals { loop_lag: of(ms(50), MANY), ..calm };
    let whole = judge(&slow, LatencyClock::Kernel);
    let run = RunValidity::of(slow, whole, vec![stage(0, 3, calm), stage(3, 9, starved), stage(9, 12, starved)]);
    assert_eq!(run.judgement.level, Level::Suspect);
    let told: Vec<_> = run.judgement.findings.iter().map(|one| (one.reason, one.level, one.within)).collect();
    assert_eq!(
        told,
        [(Reason::LoopLag, Level::Suspect, None), (Reason::RunQueue, Level::Suspect, Some((ms(3), ms(9))))]
    );
}

#[test]
fn a_suspect_stage_alone_leaves_the_run_valid() {
    let busy = Signals { run_queue: Some(0.2), ..Signals::default() };
    let run = RunValidity::of(Signals::default(), Judgement::default(), vec![stage(0, 3, busy)]);
    assert_eq!((run.judgement.level, run.stages[0].judgement.level), (Level::Valid, Level::Suspect));
}

#[test]
fn every_reason_is_explained_in_the_documentation_with_its_limits() {
    let page = std::fs::read_to_string("docs/metrics.md").unwrap();
    let (_, explained) = page.split_once("\n### `reason` of `rampd_validity`\n").unwrap();
    let explained = explained.split("\n#").next().unwrap();
    let row = |reason: Reason, suspect: Option<Figure>, invalid: Option<Figure>| {
        let text = |limit| match limit {
            None => " ".to_owned(),
            Some(Figure::Time(time)) => format!(" {} ms ", time.as_millis()),
            Some(Figure::Share(share)) => format!(" {} % ", share * 100.0),
            Some(Figure::Count(count)) => format!(" {count} "),
        };
        format!("\n| `{}` |{}|{}| ", reason.name(), text(suspect), text(invalid))
    };
    for reason in Reason::ALL {
        let share = |limits: Limits<f64>| (limits.suspect.map(Figure::Share), limits.invalid.map(Figure::Share));
        let count = |limits: Limits<u64>| (limits.suspect.map(Figure::Count), limits.invalid.map(Figure::Count));
        let (suspect, invalid) = match reason {
            Reason::SendLag | Reason::ReadLag | Reason::StartLag | Reason::LoopLag => {
                (limits::LAG.suspect.map(Figure::Time), limits::LAG.invalid.map(Figure::Time))
            }
            Reason::RunQueue => share(limits::RUN_QUEUE),
            Reason::CpuPressure => share(limits::CPU_PRESSURE),
            Reason::Throttled => share(limits::THROTTLED),
            Reason::DroppedSlots => count(limits::DROPPED_SLOTS),
            Reason::FdLimit | Reason::NoLocalPort | Reason::NoMemory => share(limits::OWN_LIMITS),
            Reason::ClockGap => count(limits::CLOCK_GAPS),
            Reason::ClockStep => count(limits::CLOCK_STEPS),
            Reason::SamplesDropped => count(limits::SAMPLES_DROPPED),
            Reason::WorkerLost => count(limits::WORKERS_LOST),
            Reason::AgentLost => count(limits::AGENTS_LOST),
        };
        let row = row(reason, suspect, invalid);
        assert!(explained.contains(&row), "{row}");
    }
}

#[test]
fn names_are_distinct_label_values() {
    let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reason::ALL.len());
    assert!(Reason::ALL.is_sorted());
}
