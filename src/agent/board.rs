//! What a run shows to servers beside `/metrics`: its state and its curves, written by the control thread, read by
//! whoever serves pages and streams. Readers never wait for the run, and the run never waits for readers.

use std::sync::Arc;

use tokio::sync::watch;

use crate::outputs::{
    run_status::{Phase, RunStatus},
    timeline::Timeline,
};

/// The control thread's end.
#[derive(Debug, Clone)]
pub struct Board {
    status: watch::Sender<Option<Arc<RunStatus>>>,
    timeline: watch::Sender<Arc<Timeline>>,
}

/// A reader's end.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The run that goes on or was the last one; none before the first.
    pub status: watch::Receiver<Option<Arc<RunStatus>>>,
    /// Its curves so far.
    pub timeline: watch::Receiver<Arc<Timeline>>,
}

impl Default for Board {
    fn default() -> Self {
        Self { status: watch::Sender::new(None), timeline: watch::Sender::new(Arc::default()) }
    }
}

impl Board {
    /// For a server or a stream.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { status: self.status.subscribe(), timeline: self.timeline.subscribe() }
    }

    /// Shows a new state.
    pub fn show(&self, status: RunStatus) {
        self.status.send_replace(Some(Arc::new(status)));
    }

    /// The run will show nothing any more, and has come to no end.
    pub fn give_up(&self) {
        self.status.send_if_modified(|shown| {
            let Some(status) = shown else { return false };
            let mut last = RunStatus::clone(status);
            last.phase = Phase::Finished;
            last.notes.push("the run came to no end and has no results; the log says why".to_owned());
            *shown = Some(Arc::new(last));
            true
        });
    }

    /// Shows new curves.
    pub fn draw(&self, timeline: Arc<Timeline>) {
        self.timeline.send_replace(timeline);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::{run_status::ValidityStatus, timeline::Point};

    fn status() -> RunStatus {
        RunStatus {
            id: "r1".to_owned(),
            profile: "p".to_owned(),
            testid: "t".to_owned(),
            phase: Phase::Starting,
            started_at: None,
            elapsed_seconds: 0.0,
            plan_elapsed_seconds: 0.0,
            plan_seconds: 1.0,
            latest: Point::default(),
            scenarios: Vec::new(),
            thresholds: Vec::new(),
            validity: ValidityStatus { level: "valid".to_owned(), reasons: Vec::new() },
            verdict: None,
            exit_code: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_run_that_comes_to_no_end_is_over_and_says_so() {
        let board = Board::default();
        let mut reader = board.reader();
        board.give_up();
        assert!(!reader.status.has_changed().unwrap(), "there was no run");
        board.show(status());
        board.give_up();
        assert!(reader.status.has_changed().unwrap());
        let shown = reader.status.borrow_and_update().clone().unwrap();
        assert_eq!((shown.phase, &shown.verdict, shown.notes.len()), (Phase::Finished, &None, 1));
    }

    #[test]
    fn who_comes_late_sees_the_last_state() {
        let board = Board::default();
        board.show(status());
        board.draw(Arc::new(Timeline { interval_seconds: 2.0, ..Timeline::default() }));
        let reader = board.reader();
        assert_eq!(reader.status.borrow().as_ref().unwrap().id, "r1");
        assert_eq!(reader.timeline.borrow().interval_seconds, 2.0);
    }
}
