//! The books of one connection: what was queued, sent, answered, given up and lost. Exact at any
//! snapshot: `expected = matched + timed out + lost + in flight`.

use std::{cell::Cell, rc::Rc, time::Duration};

use crate::{
    clock::Instant,
    config::profile::{CloseMode, Timeouts, socket::KeepAlive},
    engine::{
        ids::{IdReaders, Ids},
        instruments::{ClosedBy, GeneratorSlots, SiteSlots},
        matching::{Awaited, Matching},
        pacer::Pacer,
        plan_clock::PlanClock,
        reconnects::Reconnects,
        replies::{Arrival, Replies},
    },
    metrics::recorder::Recorder,
    protocol::failure::Disconnect,
};

/// Room kept for the next burst; larger ones are given back.
const KEPT_FRAMES: usize = 16;

/// What all connections of one site on one worker share.
#[derive(Debug)]
pub struct SiteContext {
    /// The worker's recorder.
    pub recorder: Rc<Recorder>,
    /// Where this site's connections are counted.
    pub slots: SiteSlots,
    /// Where the generator's own delays are counted.
    pub generator: GeneratorSlots,
    /// Wakes at the slots of `every`.
    pub pacer: Rc<Pacer>,
    /// In whose time `every` and `hold` count.
    pub clock: Rc<Cell<PlanClock>>,
    /// Bounds on waiting.
    pub timeouts: Timeouts,
    /// Whether one of its steps looks into messages.
    pub looks_into_messages: bool,
    /// Reads the ids by which replies find their messages, if they do.
    pub ids: Option<IdReaders>,
    /// Pings while nothing comes.
    pub keep_alive: Option<KeepAlive>,
    /// How long nothing may come.
    pub idle_timeout: Option<Duration>,
    /// What follows an early end.
    pub reconnect: Option<Reconnects>,
    /// How connections end.
    pub close_mode: CloseMode,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    intended: Instant,
    length: u32,
    awaits_reply: bool,
}

/// Replies to messages of one burst that came with one read.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// When the messages were to be sent, were sent, and their replies arrived.
    times: Option<(Instant, Instant, Instant)>,
    count: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    site: Rc<SiteContext>,
    dialled: Instant,
    replies: Matching,
    /// Queued and not accepted yet.
    frames: Vec<Frame>,
    /// Bytes of frames that have been counted as sent.
    credited: u64,
    /// Messages that no `expect` has claimed.
    unclaimed: u64,
    /// Replies that have arrived and are not recorded yet: those of one read and one burst are alike.
    run: Run,
    closed: bool,
}

impl Ledger {
    /// A connection, dialled at `dialled`, is open.
    #[must_use]
    pub fn open(site: Rc<SiteContext>, dialled: Instant) -> Self {
        site.recorder.gauge_add(site.slots.open, 1);
        let replies = match site.ids {
            None => Matching::InOrder(Replies::default()),
            Some(_) => Matching::ById(Box::<Ids>::default()),
        };
        Self {
            site,
            dialled,
            replies,
            frames: Vec::new(),
            credited: 0,
            unclaimed: 0,
            run: Run::default(),
            closed: false,
        }
    }

    /// A message of `length` bytes on the wire is queued.
    pub fn queue(&mut self, intended: Instant, length: u64, reply: Awaited) {
        let awaits_reply = reply != Awaited::No;
        if awaits_reply {
            self.replies.expect(reply, intended);
        }
        self.frames.push(Frame { intended, length: length as u32, awaits_reply });
    }

    /// Counts frames as sent: the kernel has accepted `accepted` bytes in all, the last ones by the call that began at `handed_over`.
    pub fn credit(&mut self, accepted: u64, handed_over: Instant) {
        let mut credited = self.credited;
        let whole = |frame: &&Frame| {
            credited += u64::from(frame.length);
            credited <= accepted
        };
        let sent = self.frames.iter().take_while(whole).count();
        if sent == 0 {
            return;
        }
        let mut expected = 0;
        // Frames of one burst have one intention: one record for all of them.
        for burst in self.frames[..sent].chunk_by(|one, next| one.intended == next.intended) {
            let lag = handed_over.nanos_since(burst[0].intended);
            self.site.recorder.observe_n(self.site.generator.send_lag, lag, burst.len() as u64);
            self.credited += burst.iter().map(|frame| u64::from(frame.length)).sum::<u64>();
            expected += burst.iter().filter(|frame| frame.awaits_reply).count() as u64;
        }
        self.replies.sent(expected, handed_over);
        self.site.recorder.add(self.site.slots.sent, sent as u64);
        self.site.recorder.add(self.site.slots.expected, expected);
        self.site.recorder.gauge_add(self.site.slots.in_flight, expected as i64);
        if sent == self.frames.len() {
            self.frames.clear();
            self.frames.shrink_to(KEPT_FRAMES);
        } else {
            self.frames.drain(..sent);
        }
    }

