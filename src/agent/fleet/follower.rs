//! Any agent but the first: joins the leader, starts when it says, tells it what is counted, hands in at the end.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{
    agent::fleet::{
        Error, Event,
        exchange::{Answered, Exchange, Failed},
    },
    clock::Instant,
    config::{profile::fleet::FleetPolicy, threshold::Threshold},
    fleet::{
        clock_offset::ClockOffset,
        joining::{Joining, Step},
        message::{Hello, INDEX, INSTANCE, JOIN, LEAVE, Order, REPORT, RESULT, SEQUENCE},
        roster,
        token::Token,
    },
    metrics::{series::SeriesTable, snapshot::Snapshot, wire},
    slo::evaluate::is_judged,
};

/// Between questions that were not answered.
const RETRY: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub struct Follower {
    hello: Hello,
    policy: FleetPolicy,
    /// What the leader judges live: nothing else is told.
    thresholds: Vec<Threshold>,
    offset: ClockOffset,
    /// Until the load begins, and after it.
    exchange: Option<Exchange>,
    counts: watch::Sender<Bytes>,
    events: mpsc::Receiver<Event>,
    /// Where the reporter says what it hears.
    heard: mpsc::Sender<Event>,
    reporter: JoinSet<Exchange>,
    done: watch::Sender<bool>,
    leader_lost: bool,
}

impl Follower {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(leader: String, token: Token, hello: Hello, policy: FleetPolicy, thresholds: Vec<Threshold>) -> Self {
        let (heard, events) = mpsc::channel(4);
        Self {
            hello,
            policy,
            thresholds,
            offset: ClockOffset::default(),
            exchange: Some(Exchange::new(leader, token)),
            counts: watch::Sender::new(Bytes::new()),
            events,
            heard,
            reporter: JoinSet::new(),
            done: watch::Sender::new(false),
            leader_lost: false,
        }
    }

    /// How far the start may be off because of the clocks, either way.
    #[must_use]
    pub fn clock_error(&self) -> Option<Duration> {
        self.offset.error(Instant::now())
    }

    /// Joins, and asks until the start is known.
    ///
    /// # Errors
    /// The leader is not reached, refuses, or gives up.
    pub async fn gather(&mut self) -> Result<Instant, Error> {
        let Some(exchange) = &mut self.exchange else { return Err(Error::GivenUp("the load is over".to_owned())) };
        let leader = exchange.leader().to_owned();
        let body = Bytes::from(serde_json::json!(self.hello).to_string());
        let (mut joining, mut present) = (Joining::new(self.policy, Instant::now()), 0);
        loop {
            let mut failure = None;
            let pause = match exchange.ask(JOIN, &[], body.clone()).await {
                Ok(Answered { answer, sent, received }) => {
                    self.offset.note(sent, received, answer.now);
                    let start = match answer.order {
                        Order::Wait { present: now } => {
                            if now != present {
                                present = now;
                                tracing::info!(present, of = self.hello.run.of, "Waiting for the other agents.");
                            }
                            None
                        }
                        Order::Start { at } => self.offset.instant(at),
                        Order::Stop(cause) => return Err(Error::Stopped(cause)),
                        Order::GiveUp { why } => return Err(Error::GivenUp(why)),
                    };
                    joining.hear(start, received);
                    Duration::from_millis(answer.again_ms)
                }
                Err(Failed::Refused(refused)) if !refused.may_pass => return Err(Error::refused(leader, refused)),
                Err(error) => {
                    tracing::debug!(%error, "The leader does not answer.");
                    failure = Some(error);
                    RETRY
                }
            };
            match joining.next(Instant::now(), pause) {
                Step::Ask => sleep(pause).await,
                Step::Begin(start) => return Ok(start),
                Step::GiveUp => {
                    let source = failure.unwrap_or(Failed::Late(self.policy.lost_after));
                    return Err(Error::Unreachable { leader, source });
                }
            }
        }
    }

    /// Tells the leader that this agent goes away before the load, so that it is missed at once. Asked once: the leader
    /// misses it anyhow after a while.
    pub async fn leave(&mut self) {
        let Some(exchange) = &mut self.exchange else { return };
        let body = Bytes::from(serde_json::json!(self.hello).to_string());
        if let Err(error) = exchange.ask(LEAVE, &[], body).await {
            tracing::debug!(%error, "The leader has not heard that this agent goes away.");
        }
    }

