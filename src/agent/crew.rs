//! The workers of a run as the control thread sees them: what they have counted together, and
//! whether they are done.

use std::{sync::Arc, task::Poll, time::Duration};

use tokio::{
    sync::{mpsc::error::TrySendError, oneshot},
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

    /// Tells every worker to change course at `at`. Each has done so when its answer comes, or has ended before. None if one
    /// of them cannot be told: then none has been, as they must not follow different plans.
    #[must_use]
    pub fn steer(&self, wheel: &Wheel, at: crate::clock::Instant) -> Option<Vec<oneshot::Receiver<()>>> {
        let going_on = self.members.iter().filter(|member| !member.done);
        let reserved = going_on.map(|member| match member.handle.commands.try_reserve() {
            Ok(room) => Ok(Some(room)),
            // It has ended a moment ago.
            Err(TrySendError::Closed(())) => Ok(None),
            Err(full @ TrySendError::Full(())) => Err(full),
        });
        let rooms: Vec<_> = reserved.collect::<Result<_, _>>().ok()?;
        let told = rooms.into_iter().flatten().map(|room| {
            let (done, answer) = oneshot::channel();
            room.send(Command::Steer(Turn { at, wheel: wheel.clone(), done }));
            answer
        });
        Some(told.collect())
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

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::{engine::instruments::Instruments, plan::Plan};

    fn worker(room: usize) -> (WorkerHandle, mpsc::Receiver<Command>) {
        let (commands, received) = mpsc::channel(room);
        let handle = WorkerHandle {
            commands,
            stop: watch::channel(None).0,
            finished: oneshot::channel().1,
            thread: std::thread::spawn(|| ()),
        };
        (handle, received)
    }

    #[test]
    fn all_workers_change_course_or_none_does() {
        let (first, mut heard) = worker(2);
        let (second, mut also_heard) = worker(1);
        let (third, gone) = worker(1);
        drop(gone);
        let plan = Plan { scenarios: Vec::new(), metrics: Vec::new() };
        let table = Instruments::new(&plan, Default::default(), &[]).table;
        let crew = Crew::new(table, vec![first, second, third]);
        let at = crate::clock::Instant::now();
        let told = |crew: &Crew| crew.steer(&Wheel::Pause, at).map(|answers| answers.len());
        assert_eq!(told(&crew), Some(2), "one has ended");
        assert_eq!(told(&crew), None, "the second has no room");
        assert_eq!((heard.len(), also_heard.len()), (1, 1));
        also_heard.try_recv().unwrap();
        assert_eq!(told(&crew), Some(2));
        heard.try_recv().unwrap();
        assert_eq!((heard.len(), also_heard.len()), (1, 1));
    }
}
