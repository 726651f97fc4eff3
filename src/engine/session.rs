//! One open connection. Whatever a VU waits for, the session meanwhile writes what is queued and
//! reads what comes, so that a sleeping flow never lets messages pile up; its ledger counts both.

mod ending;
mod pump;

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    clock::Instant,
    config::profile::Reply,
    engine::{
        control::{Control, Phase},
        instruments::ClosedBy,
        lazy_timer::LazyTimer,
        ledger::{Ledger, SiteContext},
        liveness::{Due, Liveness},
        mailbox::{Hearing, Mailbox},
        matching::Awaited,
        pings::Pings,
    },
    protocol::{failure::Disconnect, frame::Opcode, websocket::Connection},
};

/// Queued bytes above which a session writes before it queues more.
const HIGH_WATER: u64 = 32 * 1024;

/// What a flow waits for. Whichever comes first ends the wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct Goal {
    /// A point in time.
    pub until: Option<Instant>,
    /// A point in the plan's time: a held connection stays open while that stands still.
    pub held: Option<Duration>,
    /// A point in the plan's time, met exactly; the ramp taking the VU away ends the wait too.
    pub slot: Option<Duration>,
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

/// Why a message is not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unqueued {
    /// The connection is over; it has been counted.
    Lost,
    /// Its reply is to have its id, and it has none.
    NoId,
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
    /// Once one was sent.
    pings: Option<Box<Pings>>,
    /// Of a site that watches.
    liveness: Option<Box<Liveness>>,
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
        let now = Instant::now();
        Self {
            connection,
            ledger: Ledger::open(site.clone(), dialled),
            mailbox: site.looks_into_messages.then(Box::default),
            pings: None,
            liveness: Liveness::new(site.keep_alive, site.idle_timeout, now).map(Box::new),
            site,
            intended: now,
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

    /// The flow goes on with this connection, and has waited until `intended`.
    pub fn resume(&mut self, intended: Instant) {
        self.intended = intended;
    }

    /// The flow goes on with this connection at a slot, in the plan's time; one that a pause has kept has no instant yet.
    pub fn resume_at_slot(&mut self, slot: Duration) {
        self.intended = self.site.clock.get().when(slot).unwrap_or_else(Instant::now);
    }

    /// Whether the connection is over; it has been counted.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ledger.is_closed()
    }

    /// Queues a message. Returns whether more may be queued at once; otherwise wait for `writable`.
    ///
    /// # Errors
    /// The message is not queued.
    pub fn queue(&mut self, opcode: Opcode, payload: &[u8], reply: Option<Reply>) -> Result<bool, Unqueued> {
        if self.ending != Ending::Open || self.is_over() {
            self.end(None);
            return Err(Unqueued::Lost);
        }
        let awaited = match reply {
            None => Awaited::No,
            Some(Reply::Fifo) => Awaited::InOrder,
            Some(Reply::Id { sent }) => {
                let id = self.site.ids.as_ref().and_then(|ids| ids.of_sent(sent, payload));
                Awaited::ById(id.ok_or(Unqueued::NoId)?)
            }
        };
        let length = self.connection.queue(opcode, payload);
        self.ledger.queue(self.intended, length, awaited);
        self.unflushed = true;
        Ok(self.has_room())
    }

    /// Queues a ping; its pong is measured from the instant that messages count from. Returns as [`Self::queue`] does.
    ///
    /// # Errors
    /// [`Unqueued::Lost`].
    pub fn ping(&mut self) -> Result<bool, Unqueued> {
        if self.ending != Ending::Open || self.is_over() {
            self.end(None);
            return Err(Unqueued::Lost);
        }
        self.queue_ping(self.intended, true);
        Ok(self.has_room())
    }

    fn queue_ping(&mut self, intended: Instant, by_step: bool) {
        let SiteContext { recorder, slots, .. } = &*self.site;
        let number = self.pings.get_or_insert_default().ping(intended, by_step, recorder, slots);
        self.connection.queue_ping(itoa::Buffer::new().format(number).as_bytes());
        self.unflushed = true;
    }

    fn has_room(&self) -> bool {
        self.connection.backlog() < HIGH_WATER && self.ledger.has_room()
    }

    /// Waits for `goal`.
    pub async fn wait(&mut self, control: &Control, goal: Goal) -> Wait {
        let wait = poll_fn(|cx| self.poll_wait(cx, control, goal, None)).await;
        self.intended = Instant::now();
        wait
    }

    /// Lets `hearing` have the messages that came before; more of them may come in [`Self::poll_wait`].
    pub fn begin_hearing(&mut self, hearing: &mut Hearing<'_>) {
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.deliver(hearing);
        }
    }

    /// What was heard counts for no other step.
    pub fn end_hearing(&mut self) {
        self.ledger.claim_all_but(self.mailbox.as_ref().map_or(0, |mailbox| mailbox.len()));
    }

    /// Reads and writes as long as the flow has to do with something else.
    pub fn poll_serve(&mut self, cx: &mut Context<'_>, control: &Control) -> Poll<Wait> {
        self.poll_wait(cx, control, Goal::default(), None)
    }

    /// Ready with [`Wait::Reached`] when `goal` is reached, or when `hearing` has heard enough.
    pub fn poll_wait(
        &mut self,
        cx: &mut Context<'_>,
        control: &Control,
        goal: Goal,
        mut hearing: Option<&mut Hearing<'_>>,
    ) -> Poll<Wait> {
        // What came before the end may still be what the flow waits for; nothing more is written or read.
        let pumped = if self.is_over() { Err(Wait::Lost) } else { self.pump(cx, hearing.as_deref_mut()) };
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
        if goal.writable && self.has_room() {
            return Poll::Ready(Wait::Reached);
        }
        if let Some(slot) = goal.slot {
            // First: a pace that is behind has only past slots, and is to end all the same.
            if control.poll_reached(cx, Phase::Stopping).is_ready() {
                return Poll::Ready(Wait::Reached);
            }
            let clock = self.site.clock.get();
            // The worker wakes its VUs when the plan goes on.
            let Some(slot) = clock.when(slot).filter(|_| !clock.is_paused()) else {
                return self.poll_deadlines(cx, None);
            };
            if Instant::now() >= slot {
                return Poll::Ready(Wait::TimedOut);
            }
            if self.paced != Some(slot) {
                self.paced = Some(slot);
                self.site.pacer.wake_at(slot, cx.waker());
            }
        }
        let ponged = self.pings.as_ref().is_none_or(|pings| !pings.are_awaited());
        let replied = flushed && self.ledger.awaited() == 0 && ponged;
        if goal.replied && replied {
            return Poll::Ready(Wait::Reached);
        }
        // Registers the waker even when replies are still awaited, which wake the task by themselves.
        if goal.stopped && control.poll_reached(cx, Phase::Stopping).is_ready() && replied {
            return Poll::Ready(Wait::Reached);
        }
        let held = goal.held.and_then(|held| self.site.clock.get().when(held));
        self.poll_deadlines(cx, goal.until.or(held))
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>, until: Option<Instant>) -> Poll<Wait> {
        loop {
            let reply = self.ledger.reply_deadline();
            let ping = self.pings.as_ref().and_then(|pings| pings.deadline(self.site.timeouts.reply));
            // One that is ending has `close_timeout`.
            let watched = self.liveness.as_mut().filter(|_| self.ending == Ending::Open);
            let watch = watched.and_then(|liveness| liveness.deadline());
            let deadlines = [until, reply, ping, watch, self.write_deadline, self.end_deadline];
            let Some(next) = deadlines.into_iter().flatten().min() else {
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
            if let Some(reason) = self.watch(now) {
                self.lost(reason);
                return Poll::Ready(Wait::Lost);
            }
            let SiteContext { recorder, slots, timeouts, .. } = &*self.site;
            let pings = self.pings.as_mut();
            let unanswered = pings.is_some_and(|pings| pings.expire(now, timeouts.reply, recorder, slots));
            if self.ledger.expire(now) || unanswered || self.unflushed {
                // The goal may be reached by this, and a ping is to be written; the task looks again.
                cx.waker().wake_by_ref();
            }
            if until.is_some_and(|until| until <= now) {
                return Poll::Ready(Wait::TimedOut);
            }
        }
    }

    /// Does what the watch over a silent connection asks for; returns why it is to be given up, if it is.
    fn watch(&mut self, now: Instant) -> Option<Disconnect> {
        let watched = self.liveness.as_mut().filter(|_| self.ending == Ending::Open);
        match watched.and_then(|liveness| liveness.due(now))? {
            Due::GiveUp(reason) => Some(reason),
            Due::Ping => {
                self.queue_ping(now, false);
                None
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A panic in the flow must not leave an open connection in the books.
        self.end(Some(Disconnect::Other));
    }
}
