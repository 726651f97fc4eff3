use proptest::prelude::*;

use super::*;
use crate::config::{daemon, environment::Environment, source::Source};

fn profiles(keys: &[&str]) -> Vec<ProfileEntry> {
    let entries = keys.iter().enumerate().map(|(index, keys)| format!("  p{index}: {{ file: p.yaml, {keys} }}\n"));
    let text = format!("profiles:\n{}", entries.collect::<String>());
    let source = Source::from_bytes("rampd.yaml", text.into_bytes()).unwrap();
    daemon::load(&source, &Environment::default()).unwrap().profiles
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn due(profile: &str, time: &str) -> Event {
    Event::Due { profile: profile.to_owned(), at: at(time) }
}

#[test]
fn schedules_come_due_once_and_in_order() {
    let profiles = profiles(&["schedule: '*/10 * * * *'", "schedule: '5 * * * *'", "onStart: true"]);
    let mut scheduler = Scheduler::new(&profiles, at("2026-01-01T10:00:00Z"), |_| None);
    assert_eq!(scheduler.wakes_at(), Some(at("2026-01-01T10:05:00Z")));
    assert_eq!(scheduler.advance(at("2026-01-01T10:04:59.9Z")), []);
    assert_eq!(scheduler.advance(at("2026-01-01T10:05:00Z")), [due("p1", "2026-01-01T10:05:00Z")]);
    assert_eq!(scheduler.advance(at("2026-01-01T10:05:00Z")), []);
    assert_eq!(scheduler.advance(at("2026-01-01T10:10:59Z")), [due("p0", "2026-01-01T10:10:00Z")], "late, but on time");
    assert_eq!(scheduler.next_of("p1"), Some(at("2026-01-01T11:05:00Z")));
    assert_eq!(scheduler.next_of("p2"), None);
}

#[test]
fn what_was_missed_runs_once_or_not_at_all() {
    let profiles = profiles(&["schedule: '*/10 * * * *', ifMissed: run", "schedule: '*/10 * * * *'"]);
    let handled = |_: &str| Some(at("2026-01-01T09:00:00Z"));
    let mut scheduler = Scheduler::new(&profiles, at("2026-01-01T10:05:00Z"), handled);
    let missed = Missed { last: at("2026-01-01T10:00:00Z"), count: 6 };
    assert_eq!(
        scheduler.advance(at("2026-01-01T10:05:00Z")),
        [
            Event::CatchUp { profile: "p0".into(), missed: missed.clone() },
            Event::Skipped { profile: "p1".into(), missed }
        ]
    );
    assert_eq!(scheduler.wakes_at(), Some(at("2026-01-01T10:10:00Z")));
    // The machine sleeps for a day.
    let events = scheduler.advance(at("2026-01-02T10:05:00Z"));
    assert!(matches!(&events[0], Event::CatchUp { missed: Missed { count: 144, .. }, .. }), "{events:?}");
}

#[test]
fn a_new_schedule_has_missed_nothing() {
    let mut scheduler = Scheduler::new(&profiles(&["schedule: '* * * * *'"]), at("2026-01-01T10:00:30Z"), |_| None);
    assert_eq!(scheduler.advance(at("2026-01-01T10:00:30Z")), []);
}

#[test]
fn a_month_of_seconds_is_not_counted_one_by_one() {
    let profiles = profiles(&["schedule: '* * * * * *'"]);
    let handled = |_: &str| Some(at("2026-01-01T00:00:00Z"));
    let now = at("2026-02-01T00:00:00.5Z");
    let events = Scheduler::new(&profiles, now, handled).advance(now);
    let missed = Missed { last: at("2026-02-01T00:00:00Z"), count: COUNTED };
    assert_eq!(events, [Event::Skipped { profile: "p0".into(), missed }]);
}

#[test]
fn a_clock_that_is_put_back_repeats_nothing_unless_it_was_wrong() {
    let profiles = profiles(&["schedule: '0 * * * *'"]);
    let mut scheduler = Scheduler::new(&profiles, at("2026-01-01T09:59:00Z"), |_| None);
    assert_eq!(scheduler.advance(at("2026-01-01T10:00:00Z")), [due("p0", "2026-01-01T10:00:00Z")]);
    assert_eq!(scheduler.advance(at("2026-01-01T09:00:00Z")), [], "put back by an hour");
    assert_eq!(scheduler.advance(at("2026-01-01T10:00:00Z")), [], "10:00 has been");
    assert_eq!(scheduler.advance(at("2026-01-01T11:00:00Z")), [due("p0", "2026-01-01T11:00:00Z")]);
    // It was years ahead.
    let mut scheduler = Scheduler::new(&profiles, at("2030-01-01T09:59:00Z"), |_| None);
    assert_eq!(scheduler.advance(at("2026-01-01T09:30:00Z")), []);
    assert_eq!(scheduler.advance(at("2026-01-01T10:00:00Z")), [due("p0", "2026-01-01T10:00:00Z")]);
}

#[test]
fn another_configuration_leaves_the_schedules_that_it_does_not_change() {
    let mut scheduler = Scheduler::new(&profiles(&["schedule: '0 * * * *'"]), at("2026-01-01T09:59:00Z"), |_| None);
    // Read a moment after the full hour, before anybody looked.
    let now = at("2026-01-01T10:00:01Z");
    let mut same = scheduler.replaced(&profiles(&["schedule: '0 * * * *'", "schedule: '* * * * *'"]), now);
    assert_eq!(same.advance(now), [due("p0", "2026-01-01T10:00:00Z")]);
    let other = scheduler.replaced(&profiles(&["schedule: '30 * * * *'"]), now);
    assert_eq!(other.wakes_at(), Some(at("2026-01-01T10:30:00Z")));
    assert_eq!(scheduler.advance(now).len(), 1);
}

proptest! {
    /// Whatever the clock does, no time of a schedule is handled twice, and with a clock that only goes on each is handled.
    #[test]
    fn each_time_is_handled_once(steps in proptest::collection::vec(-7_000_i64..20_000, 1..60)) {
        let profiles = profiles(&["schedule: '*/7 * * * *'"]);
        let schedule = profiles[0].schedule.clone().unwrap();
        let start = at("2026-03-01T00:00:00Z");
        let mut scheduler = Scheduler::new(&profiles, start, |_| None);
        let (mut now, mut highest) = (start, start);
        let mut handled: Vec<(Timestamp, Timestamp, u32)> = Vec::new();
        for step in &steps {
            now += jiff::SignedDuration::from_secs(*step);
            highest = highest.max(now);
            for event in scheduler.advance(now) {
                match event {
                    Event::Due { at, .. } => handled.push((at, at, 1)),
                    Event::CatchUp { missed, .. } | Event::Skipped { missed, .. } => {
                        let before = handled.last().map_or(start, |(_, last, _)| *last);
                        handled.push((schedule.next_after(before).unwrap(), missed.last, missed.count));
                    }
                }
            }
            prop_assert!(scheduler.wakes_at().unwrap() > now);
        }
        for pair in handled.windows(2) {
            prop_assert!(pair[0].1 < pair[1].0, "{pair:?}");
        }
        // Steps back are below the three hours after which everything is computed anew.
        let mut expected = 0;
        let mut time = start;
        while let Some(next) = schedule.next_after(time).filter(|next| *next <= highest) {
            time = next;
            expected += 1;
        }
        let counted: u32 = handled.iter().map(|(_, _, count)| count).sum();
        let on_the_way_back = steps.iter().any(|step| *step < 0);
        prop_assert!(counted == expected || on_the_way_back && counted <= expected, "{counted} of {expected}");
    }
}
