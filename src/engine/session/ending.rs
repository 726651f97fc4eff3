//! How a connection ends: goodbyes, cuts, losses.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
    time::Duration,
};

use crate::{
    clock::Instant,
    config::profile::CloseMode,
    engine::{
        control::Control,
        instruments::ClosedBy,
        session::{Ending, Goal, Session, Wait},
    },
    protocol::failure::Disconnect,
};

/// Of a cut connection.
const GOING_AWAY: u16 = 1001;

impl Session {
    /// Waits for awaited replies and, if it is to be so, for the server to close first; says goodbye with
    /// `code`, and waits for the server's goodbye and the end of TCP, each bounded.
    ///
    /// By reference: a session moved into a future takes its room in every VU's task, several times.
    pub async fn close(&mut self, control: &Control, code: u16, reason: &str) -> Wait {
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
    pub async fn cut(&mut self) {
        let until = self.begin_cut();
        poll_fn(|cx| self.poll_goodbye(cx, until)).await;
    }

    /// Begins to cut the connection; [`Self::poll_goodbye`] is for the rest, until the time returned.
    pub fn begin_cut(&mut self) -> Instant {
        self.begin_goodbye(GOING_AWAY, "");
        Instant::now() + self.site.timeouts.close.min(Duration::from_secs(1))
    }

    async fn say_goodbye(&mut self, code: u16, reason: &str, patience: Duration) {
        self.begin_goodbye(code, reason);
        let until = Instant::now() + patience;
        poll_fn(|cx| self.poll_goodbye(cx, until)).await;
    }

    fn begin_goodbye(&mut self, code: u16, reason: &str) {
        if self.ending == Ending::Open {
            if self.site.close_mode == CloseMode::Reset {
                self.connection.reset_at_end();
                return self.end(None);
            }
            self.ending = Ending::Closing { code };
            self.unflushed = true;
            self.connection.queue_close(Some(code), reason);
        }
    }

    /// Ready when the connection is over, at the latest at `until`.
    pub fn poll_goodbye(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        if self.is_over() {
            return Poll::Ready(());
        }
        // A cut must not end this wait: it is bounded, and the goodbye is what a cut does.
        let never_cut = Control::default();
        let goal = Goal { until: Some(until), ..Goal::default() };
        if ready!(self.poll_wait(cx, &never_cut, goal, None)) == Wait::TimedOut {
            match self.ending {
                // Both sides have said goodbye, but the server keeps TCP open: that is its affair.
                Ending::Closed { .. } => self.end(None),
                _ => self.end(Some(Disconnect::CloseTimeout)),
            }
        }
        Poll::Ready(())
    }

    pub(super) fn lost(&mut self, reason: Disconnect) {
        // Frames that the kernel took before the error were sent.
        self.ledger.credit(self.connection.accepted(), Instant::now());
        self.end(Some(reason));
    }

    /// Counts the end, once.
    pub(super) fn end(&mut self, disconnect: Option<Disconnect>) {
        if let Some(pings) = &mut self.pings {
            pings.lose(&self.site.recorder, &self.site.slots);
        }
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
