//! Wakes tasks at exact times: one timerfd per worker. tokio's own timer counts milliseconds and
//! rounds up, so that a 64 µs echo measured from its intended time reads as 976 µs (truth.md §1.4);
//! a timerfd is about 60 µs late, and spinning about none.

use std::{
    cell::{Cell, RefCell},
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    future::poll_fn,
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    task::{Context, Poll, Waker},
    time::Duration,
};

use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use tokio::io::unix::AsyncFd;

use crate::{clock::Instant, config::profile::Precision};

#[derive(Debug)]
struct Entry {
    at: Instant,
    waker: Waker,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

/// What tokio needs to know of a timerfd.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// One worker's exact timer.
#[derive(Debug)]
pub struct Pacer {
    waiting: RefCell<BinaryHeap<Reverse<Entry>>>,
    timer: AsyncFd<Timer>,
    armed: Cell<Option<Instant>>,
    /// The timer is about to be set anew.
    gathering: Cell<bool>,
    precision: Precision,
    driver: RefCell<Option<Waker>>,
}

impl Pacer {
    /// A timer on the current runtime; [`Self::drive`] must be running for it to wake anybody.
    ///
    /// # Errors
    /// The system has no timerfd left.
    pub fn new(precision: Precision) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "its successor is `unsafe fn` and asks that the descriptor stays open: Timer owns it and never gives it away"
        )]
        let timer = AsyncFd::new(Timer(timer))?;
        Ok(Self {
            waiting: RefCell::default(),
            timer,
            armed: Cell::new(None),
            gathering: Cell::new(false),
            precision,
            driver: RefCell::default(),
        })
    }

    /// Wakes the task at `at`. Waking it earlier for other reasons is harmless; the entry then wakes it once more.
    pub fn wake_at(&self, at: Instant, waker: &Waker) {
        self.waiting.borrow_mut().push(Reverse(Entry { at, waker: waker.clone() }));
        match self.precision {
            Precision::Timer => {
                if !self.gathering.get() && self.armed.get().is_none_or(|armed| at < armed) {
                    self.arm(at);
                }
            }
            Precision::Spin => {
                if let Some(driver) = self.driver.borrow_mut().take() {
                    driver.wake();
                }
            }
        }
    }

    /// Waits until `at`.
    pub async fn sleep_until(&self, at: Instant) {
        let mut registered = false;
        poll_fn(|cx| {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            if !std::mem::replace(&mut registered, true) {
                self.wake_at(at, cx.waker());
            }
            Poll::Pending
        })
        .await;
    }

    /// Wakes whoever is due, for ever.
    pub async fn drive(&self) {
        match self.precision {
            Precision::Timer => self.drive_timer().await,
            Precision::Spin => self.drive_spinning().await,
        }
    }

    async fn drive_timer(&self) {
        loop {
            poll_fn(|cx| self.poll_expired(cx)).await;
            // Those who are woken mostly ask for their next time at once: it is set once, after them.
            self.gathering.set(true);
            self.wake_due();
            tokio::task::yield_now().await;
            self.gathering.set(false);
            self.armed.set(None);
            let next = self.waiting.borrow().peek().map(|Reverse(next)| next.at);
            if let Some(next) = next {
                self.arm(next);
            }
        }
    }

    async fn drive_spinning(&self) {
        loop {
            if self.wake_due().is_some() {
                // Others run and sockets are looked at in between.
                tokio::task::yield_now().await;
            } else {
                poll_fn(|cx| {
                    if !self.waiting.borrow().is_empty() {
                        return Poll::Ready(());
                    }
                    *self.driver.borrow_mut() = Some(cx.waker().clone());
                    Poll::Pending
                })
                .await;
            }
        }
    }

    fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Poll::Ready(Ok(mut ready)) = self.timer.poll_read_ready(cx) else { return Poll::Pending };
            // The count of expirations; `WouldBlock` after a timer was set anew between its expiry and here.
            let read = ready.try_io(|timer| {
                let mut count = [0; 8];
                nix::unistd::read(&timer.get_ref().0, &mut count).map_err(io::Error::from)
            });
            if matches!(read, Ok(Ok(_))) {
                // The count is read; the next expiry is announced anew. Saves the read that finds nothing.
                ready.clear_ready();
                return Poll::Ready(());
            }
        }
    }

    /// Wakes those who are due; returns the next time.
    fn wake_due(&self) -> Option<Instant> {
        let now = Instant::now();
        loop {
            let due = {
                let mut waiting = self.waiting.borrow_mut();
                match waiting.peek() {
                    None => return None,
                    Some(Reverse(next)) if next.at > now => return Some(next.at),
                    Some(_) => waiting.pop(),
                }
            };
            if let Some(Reverse(entry)) = due {
                entry.waker.wake();
            }
        }
    }

    fn arm(&self, at: Instant) {
        // Zero would disarm it.
        let left = at.since(Instant::now()).max(Duration::from_nanos(1));
        let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
        if let Err(error) = self.timer.get_ref().0.set(expiration, TimerSetTimeFlags::empty()) {
            tracing::error!(%error, "The pacing timer cannot be set; this is a bug in rampd.");
        }
        self.armed.set(Some(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    async fn never_early_and_nobody_forgotten(precision: Precision) {
        let pacer = Rc::new(Pacer::new(precision).unwrap());
        let start = Instant::now();
        let order = Rc::new(RefCell::new(Vec::new()));
        let waits = [9u64, 3, 6, 3, 0].map(|millis| {
            let (pacer, order) = (pacer.clone(), order.clone());
            async move {
                let at = start + Duration::from_millis(millis);
                pacer.sleep_until(at).await;
                assert!(Instant::now() >= at);
                order.borrow_mut().push(millis);
            }
        });
        let [one, two, three, four, five] = waits;
        tokio::select! {
            () = pacer.drive() => {}
            _ = async { tokio::join!(one, two, three, four, five) } => {}
        }
        let mut woken = order.borrow().clone();
        woken.sort_unstable();
        assert_eq!(woken, [0, 3, 3, 6, 9]);
    }

    #[tokio::test]
    async fn a_timer_wakes_everybody_and_never_early() {
        never_early_and_nobody_forgotten(Precision::Timer).await;
    }

    #[tokio::test]
    async fn spinning_wakes_everybody_and_never_early() {
        never_early_and_nobody_forgotten(Precision::Spin).await;
    }
}
