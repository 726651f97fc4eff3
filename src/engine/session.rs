//! One open connection. Whatever a VU waits for, the session meanwhile writes what is queued and
//! reads what comes, so that a sleeping flow never lets messages pile up; its ledger counts both.

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    clock::Instant,
    config::profile::{CloseMode, Reply},
    engine::{
        control::{Control, Phase},
        instruments::ClosedBy,
        lazy_timer::LazyTimer,
        ledger::{Ledger, SiteContext},
        mailbox::{Hearing, Mailbox},
    },
    protocol::{
        failure::Disconnect,
        frame::Opcode,
        inbox::Incoming,
        websocket::{Connection, Received},
    },
};

/// Reads before other tasks of the worker get their turn.
const TURN: usize = 8;
/// Queued bytes above which a session writes before it queues more.
const HIGH_WATER: u64 = 32 * 1024;

/// What a flow waits for. Whichever comes first ends the wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct Goal {
    /// A point in time.
    pub until: Option<Instant>,
    /// A point in time, met exactly; the ramp taking the VU away ends the wait too.
    pub slot: Option<Instant>,
    /// Messages since the last goal of this kind.
    pub messages: Option<u64>,
    /// The ramp takes the VU away; awaited replies are still waited for.
    pub stopped: bool,
    /// Every awaited reply came or was given up.
    pub replied: bool,
    /// Little enough is queued to queue more.
    pub writable: bool,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The goal, other than time, is reached.
    Reached,
    /// `until` has passed.
    TimedOut,
    /// The iteration is to end now.
    Cut,
    /// The connection is over; it has been counted.
    Lost,
}

/// How a connection is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It is not.
    Open,
    /// Our close frame is queued or sent.
    Closing { code: u16 },
    /// Both close frames are exchanged; TCP is to end.
    Closed { by: ClosedBy, code: u16 },
}

/// An open connection. Must be ended by [`Session::close`] or lost; a dropped one is counted as cut.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    site: Rc<SiteContext>,
    ledger: Ledger,
    /// Of a site whose steps look into messages.
    mailbox: Option<Box<Mailbox>>,
    intended: Instant,
    /// The slot that the pacer has been asked for.
    paced: Option<Instant>,
    unflushed: bool,
    write_deadline: Option<Instant>,
    /// Set by the server's close frame: TCP is to end by then.
    end_deadline: Option<Instant>,
    timer: LazyTimer,
    ending: Ending,
}

impl Session {
    /// Takes over a connection that has just opened.
    #[must_use]
    pub fn new(connection: Connection, site: Rc<SiteContext>, dialled: Instant) -> Self {
        Self {
            connection,
            ledger: Ledger::open(site.clone(), dialled),
            mailbox: site.looks_into_messages.then(Box::default),
            site,
            intended: Instant::now(),
            paced: None,
            unflushed: false,
            write_deadline: None,
            end_deadline: None,
            timer: LazyTimer::default(),
            ending: Ending::Open,
        }
    }

    /// When the messages that are queued now were to be sent: the end of the last wait, or the slot waited for.
    #[must_use]
    pub fn intended(&self) -> Instant {
        self.intended
    }

    /// Waits for a slot of a pace. Whenever that ends, what is queued next was intended for the
    /// slot: lateness is the generator's, and counted.
    pub async fn wait_for_slot(&mut self, control: &Control, slot: Instant) -> Wait {
        let wait = self.wait(control, Goal { slot: Some(slot), ..Goal::default() }).await;
        self.intended = slot;
        wait
    }

    /// Queues a message. Returns whether more may be queued at once; otherwise wait for `writable`.
    ///
    /// # Errors
    /// [`Wait::Lost`]: the connection is over.
    pub fn queue(&mut self, message: &str, reply: Option<Reply>) -> Result<bool, Wait> {
        if self.ending != Ending::Open {
            self.end(None);
            return Err(Wait::Lost);
        }
        let length = self.connection.queue(Opcode::Text, message.as_bytes());
        self.ledger.queue(self.intended, length, reply.is_some());
        self.unflushed = true;
        Ok(self.connection.unsent() < HIGH_WATER)
    }

    /// Waits for `goal`.
    pub async fn wait(&mut self, control: &Control, goal: Goal) -> Wait {
        let wait = poll_fn(|cx| self.poll_wait(cx, control, goal, None)).await;
        self.intended = Instant::now();
        wait
    }

