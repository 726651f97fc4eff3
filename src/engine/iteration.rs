//! One iteration: walks the program of a scenario.

use std::time::Duration;

use rand::RngExt;

use crate::{
    clock::Instant,
    config::{
        profile::{Expect, Reply, Sleep},
        template::{Template, Values},
    },
    engine::{
        action,
        context::WorkerContext,
        control::Phase,
        instruments::IterationFailure,
        mailbox::Hearing,
        request::{Ended, Requests},
        session::{Goal, Session, Wait},
        vu::Vu,
    },
    plan::{pace::Slots, program::Op},
    protocol::failure::{ConnectError, ConnectFailure},
};

/// How an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every step was done.
    Completed,
    /// The same, but a request had no response: the VU pauses as after a failure.
    Unanswered,
    /// A step failed and the rest was left out.
    Failed(IterationFailure),
    /// Its time was up.
    Interrupted,
}

/// What ends an iteration before its last step.
#[derive(Debug)]
enum Stop {
    Failed(IterationFailure),
    Interrupted,
}

/// Runs one iteration of `vu`. If it was intended for a `slot`, its first step counts from there, and not from where the
/// generator came to it; what follows is up to what came before.
pub async fn run(
    worker: &WorkerContext,
    vu: &Vu,
    requests: &mut Requests,
    values: &mut Values,
    slot: Option<Instant>,
) -> Outcome {
    requests.begin_iteration(worker.keep_cookies);
    vu.begin_iteration(values);
    let mut walk = Walk { worker, vu, requests, session: None, values, rounds: Vec::new(), slot };
    let stopped = walk.steps().await;
    let session = walk.session.take();
    match (stopped, session) {
        (Ok(()), _) if walk.requests.unanswered() > 0 => Outcome::Unanswered,
        (Ok(()), _) => Outcome::Completed,
        (Err(stop), session) => {
            if let Some(session) = session {
                session.cut().await;
            }
            match stop {
                Stop::Failed(failure) => Outcome::Failed(failure),
                Stop::Interrupted => Outcome::Interrupted,
            }
        }
    }
}

struct Walk<'w> {
    worker: &'w WorkerContext,
    vu: &'w Vu,
    requests: &'w mut Requests,
    session: Option<Box<Session>>,
    values: &'w mut Values,
    /// The loops around the current step, the innermost last.
    rounds: Vec<Round>,
    /// When the first step was to begin.
    slot: Option<Instant>,
}

/// A loop that is being walked.
struct Round {
    /// Rounds that are over.
    finished: u32,
    /// The slots of an `every`, with its beginning.
    pace: Option<(Instant, Slots)>,
}

