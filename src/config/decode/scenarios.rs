//! `scenarios`: what is common to all executors.

use crate::config::{
    at::{Place, Typed},
    decode::{all, environment, executors, flow, tags},
    node::Node,
    problem::shown,
    raw::RawScenario,
};

const EXAMPLE: &str = "{ ramp: { executor: ramping-vus, stages: [{ duration: 30s, target: 100 }] } }";

/// A map of scenarios by name.
pub(crate) fn scenarios(node: &Node<'_>) -> Typed<Vec<RawScenario>> {
    node.typed(|node| {
        let entries = node.entries(&format!("for example `scenarios: {EXAMPLE}`"))?;
        if entries.is_empty() {
            node.problem("no scenario in `scenarios`", format!("for example `{EXAMPLE}`"));
            return None;
        }
        all(entries.iter().map(|(name, node)| scenario(name, node)))
    })
}

fn scenario(name: &str, node: &Node<'_>) -> Option<RawScenario> {
    let valid = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if name.is_empty() || !name.chars().all(valid) {
        let message = format!("`{}` is no name of a scenario", shown(name));
        let hint = "use letters, digits, `_` and `-`".to_owned();
        node.context.problem(&Place::Key(node.path.clone()), message, Some(hint));
    }
    let mut fields = node.fields("for example `{ executor: constant-vus, vus: 10, duration: 30s }`")?;
    let kind = match fields.require(&["executor"], "executor: ramping-vus") {
        Some(kind) => Some(executors::name(&kind)?),
        None => None,
    };
    let start_time = fields.take("startTime").and_then(|node| node.duration());
    let graceful_stop = fields.take("gracefulStop").and_then(|node| executors::graceful_stop(kind, &node));
    let tags = fields.take("tags").map(|node| tags(&node)).unwrap_or_default();
    // `scenario_env` has filled it in; here its shape is checked.
    if let Some(env) = fields.take("env") {
        environment(&env);
    }
    let own_flow = fields.take("flow");
    let has_own_flow = own_flow.is_some();
    let flow = own_flow.or_else(|| fields.take_copied_flow()).map(|node| flow(&node));
    let executor = executors::executor(kind, &mut fields);
    let meant = fields.finish(&[], &executors::hints());
    Some(RawScenario {
        name: name.to_owned(),
        executor: executor?,
        start_time,
        graceful_stop,
        tags,
        flow,
        has_own_flow,
        place: node.place(),
        meant,
    })
}
