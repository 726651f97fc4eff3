//! `rampd serve`: profiles by schedule, at the start or on request, one run at a time.

pub mod answer;
pub mod begin;
pub mod desk;
pub mod ending;
pub mod history;
pub mod prepare;
pub mod serve;
pub mod settings;
pub mod showing;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    agent::{
        admin::pages::Publisher,
        api::access::Access,
        board::Board,
        daemon::{
            begin::{Begun, Waiting},
            desk::{DaemonStatus, RunEntry, Trigger},
            history::{History, MISSED, QUEUED, RUNNING, Stored},
            serve::{Options, Shown, shown},
            settings::{Settings, Watch},
        },
        error::Error,
        run::Concluded,
        steering::Steering,
    },
    config::daemon::{IfBusy, IfMissed, ProfileEntry},
    daemon::{
        lineup::{Lineup, Patience, Ticket, Turned},
        scheduler::{Event, Missed, Scheduler},
    },
    metrics::exposition::{families::Sheet, serve::ServeFacts},
    outputs::{
        record::RunRecord,
        run_status::{Phase, RunStatus},
    },
};

/// How a run came to its end.
#[derive(Debug)]
pub struct Finished {
    /// By which it is known.
    pub id: String,
    /// Its figures, or why there are none.
    pub outcome: Result<Concluded, Error>,
}

/// Everything that the daemon's thread decides from.
#[derive(Debug)]
pub struct Daemon {
    options: Options,
    settings: Settings,
    watch: Watch,
    history: History,
    lineup: Lineup<Waiting>,
    scheduler: Scheduler,
    publisher: Publisher,
    status: watch::Sender<Arc<DaemonStatus>>,
    facts: watch::Sender<Arc<ServeFacts>>,
    board: Board,
    /// Who may ask the API.
    access: watch::Sender<Arc<Access>>,
    /// Where it listens.
    addr: SocketAddr,
    /// The last run's page.
    last: Option<Arc<Sheet>>,
    /// The run that goes on.
    steering: Option<Steering>,
    /// The highest rates that its scenarios have by their curves or have been ordered.
    rates: BTreeMap<String, f64>,
    /// Ended runs by profile and outcome.
    ended: BTreeMap<(String, &'static str), u64>,
    config_problem: Option<String>,
    is_ending: bool,
}

impl Daemon {
    /// Of a configuration that has been read and a history that has been opened.
    #[must_use]
    pub fn new(
        options: Options,
        settings: Settings,
        history: History,
        Shown { addr, publisher, status, board, access }: Shown,
        now: Timestamp,
    ) -> Self {
        let handled = |profile: &str| history.last_scheduled(profile);
        let scheduler = Scheduler::new(&settings.config.profiles, now, handled);
        let mut daemon = Self {
            lineup: Lineup::new(settings.config.queue),
            watch: Watch::new(settings.stamps.clone()),
            options,
            settings,
            history,
            scheduler,
            publisher,
            status,
            facts: watch::Sender::new(Arc::default()),
            board,
            access,
            addr,
            last: None,
            steering: None,
            rates: BTreeMap::new(),
            ended: BTreeMap::new(),
            config_problem: None,
            is_ending: false,
        };
        daemon.history.prune(now);
        daemon
    }

    /// Takes up what waited when the last daemon ended, and what is to run at the start.
    pub fn start_up(&mut self, now: Timestamp) {
        for stored in self.history.waiting() {
            self.take_up(stored);
        }
        self.advance(now);
        let on_start: Vec<_> =
            self.settings.config.profiles.iter().filter(|profile| profile.on_start).cloned().collect();
        for profile in on_start {
            self.come_due(&profile, Trigger::Startup, now, now);
        }
    }

    /// Looks for schedules that have come due or were missed.
    pub fn advance(&mut self, now: Timestamp) {
        if self.is_ending {
            return;
        }
        for event in self.scheduler.advance(now) {
            let (name, at, missed) = match event {
                Event::Due { profile, at } => (profile, at, None),
                Event::CatchUp { profile, missed } => {
                    tracing::warn!(profile, times = missed.count, "Missed; it runs now, once (ifMissed: run).");
                    (profile, missed.last, None)
                }
                Event::Skipped { profile, missed } => (profile, missed.last, Some(missed)),
            };
            let Some(profile) = self.settings.profile(&name).map(|(profile, _)| profile.clone()) else { continue };
            match missed {
                None => self.come_due(&profile, Trigger::Schedule, at, now),
                Some(missed) => self.note_missed(&name, &missed, "nobody could start it (ifMissed: skip)", now),
            }
        }
    }

    /// Looks at the clock and at the files.
    pub fn look(&mut self, now: Timestamp) {
        self.advance(now);
        if self.watch.changed() {
            self.reload("its files have changed", now);
        }
    }