impl Walk<'_> {
    async fn steps(&mut self) -> Result<(), Stop> {
        let program = self.vu.scenario.program.clone();
        let mut next = 0;
        while let Some(op) = program.ops.get(next) {
            next += 1;
            match op {
                Op::Repeat => {
                    self.rounds.push(Round { finished: 0, pace: None });
                    self.values.index = 0;
                }
                Op::Pace(pace) => {
                    let slots = Slots::new(pace, self.vu.number(), self.worker.seed);
                    self.rounds.push(Round { finished: 0, pace: Some((Instant::now(), slots)) });
                }
                Op::Slot { after } => {
                    if !self.slot().await? {
                        self.rounds.pop();
                        self.values.index = self.index();
                        next = *after;
                    }
                }
                Op::Jump { to } => {
                    if let Some(round) = self.rounds.last_mut() {
                        round.finished += 1;
                    }
                    next = *to;
                }
                Op::Next { body, times } => {
                    let more = self.rounds.last_mut().is_some_and(|round| {
                        round.finished += 1;
                        round.finished < *times
                    });
                    if more {
                        next = *body;
                    } else {
                        self.rounds.pop();
                    }
                    self.values.index = self.index();
                }
                Op::Do { action, first_check } => {
                    let slots = &self.vu.scenario.slots;
                    if let Err(error) = action::run(self.worker, slots, self.values, action, *first_check) {
                        self.worker.failures.log_value(&error);
                        return Err(Stop::Failed(IterationFailure::MissingValue));
                    }
                }
                Op::Sleep(sleep) => self.sleep(*sleep).await?,
                Op::Http { request } => self.request(*request).await?,
                Op::Open { site } => self.open(*site).await?,
                Op::Send { message, reply } => self.send(message, *reply).await?,
                Op::Expect(expect) => self.expect(expect).await?,
                Op::Hold { duration } => self.hold(*duration).await?,
                Op::Close { code, reason, loops, after } => {
                    self.rounds.truncate(self.rounds.len().saturating_sub(*loops));
                    self.values.index = self.index();
                    self.close(*code, reason).await?;
                    next = *after;
                }
            }
        }
        Ok(())
    }

    fn index(&self) -> u64 {
        self.rounds.last().map_or(0, |round| round.finished.into())
    }

    /// Waits for the next slot of the innermost pace; false when there is none, or when the ramp takes the VU away.
    async fn slot(&mut self) -> Result<bool, Stop> {
        let Some((begun, slots)) = self.rounds.last_mut().and_then(|round| round.pace.as_mut()) else {
            return Ok(false);
        };
        let Some(offset) = slots.next() else { return Ok(false) };
        let slot = *begun + offset;
        let Some(session) = self.session.as_mut() else { return Ok(false) };
        let wait = session.wait_for_slot(&self.vu.control, slot).await;
        self.values.index = self.index();
        if wait == Wait::TimedOut { Ok(true) } else { self.after(wait).await.map(|()| false) }
    }

    async fn open(&mut self, site: usize) -> Result<(), Stop> {
        let scenario = &self.vu.scenario;
        let (Some(target), Some(context)) = (scenario.program.sites.get(site), scenario.sites.get(site)) else {
            return Ok(());
        };
        let slots = &context.slots;
        let recorder = &self.worker.recorder;
        let probe = self.worker.probe(&scenario.slots);
        recorder.gauge_add(slots.connecting_now, 1);
        let dialled = self.slot.take().unwrap_or_else(Instant::now);
        self.values.now_ms = (self.worker.wall.unix_nanos(dialled) / 1_000_000) as u64;
        // Boxed: its several KiB of handshake state go when the connection is open.
        let opening = Box::pin(self.worker.connector.open(target, self.values, probe));
        let opened = tokio::select! {
            biased;
            () = self.vu.control.reached(Phase::Cut) => {
                Err(ConnectError::new(ConnectFailure::Interrupted, "the iteration was cut"))
            }
            opened = opening => opened,
        };
        recorder.gauge_add(slots.connecting_now, -1);
        match opened {
            Ok(connection) => {
                let opened_at = connection.arrived_at();
                recorder.add(slots.session(Some(101)), 1);
                recorder.record(slots.connecting, opened_at.nanos_since(dialled), opened_at);
                recorder.add(slots.check(true), 1);
                self.session = Some(Box::new(Session::new(connection, context.clone(), dialled)));
                Ok(())
            }
            Err(error) => {
                recorder.add(slots.session(error.status), 1);
                recorder.add(slots.failure(error.reason), 1);
                recorder.add(slots.check(false), 1);
                self.worker.failures.log(&target.url.display, &error);
                match error.reason {
                    ConnectFailure::Interrupted => Err(Stop::Interrupted),
                    _ => Err(Stop::Failed(IterationFailure::Connect)),
                }
            }
        }
    }

    async fn request(&mut self, request: usize) -> Result<(), Stop> {
        let scenario = &self.vu.scenario;
        let (Some(profile), Some(context)) = (scenario.program.requests.get(request), scenario.requests.get(request))
        else {
            return Ok(());
        };
        self.values.seq = self.vu.next_seq();
        let now = Instant::now();
        let intended = self.slot.take().unwrap_or(now);
        self.values.now_ms = self.worker.now_ms(intended);
        match self.requests.run(self.worker, self.vu, profile, context, self.values, (intended, now)).await {
            Ended::Counted => Ok(()),
            Ended::Cut => Err(Stop::Interrupted),
        }
    }

    async fn send(&mut self, message: &Template, reply: Option<Reply>) -> Result<(), Stop> {
        let Some(session) = self.session.as_mut() else { return Ok(()) };
        let seq = self.vu.next_seq();
        let queued = match message.constant() {
            Some(constant) => session.queue(constant, reply),
            None => {
                self.values.seq = seq;
                self.values.now_ms = self.worker.now_ms(session.intended());
                let mut text = self.worker.text.borrow_mut();
                text.clear();
                if let Err(error) = message.render(self.values, &mut *text) {
                    self.worker.failures.log_value(&error);
                    return Err(Stop::Failed(IterationFailure::MissingValue));
                }
                session.queue(&text, reply)
            }
        };
        match queued {
            Ok(true) => Ok(()),
            Ok(false) => {
                let wait = session.wait(&self.vu.control, Goal { writable: true, ..Goal::default() }).await;
                self.after(wait).await
            }
            Err(wait) => self.after(wait).await,
        }
    }

    async fn expect(&mut self, expect: &Expect) -> Result<(), Stop> {
        let Some(session) = self.session.as_mut() else { return Ok(()) };
        let until = Some(Instant::now() + expect.timeout);
        let wait = if expect.only_counts() {
            session.wait(&self.vu.control, Goal { messages: Some(expect.count), until, ..Goal::default() }).await
        } else {
            if let Err(error) = expect.matchers.is_complete(self.values) {
                self.worker.failures.log_value(&error);
                return Err(Stop::Failed(IterationFailure::MissingValue));
            }
            let (worker, slots) = (self.worker, &self.vu.scenario.slots);
            let mut hearing = Hearing::new(expect, self.values, &worker.text, &worker.recorder, slots);
            session.hear(&self.vu.control, &mut hearing, until).await
        };
        match wait {
            Wait::TimedOut => Err(Stop::Failed(IterationFailure::ExpectTimeout)),
            other => self.after(other).await,
        }
    }

    async fn hold(&mut self, duration: Option<Duration>) -> Result<(), Stop> {
        let until = duration.map(|duration| Instant::now() + duration);
        let Some(session) = self.session.as_mut() else { return Ok(()) };
        let wait = session.wait(&self.vu.control, Goal { stopped: true, until, ..Goal::default() }).await;
        self.after(wait).await
    }

    async fn sleep(&mut self, sleep: Sleep) -> Result<(), Stop> {
        let pause = if sleep.min == sleep.max {
            sleep.min
        } else {
            self.worker.random.borrow_mut().random_range(sleep.min..=sleep.max)
        };
        let until = self.slot.take().unwrap_or_else(Instant::now) + pause;
        match self.session.as_mut() {
            Some(session) => {
                let wait = session.wait(&self.vu.control, Goal { until: Some(until), ..Goal::default() }).await;
                self.after(wait).await
            }
            None if self.vu.control.pause_until(until, Phase::Cut).await => Ok(()),
            None => Err(Stop::Interrupted),
        }
    }

    async fn close(&mut self, code: u16, reason: &str) -> Result<(), Stop> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let wait = session.close(&self.vu.control, code, reason).await;
        self.after(wait).await
    }

    /// Turns the end of a wait into what the iteration does next.
    async fn after(&mut self, wait: Wait) -> Result<(), Stop> {
        match wait {
            Wait::Reached | Wait::TimedOut => Ok(()),
            Wait::Cut => Err(Stop::Interrupted),
            Wait::Lost => {
                // Counted already; nothing is left to say goodbye to.
                self.session = None;
                Err(Stop::Failed(IterationFailure::ConnectionLost))
            }
        }
    }
}