    /// A message arrived at `arrived`.
    pub fn arrive(&mut self, message: &[u8], arrived: Instant) {
        self.unclaimed += 1;
        self.site.recorder.add(self.site.slots.received, 1);
        let id = self.site.ids.as_ref().and_then(|ids| ids.of_received(message));
        let queued = self.replies.queued_up_to(id);
        if queued > 0 {
            self.prove_sent(queued);
        }
        match self.replies.arrive(id) {
            Arrival::Matched { intended, sent } => {
                let times = Some((intended, sent, arrived));
                if self.run.times != times {
                    self.record_run();
                    self.run.times = times;
                }
                self.run.count += 1;
            }
            Arrival::Late => self.site.recorder.add(self.site.slots.late, 1),
            Arrival::Duplicate => self.site.recorder.add(self.site.slots.duplicate, 1),
            Arrival::UnknownId => self.site.recorder.add(self.site.slots.unknown_id, 1),
            Arrival::Unsolicited => self.site.recorder.add(self.site.slots.unsolicited, 1),
        }
    }

    /// The reply to the `queued`-th queued message that awaits one has come before the news that the kernel took the
    /// message (over TLS there is none before the whole backlog is gone). It was sent; when is not known, so the
    /// reply's service time counts from its intention.
    #[cold]
    fn prove_sent(&mut self, queued: u64) {
        let mut places = self.frames.iter().enumerate().filter(|(_, frame)| frame.awaits_reply);
        let Some((last, frame)) = places.nth(queued as usize - 1) else { return };
        let handed_over = frame.intended;
        let bytes: u64 = self.frames.iter().take(last + 1).map(|frame| u64::from(frame.length)).sum();
        self.credit(self.credited + bytes, handed_over);
    }

    /// Records the replies of the run.
    pub fn record_run(&mut self) {
        let Run { times: Some((intended, sent, arrived)), count } = std::mem::take(&mut self.run) else { return };
        let SiteContext { recorder, slots, .. } = &*self.site;
        recorder.record_n(slots.rtt, arrived.nanos_since(intended), arrived, count);
        recorder.record_n(slots.service, arrived.nanos_since(sent), arrived, count);
        recorder.gauge_add(slots.in_flight, -(count as i64));
    }

    /// Takes `count` messages for an `expect`, if so many have come since the last one.
    pub fn claim(&mut self, count: u64) -> bool {
        let enough = self.unclaimed >= count;
        if enough {
            self.unclaimed -= count;
        }
        enough
    }

    /// Messages that no `expect` has claimed.
    #[must_use]
    pub fn unclaimed(&self) -> u64 {
        self.unclaimed
    }

    /// An `expect` has looked into all messages but the last `left`.
    pub fn claim_all_but(&mut self, left: u64) {
        self.unclaimed = left;
    }

    /// Replies that may still come.
    #[must_use]
    pub fn awaited(&self) -> u64 {
        self.replies.awaited()
    }

    /// Whether one more reply can be awaited.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.replies.has_room()
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// When the next reply is given up.
    #[must_use]
    pub fn reply_deadline(&self) -> Option<Instant> {
        self.replies.deadline(self.site.timeouts.reply)
    }

    /// Gives up replies that are due; returns whether there were any.
    pub fn expire(&mut self, now: Instant) -> bool {
        let expired = self.replies.expire(now, self.site.timeouts.reply);
        self.site.recorder.add(self.site.slots.timed_out, expired);
        self.site.recorder.gauge_add(self.site.slots.in_flight, -(expired as i64));
        expired > 0
    }

    /// The connection is over; only the first call counts.
    pub fn close(&mut self, by: ClosedBy, code: u16, disconnect: Option<Disconnect>) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        self.record_run();
        let unsent = self.frames.iter().filter(|frame| frame.awaits_reply).count() as u64;
        self.replies.retract(unsent);
        let lost = self.replies.lose();
        let SiteContext { recorder, slots, .. } = &*self.site;
        recorder.add(slots.lost, lost);
        recorder.gauge_add(slots.in_flight, -(lost as i64));
        recorder.gauge_add(slots.open, -1);
        recorder.add(slots.close(by, code), 1);
        if let Some(reason) = disconnect {
            recorder.add(slots.disconnect(reason), 1);
        }
        let now = Instant::now();
        recorder.record(slots.session_duration, now.nanos_since(self.dialled), now);
    }
}

#[cfg(test)]
mod tests;
