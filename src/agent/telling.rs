//! A tick of the control thread in the words of the progress line.

use crate::{
    agent::live::Live, catalogue::Family, clock::Instant, metrics::exposition::run::RunState, outputs::progress::Tick,
    plan::Plan,
};

/// Counts at the last tick, for rates per second.
#[derive(Debug, Default)]
pub struct Rates {
    at: Option<Instant>,
    sent: u64,
    received: u64,
}

/// The state at `now`.
#[must_use]
pub fn tick(live: &Live, plan: &Plan, rates: &mut Rates, now: Instant) -> Tick {
    let view = live.view(now);
    let count = |family| view.sum(family, |_| true);
    let gauge = |family| view.gauge(family, &[]).max(0) as u64;
    let elapsed = live.ended.unwrap_or(now).since(live.start);
    let (sent, received) = (count(Family::WsMsgsSent), count(Family::WsMsgsReceived));
    let seconds = now.since(rates.at.unwrap_or(live.start)).as_secs_f64().max(1e-3);
    let per_second = |present: u64, past: u64| present.saturating_sub(past) as f64 / seconds;
    let (sent_per_second, received_per_second) = (per_second(sent, rates.sent), per_second(received, rates.received));
    *rates = Rates { at: Some(now), sent, received };
    Tick {
        elapsed,
        total: plan.duration(),
        state: state(live, plan, elapsed).to_owned(),
        planned_vus: plan.vus_at(elapsed).into(),
        active_vus: gauge(Family::Vus),
        max_vus: plan.peak_vus().into(),
        open: gauge(Family::WsOpen),
        connecting: gauge(Family::WsConnectingNow),
        sent_per_second,
        received_per_second,
        complete: count(Family::Iterations),
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
        RunState::Stopping => "stopping",
        RunState::Waiting => "waiting",
        RunState::Finished | RunState::Aborted => "done",
    }
}
