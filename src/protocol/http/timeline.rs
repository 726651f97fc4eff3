//! The instants of a request, and k6's phases made of them.

use std::cell::Cell;

use crate::clock::Instant;

/// The instants of one VU's present request. A VU has one at a time, on whichever of its connections.
#[derive(Debug)]
pub(super) struct Timeline {
    begun: Cell<Instant>,
    connected: Cell<Option<Instant>>,
    connecting: Cell<u64>,
    tls: Cell<u64>,
    written: Cell<Option<Instant>>,
    first: Cell<Option<Instant>>,
    last: Cell<Option<Instant>>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            begun: Cell::new(Instant::now()),
            connected: Cell::new(None),
            connecting: Cell::new(0),
            tls: Cell::new(0),
            written: Cell::new(None),
            first: Cell::new(None),
            last: Cell::new(None),
        }
    }
}

/// k6's phases of a request that had a connection, in nanoseconds. Sending, waiting and receiving follow one
/// another without a gap, so that their sum is the duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// Until there was a connection.
    pub blocked: u64,
    /// Name look-up and TCP.
    pub connecting: u64,
    /// TLS.
    pub tls_handshaking: u64,
    /// Until the kernel had the whole request.
    pub sending: u64,
    /// From there to the first byte of the response, or to the failure.
    pub waiting: u64,
    /// From there to the last byte.
    pub receiving: u64,
    /// When the last byte had arrived.
    pub ended: Instant,
}

impl Phases {
    /// Sending, waiting and receiving.
    #[must_use]
    pub fn duration(&self) -> u64 {
        self.sending + self.waiting + self.receiving
    }
}

impl Timeline {
    /// A request begins.
    pub(super) fn begin(&self, now: Instant) {
        self.begun.set(now);
        self.connecting.set(0);
        self.tls.set(0);
        self.connected.set(None);
        self.forget_bytes();
    }

    /// The request has a connection that was open already.
    pub(super) fn reuse(&self) {
        self.forget_bytes();
        self.connected.set(Some(self.begun.get()));
    }

    /// The request has a new connection.
    pub(super) fn connect(&self, dialled: Instant, connected: Instant, secured: Instant, now: Instant) {
        self.forget_bytes();
        self.connecting.set(connected.nanos_since(dialled));
        self.tls.set(secured.nanos_since(connected));
        self.connected.set(Some(now));
    }

    /// The request has lost its connection before it was answered, and is to have another.
    pub(super) fn disconnect(&self) {
        self.forget_bytes();
        self.connected.set(None);
    }

    fn forget_bytes(&self) {
        self.written.set(None);
        self.first.set(None);
        self.last.set(None);
    }

    /// Bytes of the response that had arrived `at` have been read.
    pub(super) fn read(&self, at: Instant) {
        if self.first.get().is_none() {
            self.first.set(Some(at));
        }
        self.last.set(Some(at));
    }

    /// The kernel has taken bytes of the request.
    pub(super) fn write(&self, at: Instant) {
        self.written.set(Some(at));
    }

    /// Whether anything of a response came.
    pub(super) fn is_answered(&self) -> bool {
        self.first.get().is_some()
    }

    /// Whether the kernel took anything of the request.
    pub(super) fn is_written(&self) -> bool {
        self.written.get().is_some()
    }

    /// The phases of a request that is complete, or given up at `given_up`; none if it never had a connection.
    pub(super) fn phases(&self, given_up: Option<Instant>) -> Option<Phases> {
        let connected = self.connected.get()?;
        let last = given_up.or(self.last.get()).unwrap_or(connected);
        let written = self.written.get().unwrap_or(last).max(connected);
        // A server may answer before it has all of the request.
        let first = self.first.get().unwrap_or(last).max(written);
        let last = last.max(first);
        Some(Phases {
            blocked: connected.nanos_since(self.begun.get()),
            connecting: self.connecting.get(),
            tls_handshaking: self.tls.get(),
            sending: written.nanos_since(connected),
            waiting: first.nanos_since(written),
            receiving: last.nanos_since(first),
            ended: last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn phases_follow_one_another_and_their_sum_is_the_duration() {
        let (timeline, start) = (Timeline::default(), Instant::now());
        timeline.begin(start);
        timeline.connect(at(start, 1), at(start, 3), at(start, 7), at(start, 8));
        timeline.write(at(start, 10));
        timeline.read(at(start, 15));
        timeline.read(at(start, 21));
        let phases = timeline.phases(None).unwrap();
        let millis = [
            phases.blocked,
            phases.connecting,
            phases.tls_handshaking,
            phases.sending,
            phases.waiting,
            phases.receiving,
            phases.duration(),
        ]
        .map(|nanos| nanos / 1_000_000);
        assert_eq!(millis, [8, 2, 4, 2, 5, 6, 13]);
        assert_eq!(phases.ended, at(start, 21));
    }

    #[test]
    fn an_answer_before_the_end_of_the_request_has_no_waiting() {
        let (timeline, start) = (Timeline::default(), Instant::now());
        timeline.begin(start);
        timeline.reuse();
        timeline.read(at(start, 2));
        timeline.write(at(start, 5));
        let phases = timeline.phases(None).unwrap();
        assert_eq!((phases.sending, phases.waiting, phases.receiving), (5_000_000, 0, 0));
    }

    #[test]
    fn a_request_that_is_given_up_waits_until_then() {
        let (timeline, start) = (Timeline::default(), Instant::now());
        timeline.begin(start);
        assert_eq!(timeline.phases(Some(at(start, 9))), None, "it never had a connection");
        timeline.reuse();
        timeline.write(at(start, 1));
        let phases = timeline.phases(Some(at(start, 9))).unwrap();
        assert_eq!((phases.sending, phases.waiting, phases.receiving), (1_000_000, 8_000_000, 0));
    }
}
