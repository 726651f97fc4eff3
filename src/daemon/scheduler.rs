//! Which schedules have come due, and which were missed because nobody looked in time: the daemon was down, the machine
//! slept, or its clock was changed.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::daemon::{IfMissed, ProfileEntry, schedule::Schedule};

/// A start so late is on time: a busy machine wakes late.
const ON_TIME: Duration = Duration::from_secs(60);
/// A clock put back by less waits until it has caught up, so that nothing runs twice; by more, it was wrong before, and what
/// comes next is computed anew. Debian's cron has the same 3 hours.
const CORRECTION: Duration = Duration::from_secs(3 * 3_600);
/// Missed times are counted so far.
const COUNTED: u32 = 1_000;

/// Times that passed without a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The latest of them.
    pub last: Timestamp,
    /// How many, counted up to 1,000.
    pub count: u32,
}

/// What has happened to a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its time has come.
    Due {
        /// Which.
        profile: String,
        /// When it was to start.
        at: Timestamp,
    },
    /// Times have passed, and it is to run once for all of them.
    CatchUp {
        /// Which.
        profile: String,
        /// What has passed.
        missed: Missed,
    },
    /// Times have passed, and it waits for its next one.
    Skipped {
        /// Which.
        profile: String,
        /// What has passed.
        missed: Missed,
    },
}

#[derive(Debug)]
struct Job {
    name: String,
    schedule: Schedule,
    if_missed: IfMissed,
    next: Option<Timestamp>,
}

/// All schedules of a configuration.
#[derive(Debug)]
pub struct Scheduler {
    jobs: Vec<Job>,
    looked: Timestamp,
}

impl Scheduler {
    /// Starts at `now`. `handled` is the latest time of a profile's schedule that the history knows of, started or not:
    /// what comes after it and before `now` has been missed. None for a profile whose schedule is new.
    #[must_use]
    pub fn new(profiles: &[ProfileEntry], now: Timestamp, handled: impl Fn(&str) -> Option<Timestamp>) -> Self {
        let job = |profile: &ProfileEntry| {
            let schedule = profile.schedule.clone()?;
            // Of a history written by a clock that was ahead nothing can be said.
            let since = handled(&profile.name).filter(|handled| *handled < now).unwrap_or(now);
            let next = schedule.next_after(since);
            Some(Job { name: profile.name.clone(), schedule, if_missed: profile.if_missed, next })
        };
        Self { jobs: profiles.iter().filter_map(job).collect(), looked: now }
    }

    /// Takes over another configuration: schedules that have not changed go on where they are.
    #[must_use]
    pub fn replaced(&self, profiles: &[ProfileEntry], now: Timestamp) -> Self {
        let mut next = Self::new(profiles, now, |_| None);
        for job in &mut next.jobs {
            let same = |old: &&Job| {
                old.name == job.name
                    && old.schedule.expression() == job.schedule.expression()
                    && old.schedule.next_after(now) == job.schedule.next_after(now)
            };
            if let Some(old) = self.jobs.iter().find(same) {
                job.next = old.next;
            }
        }
        next.looked = self.looked;
        next
    }

    /// What has happened up to `now`, in the order of its times.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Event> {
        let put_back = self.looked.duration_since(now);
        if put_back > jiff::SignedDuration::try_from(CORRECTION).unwrap_or_default() {
            for job in &mut self.jobs {
                job.next = job.schedule.next_after(now);
            }
        }
        self.looked = now;
        let mut events = Vec::new();
        for job in &mut self.jobs {
            let Some(at) = job.next.filter(|next| *next <= now) else { continue };
            let late = now.duration_since(at);
            let event = if late <= jiff::SignedDuration::try_from(ON_TIME).unwrap_or_default() {
                Event::Due { profile: job.name.clone(), at }
            } else {
                let missed = missed(&job.schedule, at, now);
                match job.if_missed {
                    IfMissed::Run => Event::CatchUp { profile: job.name.clone(), missed },
                    IfMissed::Skip => Event::Skipped { profile: job.name.clone(), missed },
                }
            };
            job.next = job.schedule.next_after(now);
            events.push((at, event));
        }
        events.sort_by_key(|(at, _)| *at);
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// When something is due next.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.jobs.iter().filter_map(|job| job.next).min()
    }

    /// When a profile runs next.
    #[must_use]
    pub fn next_of(&self, profile: &str) -> Option<Timestamp> {
        self.jobs.iter().find(|job| job.name == profile)?.next
    }
}

fn missed(schedule: &Schedule, first: Timestamp, now: Timestamp) -> Missed {
    let mut count = 1;
    let mut at = first;
    while count < COUNTED
        && let Some(next) = schedule.next_after(at).filter(|next| *next <= now)
    {
        at = next;
        count += 1;
    }
    let last = if count < COUNTED { at } else { schedule.last_until(now).unwrap_or(at) };
    Missed { last, count }
}

#[cfg(test)]
mod tests;
