//! Where the ways of connections to their servers are counted, for all scenarios of a worker.

use std::rc::Rc;

use crate::{
    clock::Instant,
    metrics::{
        recorder::Recorder,
        series::{CounterSlot, TrendSlot},
    },
    protocol::failure::reasons,
};

reasons! {
    /// How a name look-up ended.
    LookedUp {
        /// With addresses.
        Answered = "answered",
        /// The name does not exist, or has no address.
        NotFound = "not_found",
        /// The name servers could not say, or what they said is no answer.
        Failed = "failed",
        /// Nothing came in time.
        TimedOut = "timeout",
    }
}

/// Where it is counted.
#[derive(Debug, Clone, Copy)]
pub struct NetworkSlots {
    /// Time of a look-up that was answered with addresses.
    pub lookup: TrendSlot,
    /// Look-ups, a block by [`LookedUp`].
    pub lookups: CounterSlot,
    /// Connections to an address of the family that is not preferred, because the preferred one did not answer.
    pub fallbacks: CounterSlot,
}

/// Counts.
#[derive(Debug, Clone)]
pub struct Meter {
    recorder: Rc<Recorder>,
    slots: NetworkSlots,
}

impl Meter {
    /// Counts in `recorder`.
    #[must_use]
    pub fn new(recorder: Rc<Recorder>, slots: NetworkSlots) -> Self {
        Self { recorder, slots }
    }

    /// A look-up that began at `begun` is over. Only answers are in the trend: a timeout is a setting, not a time.
    pub(super) fn looked_up(&self, outcome: LookedUp, begun: Instant, ended: Instant) {
        self.recorder.add(self.slots.lookups.offset(outcome.index()), 1);
        if outcome == LookedUp::Answered {
            self.recorder.record(self.slots.lookup, ended.nanos_since(begun), ended);
        }
    }

    /// A connection opened to a fallback.
    pub(super) fn fell_back(&self) {
        self.recorder.add(self.slots.fallbacks, 1);
    }

    /// For tests of what counts nothing.
    #[cfg(test)]
    pub(crate) fn unused() -> Self {
        let (recorder, counter, _, trend) = crate::metrics::recorder::with_a_slot_of_each_kind();
        Self { recorder, slots: NetworkSlots { lookup: trend, lookups: counter, fallbacks: counter } }
    }
}
