//! The workers of a run as the control thread sees them: what they have counted together, and
//! whether they are done.

use std::{sync::Arc, task::Poll, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use crate::{
    engine::worker::{Command, Turn, Wheel, WorkerHandle},
    metrics::{series::SeriesTable, snapshot::Snapshot},
};

/// All workers.
#[derive(Debug)]
pub struct Crew {
    table: Arc<SeriesTable>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    handle: WorkerHandle,
    /// What it said last; final once it is done.
    latest: Option<Snapshot>,
    /// Asked for and not yet there.
    asked: Option<oneshot::Receiver<Snapshot>>,
    done: bool,
}

impl Crew {
    /// Takes over running workers.
    #[must_use]
    pub fn new(table: Arc<SeriesTable>, workers: Vec<WorkerHandle>) -> Self {
        let members =
            workers.into_iter().map(|handle| Member { handle, latest: None, asked: None, done: false }).collect();
        Self { table, members }
    }

    /// What all workers have counted. One that does not answer within `patience` is taken as it
    /// was last, so that no counter ever goes back.
    pub async fn snapshot(&mut self, patience: Duration) -> Snapshot {
        let deadline = Instant::now() + patience;
        self.members.iter_mut().for_each(Member::ask);
        for member in &mut self.members {
            if let Some(asked) = &mut member.asked
                && let Ok(answer) = timeout_at(deadline, asked).await
            {
                member.latest = answer.ok().or_else(|| member.latest.take());
                member.asked = None;
            }
        }
        self.merged()
    }

    /// Begins with a copy of one and not with an empty one: that would grow by doubling, once a second and for
    /// ever, and leave holes in the control thread's memory (15 KiB a minute in the soak).
    fn merged(&self) -> Snapshot {
        let latest = || self.members.iter().filter_map(|member| member.latest.as_ref());
        let Some(mut merged) = latest().next().cloned() else { return Snapshot::empty(&self.table) };
        latest().skip(1).for_each(|latest| merged.merge(latest));
        merged
    }

    /// Waits until every worker is done.
    ///
    /// # Errors
    /// Names a worker that ended without its last snapshot: it panicked.
    pub async fn finished(&mut self) -> Result<(), WorkerLost> {
        std::future::poll_fn(|cx| {
            let mut lost = None;
            for (index, member) in self.members.iter_mut().enumerate().filter(|(_, member)| !member.done) {
                match std::pin::Pin::new(&mut member.handle.finished).poll(cx) {
                    Poll::Pending => continue,
                    Poll::Ready(Ok(last)) => member.latest = Some(last),
                    Poll::Ready(Err(_)) => lost = Some(WorkerLost { index }),
                }
                member.done = true;
                // A late answer is older than the last snapshot.
                member.asked = None;
            }
            match lost {
                Some(lost) => Poll::Ready(Err(lost)),
                None if self.members.iter().all(|member| member.done) => Poll::Ready(Ok(())),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Tells every worker to stop; iterations may go on for `grace`.
    pub fn stop(&self, grace: Duration) {
        for member in &self.members {
            // One that hangs finds it when it goes on; one that is done needs none.
            member.handle.stop.send_replace(Some(grace));
        }
    }

    /// Tells every worker to change course at `at`. Each has done so when its answer comes; none from a worker that could
    /// not be told.
    #[must_use]
    pub fn steer(&self, wheel: &Wheel, at: crate::clock::Instant) -> Vec<Option<oneshot::Receiver<()>>> {
        let going_on = self.members.iter().filter(|member| !member.done);
        let told = going_on.map(|member| {
            let (done, answer) = oneshot::channel();
            let turn = Turn { at, wheel: wheel.clone(), done };
            member.handle.commands.try_send(Command::Steer(turn)).is_ok().then_some(answer)
        });
        told.collect()
    }

    /// Whether a worker has nothing left to do: its share of an order would be missing.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.members.iter().any(|member| member.done)
    }

    /// The final counts, after [`Self::finished`].
    #[must_use]
    pub fn last(self) -> Snapshot {
        let merged = self.merged();
        for member in self.members {
            // A thread that has sent its last snapshot ends by itself; one that panicked has said so.
            if member.done && member.handle.thread.join().is_err() {
                tracing::debug!("A worker's thread had panicked.");
            }
        }
        merged
    }
}

impl Member {
    /// Asks for a snapshot, unless the last one asked for is still to come: a worker that hangs would find a queue of them.
    fn ask(&mut self) {
        match self.asked.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Err(oneshot::error::TryRecvError::Empty)) => return,
            Some(Ok(late)) => self.latest = Some(late),
            Some(Err(oneshot::error::TryRecvError::Closed)) | None => {}
        }
        self.asked = None;
        if !self.done {
            let (reply, answer) = oneshot::channel();
            self.asked = self.handle.commands.try_send(Command::Snapshot(reply)).is_ok().then_some(answer);
        }
    }
}

/// A worker ended without its last snapshot.
#[derive(Debug, thiserror::Error)]
#[error("worker {index} panicked; its counts since the last snapshot are lost; please report this as a bug")]
pub struct WorkerLost {
    /// Which one.
    pub index: usize,
}
