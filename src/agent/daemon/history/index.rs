//! The entries in memory, by their names, which sort as the runs came.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::{
    agent::daemon::{
        desk::{HistoryPage, RunEntry, Trigger},
        history::{QUEUED, RUNNING, Stored},
    },
    config::daemon::MOST_FAILURES,
    daemon::streak::Lesson,
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: BTreeMap<String, Stored>,
    /// Names by the keys of their requests.
    keys: HashMap<String, String>,
}

fn has_ended(stored: &Stored) -> bool {
    !matches!(stored.entry.outcome.as_str(), RUNNING | QUEUED)
}

impl Index {
    pub(super) fn new(entries: BTreeMap<String, Stored>) -> Self {
        let keyed = entries.iter().filter_map(|(id, stored)| Some((stored.key.clone()?, id.clone())));
        Self { keys: keyed.collect(), entries }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Stored> {
        self.entries.get(id)
    }

    pub(super) fn by_key(&self, key: &str) -> Option<&Stored> {
        self.entries.get(self.keys.get(key)?)
    }

    pub(super) fn put(&mut self, stored: Stored) {
        if let Some(key) = &stored.key {
            self.keys.insert(key.clone(), stored.entry.id.clone());
        }
        self.entries.insert(stored.entry.id.clone(), stored);
    }

    pub(super) fn remove(&mut self, id: &str) {
        if let Some(key) = self.entries.remove(id).and_then(|stored| stored.key) {
            self.keys.remove(&key);
        }
    }

    pub(super) fn waiting(&self) -> Vec<Stored> {
        self.entries.values().filter(|stored| stored.entry.outcome == QUEUED).cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Newest first.
    pub(super) fn of_profile(&self, profile: &str) -> impl Iterator<Item = &Stored> {
        self.entries.values().rev().filter(move |stored| stored.entry.profile == profile)
    }

    pub(super) fn newest(&self, wanted: impl Fn(&RunEntry) -> bool) -> Option<RunEntry> {
        let mut newest_first = self.entries.values().rev().map(|stored| &stored.entry);
        newest_first.find(|entry| entry.outcome != QUEUED && wanted(entry)).cloned()
    }

    /// What waits is no part of the history yet.
    pub(super) fn page(&self, limit: usize, before: Option<&str>, profile: Option<&str>) -> HistoryPage {
        let older = self.entries.range::<str, _>((
            std::ops::Bound::Unbounded,
            before.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded),
        ));
        let shown =
            |entry: &&RunEntry| entry.outcome != QUEUED && profile.is_none_or(|profile| profile == entry.profile);
        let mut newest_first = older.rev().map(|(_, stored)| &stored.entry).filter(shown);
        let runs: Vec<_> = newest_first.by_ref().take(limit).cloned().collect();
        let next = newest_first.next().and_then(|_| runs.last()).map(|last| last.id.clone());
        HistoryPage { runs, next }
    }

    /// The oldest above `most`, and those that began before `oldest`.
    pub(super) fn surplus(&self, most: usize, oldest: Timestamp) -> Vec<String> {
        let ended: Vec<_> = self.entries.values().filter(|stored| has_ended(stored)).collect();
        let too_many = ended.len().saturating_sub(most);
        let is_old = |entry: &RunEntry| entry.started_at.parse::<Timestamp>().is_ok_and(|at| at < oldest);
        // Which times of a schedule have been dealt with is known by the newest alone.
        let mut newest = BTreeMap::new();
        for stored in ended.iter().filter(|stored| stored.entry.trigger == Trigger::Schedule) {
            newest.insert(stored.entry.profile.as_str(), stored.entry.id.as_str());
        }
        let is_newest = |entry: &RunEntry| newest.get(entry.profile.as_str()) == Some(&entry.id.as_str());
        let streaks = streaks(&ended);
        let is_known_by = |entry: &RunEntry| is_newest(entry) || streaks.contains(entry.id.as_str());
        let surplus = ended
            .iter()
            .enumerate()
            .filter(|(at, stored)| (*at < too_many || is_old(&stored.entry)) && !is_known_by(&stored.entry));
        surplus.map(|(_, stored)| stored.entry.id.clone()).collect()
    }
}

/// Runs since each profile's last that passed, which may suspend its schedule. `ended` are in their order.
fn streaks<'s>(ended: &[&'s Stored]) -> HashSet<&'s str> {
    let mut open: HashMap<&str, Option<usize>> = HashMap::new();
    let mut streaks = HashSet::new();
    for stored in ended.iter().rev() {
        let failures = open.entry(stored.entry.profile.as_str()).or_insert(Some(0));
        match (Lesson::of(&stored.entry.outcome), failures.as_mut()) {
            (Lesson::Passed, _) => *failures = None,
            (Lesson::Failed, Some(failures)) if *failures < MOST_FAILURES => {
                *failures += 1;
                streaks.insert(stored.entry.id.as_str());
            }
            _ => {}
        }
    }
    streaks
}
