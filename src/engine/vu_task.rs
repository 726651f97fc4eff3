//! The task of a virtual user: iterations, one after the other or at its slots, until it is told to stop.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use crate::{
    clock::Instant,
    config::template::Values,
    engine::{
        backoff,
        context::WorkerContext,
        control::Phase,
        iteration::{self, Outcome},
        request::Requests,
        vu::Vu,
    },
};

/// Runs iterations until told to stop or until there are no more, then gives up the claim.
pub async fn run(vu: Rc<Vu>, worker: Rc<WorkerContext>) {
    if vu.waits_for_slots() {
        run_at_slots(&vu, &worker).await;
    } else {
        run_in_a_row(&vu, &worker).await;
    }
    vu.release();
}

/// A VU that is given back before its iteration has ended goes on. One iteration is run even if the stop came before the
/// task's first turn: the plan has started this VU, and a late generator must not skip it.
async fn run_in_a_row(vu: &Vu, worker: &WorkerContext) {
    let slots = &vu.scenario.slots;
    worker.recorder.gauge_add(slots.vus, 1);
    let mut requests = Requests::default();
    let mut values = vu.values();
    let mut failures = 0;
    let mut first = true;
    while until_resumed(vu, worker).await
        && (vu.control.phase() == Phase::Active || first && vu.control.phase() == Phase::Stopping)
        && vu.take_iteration()
    {
        first = false;
        let mut waited = false;
        let outcome = {
            let mut iteration = pin!(iterate(vu, worker, &mut requests, &mut values, None));
            poll_fn(|cx| {
                let polled = iteration.as_mut().poll(cx);
                waited |= polled.is_pending();
                polled
            })
            .await
        };
        match outcome {
            Outcome::Failed(_) | Outcome::Unanswered => {
                failures += 1;
                let pause = backoff::pause(&backoff::AFTER_ITERATIONS, failures, &mut *worker.random.borrow_mut());
                vu.control.pause_until(Instant::now() + pause, Phase::Stopping).await;
            }
            Outcome::Completed | Outcome::Interrupted => {
                failures = 0;
                // Others must get their turn. One that waited has given it to them; yielding again would cost a look at
                // every socket for each short iteration.
                if !waited {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
    worker.recorder.gauge_add(slots.vus, -1);
}

/// Waits while the plan's time stands still; false if the VU is told to stop before it goes on.
async fn until_resumed(vu: &Vu, worker: &WorkerContext) -> bool {
    poll_fn(|cx| match worker.clock.get().is_paused() {
        false => Poll::Ready(true),
        // The worker wakes its VUs when the plan goes on.
        true => vu.control.poll_reached(cx, Phase::Stopping).map(|()| false),
    })
    .await
}

/// No pause after failures: arrivals do not ask how the last one fared, and their rate bounds what a refusing server is met
/// with. A VU that paused would be missing for the next slot.
async fn run_at_slots(vu: &Rc<Vu>, worker: &WorkerContext) {
    let slots = &vu.scenario.slots;
    let mut requests = Requests::default();
    let mut values = vu.values();
    while let Some(slot) = vu.next_slot().await {
        worker.recorder.gauge_add(slots.vus, 1);
        if let Some(start_lag) = worker.generator.start_lag {
            worker.recorder.observe(start_lag, Instant::now().nanos_since(slot));
        }
        iterate(vu, worker, &mut requests, &mut values, Some(slot)).await;
        worker.recorder.gauge_add(slots.vus, -1);
        if vu.control.phase() != Phase::Active {
            return;
        }
        vu.wait_for_slots();
    }
}

/// Runs one iteration, intended for `slot` if it has one, and counts it.
async fn iterate(
    vu: &Vu,
    worker: &WorkerContext,
    requests: &mut Requests,
    values: &mut Values,
    slot: Option<Instant>,
) -> Outcome {
    let slots = &vu.scenario.slots;
    let recorder = &worker.recorder;
    let begun = slot.unwrap_or_else(Instant::now);
    let outcome = iteration::run(worker, vu, requests, values, slot).await;
    vu.count_iteration();
    match outcome {
        Outcome::Completed | Outcome::Unanswered | Outcome::Failed(_) => {
            let ended = Instant::now();
            recorder.add(slots.iterations, 1);
            recorder.record(slots.duration, ended.nanos_since(begun), ended);
        }
        Outcome::Interrupted => recorder.add(slots.interrupted, 1),
    }
    if let Outcome::Failed(reason) = outcome {
        recorder.add(slots.failed(reason), 1);
    }
    outcome
}
