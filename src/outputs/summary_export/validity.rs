//! `rampd.validity`: the judgement with its reasons, and every signal; times are in milliseconds,
//! shares of 1.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::number;
use crate::slo::validity::{
    Finding, Judgement,
    run::{RunValidity, StageValidity},
    signals::{Events, Figure, Lag, OwnLimits, Signals, Throttled},
};

const NOT_AVAILABLE: &str = "not available";

pub(super) fn of(validity: &RunValidity) -> Json {
    let RunValidity { judgement, signals, stages } = validity;
    json!({
        "verdict": judgement.level.name(),
        "reasons": reasons(judgement),
        "signals": self::signals(signals),
        "stages": stages.iter().map(stage).collect::<Vec<_>>(),
    })
}

fn stage(stage: &StageValidity) -> Json {
    json!({
        "from_ms": millis(stage.from),
        "to_ms": millis(stage.to),
        "verdict": stage.judgement.level.name(),
        "reasons": reasons(&stage.judgement),
        "signals": signals(&stage.signals),
    })
}

pub(super) fn reasons(judgement: &Judgement) -> Vec<Json> {
    judgement.findings.iter().map(reason).collect()
}

fn reason(finding: &Finding) -> Json {
    let figure = |figure| match figure {
        Figure::Time(time) => ("ms", millis(time)),
        Figure::Share(share) => ("share", number(share)),
        Figure::Count(count) => ("count", json!(count)),
    };
    let ((unit, measured), (_, limit)) = (figure(finding.measured), figure(finding.limit));
    let mut reason = json!({
        "reason": finding.reason.name(),
        "level": finding.level.name(),
        "unit": unit,
        "measured": measured,
        "limit": limit,
        "advice": finding.reason.advice(),
    });
    if let (Some((from, to)), Some(reason)) = (finding.within, reason.as_object_mut()) {
        reason.insert("within_ms".to_owned(), json!([millis(from), millis(to)]));
    }
    if let (Some(agent), Some(reason)) = (finding.agent, reason.as_object_mut()) {
        reason.insert("agent".to_owned(), json!(agent));
    }
    reason
}

fn signals(signals: &Signals) -> Json {
    let lag = |lag: Option<Lag>| or_not(lag.map(|lag| json!({ "p99_ms": millis(lag.p99), "samples": lag.samples })));
    let share = |share: Option<f64>| or_not(share.map(number));
    let count = |count: Option<u64>| or_not(count.map(|count| json!(count)));
    let events = |events: Option<Events>| {
        or_not(events.map(|events| json!({ "count": events.count, "largest_ms": millis(events.largest) })))
    };
    let throttled = signals
        .throttled
        .map(|Throttled { periods, time }| json!({ "periods_share": number(periods), "time_ms": millis(time) }));
    let own_limits = signals.own_limits.map(|OwnLimits { attempts, fd_limit, no_local_port, no_memory }| {
        json!({ "attempts": attempts, "fd_limit": fd_limit, "no_local_port": no_local_port, "no_memory": no_memory })
    });
    json!({
        "send_lag": lag(signals.send_lag),
        "read_lag": lag(signals.read_lag),
        "start_lag": lag(signals.start_lag),
        "loop_lag": lag(signals.loop_lag),
        "run_queue_share": share(signals.run_queue),
        "cpu_pressure_share": share(signals.cpu_pressure),
        "throttled": or_not(throttled),
        "dropped_slots": count(signals.dropped_slots),
        "own_limits": or_not(own_limits),
        "clock_gaps": events(signals.clock_gaps),
        "clock_steps": events(signals.clock_steps),
        "samples_dropped": count(signals.samples_dropped),
        "workers_lost": count(signals.workers_lost),
    })
}

fn or_not(value: Option<Json>) -> Json {
    value.unwrap_or_else(|| json!(NOT_AVAILABLE))
}

fn millis(time: Duration) -> Json {
    // Whole nanoseconds divided once: prints as the decimal that was meant.
    number(time.as_nanos() as f64 / 1e6)
}
