//! What `/metrics` says about an agent's place among others of its run.

use std::time::Duration;

use crate::{
    metrics::exposition::families::{Kind, Sheet, Value},
    units::tags::Tags,
};

/// An agent's place; what is not known yet is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetFacts {
    /// Agents that the run has, this one included.
    pub size: u32,
    /// This agent's number, from 0; none if it is alone.
    pub index: Option<u32>,
    /// From the instant agreed on to the load's first event.
    pub start_delay: Option<Duration>,
    /// How far this agent's notion of that instant may be off, either way.
    pub clock_error: Option<Duration>,
    /// At the leader: how many agents are in each state, `finished`, `lost`, `missing`, `present`.
    pub agents: Vec<(&'static str, u32)>,
}

impl Default for FleetFacts {
    fn default() -> Self {
        Self { size: 1, index: None, start_delay: None, clock_error: None, agents: Vec::new() }
    }
}

/// Adds the families.
pub fn families(sheet: &mut Sheet, facts: &FleetFacts) {
    let number = |value: f64| (Tags::new(), Value::Number(value));
    sheet.add(
        "rampd_fleet_size",
        "Agents that the run has, this one included.",
        Kind::Gauge,
        [number(facts.size.into())],
    );
    sheet.add(
        "rampd_fleet_index",
        "This agent's number among those of its run, from 0.",
        Kind::Gauge,
        facts.index.map(|index| number(index.into())),
    );
    sheet.add(
        "rampd_fleet_start_delay_seconds",
        "From the instant that the agents agreed on to the first event of this one's load.",
        Kind::Gauge,
        facts.start_delay.map(|delay| number(delay.as_secs_f64())),
    );
    sheet.add(
        "rampd_fleet_clock_error_seconds",
        "How far this agent's notion of the agreed instant may be off, either way; absent at agent 0, whose clock counts.",
        Kind::Gauge,
        facts.clock_error.map(|error| number(error.as_secs_f64())),
    );
    sheet.add(
        "rampd_fleet_agents",
        "Agents by what agent 0 knows of them: present and at work, finished, lost on the way, missing from the start.",
        Kind::Gauge,
        facts.agents.iter().map(|(state, count)| {
            (Tags::from([("state".to_owned(), (*state).to_owned())]), Value::Number(f64::from(*count)))
        }),
    );
}
