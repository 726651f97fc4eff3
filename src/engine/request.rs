//! `http` steps: sends requests over the VU's own connections and counts what became of each,
//! exactly once: with a response by its status, without one by the reason, cut ones apart. Each
//! redirect is a request.

use std::{future::poll_fn, ops::Range, pin::pin, task::Poll, time::Duration};

use crate::{
    clock::Instant,
    config::{
        matcher::Room,
        profile::http::{Answer, Http},
        template::Values,
    },
    engine::{
        backoff, context::WorkerContext, control::Phase, instruments::requests::RequestSlots, lazy_timer::LazyTimer,
        vu::Vu,
    },
    metrics::recorder::Recorder,
    protocol::{
        failure::request::{RequestError, RequestFailure},
        http::{Client, Phases, Prepared, Response, Surroundings},
    },
};

/// What the requests of one step on one worker share.
#[derive(Debug)]
pub struct RequestContext {
    slots: RequestSlots,
    /// An error counts for each request.
    prepared: Result<Prepared, RequestError>,
}

impl RequestContext {
    /// Prepares a step.
    #[must_use]
    pub fn new((request, slots): (&Http, &RequestSlots)) -> Self {
        Self { slots: slots.clone(), prepared: Prepared::new(request) }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The request is counted, with a response or without one.
    Counted,
    /// The iteration is to end now.
    Cut,
}

/// One VU's requests.
#[derive(Debug, Default)]
pub struct Requests {
    client: Client,
    timer: LazyTimer,
    /// In this iteration.
    unanswered: u32,
    /// Since the last response of this iteration.
    in_a_row: u32,
}

enum Waited {
    Answer(Result<(), RequestError>),
    TimedOut,
    Cut,
}

impl Requests {
    /// A new iteration; connections stay, and cookies if they are to.
    pub fn begin_iteration(&mut self, keeps_cookies: bool) {
        (self.unanswered, self.in_a_row) = (0, 0);
        if !keeps_cookies {
            self.client.forget_cookies();
        }
    }

    /// Requests of this iteration without a response.
    #[must_use]
    pub fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// Sends a request, begun at `now`, waits for its response and counts it. As in k6, a flow goes on whatever the
    /// response is; but after a request without one the next waits, as the next iteration does, so
    /// that a `repeat` around a refusing server is no hot loop. The first of its requests is blocked from
    /// when it was `intended`.
    pub async fn run(
        &mut self,
        worker: &WorkerContext,
        vu: &Vu,
        request: &Http,
        context: &RequestContext,
        values: &mut Values,
        (intended, mut now): (Instant, Instant),
    ) -> Ended {
        let mut intended = Some(intended);
        if self.in_a_row > 0 {
            intended = None;
            let pause = backoff::pause(&backoff::AFTER_ITERATIONS, self.in_a_row, &mut *worker.random.borrow_mut());
            if !vu.control.pause_until(now + pause, Phase::Cut).await {
                return Ended::Cut;
            }
            now = Instant::now();
        }
        let slots = &context.slots;
        let deadline = now + request.timeout;
        let mut hop: Option<Prepared> = None;
        let mut left = request.redirects;
        loop {
            let prepared = match (&hop, &context.prepared) {
                (Some(prepared), _) | (None, Ok(prepared)) => prepared,
                (None, Err(error)) => {
                    let error = RequestError::new(error.reason, error.detail.clone());
                    self.fail(worker, request, slots, None, &error);
                    return Ended::Counted;
                }
            };
            match self.exchange(worker, vu, prepared, slots, values, (intended.take(), now..deadline)).await {
                Waited::Answer(Ok(())) => {
                    self.in_a_row = 0;
                    self.count_answer(&worker.recorder, request, slots);
                    let response = self.client.response();
                    let next = if left > 0 { prepared.redirected(values, response) } else { None };
                    if next.is_none() {
                        let duration = self
                            .client
                            .phases(None)
                            .map_or(Duration::ZERO, |phases| Duration::from_nanos(phases.duration()));
                        judge(worker, request, slots, values, response, duration);
                        let header = |name: &str| response.headers.get(name);
                        let failed = |slot| worker.recorder.add(vu.scenario.slots.capture_failed(slot), 1);
                        request.capture.take(&response.body, header, &mut values.variables, failed);
                        return Ended::Counted;
                    }
                    hop = next;
                    left -= 1;
                    now = Instant::now();
                }
                Waited::Cut => {
                    worker.recorder.add(slots.interrupted, 1);
                    return Ended::Cut;
                }
                Waited::Answer(Err(error)) => {
                    let phases = self.client.phases(Some(Instant::now()));
                    self.fail(worker, request, slots, phases, &error);
                    return Ended::Counted;
                }
                Waited::TimedOut => {
                    let detail = format!("no response within {:?}", request.timeout);
                    let phases = self.client.phases(Some(Instant::now()));
                    self.fail(worker, request, slots, phases, &RequestError::new(RequestFailure::Timeout, detail));
                    return Ended::Counted;
                }
            }
        }
    }

    /// Counts a request without a response. One that never had a connection has no times; k6's 0 ms
    /// for it would make a dead server look fast.
    fn fail(
        &mut self,
        worker: &WorkerContext,
        request: &Http,
        slots: &RequestSlots,
        phases: Option<Phases>,
        error: &RequestError,
    ) {
        let recorder = &worker.recorder;
        self.unanswered += 1;
        self.in_a_row += 1;
        slots.failed(recorder, error.reason);
        if let Some(phases) = phases {
            slots.record(recorder, &phases, false);
        }
        slots.fail_checks(recorder);
        worker.failures.log_request(&request.url.display, error);
    }

    /// From the beginning of `time` until its end at the latest.
    async fn exchange(
        &mut self,
        worker: &WorkerContext,
        vu: &Vu,
        prepared: &Prepared,
        slots: &RequestSlots,
        values: &Values,
        (intended, time): (Option<Instant>, Range<Instant>),
    ) -> Waited {
        let probe = || worker.probe(&vu.scenario.slots);
        let surroundings = Surroundings {
            connector: &worker.connector,
            recorder: &worker.recorder,
            scratch: &worker.scratch,
            probe: &probe,
            slots: slots.connections,
            intended,
        };
        let mut exchange = pin!(self.client.send(prepared, values, time.start, &surroundings));
        poll_fn(|cx| {
            if let Poll::Ready(answer) = exchange.as_mut().poll(cx) {
                return Poll::Ready(Waited::Answer(answer));
            }
            if vu.control.poll_reached(cx, Phase::Cut).is_ready() {
                return Poll::Ready(Waited::Cut);
            }
            self.timer.poll_until(cx, time.end).map(|()| Waited::TimedOut)
        })
        .await
    }

    fn count_answer(&self, recorder: &Recorder, request: &Http, slots: &RequestSlots) {
        let status = self.client.response().status;
        let expected = request.expected.contains(status);
        slots.answered(recorder, status, expected);
        if let Some(phases) = self.client.phases(None) {
            slots.record(recorder, &phases, expected);
        }
    }
}

/// Counts the checks of a response.
fn judge(
    worker: &WorkerContext,
    request: &Http,
    slots: &RequestSlots,
    values: &Values,
    response: &Response,
    duration: Duration,
) {
    let answer = Answer { status: response.status, duration, body: &response.body };
    let header = |name: &str| response.headers.get(name);
    let mut text = worker.text.borrow_mut();
    let mut place = 0;
    request.expect.verdicts(&answer, header, &mut Room { values, text: &mut text }, |passed| {
        slots.check(&worker.recorder, place, passed);
        place += 1;
    });
}
