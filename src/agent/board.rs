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
