//! What a VU has been told to do. Set by the worker, awaited by the VU's task; both are on one
//! thread.
//!
//! | from | to | when |
//! |---|---|---|
//! | `Active` | `Stopping` | the ramp takes the VU away: no new iteration, `hold` ends |
//! | `Stopping` | `Active` | the ramp gives the VU back before its iteration is over |
//! | `Active`, `Stopping` | `Cut` | the grace is over or the run is stopped: the iteration ends now |

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use crate::{clock::Instant, engine::lazy_timer::LazyTimer};

/// See the table of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Iterations go on.
    Active,
    /// The current iteration is the last.
    Stopping,
    /// The current iteration ends now.
    Cut,
}

/// One VU's phase.
#[derive(Debug)]
pub struct Control {
    phase: Cell<Phase>,
    waker: RefCell<Option<Waker>>,
}

impl Default for Control {
    fn default() -> Self {
        Self { phase: Cell::new(Phase::Active), waker: RefCell::new(None) }
    }
}

impl Control {
    /// The present phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Changes the phase and wakes the VU.
    pub fn set(&self, phase: Phase) {
        self.phase.set(phase);
        self.wake();
    }

    /// Wakes the VU to look at what has been left for it.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Ready as soon as the phase is `phase` or a later one. A VU waits in one place at a time, so one waker is enough.
    pub fn poll_reached(&self, cx: &mut Context<'_>, phase: Phase) -> Poll<()> {
        if self.phase.get() >= phase {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        match waker.as_mut() {
            Some(known) => known.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits until `until`, or until the phase is `phase` or a later one; returns whether the time came first.
    pub async fn pause_until(&self, until: Instant, phase: Phase) -> bool {
        let mut timer = LazyTimer::default();
        poll_fn(|cx| {
            if self.poll_reached(cx, phase).is_ready() {
                return Poll::Ready(false);
            }
            timer.poll_until(cx, until).map(|()| true)
        })
        .await
    }

    /// Waits for `phase` or a later one.
    pub async fn reached(&self, phase: Phase) {
        poll_fn(|cx| self.poll_reached(cx, phase)).await;
    }
}
