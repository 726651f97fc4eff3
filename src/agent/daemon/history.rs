//! The runs of a daemon on disk: for each one a small entry, `ID.json`, and if it ended in order its record,
//! `ID.record.json`. A file is written beside its place, synced and renamed, so that a daemon that is killed at any moment
//! leaves whole files; an entry is there before the load begins, so that the run in flight is found as interrupted.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    agent::daemon::desk::{HistoryPage, RunEntry, StartRequest, Trigger},
    config::daemon::{HistoryConfig, IfFailed},
    daemon::streak::{self, Lesson},
    outputs::record::RunRecord,
};

mod disk;
mod index;

use index::Index;

/// Raised when an older program could misunderstand an entry.
const FORMAT: u32 = 1;
/// Outcome of an entry whose run goes on.
pub const RUNNING: &str = "running";
/// Outcome of an entry whose run waits for its turn.
pub const QUEUED: &str = "queued";
/// Outcome of a run that was cut off, by a signal or by the end of the daemon.
pub const INTERRUPTED: &str = "interrupted";
/// Outcome of a run whose time came and that did not start.
pub const MISSED: &str = "missed";

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its folder.
    #[error(
        "cannot use the history's folder {path}: {source}; check its owner and mode, or choose another as `history.dir`"
    )]
    Folder {
        /// As configured.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Two daemons would each take the other's run for interrupted.
    #[error("another daemon uses the history in {0}; stop it, or give this one another `history.dir`")]
    Locked(PathBuf),
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No run of that name.
    #[error("there is no run `{0}`")]
    Unknown(String),
    /// It has not ended.
    #[error("the run `{0}` has not ended yet")]
    NotFinished(String),
    /// It never ended in order, or its record could not be written.
    #[error("the run `{0}` left no record")]
    NoRecord(String),
    /// The file is damaged or cannot be read.
    #[error("the record {path} cannot be read: {why}; move it away to be rid of this message")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// An entry with what the daemon alone needs of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    format: u32,
    /// What everybody sees.
    pub entry: RunEntry,
    /// Of the request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// While it waits: what it takes to start it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<StartRequest>,
    /// Times of a schedule that this entry stands for, if they were missed.
    #[serde(default)]
    pub missed: u32,
}

impl Stored {
    /// An entry of a run.
    #[must_use]
    pub fn new(entry: RunEntry) -> Self {
        Self { format: FORMAT, entry, key: None, request: None, missed: 0 }
    }
}

/// The daemon's end.
#[derive(Debug)]
pub struct History {
    reader: Reader,
    limits: HistoryConfig,
    /// Held until the end.
    _lock: File,
    errors: u64,
    problem: Option<String>,
}

/// Everybody's end: reads beside the daemon's thread.
#[derive(Debug, Clone)]
pub struct Reader {
    dir: Arc<Path>,
    index: Arc<RwLock<Index>>,
}

impl History {
    /// Opens the folder, which is made if it is not there. Runs that were in flight are marked as interrupted; files that
    /// cannot be read are set aside with the ending `.corrupt` and told.
    ///
    /// # Errors
    /// The folder cannot be used, or another daemon uses it.
    pub fn open(config: &HistoryConfig) -> Result<Self, Error> {
        let failed = |source| Error::Folder { path: config.dir.clone(), source };
        disk::make_folder(&config.dir).map_err(failed)?;
        let lock = disk::lock(&config.dir).map_err(failed)?.ok_or_else(|| Error::Locked(config.dir.clone()))?;
        let found = disk::scan(&config.dir).map_err(failed)?;
        let mut kept = BTreeMap::new();
        let mut cut = Vec::new();
        for mut stored in found.entries {
            stored.entry.has_record = found.records.contains(&stored.entry.id);
            if stored.entry.outcome == RUNNING {
                cut.push(stored.entry.id.clone());
            }
            kept.insert(stored.entry.id.clone(), stored);
        }
        let reader = Reader { dir: config.dir.as_path().into(), index: Arc::new(RwLock::new(Index::new(kept))) };
        let mut history = Self { reader, limits: config.clone(), _lock: lock, errors: 0, problem: None };
        for path in &found.set_aside {
            history.lost(&format!("{} was damaged and has been set aside as .corrupt", path.display()));
        }
        for id in cut {
            history.cut_off(&id);
        }
        Ok(history)
    }

