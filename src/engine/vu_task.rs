//! The task of a virtual user: iterations, one after the other, until it is told to stop.

use std::rc::Rc;

use crate::{
    clock::Instant,
    engine::{
        backoff,
        context::WorkerContext,
        control::Phase,
        iteration::{self, Outcome},
        request::Requests,
        vu::Vu,
    },
};

/// Runs iterations until told to stop, then gives up the claim. A VU that is given back before
/// its iteration has ended goes on. One iteration is run even if the stop came before the task's
/// first turn: the plan has started this VU, and a late generator must not skip it.
pub async fn run(vu: Rc<Vu>, worker: Rc<WorkerContext>) {
    let slots = &vu.scenario.slots;
    let recorder = &worker.recorder;
    recorder.gauge_add(slots.vus, 1);
    let mut requests = Requests::default();
    let mut values = vu.values();
    let mut failures = 0;
    let mut first = true;
    while vu.control.phase() == Phase::Active || first && vu.control.phase() == Phase::Stopping {
        first = false;
        let begun = Instant::now();
        let outcome = iteration::run(&worker, &vu, &mut requests, &mut values).await;
        vu.count_iteration();
        let ended = Instant::now();
        match outcome {
            Outcome::Completed | Outcome::Unanswered | Outcome::Failed(_) => {
                recorder.add(slots.iterations, 1);
                recorder.record(slots.duration, ended.nanos_since(begun), ended);
            }
            Outcome::Interrupted => recorder.add(slots.interrupted, 1),
        }
        if let Outcome::Failed(reason) = outcome {
            recorder.add(slots.failed(reason), 1);
        }
        if let Outcome::Failed(_) | Outcome::Unanswered = outcome {
            failures += 1;
            let pause = backoff::pause(&backoff::AFTER_ITERATIONS, failures, &mut *worker.random.borrow_mut());
            vu.control.pause_until(ended + pause, Phase::Stopping).await;
        } else {
            failures = 0;
            // An iteration may have waited for nothing; others must get their turn.
            tokio::task::yield_now().await;
        }
    }
    recorder.gauge_add(slots.vus, -1);
    vu.release();
}
