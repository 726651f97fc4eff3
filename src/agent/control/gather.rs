//! Before the load: waiting for the fleet, or for the time at which it is to begin, while scrapes are answered.

use std::{pin::pin, time::Duration};

use tokio::time::timeout;

use crate::{
    agent::{
        admin::pages::Requests,
        control::{Control, HEAD_START},
        error::Error,
        fleet::Fleet,
        health::Health,
        options::Options,
        signals::Signals,
        steering::{Orders, steered::Steered},
    },
    clock::Instant,
    config::profile::Profile,
    fleet::message::Cause,
    outputs::ndjson::NdjsonOutput,
};

/// For the leader to hear that this agent goes away.
const FAREWELL: Duration = Duration::from_secs(1);
/// Workers are made so long before the start: time for a thread and its timer on a busy machine.
const LEAD: Duration = Duration::from_millis(200);

impl Control {
    /// Takes this agent's place in its fleet, if it has one.
    ///
    /// # Errors
    /// The leader cannot listen.
    pub fn join(&self, profile: &Profile, options: &Options, start_at: Option<Instant>) -> Result<Fleet, Error> {
        let table = &self.instruments.table;
        Ok(Fleet::open(options, profile, table, start_at)?)
    }

    /// Waits until the load is about to begin, and sets when that is. `start_at` is a time given by people.
    ///
    /// # Errors
    /// The fleet does not come together; a signal; an order; an output cannot be written.
    pub async fn gather(
        &mut self,
        fleet: &mut Fleet,
        start_at: Option<Instant>,
        requests: &mut Requests,
        orders: &mut Orders,
        signals: &mut Signals,
    ) -> Result<(), Error> {
        let follows = matches!(fleet, Fleet::Follower(_));
        let outcome = {
            let mut gathering = pin!(async {
                let start = fleet.gather().await?.or(start_at);
                if let Some(start) = start {
                    tokio::time::sleep_until(tokio::time::Instant::from_std((start - LEAD).to_std())).await;
                }
                Ok::<_, Error>(start)
            });
            loop {
                tokio::select! {
                    biased;
                    name = signals.next() => break Err(Error::InterruptedBeforeStart(name)),
                    start = &mut gathering => break start,
                    Some(order) = orders.next() => {
                        if order.answer_before_start(follows) {
                            break Err(Error::StoppedBeforeStart);
                        }
                    }
                    Some(request) = requests.recv() => {
                        self.look();
                        let page = self.page(false);
                        request.respond(page);
                    }
                }
            }
        };
        if let Err(error) = &outcome {
            match fleet {
                Fleet::Leader(leader) => {
                    let by_order = matches!(error, Error::StoppedBeforeStart);
                    leader.stop(if by_order { Cause::Stopped } else { Cause::Interrupted });
                    leader.wait_until_told().await;
                }
                Fleet::Follower(follower) => {
                    // Whoever has interrupted it waits for its end.
                    if timeout(FAREWELL, follower.leave()).await.is_err() {
                        tracing::debug!("The leader has not answered that this agent goes away.");
                    }
                }
                Fleet::Alone => {}
            }
        }
        self.clock_error = fleet.clock_error();
        self.live.start = outcome?.unwrap_or_else(|| Instant::now() + HEAD_START);
        if let Some(observer) = &self.observer {
            observer.load_begins();
        }
        Ok(())
    }

    /// The start is known: what counts from it is made, and the outputs are opened.
    ///
    /// # Errors
    /// An output cannot be written.
    pub fn schedule(&mut self, profile: &Profile, options: &Options) -> Result<(), Error> {
        let start = self.live.start;
        let clock = profile.timing.latency_clock;
        self.health = Health::new(&self.plan, start, clock, self.instruments.generator, &self.live.snapshot);
        let unix_nanos = self.wall.unix_nanos(start);
        let open = |path| NdjsonOutput::open(path, &self.instruments.table, &self.live.thresholds, unix_nanos);
        self.json = options.json.iter().map(|path| open(path)).collect::<Result<_, _>>()?;
        self.steered = Steered::new(self.plan.clone(), start);
        self.live.scheduled = true;
        Ok(())
    }
}
