//! A deadline that is often moved later and rarely met. The runtime's timer is only touched when a
//! deadline comes earlier than what it waits for, so a reply timeout costs nothing per message.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Sleep, sleep_until};

use crate::clock::Instant;

/// One task's timer.
#[derive(Debug, Default)]
pub struct LazyTimer {
    /// Boxed because most held connections never need one.
    timer: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
}

impl LazyTimer {
    /// Ready when `deadline` has passed; wakes the task by then, perhaps earlier. All calls come from one task: a timer
    /// that is set and has not rung is left alone.
    pub fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let now = Instant::now();
        if now >= deadline {
            self.armed = None;
            return Poll::Ready(());
        }
        if self.armed.is_some_and(|armed| armed <= deadline && now < armed) {
            return Poll::Pending;
        }
        self.armed = Some(deadline);
        let at = tokio::time::Instant::from_std(deadline.to_std());
        let timer = match self.timer.as_mut() {
            Some(timer) => {
                timer.as_mut().reset(at);
                timer
            }
            None => self.timer.insert(Box::pin(sleep_until(at))),
        };
        if timer.as_mut().poll(cx).is_ready() {
            self.armed = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, time::Duration};

    #[tokio::test]
    async fn a_deadline_that_moved_later_is_met_at_the_later_time() {
        let mut timer = LazyTimer::default();
        let start = Instant::now();
        let (early, late) = (start + Duration::from_millis(5), start + Duration::from_millis(20));
        let mut first = true;
        poll_fn(|cx| {
            let deadline = if std::mem::take(&mut first) { early } else { late };
            timer.poll_until(cx, deadline)
        })
        .await;
        assert!(Instant::now() >= late);
    }
}
