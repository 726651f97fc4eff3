//! Any sequence of events against an oracle that keeps the whole history and walks through it for each answer.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const LOST_AFTER: Duration = Duration::from_secs(5);
const START_TIMEOUT: Duration = Duration::from_secs(12);

/// What happens at a roster.
#[derive(Debug, Clone)]
enum Event {
    Join { index: u32, instance: u64, is_ours: bool },
    Report { index: u32, instance: u64, sequence: u64 },
    HandIn { index: u32, instance: u64 },
    Stop(Cause),
    Pass(Duration),
}

fn events(of: u32) -> impl Strategy<Value = Vec<Event>> {
    // Mostly the first process of each number; also a second one, and numbers that there are not.
    let process = || (0..=of, prop_oneof![6 => Just(1u64), 1 => Just(2u64)]);
    let ours = prop_oneof![9 => Just(true), 1 => Just(false)];
    let cause = prop_oneof![Just(Cause::Aborted), Just(Cause::Interrupted), Just(Cause::Stopped), Just(Cause::Failed)];
    let event = prop_oneof![
        6 => (process(), ours).prop_map(|((index, instance), is_ours)| Event::Join { index, instance, is_ours }),
        4 => (process(), 0u64..6)
            .prop_map(|((index, instance), sequence)| Event::Report { index, instance, sequence }),
        2 => process().prop_map(|(index, instance)| Event::HandIn { index, instance }),
        1 => cause.prop_map(Event::Stop),
        5 => (0u64..3_000).prop_map(|ms| Event::Pass(Duration::from_millis(ms))),
    ];
    prop::collection::vec(event, 1..120)
}

/// What was taken, with its time.
#[derive(Debug, Clone)]
enum Entry {
    Heard { index: u32, instance: u64 },
    Counts { index: u32, instance: u64, sequence: u64, text: Bytes },
    Result { index: u32, instance: u64, text: Bytes },
    Looked,
}

/// A member, see [`History::members`].
#[derive(Debug, Clone, Copy)]
struct Known {
    process: u64,
    heard: Instant,
    since: usize,
}

/// See the module.
#[derive(Debug)]
struct History {
    of: u32,
    entries: Vec<(Instant, Entry)>,
    /// How many entries there were when the start was decided or given up.
    decided: Option<usize>,
    first_stop: Option<Cause>,
}

impl History {
    /// Who is a member: process, when it was last heard, and since which entry. After the decision nobody goes and nobody
    /// comes.
    fn members(&self) -> BTreeMap<u32, Known> {
        let mut members = BTreeMap::<_, Known>::new();
        for (place, (time, entry)) in self.entries.iter().enumerate() {
            match entry {
                Entry::Heard { index, instance }
                | Entry::Counts { index, instance, .. }
                | Entry::Result { index, instance, .. } => {
                    let since = members.get(index).filter(|known| known.process == *instance).map(|known| known.since);
                    let known = Known { process: *instance, heard: *time, since: since.unwrap_or(place) };
                    members.insert(*index, known);
                }
                Entry::Looked if self.decided.is_none_or(|decided| place < decided) => {
                    members.retain(|_, known| time.since(known.heard) <= LOST_AFTER);
                }
                Entry::Looked => {}
            }
        }
        members
    }

    /// The first result of each member.
    fn results(&self) -> BTreeMap<u32, Bytes> {
        let members = self.members();
        let mut results = BTreeMap::new();
        for (place, (_, entry)) in self.entries.iter().enumerate() {
            if let Entry::Result { index, instance, text } = entry
                && members.get(index).is_some_and(|known| known.process == *instance && known.since <= place)
            {
                results.entry(*index).or_insert_with(|| text.clone());
            }
        }
        results
    }

    /// The counts of each member with its highest number, the first of that number.
    fn counts(&self) -> BTreeMap<u32, Bytes> {
        let mut counts = BTreeMap::new();
        for (member, known) in self.members() {
            let of_member = self.entries[known.since..].iter().filter_map(|(_, entry)| match entry {
                Entry::Counts { index, instance, sequence, text }
                    if *index == member && *instance == known.process && *sequence > 0 =>
                {
                    Some((*sequence, text))
                }
                _ => None,
            });
            let highest = of_member.clone().map(|(sequence, _)| sequence).max();
            if let Some((_, text)) = of_member.clone().find(|(sequence, _)| Some(*sequence) == highest) {
                counts.insert(member, text.clone());
            }
        }
        counts
    }

    /// Members without a result that have been silent for too long.
    fn lost(&self, now: Instant) -> Vec<u32> {
        let results = self.results();
        let silent =
            |(index, known): &(u32, Known)| !results.contains_key(index) && now.since(known.heard) > LOST_AFTER;
        self.members().into_iter().filter(silent).map(|(index, _)| index).collect()
    }
}

