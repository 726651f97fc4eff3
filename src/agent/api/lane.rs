//! How long a connection may last: a short one for each request, a long one for a stream of events, which ends when
//! its client stops reading.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::{sync::Notify, time::sleep};

/// A connection's bound, and where its stream says that it is to be cut.
#[derive(Debug, Default)]
pub(in crate::agent) struct Lane {
    stream: Cell<bool>,
    cut: Rc<Notify>,
}

impl Lane {
    /// From now on it lasts until the returned value is notified.
    pub(super) fn becomes_stream(&self) -> Rc<Notify> {
        self.stream.set(true);
        Rc::clone(&self.cut)
    }

    /// Returns when the connection is to be cut: after `short`, or when its stream says so.
    pub(in crate::agent) async fn over(&self, short: Duration) {
        sleep(short).await;
        if self.stream.get() {
            // Kept if it came earlier.
            self.cut.notified().await;
        }
    }
}
