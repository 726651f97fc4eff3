//! `GET /status` and the data of every event: the daemon and its run as one document, made once for all who read it.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    agent::{board, daemon::desk::DaemonStatus},
    outputs::{run_status::RunStatus, timeline::Timeline},
};

/// The document, as a client reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The daemon beside its run.
    pub daemon: DaemonStatus,
    /// The run that goes on or was the last one; none before the first.
    pub run: Option<RunStatus>,
}

#[derive(Serialize)]
struct Shown<'s> {
    daemon: &'s DaemonStatus,
    run: Option<&'s RunStatus>,
}

/// The last document, with what it was made of.
#[derive(Debug)]
struct Made {
    daemon: Arc<DaemonStatus>,
    run: Option<Arc<RunStatus>>,
    body: Bytes,
}

/// Where the API reads the present.
#[derive(Debug, Clone)]
pub(super) struct Showcase {
    board: board::Reader,
    daemon: Option<watch::Receiver<Arc<DaemonStatus>>>,
    /// Of an agent without a daemon.
    alone: Arc<DaemonStatus>,
    made: Rc<RefCell<Option<Made>>>,
}

impl Showcase {
    pub(super) fn new(board: board::Reader, daemon: Option<watch::Receiver<Arc<DaemonStatus>>>) -> Self {
        let alone = DaemonStatus {
            mode: "run".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..DaemonStatus::default()
        };
        Self { board, daemon, alone: Arc::new(alone), made: Rc::default() }
    }

    pub(super) fn daemon(&self) -> Arc<DaemonStatus> {
        self.daemon.as_ref().map_or_else(|| Arc::clone(&self.alone), |daemon| Arc::clone(&daemon.borrow()))
    }

    pub(super) fn run(&self) -> Option<Arc<RunStatus>> {
        self.board.status.borrow().clone()
    }

    pub(super) fn timeline(&self) -> Arc<Timeline> {
        self.board.timeline.borrow().clone()
    }

    /// As JSON in one line. A hundred streams read it at one moment.
    pub(super) fn body(&self) -> Bytes {
        let (daemon, run) = (self.daemon(), self.run());
        let mut made = self.made.borrow_mut();
        if let Some(made) = made.as_ref()
            && Arc::ptr_eq(&made.daemon, &daemon)
            && made.run.as_ref().map(Arc::as_ptr) == run.as_ref().map(Arc::as_ptr)
        {
            return made.body.clone();
        }
        let shown = Shown { daemon: &daemon, run: run.as_deref() };
        let body = Bytes::from(serde_json::json!(shown).to_string());
        *made = Some(Made { daemon, run, body: body.clone() });
        body
    }

    /// Waits for something that has not been seen through this value; false when nothing can come any more.
    pub(super) async fn changed(&mut self) -> bool {
        let daemon = async {
            match &mut self.daemon {
                Some(daemon) => daemon.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.board.status.changed() => changed.is_ok(),
            changed = daemon => changed,
        }
    }

    /// What there is now counts as seen.
    pub(super) fn see(&mut self) {
        self.board.status.mark_unchanged();
        if let Some(daemon) = &mut self.daemon {
            daemon.mark_unchanged();
        }
    }
}