    /// Time until the next schedule comes due.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Duration> {
        let next = self.scheduler.wakes_at().filter(|_| !self.is_ending)?;
        Some(Duration::try_from(next.duration_since(now)).unwrap_or_default())
    }

    /// Starts nothing any more. What waits is on disk, and the next daemon takes it up.
    pub fn end(&mut self) {
        self.is_ending = true;
    }

    /// Whether [`Self::end`] was called.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Takes the configuration over as it is on disk, or refuses it as a whole.
    pub fn reload(&mut self, why: &str, now: Timestamp) {
        match Settings::read(&self.options.config, Some(self.addr), now) {
            Ok(settings) => {
                let (old, new) = (&self.settings.config, &settings.config);
                if old.history.dir != new.history.dir || old.listen != new.listen {
                    tracing::warn!("Another `listen` or `history.dir` is taken over when the daemon is started again.");
                }
                self.scheduler = self.scheduler.replaced(&new.profiles, now);
                self.lineup.bound(new.queue);
                // What waits begins with the new configuration, and its policy.
                self.lineup.payloads_mut().for_each(|waiting| waiting.prepared = None);
                self.history.limit(&new.history);
                self.history.prune(now);
                self.watch.reset(settings.stamps.clone());
                tracing::info!(why, profiles = new.profiles.len(), "The configuration has been read anew.");
                self.access.send_replace(settings.access.clone());
                self.settings = settings;
                self.config_problem = None;
            }
            Err(rejected) => {
                tracing::error!("{why}: the configuration is refused, the one before goes on.\n{}", rejected.problem);
                self.watch.reset(rejected.stamps);
                self.config_problem = Some(rejected.problem);
            }
        }
    }

    /// A run has ended: it is written into the history. Returns the generation of the page that shows its end.
    pub fn finish(&mut self, finished: Finished, now: Timestamp) -> u64 {
        self.steering = None;
        self.lineup.ended();
        let Finished { id, outcome } = finished;
        if let Some(mut stored) = self.history.get(&id) {
            match &outcome {
                Ok(concluded) => ending::judge(&mut stored.entry, &concluded.report, concluded.exit),
                Err(error) => {
                    ending::fail(&mut stored.entry, error);
                    self.show_failed(&stored.entry);
                }
            }
            self.close(stored, outcome.as_ref().ok().map(|concluded| &concluded.record), now);
        }
        self.last = outcome.ok().map(|concluded| concluded.last.sheet);
        self.publish()
    }

    /// A run that did not come to its end cannot say so itself.
    fn show_failed(&self, entry: &RunEntry) {
        let shown = self.board.reader().status.borrow().clone();
        if let Some(status) = shown.filter(|status| status.id == entry.id) {
            let mut status = RunStatus::clone(&status);
            status.phase = Phase::Finished;
            status.exit_code = entry.exit_code;
            status.notes.extend(entry.note.clone());
            self.board.show(status);
        }
    }

    fn close(&mut self, stored: Stored, record: Option<&RunRecord>, now: Timestamp) {
        let RunEntry { id, profile, outcome, exit_code, note, .. } = &stored.entry;
        tracing::info!(run = id, profile, outcome, exit_code, note, "The run has ended.");
        self.count(profile, outcome, 1);
        self.history.finish(stored, record, now);
    }

    /// Names of profiles that are not the configuration's would be labels without end.
    fn count(&mut self, profile: &str, outcome: &str, times: u64) {
        let profile = if self.settings.profile(profile).is_some() { profile } else { showing::SENT };
        if let Some(outcome) = showing::OUTCOMES.iter().find(|known| **known == outcome) {
            *self.ended.entry((profile.to_owned(), outcome)).or_default() += times;
        }
    }

    fn come_due(&mut self, profile: &ProfileEntry, trigger: Trigger, at: Timestamp, now: Timestamp) {
        if let Some(failed) = self.suspended(profile).filter(|_| trigger == Trigger::Schedule) {
            tracing::warn!(profile = profile.name, failed, "Its schedule is suspended (ifFailed).");
            return;
        }
        let by_schedule = trigger == Trigger::Schedule;
        let patience = if profile.if_busy == IfBusy::Skip && by_schedule { Patience::None } else { Patience::Waits };
        if let Err(turned) = self.lineup.admit(&profile.name, by_schedule, patience) {
            let why = match turned {
                Turned::Busy => "another run went on (ifBusy: skip)",
                Turned::Full => "as many runs waited as may (queue.max)",
                Turned::Waiting => "it waited for its turn already",
            };
            return self.note_missed(&profile.name, &Missed { last: at, count: 1 }, why, now);
        }
        let id = self.history.new_id(&profile.name, now);
        let testid = format!("{}-{}", profile.name, now.strftime("%Y%m%dT%H%M%SZ"));
        let entry = entry(&id, &profile.name, &testid, trigger, now);
        let waiting = Waiting { request: None, testid, prepared: None };
        self.line_up(Stored::new(entry), waiting, patience);
    }