    /// Waits until `hearing` has heard enough, those messages first that came before.
    pub async fn hear(&mut self, control: &Control, hearing: &mut Hearing<'_>, until: Option<Instant>) -> Wait {
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.deliver(hearing);
        }
        let goal = Goal { until, ..Goal::default() };
        let wait = poll_fn(|cx| self.poll_wait(cx, control, goal, Some(hearing))).await;
        self.ledger.claim_all_but(self.mailbox.as_ref().map_or(0, |mailbox| mailbox.len()));
        self.intended = Instant::now();
        wait
    }

    fn poll_wait(
        &mut self,
        cx: &mut Context<'_>,
        control: &Control,
        goal: Goal,
        mut hearing: Option<&mut Hearing<'_>>,
    ) -> Poll<Wait> {
        let pumped = self.pump(cx, hearing.as_deref_mut());
        // Before an end: what the server sent just before it counts for the goal.
        if hearing.is_some_and(|hearing| hearing.is_over()) {
            return Poll::Ready(Wait::Reached);
        }
        if goal.messages.is_some_and(|count| self.ledger.claim(count)) {
            if let Some(mailbox) = &mut self.mailbox {
                mailbox.keep_newest(self.ledger.unclaimed());
            }
            return Poll::Ready(Wait::Reached);
        }
        let flushed = match pumped {
            Ok(flushed) => flushed,
            Err(wait) => return Poll::Ready(wait),
        };
        if control.poll_reached(cx, Phase::Cut).is_ready() {
            return Poll::Ready(Wait::Cut);
        }
        if goal.writable && self.connection.unsent() < HIGH_WATER {
            return Poll::Ready(Wait::Reached);
        }
        if let Some(slot) = goal.slot {
            if Instant::now() >= slot {
                return Poll::Ready(Wait::TimedOut);
            }
            if control.poll_reached(cx, Phase::Stopping).is_ready() {
                return Poll::Ready(Wait::Reached);
            }
            if self.paced != Some(slot) {
                self.paced = Some(slot);
                self.site.pacer.wake_at(slot, cx.waker());
            }
        }
        let replied = flushed && self.ledger.awaited() == 0;
        if goal.replied && replied {
            return Poll::Ready(Wait::Reached);
        }
        // Registers the waker even when replies are still awaited, which wake the task by themselves.
        if goal.stopped && control.poll_reached(cx, Phase::Stopping).is_ready() && replied {
            return Poll::Ready(Wait::Reached);
        }
        self.poll_deadlines(cx, goal.until)
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>, until: Option<Instant>) -> Poll<Wait> {
        loop {
            let reply = self.ledger.reply_deadline();
            let Some(next) = [until, reply, self.write_deadline, self.end_deadline].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            if self.timer.poll_until(cx, next).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if self.write_deadline.is_some_and(|deadline| deadline <= now) {
                self.lost(Disconnect::WriteTimeout);
                return Poll::Ready(Wait::Lost);
            }
            if self.end_deadline.is_some_and(|deadline| deadline <= now) {
                self.end(None);
                return Poll::Ready(Wait::Lost);
            }
            if self.ledger.expire(now) {
                // The goal may be reached by this; the task looks again.
                cx.waker().wake_by_ref();
            }
            if until.is_some_and(|until| until <= now) {
                return Poll::Ready(Wait::TimedOut);
            }
        }
    }

    /// Writes and reads as much as there is. `Ok(true)`: nothing is queued any more.
    fn pump(&mut self, cx: &mut Context<'_>, hearing: Option<&mut Hearing<'_>>) -> Result<bool, Wait> {
        let pumped = self.poll_write(cx).and_then(|()| self.poll_read(cx, hearing)).and_then(|()| {
            // Answers to what has just come.
            self.unflushed |= self.connection.has_unwritten();
            self.poll_write(cx)
        });
        self.ledger.record_run();
        pumped.map(|()| !self.unflushed)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, mut hearing: Option<&mut Hearing<'_>>) -> Result<(), Wait> {
        for _ in 0..TURN {
            let Self { connection, ledger, mailbox, ending, end_deadline, site, .. } = self;
            let received = connection.poll_receive(cx, &mut |incoming, arrived| match incoming {
                Incoming::Text(message) | Incoming::Binary(message) => {
                    ledger.arrive(arrived);
                    if let Some(mailbox) = mailbox {
                        mailbox.receive(message, hearing.as_deref_mut());
                    }
                }
                Incoming::Close(code) => {
                    let (by, code) = match *ending {
                        Ending::Closing { code } => (ClosedBy::Client, code),
                        _ => (ClosedBy::Server, code),
                    };
                    *ending = Ending::Closed { by, code };
                    *end_deadline = Some(Instant::now() + site.timeouts.close);
                }
                Incoming::Ping(_) | Incoming::Pong(_) => {}
            });
            match received {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(Received::Some)) => {}
                Poll::Ready(Ok(Received::End)) => {
                    self.end(None);
                    return Err(Wait::Lost);
                }
                Poll::Ready(Err(reason)) => {
                    self.lost(reason);
                    return Err(Wait::Lost);
                }
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Wait> {
        if !self.unflushed {
            return Ok(());
        }
        // Before the call: over loopback the reply may be there before the call returns.
        let handed_over = Instant::now();
        let written = self.connection.poll_flush(cx);
        self.ledger.credit(self.connection.accepted(), handed_over);
        match written {
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                self.write_deadline = None;
                Ok(())
            }
            Poll::Ready(Err(reason)) => {
                self.lost(reason);
                Err(Wait::Lost)
            }
            Poll::Pending => {
                if self.write_deadline.is_none() {
                    self.write_deadline = Some(Instant::now() + self.site.timeouts.write);
                }
                Ok(())
            }
        }
    }

    /// Waits for awaited replies and, if it is to be so, for the server to close first; says goodbye with
    /// `code`, and waits for the server's goodbye and the end of TCP, each bounded.
    pub async fn close(mut self, control: &Control, code: u16, reason: &str) -> Wait {
        let mut wait = self.wait(control, Goal { replied: true, ..Goal::default() }).await;
        if wait == Wait::Reached && self.site.close_mode == CloseMode::ServerFirst {
            let until = Some(Instant::now() + self.site.timeouts.close);
            wait = self.wait(control, Goal { until, ..Goal::default() }).await;
        }
        match wait {
            Wait::Reached | Wait::TimedOut => {
                self.say_goodbye(code, reason, self.site.timeouts.close).await;
                Wait::Reached
            }
            Wait::Cut => {
                self.cut().await;
                Wait::Cut
            }
            // Both sides wanted the end.
            Wait::Lost if matches!(self.ending, Ending::Closed { .. }) => Wait::Reached,
            Wait::Lost => wait,
        }
    }

    /// Ends the connection of an iteration that is cut: a short goodbye (1001), whatever is still awaited is lost.
    pub async fn cut(mut self) {
        const GOING_AWAY: u16 = 1001;
        let patience = self.site.timeouts.close.min(Duration::from_secs(1));
        self.say_goodbye(GOING_AWAY, "", patience).await;
    }

    async fn say_goodbye(&mut self, code: u16, reason: &str, patience: Duration) {
        if self.ending == Ending::Open {
            if self.site.close_mode == CloseMode::Reset {
                self.connection.reset_at_end();
                return self.end(None);
            }
            self.ending = Ending::Closing { code };
            self.unflushed = true;
            self.connection.queue_close(Some(code), reason);
        }
        // A cut must not end this wait: it is bounded, and the goodbye is what a cut does.
        let never_cut = Control::default();
        let goal = Goal { until: Some(Instant::now() + patience), ..Goal::default() };
        if self.wait(&never_cut, goal).await == Wait::TimedOut {
            match self.ending {
                // Both sides have said goodbye, but the server keeps TCP open: that is its affair.
                Ending::Closed { .. } => self.end(None),
                _ => self.end(Some(Disconnect::CloseTimeout)),
            }
        }
    }

    fn lost(&mut self, reason: Disconnect) {
        // Frames that the kernel took before the error were sent.
        self.ledger.credit(self.connection.accepted(), Instant::now());
        self.end(Some(reason));
    }

    /// Counts the end, once.
    fn end(&mut self, disconnect: Option<Disconnect>) {
        let (by, code) = match (self.ending, disconnect) {
            (Ending::Closed { by, code }, _) => return self.ledger.close(by, code, None),
            (_, Some(Disconnect::Reset | Disconnect::Eof | Disconnect::Tls | Disconnect::Other)) => {
                (ClosedBy::Network, 1006)
            }
            (
                _,
                Some(
                    broken @ (Disconnect::Protocol
                    | Disconnect::BadCloseCode
                    | Disconnect::BadUtf8
                    | Disconnect::TooBig),
                ),
            ) => (ClosedBy::Client, broken.close_code()),
            (Ending::Closing { code }, _) => (ClosedBy::Client, code),
            (Ending::Open, _) => (ClosedBy::Client, 1006),
        };
        self.ledger.close(by, code, disconnect);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A panic in the flow must not leave an open connection in the books.
        self.end(Some(Disconnect::Other));
    }
}
