//! Writing what is queued and reading what has come.

use std::task::{Context, Poll};

use crate::{
    clock::Instant,
    engine::{
        instruments::ClosedBy,
        mailbox::Hearing,
        session::{Ending, Session, Wait},
    },
    protocol::{failure::Disconnect, inbox::Incoming, websocket::Received},
};

/// Reads before other tasks of the worker get their turn.
const TURN: usize = 8;

impl Session {
    /// Writes and reads as much as there is. `Ok(true)`: nothing is queued any more.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>, hearing: Option<&mut Hearing<'_>>) -> Result<bool, Wait> {
        let written = self.poll_write(cx);
        // Also when nothing can be written any more: the server's last replies and its goodbye may lie there.
        let read = self.poll_read(cx, hearing);
        let over = match (written, read) {
            // What the first call has said; the kernel tells the reason once.
            (Err(reason), Ok(()) | Err(Some(_))) | (Ok(()), Err(Some(reason))) => Err(Some(reason)),
            (_, Err(None)) => Err(None),
            (Ok(()), Ok(())) => {
                // Answers to what has just come.
                self.unflushed |= self.connection.has_unwritten();
                self.poll_write(cx).map_err(Some)
            }
        };
        let pumped = over.map_err(|reason| {
            match reason {
                Some(reason) => self.lost(reason),
                None => self.end(None),
            }
            Wait::Lost
        });
        self.ledger.record_run();
        pumped.map(|()| !self.unflushed)
    }

    /// The end of the stream after the server's goodbye is an error without a reason.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        mut hearing: Option<&mut Hearing<'_>>,
    ) -> Result<(), Option<Disconnect>> {
        for _ in 0..TURN {
            let Self { connection, ledger, mailbox, pings, ending, end_deadline, site, .. } = self;
            let received = connection.poll_receive(cx, &mut |incoming, arrived| match incoming {
                Incoming::Text(message) | Incoming::Binary(message) => {
                    ledger.arrive(message, arrived);
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
                Incoming::Pong(payload) => {
                    if let Some(pings) = pings {
                        pings.pong(payload, arrived, &site.recorder, &site.slots);
                    }
                }
                Incoming::Ping(_) => {}
            });
            match received {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(Received::Some)) => {
                    if let Some(liveness) = &mut self.liveness {
                        liveness.heard(self.connection.arrived_at());
                    }
                }
                Poll::Ready(Ok(Received::End)) => return Err(None),
                Poll::Ready(Err(reason)) => return Err(Some(reason)),
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Disconnect> {
        if !self.unflushed {
            return Ok(());
        }
        // Before the call: over loopback the reply may be there before the call returns.
        let handed_over = Instant::now();
        let before = self.connection.written();
        let written = self.connection.poll_flush(cx);
        self.ledger.credit(self.connection.accepted(), handed_over);
        match written {
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                self.write_deadline = None;
                Ok(())
            }
            Poll::Ready(Err(reason)) => Err(reason),
            Poll::Pending => {
                // A slow peer is no dead one: each byte that it takes begins the wait anew.
                if self.write_deadline.is_none() || self.connection.written() > before {
                    self.write_deadline = Some(Instant::now() + self.site.timeouts.write);
                }
                Ok(())
            }
        }
    }
}
