//! One iteration: walks the program of a scenario.

mod recovery;

use std::{pin::pin, time::Duration};

use rand::RngExt;

use crate::{
    clock::Instant,
    config::{
        profile::{Expect, Reply, Sleep, socket::Message},
        template::Values,
    },
    engine::{
        action,
        context::WorkerContext,
        control::Phase,
        instruments::IterationFailure,
        mailbox::Hearing,
        request::{Ended, Requests},
        session::{Goal, Session, Unqueued, Wait},
        sockets::{Socket, Sockets},
        vu::Vu,
    },
    plan::{pace::Slots, program::Op},
    protocol::{
        failure::{ConnectError, ConnectFailure},
        frame::Opcode,
    },
};

/// Steps after which others of the worker get their turn: a pace that is behind, or a `repeat` without a wait, would
/// otherwise keep the worker from answering. About 1 ms; often enough to answer, and seldom enough not to cut the bursts of
/// flows that wait by themselves (with 256 they were a third slower).
const TURN: u32 = 4096;

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
    /// A connection ended early. It may be replaced; if not, this is a failure.
    Lost,
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
    let mut walk = Walk { worker, vu, requests, sockets: Sockets::default(), values, rounds: Vec::new(), slot };
    let stopped = walk.steps().await;
    let sockets = std::mem::take(&mut walk.sockets);
    match stopped {
        Ok(()) if walk.requests.unanswered() > 0 => Outcome::Unanswered,
        Ok(()) => Outcome::Completed,
        Err(stop) => {
            sockets.cut().await;
            match stop {
                Stop::Failed(failure) => Outcome::Failed(failure),
                Stop::Lost => Outcome::Failed(IterationFailure::ConnectionLost),
                Stop::Interrupted => Outcome::Interrupted,
            }
        }
    }
}

struct Walk<'w> {
    worker: &'w WorkerContext,
    vu: &'w Vu,
    requests: &'w mut Requests,
    sockets: Sockets,
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
    /// The slots of an `every`, with its beginning in the plan's time.
    pace: Option<(Duration, Slots)>,
}