    /// For whoever serves pages.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Other limits; the folder stays until the daemon is started again.
    pub fn limit(&mut self, limits: &HistoryConfig) {
        self.limits.max_runs = limits.max_runs;
        self.limits.max_age = limits.max_age;
    }

    /// A name for a run that begins at `now`: names sort as the runs came.
    #[must_use]
    pub fn new_id(&self, profile: &str, now: Timestamp) -> String {
        let index = self.reader.index();
        let mut at = now;
        loop {
            let id = format!("{}-{profile}", at.strftime("%Y%m%dT%H%M%S.%3fZ"));
            if index.get(&id).is_none() {
                return id;
            }
            at += jiff::SignedDuration::from_millis(1);
        }
    }

    /// Writes an entry, or writes it anew. That it cannot be written keeps no run from going on: it is told and counted, and
    /// the entry is known until the daemon ends.
    pub fn put(&mut self, stored: Stored) {
        let id = stored.entry.id.clone();
        let written = disk::write(&self.reader.dir, &entry_name(&id), &stored);
        self.noted(written, &format!("the entry of the run `{id}` is not on disk"));
        self.change(|index| index.put(stored));
    }

    /// Writes a run's end, the record first: an entry never names a record that is not there.
    pub fn finish(&mut self, mut stored: Stored, record: Option<&RunRecord>, now: Timestamp) {
        if let Some(record) = record {
            let written = disk::write(&self.reader.dir, &record_name(&record.id), record);
            stored.entry.has_record = written.is_ok();
            self.noted(written, &format!("the record of the run `{}` is lost", record.id));
        }
        self.put(stored);
        self.prune(now);
    }

    /// Takes an entry out, with its record.
    pub fn remove(&mut self, id: &str) {
        let removed = disk::remove(&self.reader.dir, &record_name(id))
            .and_then(|()| disk::remove(&self.reader.dir, &entry_name(id)));
        self.noted(removed, &format!("the run `{id}` could not be removed from the history"));
        self.change(|index| index.remove(id));
    }

    /// Removes what is too old and too much, the oldest first, but nothing that goes on or waits.
    pub fn prune(&mut self, now: Timestamp) {
        let oldest = now.checked_sub(self.limits.max_age).unwrap_or(Timestamp::MIN);
        let surplus = self.reader.index().surplus(self.limits.max_runs, oldest);
        for id in surplus {
            self.remove(&id);
        }
    }

