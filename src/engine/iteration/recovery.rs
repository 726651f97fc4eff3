//! What follows when a connection ends early: its iteration fails, or it is replaced and its steps begin anew.

use std::pin::pin;

use crate::{
    clock::Instant,
    engine::{
        backoff,
        control::Phase,
        instruments::IterationFailure,
        iteration::{Stop, Walk},
        sockets::Socket,
    },
};

impl Walk<'_> {
    /// Replaces the outermost connection that has ended; those inside it are cut. Returns where its steps begin.
    pub(super) async fn recover(&mut self) -> Result<usize, Stop> {
        let lost_at = Instant::now();
        let scenario = self.vu.scenario.clone();
        let Some(depth) = self.sockets.lost() else { return Err(Stop::Lost) };
        let Some(lost) = self.sockets.take(&self.vu.control, depth).await else { return Err(Stop::Lost) };
        let Socket { site, body, rounds, opened_at, attempts, .. } = lost;
        let Some(context) = scenario.sites.get(site) else { return Err(Stop::Lost) };
        let Some(reconnects) = &context.reconnect else { return Err(Stop::Lost) };
        let policy = &reconnects.policy;
        self.rounds.truncate(rounds);
        self.values.index = self.index();
        let (recorder, slots) = (&self.worker.recorder, &context.slots);
        let has_lasted = lost_at.since(opened_at) >= policy.backoff.max;
        let mut attempts = if has_lasted { 0 } else { attempts };
        while attempts < policy.attempts {
            attempts += 1;
            let pause = backoff::pause(&policy.backoff, attempts, &mut *self.worker.random.borrow_mut());
            let pausing = pin!(async {
                let control = &self.vu.control;
                // The turn is taken after the pause: one that waits long must not keep the others behind it.
                control.pause_until(Instant::now() + pause, Phase::Stopping).await
                    && control.pause_until(reconnects.turn(Instant::now()), Phase::Stopping).await
            });
            if !self.sockets.serve(&self.vu.control, pausing).await {
                // A VU that is being taken away opens nothing.
                let cut = self.vu.control.phase() == Phase::Cut;
                return Err(if cut { Stop::Interrupted } else { Stop::Lost });
            }
            match self.dial(site).await {
                Ok(session) => {
                    let opened_at = Instant::now();
                    recorder.add(slots.reconnect(true), 1);
                    recorder.record(slots.reconnecting, opened_at.nanos_since(lost_at), opened_at);
                    self.sockets.push(Socket { session, site, body, rounds, opened_at, attempts });
                    return Ok(body);
                }
                Err(Stop::Failed(IterationFailure::Connect)) => recorder.add(slots.reconnect(false), 1),
                Err(stop) => {
                    recorder.add(slots.reconnect(false), 1);
                    return Err(stop);
                }
            }
        }
        Err(Stop::Lost)
    }
}
