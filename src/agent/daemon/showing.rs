//! The daemon's state for pages and for `/metrics`.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    agent::{
        admin::pages::Page,
        daemon::{
            Daemon,
            desk::{DaemonStatus, ProfileStatus, QueuedRun, RunEntry},
            history::{INTERRUPTED, MISSED},
            serve::shown,
        },
        facts,
    },
    config::daemon::ProfileEntry,
    metrics::{
        exposition::{
            self,
            serve::{ProfileFacts, ServeFacts},
        },
        process::ProcessStats,
    },
};

/// Newest runs in the state; the rest is asked for.
const RECENT: usize = 20;
/// Label of runs whose profile was sent; no profile of a configuration has such a name.
pub(super) const SENT: &str = "_sent";
/// How a run may have ended.
pub(super) const OUTCOMES: [&str; 7] = ["passed", "crossed", "invalid", "stopped", INTERRUPTED, "failed", MISSED];

impl Daemon {
    /// Shows the present state, if it is another than before.
    pub fn show(&mut self) {
        let status = Arc::new(self.present());
        self.status.send_if_modified(|last| {
            let is_new = *last != status;
            if is_new {
                *last = status;
            }
            is_new
        });
        let facts = Arc::new(self.serve_facts());
        self.facts.send_if_modified(|last| {
            let is_new = *last != facts;
            if is_new {
                *last = facts;
            }
            is_new
        });
    }

    /// Shows the present state, on `/metrics` too. Returns the page's generation.
    pub fn publish(&mut self) -> u64 {
        self.show();
        let page = self.page();
        let generation = page.generation;
        self.publisher.publish(page);
        generation
    }

    /// A page for a scrape between two runs.
    #[must_use]
    pub fn page(&self) -> Page {
        let facts = self.facts.borrow();
        let sheet = exposition::between(self.last.as_deref(), &facts, &facts::build(), &ProcessStats::read());
        Page { sheet, generation: self.publisher.generation() + 1, is_final: false }
    }

    fn present(&self) -> DaemonStatus {
        let reader = self.history.reader();
        DaemonStatus {
            mode: "serve".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            profiles: self.settings.config.profiles.iter().map(|profile| self.profile(profile)).collect(),
            queue: self.queue(),
            recent: reader.page(RECENT, None, None).runs,
            config_problem: self.config_problem.clone(),
            config_loaded_at: Some(shown(self.settings.loaded_at)),
        }
    }

    fn profile(&self, profile: &ProfileEntry) -> ProfileStatus {
        let suspended = self.suspended(profile).map(|failed| {
            format!(
                "its schedule is suspended: {failed} runs in a row did not pass; it goes on when a run on request has"
            )
        });
        ProfileStatus {
            name: profile.name.clone(),
            schedule: profile.schedule.as_ref().map(|schedule| schedule.expression().to_owned()),
            next_at: self.scheduler.next_of(&profile.name).map(shown),
            problem: suspended,
            last: self.history.newest_of(&profile.name).map(|stored| stored.entry),
        }
    }

    fn queue(&self) -> Vec<QueuedRun> {
        let waiting = self.lineup.waiting().filter_map(|(ticket, _)| {
            let entry = self.history.get(&ticket.id)?.entry;
            let RunEntry { id, profile, trigger, started_at, .. } = entry;
            Some(QueuedRun { id, profile, trigger, since: started_at })
        });
        waiting.collect()
    }

    fn serve_facts(&self) -> ServeFacts {
        let profiles = &self.settings.config.profiles;
        let mut runs = self.ended.clone();
        // A counter that is not there before its first increment hides it from `increase()`.
        for profile in profiles {
            for outcome in OUTCOMES {
                runs.entry((profile.name.clone(), outcome)).or_default();
            }
        }
        ServeFacts {
            queue: self.lineup.waiting().len(),
            runs,
            profiles: profiles.iter().map(|profile| (profile.name.clone(), self.profile_facts(profile))).collect(),
            reloaded: self.config_problem.is_none(),
            loaded_at: seconds(self.settings.loaded_at),
            kept: self.history.kept(),
            history_errors: self.history.errors(),
        }
    }

    fn profile_facts(&self, profile: &ProfileEntry) -> ProfileFacts {
        let next = self.scheduler.next_of(&profile.name);
        let begun = |wanted: &dyn Fn(&RunEntry) -> bool| {
            let newest = self.history.newest_of_that(&profile.name, wanted)?;
            newest.entry.started_at.parse::<Timestamp>().ok().map(seconds)
        };
        let ended = self.history.newest_of_that(&profile.name, &|entry| entry.exit_code.is_some());
        ProfileFacts {
            next: next.map(seconds),
            without_pass: profile.schedule.as_ref().map(|_| self.history.times_without_pass(&profile.name)),
            last: begun(&|entry| entry.outcome != MISSED),
            last_passed: begun(&|entry| entry.outcome == "passed"),
            last_exit_code: ended.and_then(|stored| stored.entry.exit_code),
            suspended: self.suspended(profile).is_some(),
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_nanosecond() as f64 / 1e9
}
