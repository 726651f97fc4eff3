//! AGENTS: a line for each agent of a fleet.

use std::collections::BTreeMap;

use super::validity::{mark, paint};
use crate::{
    outputs::{
        format,
        report::{AgentReport, Ended, FleetReport, Start},
        style::Style,
    },
    slo::validity::Level,
};

/// Agents that are listed; of more, only those that something is wrong with.
const LISTED: usize = 32;

pub(super) fn lines(fleet: &FleetReport, style: Style) -> Vec<String> {
    let there = fleet.agents.iter().map(|agent| (agent.index, Some(agent)));
    let all: BTreeMap<_, _> = fleet.missing.iter().map(|index| (*index, None)).chain(there).collect();
    let is_fine = |agent: &Option<&AgentReport>| {
        agent.is_some_and(|agent| agent.validity.level == Level::Valid && agent.ended == Ended::Completed)
    };
    let few = all.len() <= LISTED;
    let listed: Vec<_> = all.iter().filter(|(_, agent)| few || !is_fine(agent)).take(LISTED).collect();
    let digits = fleet.of.saturating_sub(1).to_string().len();
    let mut lines: Vec<_> = listed
        .iter()
        .map(|(index, agent)| {
            let text = agent
                .as_ref()
                .map_or_else(|| style.bad(&format!("{} missing", mark(Level::Invalid))), |agent| line(agent, style));
            format!("    {index:>digits$} {text}")
        })
        .collect();
    let (rest, fine) = (all.len() - listed.len(), all.values().filter(|agent| is_fine(agent)).count());
    if !few && rest == fine {
        lines.push(format!("    {fine} agents are valid and completed"));
    } else if rest > 0 {
        lines.push(format!("    and {rest} agents more, {fine} of them valid and completed"));
    }
    lines
}

fn line(agent: &AgentReport, style: Style) -> String {
    let level = agent.validity.level;
    let validity = paint(level, &format!("{} {:<7}", mark(level), level.name()), style);
    let counts: Vec<_> =
        [("ws_sessions", agent.sessions), ("http_reqs", agent.requests), ("iterations", agent.iterations)]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name}={}", style.value(&count.to_string())))
            .collect();
    let elapsed = format::duration(agent.elapsed.as_secs_f64() * 1e3);
    let start = agent.start.map_or_else(String::new, |start| format!("  {}", start_text(&start)));
    format!("{validity} {} after {elapsed}{start}  {}", agent.ended.name(), counts.join(" "))
}

/// `started +0.15ms ±0.2ms`.
fn start_text(start: &Start) -> String {
    let text = |duration: std::time::Duration| format::duration(duration.as_secs_f64() * 1e3);
    let error = start.clock_error.map_or_else(String::new, |error| format!(" ±{}", text(error)));
    format!("started +{}{error}", text(start.late))
}
