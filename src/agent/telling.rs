//! A tick of the control thread in the words of the progress line.

use crate::{
    agent::{live::Live, steering::steered::Steered},
    catalogue::Family,
    clock::Instant,
    metrics::exposition::run::RunState,
    outputs::progress::Tick,
    plan::Plan,
};

/// Counts at the last tick, for rates per second.
#[derive(Debug, Default)]
pub struct Rates {
    at: Option<Instant>,
    sent: u64,
    received: u64,
    iterations: u64,
}

/// The state at `now`.
#[must_use]
pub fn tick(live: &Live, steered: &Steered, rates: &mut Rates, now: Instant) -> Tick {
    let view = live.view(now);
    let count = |family| view.sum(family, |_| true);
    let gauge = |family| view.gauge(family, &[]).max(0) as u64;
    let plan = steered.plan();
    let until = live.ended.unwrap_or(now);
    let (elapsed, planned) = (until.since(live.start), steered.elapsed(until));
    let (sent, received) = (count(Family::WsMsgsSent), count(Family::WsMsgsReceived));
    let seconds = now.since(rates.at.unwrap_or(live.start)).as_secs_f64().max(1e-3);
    let per_second = |present: u64, past: u64| present.saturating_sub(past) as f64 / seconds;
    let (sent_per_second, received_per_second) = (per_second(sent, rates.sent), per_second(received, rates.received));
    let iterations = count(Family::Iterations) + count(Family::IterationsInterrupted);
    let arrivals = plan.has_arrivals().then(|| (per_second(iterations, rates.iterations), plan.rate_at(planned)));
    *rates = Rates { at: Some(now), sent, received, iterations };
    let active_vus = gauge(Family::Vus);
    Tick {
        elapsed,
        // Pauses make the run longer.
        total: plan.duration() + elapsed.saturating_sub(planned),
        state: state(live, plan, planned).to_owned(),
        // How many are in an iteration is the target's affair where VUs wait for slots, or end when they have done their share.
        planned_vus: if plan.loops() { plan.vus_at(planned).into() } else { active_vus },
        active_vus,
        max_vus: steered.original().peak_vus().into(),
        open: gauge(Family::WsOpen),
        connecting: gauge(Family::WsConnectingNow),
        sent_per_second,
        received_per_second,
        endless: plan.is_endless(),
        complete: count(Family::Iterations),
        planned_iterations: plan.iterations(),
        arrivals,
        dropped: count(Family::DroppedIterations),
        interrupted: count(Family::IterationsInterrupted),
        failed_connects: count(Family::WsConnectFailures),
        crossed: live.crossed(),
    }
}

fn state(live: &Live, plan: &Plan, elapsed: std::time::Duration) -> &'static str {
    match live.state {
        _ if live.ended.is_some() => "done",
        RunState::Running if elapsed >= plan.duration() => "draining",
        RunState::Running => "running",
        RunState::Paused => "paused",
        RunState::Stopping => "stopping",
        RunState::Waiting => "waiting",
        RunState::Finished | RunState::Aborted => "done",
    }
}