    /// An entry with what the daemon needs of it.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Stored> {
        self.reader.index().get(id).cloned()
    }

    /// The run that a request with this key has started, if it is still known.
    #[must_use]
    pub fn by_key(&self, key: &str) -> Option<Stored> {
        self.reader.index().by_key(key).cloned()
    }

    /// Runs that wait, in their order.
    #[must_use]
    pub fn waiting(&self) -> Vec<Stored> {
        self.reader.index().waiting()
    }

    /// Runs that the history knows.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.reader.index().len()
    }

    /// A profile's newest run or missed time that does not wait.
    #[must_use]
    pub fn newest_of(&self, profile: &str) -> Option<Stored> {
        self.newest_of_that(profile, &|_| true)
    }

    /// The newest of those for which `wanted` holds.
    #[must_use]
    pub fn newest_of_that(&self, profile: &str, wanted: &dyn Fn(&RunEntry) -> bool) -> Option<Stored> {
        let index = self.reader.index();
        let mut begun = index.of_profile(profile).filter(|stored| stored.entry.outcome != QUEUED);
        begun.find(|stored| wanted(&stored.entry)).cloned()
    }

    /// How many runs of a profile in a row did not pass, if by this policy that suspends its schedule.
    #[must_use]
    pub fn suspended(&self, profile: &str, policy: IfFailed) -> Option<u32> {
        let index = self.reader.index();
        streak::suspended(policy, index.of_profile(profile).map(|stored| Lesson::of(&stored.entry.outcome)))
    }

    /// Times of a profile's schedule that have come since a run of it passed, as far as the history goes back.
    #[must_use]
    pub fn times_without_pass(&self, profile: &str) -> u64 {
        let index = self.reader.index();
        let ended =
            index.of_profile(profile).filter(|stored| !matches!(stored.entry.outcome.as_str(), RUNNING | QUEUED));
        let since = ended.take_while(|stored| stored.entry.outcome != "passed");
        let scheduled = since.filter(|stored| stored.entry.trigger == Trigger::Schedule);
        scheduled.map(|stored| u64::from(stored.missed.max(1))).sum()
    }

    /// The latest time of a profile's schedule that has been dealt with: a run was taken up, or it was missed.
    #[must_use]
    pub fn last_scheduled(&self, profile: &str) -> Option<Timestamp> {
        let index = self.reader.index();
        let scheduled = index.of_profile(profile).filter(|stored| stored.entry.trigger == Trigger::Schedule);
        scheduled.filter_map(|stored| stored.entry.started_at.parse().ok()).max()
    }

    /// How often something could not be written, removed or read.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// What went wrong last.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The run went on when the daemon ended. If its record was written before that, it did end.
    fn cut_off(&mut self, id: &str) {
        let Some(mut stored) = self.get(id) else { return };
        let record = stored.entry.has_record.then(|| self.reader.read(id));
        match record {
            Some(Ok(record)) => crate::agent::daemon::ending::fill(&mut stored.entry, &record),
            Some(Err(_)) | None => {
                INTERRUPTED.clone_into(&mut stored.entry.outcome);
                stored.entry.has_record = false;
                stored.entry.note = Some("the daemon ended before this run did".to_owned());
            }
        }
        self.put(stored);
    }

    fn change(&self, change: impl FnOnce(&mut Index)) {
        change(&mut self.reader.index.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn noted(&mut self, outcome: std::io::Result<()>, lost: &str) {
        match outcome {
            Ok(()) => self.problem = None,
            Err(error) => self.lost(&format!("{lost}: {error} ({})", self.reader.dir.display())),
        }
    }

    fn lost(&mut self, message: &str) {
        tracing::error!("History: {message}");
        self.errors += 1;
        self.problem = Some(message.to_owned());
    }
}

impl Reader {
    /// At most `limit` runs that were taken up before the run `before`, newest first; of one profile if it is named.
    #[must_use]
    pub fn page(&self, limit: usize, before: Option<&str>, profile: Option<&str>) -> HistoryPage {
        self.index().page(limit, before, profile)
    }

    /// A run's entry. `latest` is the newest that has ended, `current` the one that goes on.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<RunEntry> {
        let index = self.index();
        match id {
            "latest" => index.newest(|entry| entry.outcome != RUNNING && entry.outcome != MISSED),
            "current" => index.newest(|entry| entry.outcome == RUNNING),
            id => index.get(id).map(|stored| stored.entry.clone()),
        }
    }

    /// A run's record. Reads a file: not for a thread that serves others meanwhile.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn record(&self, id: &str) -> Result<RunRecord, ReadError> {
        let entry = self.find(id).ok_or_else(|| ReadError::Unknown(id.to_owned()))?;
        match entry.outcome.as_str() {
            RUNNING | QUEUED => Err(ReadError::NotFinished(entry.id)),
            _ if !entry.has_record => Err(ReadError::NoRecord(entry.id)),
            _ => self.read(&entry.id),
        }
    }

    fn read(&self, id: &str) -> Result<RunRecord, ReadError> {
        let path = self.dir.join(record_name(id));
        let damaged = |why: String| ReadError::Damaged { path: path.clone(), why };
        match disk::read(&path, LARGEST_RECORD) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(ReadError::NoRecord(id.to_owned())),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No record is as large: a timeline has at most 720 points.
const LARGEST_RECORD: u64 = 64 << 20;

fn entry_name(id: &str) -> String {
    format!("{id}.json")
}

fn record_name(id: &str) -> String {
    format!("{id}.record.json")
}

#[cfg(test)]
mod tests;