/// Whether anything but waiting has been decided.
fn is_decided(roster: &Roster) -> bool {
    !matches!(roster.progress(), Progress::Gathering { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_fleet_starts_once_and_counts_nobody_twice(
        (of, events) in (2u32..6).prop_flat_map(|of| (Just(of), events(of))), go: bool, earliest in prop::option::of(0u64..30),
    ) {
        let opened = Instant::now();
        let on_missing = if go { OnMissing::Go } else { OnMissing::Fail };
        let policy = FleetPolicy { start_timeout: START_TIMEOUT, on_missing, lost_after: LOST_AFTER };
        let earliest = earliest.map(|seconds| opened + SECOND * seconds as u32);
        let mut roster = Roster::new(identity(of), policy, earliest, opened);
        let mut history = History { of, entries: Vec::new(), decided: None, first_stop: None };
        let mut now = opened;
        let mut start: Option<(Instant, Vec<u32>)> = None;
        let mut given_up = false;
        for (number, event) in events.into_iter().enumerate() {
            let text = Bytes::from(number.to_string());
            let before = history.members();
            let gathering = history.decided.is_none();
            let is_member = |index, instance| before.get(&index).is_some_and(|known| known.process == instance);
            let answer = match event {
                Event::Join { index, instance, is_ours } => {
                    let of = if is_ours { of } else { of + 1 };
                    let answer = roster.join(&hello(index, instance, of), ADDRESS, now);
                    let holder = before.get(&index);
                    let is_free = holder.is_none_or(|known| now.since(known.heard) > LOST_AFTER);
                    let wanted = is_ours && (1..history.of).contains(&index);
                    let is_taken = wanted && (is_member(index, instance) || gathering && is_free);
                    // Who comes too late for a fleet that has given up is told why.
                    let is_told = wanted && holder.is_none() && given_up;
                    prop_assert_eq!(answer.is_ok(), is_taken || is_told, "{:?} of {:?}", answer, before);
                    if is_taken {
                        history.entries.push((now, Entry::Heard { index, instance }));
                        history.entries.push((now, Entry::Looked));
                    }
                    answer.ok()
                }
                Event::Report { index, instance, sequence } => {
                    let answer = roster.report((index, instance), sequence, text.clone(), now);
                    prop_assert_eq!(answer.is_ok(), is_member(index, instance));
                    if answer.is_ok() {
                        history.entries.push((now, Entry::Counts { index, instance, sequence, text }));
                    }
                    answer.ok()
                }
                Event::HandIn { index, instance } => {
                    let answer = roster.hand_in((index, instance), text.clone(), now);
                    prop_assert_eq!(answer.is_ok(), is_member(index, instance));
                    if answer.is_ok() {
                        history.entries.push((now, Entry::Result { index, instance, text }));
                    }
                    answer.ok()
                }
                Event::Stop(cause) => {
                    roster.stop(cause);
                    if start.is_some() {
                        history.first_stop.get_or_insert(cause);
                    }
                    None
                }
                Event::Pass(time) => {
                    now = now + time;
                    roster.tick(now);
                    history.entries.push((now, Entry::Looked));
                    None
                }
            };
            if history.decided.is_none() && is_decided(&roster) {
                history.decided = Some(history.entries.len());
            }
            let members: BTreeSet<_> = history.members().into_keys().collect();
            let missing: Vec<_> = (1..of).filter(|index| !members.contains(index)).collect();
            match roster.progress() {
                Progress::Gathering { present } => {
                    prop_assert!(start.is_none() && !given_up);
                    prop_assert_eq!(present as usize, members.len() + 1);
                    prop_assert!(!missing.is_empty(), "all are there, and nothing was decided");
                }
                Progress::Starting { at, without } => {
                    prop_assert!(!given_up, "a start after giving up");
                    if start.is_none() {
                        prop_assert!(at > now && earliest.is_none_or(|earliest| at >= earliest));
                        let waited = now.since(opened) >= START_TIMEOUT;
                        prop_assert!(missing.is_empty() || go && waited, "without {:?}", missing);
                        start = Some((at, missing.clone()));
                    }
                    prop_assert_eq!(Some((at, without)), start.clone(), "one start, and one list of who is missing");
                }
                Progress::GivenUp { .. } => {
                    prop_assert!(start.is_none(), "given up after a start");
                    given_up = true;
                }
            }
            match (&start, history.first_stop, answer) {
                (_, _, None) => {}
                (Some(_), Some(cause), Some(order)) => prop_assert_eq!(order, Order::Stop(cause)),
                (Some((at, _)), None, Some(order)) => prop_assert_eq!(order, Order::Start { at: at.nanos_since(opened) }),
                (None, _, Some(order)) if given_up => prop_assert!(matches!(order, Order::GiveUp { .. }), "{:?}", order),
                (None, _, Some(order)) => prop_assert_eq!(order, Order::Wait { present: members.len() as u32 + 1 }),
            }
            let (results, lost) = (history.results(), history.lost(now));
            prop_assert_eq!(roster.missing(), missing);
            prop_assert_eq!(roster.results().map(|(index, text)| (index, text.clone())).collect::<Vec<_>>(), Vec::from_iter(results.clone()));
            prop_assert_eq!(roster.counts().map(|(index, text)| (index, text.clone())).collect::<Vec<_>>(), Vec::from_iter(history.counts()));
            prop_assert_eq!(roster.lost(now), lost.clone());
            prop_assert_eq!(roster.handed_in() as usize, results.len());
            let all = members.iter().all(|index| results.contains_key(index) || lost.contains(index));
            prop_assert_eq!(roster.is_complete(now), all);
        }
    }
}