    /// Reports from now on.
    pub fn begin(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            let reporter = Reporter {
                exchange,
                who: who(&self.hello),
                counts: self.counts.subscribe(),
                heard: self.heard.clone(),
                done: self.done.subscribe(),
                lost_after: self.policy.lost_after,
                first: roster::reports_every(self.hello.run.of, self.policy) * self.hello.index / self.hello.run.of,
            };
            self.reporter.spawn(reporter.run());
        }
    }

    /// What has been counted so far; what no threshold is about stays here until the end.
    pub fn tell(&self, table: &SeriesTable, snapshot: &Snapshot) {
        let judged = wire::encode(snapshot, table, |series| is_judged(&self.thresholds, series));
        self.counts.send_replace(judged.into());
    }

    /// What the leader says. Cancelling it loses nothing.
    pub async fn event(&mut self) -> Event {
        let Some(event) = self.events.recv().await else { return std::future::pending().await };
        self.leader_lost |= matches!(event, Event::LeaderLost(_));
        event
    }

    /// Gives the leader this agent's result; asks again for as long as a lost agent is waited for.
    ///
    /// # Errors
    /// The leader has not taken it.
    pub async fn hand_in(&mut self, result: Bytes) -> Result<(), Error> {
        self.done.send_replace(true);
        if let Some(Ok(exchange)) = self.reporter.join_next().await {
            self.exchange = Some(exchange);
        }
        let Some(exchange) = &mut self.exchange else { return Err(Error::GivenUp("the reporter failed".to_owned())) };
        let leader = exchange.leader().to_owned();
        // One that is lost has been waited for already.
        let until = Instant::now() + if self.leader_lost { RETRY } else { self.policy.lost_after };
        loop {
            match exchange.ask(RESULT, &who(&self.hello), result.clone()).await {
                Ok(_) => return Ok(()),
                Err(Failed::Refused(refused)) if !refused.may_pass => return Err(Error::refused(leader, refused)),
                Err(source) if Instant::now() > until => return Err(Error::Unreachable { leader, source }),
                Err(error) => tracing::debug!(%error, "The leader has not taken the result."),
            }
            sleep(RETRY).await;
        }
    }
}

fn who(hello: &Hello) -> [(&'static str, u64); 2] {
    [(INDEX, hello.index.into()), (INSTANCE, hello.instance)]
}

/// Tells the leader what is counted, as often as it says.
struct Reporter {
    exchange: Exchange,
    who: [(&'static str, u64); 2],
    counts: watch::Receiver<Bytes>,
    heard: mpsc::Sender<Event>,
    done: watch::Receiver<bool>,
    lost_after: Duration,
    /// Until the first report. Reports of a fleet that begins at one instant would all come at one instant.
    first: Duration,
}

impl Reporter {
    /// Until the load is over; gives the connection back.
    async fn run(mut self) -> Exchange {
        let (mut sequence, mut last_heard, mut told) = (0, Instant::now(), false);
        self.pause(self.first).await;
        while !*self.done.borrow() {
            sequence += 1;
            let counts = self.counts.borrow_and_update().clone();
            let headers = [self.who[0], self.who[1], (SEQUENCE, sequence)];
            let (event, pause) = match self.exchange.ask(REPORT, &headers, counts).await {
                Ok(Answered { answer, received, .. }) => {
                    last_heard = received;
                    let event = match answer.order {
                        Order::Stop(cause) => Some(Event::Stop(cause)),
                        Order::GiveUp { why } => Some(Event::LeaderLost(why)),
                        Order::Wait { .. } | Order::Start { .. } => None,
                    };
                    (event, Duration::from_millis(answer.again_ms))
                }
                Err(error) if error.is_final() => (Some(Event::LeaderLost(error.to_string())), self.lost_after),
                Err(error) => {
                    tracing::debug!(%error, "The leader has not heard what is counted.");
                    let lost = Instant::now().since(last_heard) > self.lost_after;
                    (lost.then(|| Event::LeaderLost(error.to_string())), RETRY)
                }
            };
            if let Some(event) = event.filter(|_| !told) {
                // Said once: the load ends of it, whatever comes later.
                told = self.heard.try_send(event).is_ok();
            }
            self.pause(pause).await;
        }
        self.exchange
    }

    /// Shorter if the load is over.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            _ = self.done.changed() => {}
        }
    }
}
