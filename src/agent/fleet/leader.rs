//! Agent 0: has the roster, names the start, adds up what the others count, and waits for their results.

mod respond;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::watch, time::sleep};

use crate::{
    agent::{
        fleet::{Error, Event},
        server::Server,
    },
    clock::Instant,
    config::profile::fleet::FleetPolicy,
    fleet::{
        message::{Cause, RunIdentity},
        roster::{Progress, Roster},
        token::Token,
    },
    metrics::{series::SeriesTable, snapshot::Snapshot},
};

/// How often the roster is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A follower asks every 2 s at the latest.
const TOLD: Duration = Duration::from_secs(5);

/// The roster, shared with the thread that answers. Held for moments: nothing under it waits.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Mutex<Roster>>);

impl Room {
    pub(super) fn roster(&self) -> MutexGuard<'_, Roster> {
        // A panic elsewhere leaves the list as it was before or after one entry.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Leader {
    room: Room,
    others: watch::Receiver<Option<Arc<Snapshot>>>,
    lost_told: usize,
    handed_in_told: Option<u32>,
    server: Server,
}

impl Leader {
    /// Listens on `listen` from now on.
    ///
    /// # Errors
    /// It cannot listen.
    pub fn open(
        listen: SocketAddr,
        token: Token,
        run: RunIdentity,
        policy: FleetPolicy,
        earliest: Option<Instant>,
        table: Arc<SeriesTable>,
    ) -> Result<Self, Error> {
        let of = run.of;
        let room = Room(Arc::new(Mutex::new(Roster::new(run, policy, earliest, Instant::now()))));
        let (totals, others) = watch::channel(None);
        let server = respond::serve(listen, token, of, policy, room.clone(), table, totals)?;
        tracing::info!(fleet = %server.addr(), agents = of, "Listening for the other agents.");
        Ok(Self { room, others, lost_told: 0, handed_in_told: None, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Waits for the others.
    ///
    /// # Errors
    /// Some are missing, and nobody starts without them.
    pub async fn gather(&mut self) -> Result<Instant, Error> {
        let mut told = 0;
        loop {
            let (progress, of) = {
                let mut roster = self.room.roster();
                roster.tick(Instant::now());
                (roster.progress(), roster.of())
            };
            match progress {
                Progress::Gathering { present } if present != told => {
                    told = present;
                    tracing::info!(present, of, "Waiting for the other agents.");
                }
                Progress::Gathering { .. } => {}
                Progress::Starting { at, without } => {
                    if without.is_empty() {
                        tracing::info!(agents = of, "All agents are there.");
                    }
                    return Ok(at);
                }
                Progress::GivenUp { why } => {
                    self.wait_until_told().await;
                    return Err(Error::GivenUp(why));
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Agents that the load began without.
    #[must_use]
    pub fn missing(&self) -> Vec<u32> {
        self.room.roster().missing()
    }

    /// An agent that is silent for so long is lost.
    #[must_use]
    pub fn lost_after(&self) -> Duration {
        self.room.roster().lost_after()
    }

    /// How many agents are in each state; the leader is one of those present, to the last.
    #[must_use]
    pub fn agents(&self) -> Vec<(&'static str, u32)> {
        let roster = self.room.roster();
        let (finished, lost) = (roster.handed_in(), roster.lost(Instant::now()).len() as u32);
        let (missing, present) = (roster.missing().len() as u32, roster.present());
        vec![("finished", finished), ("lost", lost), ("missing", missing), ("present", present - finished - lost)]
    }

    /// What the others have counted so far.
    #[must_use]
    pub fn others(&self) -> Option<Arc<Snapshot>> {
        self.others.borrow().clone()
    }

    /// The next agent that is lost. Cancelling it loses nothing.
    pub async fn event(&mut self) -> Event {
        loop {
            let lost = self.room.roster().lost(Instant::now());
            if lost.len() > self.lost_told {
                self.lost_told = lost.len();
                return Event::AgentsLost(lost);
            }
            sleep(LOOK * 10).await;
        }
    }

    /// Everybody is to end the load now.
    pub fn stop(&self, cause: Cause) {
        self.room.roster().stop(cause);
    }

    /// Waits until every agent has handed in or is lost. Cancelling it loses nothing.
    pub async fn collect(&mut self) {
        loop {
            let (complete, handed_in, present) = {
                let roster = self.room.roster();
                (roster.is_complete(Instant::now()), roster.handed_in(), roster.present() - 1)
            };
            if complete {
                return;
            }
            if self.handed_in_told.replace(handed_in) != Some(handed_in) {
                tracing::info!(handed_in, of = present, "Waiting for the other agents' results.");
            }
            sleep(LOOK).await;
        }
    }

    /// Results by agent, and agents that are lost: whoever comes from now on is told that it is too late.
    #[must_use]
    pub fn close(&self) -> (Vec<(u32, Bytes)>, Vec<u32>) {
        self.room.roster().close()
    }

    /// Gives followers that ask again the chance to hear how it ended.
    pub async fn wait_until_told(&self) {
        let until = Instant::now() + TOLD;
        while Instant::now() < until && !self.room.roster().all_told(Instant::now()) {
            sleep(LOOK).await;
        }
    }
}
