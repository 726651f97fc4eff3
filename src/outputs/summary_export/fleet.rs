//! `rampd.fleet`: the agents whose results were merged.

use serde_json::{Value as Json, json};

use super::{number, validity};
use crate::outputs::report::{AgentReport, FleetReport};

pub(super) fn of(fleet: &FleetReport) -> Json {
    json!({
        "agents": fleet.of,
        "missing": fleet.missing,
        "results": fleet.agents.iter().map(agent).collect::<Vec<_>>(),
    })
}

fn agent(agent: &AgentReport) -> Json {
    json!({
        "agent": agent.index,
        "ended": agent.ended.name(),
        "duration_ms": number(agent.elapsed.as_secs_f64() * 1e3),
        "start_late_ms": agent.start.map(|start| number(start.late.as_secs_f64() * 1e3)),
        "clock_error_ms": agent.start.and_then(|start| start.clock_error).map(|error| number(error.as_secs_f64() * 1e3)),
        "validity": agent.validity.level.name(),
        "reasons": validity::reasons(&agent.validity),
        "ws_sessions": agent.sessions,
        "http_reqs": agent.requests,
        "iterations": agent.iterations,
    })
}