    /// Puts an admitted run into the line and on the disk. Returns whether it waits for others.
    fn line_up(&mut self, mut stored: Stored, waiting: Waiting, patience: Patience) -> bool {
        let RunEntry { id, profile, trigger, .. } = &stored.entry;
        let ticket = Ticket { id: id.clone(), profile: profile.clone(), by_schedule: *trigger == Trigger::Schedule };
        let queued = self.lineup.is_busy();
        if self.lineup.offer(ticket, waiting, patience).is_ok() {
            QUEUED.clone_into(&mut stored.entry.outcome);
            self.history.put(stored);
        }
        queued
    }

    /// A run that waited when the last daemon ended.
    fn take_up(&mut self, mut stored: Stored) {
        let RunEntry { profile, trigger, .. } = &stored.entry;
        let if_missed = self.settings.profile(profile).map(|(profile, _)| profile.if_missed);
        let late = match trigger {
            Trigger::Schedule if if_missed == Some(IfMissed::Run) => None,
            Trigger::Schedule => Some("the daemon ended while it waited for its turn (ifMissed: skip)"),
            Trigger::Startup => Some("the daemon ended while it waited for its turn, and starts it anew"),
            Trigger::Request => None,
        };
        if let Some(late) = late {
            MISSED.clone_into(&mut stored.entry.outcome);
            stored.entry.note = Some(late.to_owned());
            self.history.put(stored);
            return;
        }
        let waiting = Waiting { request: stored.request.take(), testid: stored.entry.testid.clone(), prepared: None };
        let (ticket, by_schedule) = (&stored.entry, stored.entry.trigger == Trigger::Schedule);
        let ticket = Ticket { id: ticket.id.clone(), profile: ticket.profile.clone(), by_schedule };
        if self.lineup.offer(ticket, waiting, Patience::Waits).is_err() {
            MISSED.clone_into(&mut stored.entry.outcome);
            stored.entry.note = Some("as many runs waited as may (queue.max)".to_owned());
            self.history.put(stored);
        }
    }

    /// One entry stands for all times that were missed one after another: a line of them would push the runs out.
    fn note_missed(&mut self, profile: &str, missed: &Missed, why: &str, now: Timestamp) {
        tracing::warn!(profile, times = missed.count, why, "Missed.");
        self.count(profile, MISSED, missed.count.into());
        let newest = self.history.newest_of(profile).filter(|stored| stored.entry.outcome == MISSED);
        let mut stored = newest.unwrap_or_else(|| {
            let id = self.history.new_id(profile, now);
            Stored::new(entry(&id, profile, "", Trigger::Schedule, now))
        });
        stored.missed = stored.missed.saturating_add(missed.count);
        stored.entry.started_at = shown(missed.last);
        MISSED.clone_into(&mut stored.entry.outcome);
        let times = if stored.missed == 1 { String::new() } else { format!("{} times, last because ", stored.missed) };
        stored.entry.note = Some(format!("{times}{why}"));
        self.history.finish(stored, None, now);
    }

    fn suspended(&self, profile: &ProfileEntry) -> Option<u32> {
        self.history.suspended(&profile.name, profile.if_failed)
    }

    /// The next run, if it can begin: its entry is on disk before its load.
    pub fn begin(&mut self, now: Timestamp) -> Option<Begun> {
        while let Some((ticket, waiting)) = self.lineup.take_next() {
            let Some(mut stored) = self.history.get(&ticket.id) else {
                self.lineup.ended();
                continue;
            };
            RUNNING.clone_into(&mut stored.entry.outcome);
            stored.entry.started_at = shown(now);
            stored.request = None;
            match self.ready(&ticket, waiting) {
                Ok(begun) => {
                    tracing::info!(run = ticket.id, profile = ticket.profile, trigger = ?stored.entry.trigger, "A run begins.");
                    self.history.put(stored);
                    return Some(begun);
                }
                Err(refusal) => {
                    self.lineup.ended();
                    "failed".clone_into(&mut stored.entry.outcome);
                    stored.entry.exit_code = Some(refusal.exit().code());
                    stored.entry.note = Some(refusal.to_string());
                    self.close(stored, None, now);
                }
            }
        }
        None
    }
}

fn entry(id: &str, profile: &str, testid: &str, trigger: Trigger, now: Timestamp) -> RunEntry {
    RunEntry {
        id: id.to_owned(),
        profile: profile.to_owned(),
        testid: testid.to_owned(),
        trigger,
        started_at: shown(now),
        elapsed_seconds: None,
        outcome: QUEUED.to_owned(),
        exit_code: None,
        note: None,
        has_record: false,
    }
}