impl Walk<'_> {
    async fn steps(&mut self) -> Result<(), Stop> {
        let program = self.vu.scenario.program.clone();
        let (mut next, mut turn) = (0, TURN);
        while let Some(op) = program.ops.get(next) {
            next += 1;
            turn -= 1;
            if turn == 0 {
                turn = TURN;
                self.sockets.serve_once(&self.vu.control).await;
                if self.vu.control.phase() == Phase::Cut {
                    return Err(Stop::Interrupted);
                }
            }
            let done = match op {
                Op::Repeat => {
                    self.rounds.push(Round { finished: 0, pace: None });
                    self.values.index = 0;
                    Ok(())
                }
                Op::Pace(pace) => {
                    let slots = Slots::new(pace, self.vu.number(), self.vu.seed_of_arrivals(next));
                    self.rounds.push(Round {
                        finished: 0,
                        pace: Some((self.worker.clock.get().elapsed(Instant::now()), slots)),
                    });
                    Ok(())
                }
                Op::Slot { after } => self.slot().await.map(|more| {
                    if !more {
                        self.rounds.pop();
                        self.values.index = self.index();
                        next = *after;
                    }
                }),
                Op::Jump { to } => {
                    if let Some(round) = self.rounds.last_mut() {
                        round.finished += 1;
                    }
                    next = *to;
                    Ok(())
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
                    Ok(())
                }
                Op::Do { action, first_check } => {
                    let slots = &self.vu.scenario.slots;
                    action::run(self.worker, slots, self.values, action, *first_check).map_err(|error| {
                        self.worker.failures.log_value(&error);
                        Stop::Failed(IterationFailure::MissingValue)
                    })
                }
                Op::Sleep(sleep) => self.sleep(*sleep).await,
                Op::Http { request } => self.request(*request).await,
                Op::Open { site } => self.open(*site, next).await,
                Op::On { depth } => {
                    self.sockets.turn_to(*depth);
                    Ok(())
                }
                Op::Send { message, reply } => self.send(message, *reply).await,
                Op::Ping => self.ping().await,
                Op::Expect(expect) => self.expect(expect).await,
                Op::Hold { duration } => self.hold(*duration).await,
                Op::Close { depth, code, reason, loops, after } => {
                    self.rounds.truncate(self.rounds.len().saturating_sub(*loops));
                    self.values.index = self.index();
                    next = *after;
                    self.close(*depth, *code, reason).await
                }
            };
            match done {
                Ok(()) => {}
                // Boxed: rare, and no room in every iteration's task.
                Err(Stop::Lost) => next = Box::pin(self.recover()).await?,
                Err(stop) => return Err(stop),
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
        let wait = self.sockets.wait_for_slot(&self.vu.control, slot).await;
        self.values.index = self.index();
        if wait == Wait::TimedOut { Ok(true) } else { after(wait).map(|()| false) }
    }

    async fn open(&mut self, site: usize, body: usize) -> Result<(), Stop> {
        let session = self.dial(site).await?;
        let rounds = self.rounds.len();
        self.sockets.push(Socket { session, site, body, rounds, opened_at: Instant::now(), attempts: 0 });
        Ok(())
    }

    /// Opens a connection; those that are open are served meanwhile.
    async fn dial(&mut self, site: usize) -> Result<Box<Session>, Stop> {
        let scenario = &self.vu.scenario;
        let (Some(target), Some(context)) = (scenario.program.sites.get(site), scenario.sites.get(site)) else {
            return Err(Stop::Failed(IterationFailure::Connect));
        };
        let slots = &context.slots;
        let recorder = &self.worker.recorder;
        let probe = self.worker.probe(&scenario.slots);
        recorder.gauge_add(slots.connecting_now, 1);
        let dialled = self.slot.take().unwrap_or_else(Instant::now);
        self.values.now_ms = (self.worker.wall.unix_nanos(dialled) / 1_000_000) as u64;
        // Boxed: its several KiB of handshake state go when the connection is open.
        let opening = Box::pin(self.worker.connector.open(target, self.values, probe));
        let opening = pin!(async {
            tokio::select! {
                biased;
                () = self.vu.control.reached(Phase::Cut) => {
                    Err(ConnectError::new(ConnectFailure::Interrupted, "the iteration was cut"))
                }
                opened = opening => opened,
            }
        });
        let opened = self.sockets.serve(&self.vu.control, opening).await;
        recorder.gauge_add(slots.connecting_now, -1);
        match opened {
            Ok(connection) => {
                let opened_at = connection.arrived_at();
                recorder.add(slots.session(Some(101)), 1);
                recorder.record(slots.connecting, opened_at.nanos_since(dialled), opened_at);
                recorder.add(slots.check(true), 1);
                Ok(Box::new(Session::new(connection, context.clone(), dialled)))
            }
            Err(error) => {
                recorder.add(slots.session(error.status), 1);
                recorder.add(slots.failure(error.reason), 1);
                self.worker.failures.log(&target.url.display, &error);
                // What we cut ourselves says nothing about the target: no check has failed.
                if error.reason == ConnectFailure::Interrupted {
                    return Err(Stop::Interrupted);
                }
                recorder.add(slots.check(false), 1);
                Err(Stop::Failed(IterationFailure::Connect))
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
        // Boxed: 1.8 KiB that every held WebSocket's task would have room for. 30 ns of the 9 µs of a request.
        let mut running =
            Box::pin(self.requests.run(self.worker, self.vu, profile, context, self.values, (intended, now)));
        match self.sockets.serve(&self.vu.control, running.as_mut()).await {
            Ended::Counted if self.sockets.lost().is_some() => Err(Stop::Lost),
            Ended::Counted => Ok(()),
            Ended::Cut => Err(Stop::Interrupted),
        }
    }

    async fn send(&mut self, message: &Message, reply: Option<Reply>) -> Result<(), Stop> {
        let Some(session) = self.sockets.current() else { return Ok(()) };
        let seq = self.vu.next_seq();
        let queued = match message {
            Message::Text(template) => match template.constant() {
                Some(constant) => session.queue(Opcode::Text, constant.as_bytes(), reply),
                None => {
                    self.values.seq = seq;
                    self.values.now_ms = self.worker.now_ms(session.intended());
                    let mut text = self.worker.text.borrow_mut();
                    text.clear();
                    if let Err(error) = template.render(self.values, &mut *text) {
                        self.worker.failures.log_value(&error);
                        return Err(Stop::Failed(IterationFailure::MissingValue));
                    }
                    session.queue(Opcode::Text, text.as_bytes(), reply)
                }
            },
            Message::Bytes { is_text: true, bytes } => session.queue(Opcode::Text, bytes, reply),
            Message::Bytes { is_text: false, bytes } => session.queue(Opcode::Binary, bytes, reply),
        };
        self.queued(queued).await
    }

    async fn ping(&mut self) -> Result<(), Stop> {
        let Some(session) = self.sockets.current() else { return Ok(()) };
        let queued = session.ping();
        self.queued(queued).await
    }

    /// Waits if so much is queued that more has to wait.
    async fn queued(&mut self, queued: Result<bool, Unqueued>) -> Result<(), Stop> {
        match queued {
            Ok(true) => Ok(()),
            Ok(false) => self.wait(Goal { writable: true, ..Goal::default() }).await,
            Err(Unqueued::Lost) => Err(Stop::Lost),
            Err(Unqueued::NoId) => {
                self.worker.failures.log_missing_id();
                Err(Stop::Failed(IterationFailure::MissingId))
            }
        }
    }

    async fn wait(&mut self, goal: Goal) -> Result<(), Stop> {
        after(self.sockets.wait(&self.vu.control, goal).await)
    }

    async fn expect(&mut self, expect: &Expect) -> Result<(), Stop> {
        let until = Instant::now() + expect.timeout;
        let wait = if expect.only_counts() {
            let goal = Goal { messages: Some(expect.count), until: Some(until), ..Goal::default() };
            self.sockets.wait(&self.vu.control, goal).await
        } else {
            if let Err(error) = expect.matchers.is_complete(self.values) {
                self.worker.failures.log_value(&error);
                return Err(Stop::Failed(IterationFailure::MissingValue));
            }
            let (worker, slots) = (self.worker, &self.vu.scenario.slots);
            let mut hearing = Hearing::new(expect, self.values, &worker.text, &worker.recorder, slots);
            self.sockets.hear(&self.vu.control, &mut hearing, until).await
        };
        match wait {
            Wait::TimedOut => Err(Stop::Failed(IterationFailure::ExpectTimeout)),
            other => after(other),
        }
    }

    async fn hold(&mut self, duration: Option<Duration>) -> Result<(), Stop> {
        let held = duration.map(|duration| self.worker.clock.get().elapsed(Instant::now()) + duration);
        self.wait(Goal { stopped: true, held, ..Goal::default() }).await
    }

    async fn sleep(&mut self, sleep: Sleep) -> Result<(), Stop> {
        let pause = if sleep.min == sleep.max {
            sleep.min
        } else {
            self.worker.random.borrow_mut().random_range(sleep.min..=sleep.max)
        };
        let until = self.slot.take().unwrap_or_else(Instant::now) + pause;
        match self.sockets.current() {
            Some(_) => self.wait(Goal { until: Some(until), ..Goal::default() }).await,
            None if self.vu.control.pause_until(until, Phase::Cut).await => Ok(()),
            None => Err(Stop::Interrupted),
        }
    }

    async fn close(&mut self, depth: usize, code: u16, reason: &str) -> Result<(), Stop> {
        match self.sockets.close(&self.vu.control, depth, code, reason).await {
            // No step is left that a new connection would be for.
            Wait::Lost => Err(Stop::Failed(IterationFailure::ConnectionLost)),
            wait => after(wait),
        }
    }
}

/// Turns the end of a wait into what the iteration does next.
fn after(wait: Wait) -> Result<(), Stop> {
    match wait {
        Wait::Reached | Wait::TimedOut => Ok(()),
        Wait::Cut => Err(Stop::Interrupted),
        Wait::Lost => Err(Stop::Lost),
    }
}
