//! `scenarios` and their executors, `stages`.

use std::collections::BTreeMap;

use crate::config::{
    at::{Place, Typed},
    decode::{all, flow, tags},
    node::{Fields, Node, quoted},
    overrides::MOST_VUS,
    problem::{did_you_mean, shown},
    profile::Stage,
    raw::{RawExecutor, RawScenario},
};

const SUPPORTED: [&str; 2] = ["constant-vus", "ramping-vus"];
const LATER: [&str; 5] = [
    "shared-iterations",
    "per-vu-iterations",
    "constant-arrival-rate",
    "ramping-arrival-rate",
    "externally-controlled",
];

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
        Some(kind) => Some(executor_name(&kind)?),
        None => None,
    };
    let start_time = fields.take("startTime").and_then(|node| node.duration());
    let graceful_stop = fields.take("gracefulStop").and_then(|node| node.duration());
    let tags = fields.take("tags").map(|node| tags(&node)).unwrap_or_default();
    let flow = fields.take("flow").map(|node| flow(&node));
    let executor = executor(kind, &mut fields);
    let meant = fields.finish(
        &[],
        &BTreeMap::from([
            ("exec", "k6's `exec` names a function of a script; here `flow` has the steps"),
            ("env", "`env` stands at the top of a profile"),
            ("thresholds", "`thresholds` stand at the top; `metric{scenario:NAME}` selects a scenario"),
            ("stages", "`stages` belong to the executor `ramping-vus`"),
            ("startVUs", "`startVUs` belongs to the executor `ramping-vus`"),
            ("gracefulRampDown", "`gracefulRampDown` belongs to the executor `ramping-vus`"),
            ("vus", "`vus` belongs to the executor `constant-vus`; `ramping-vus` begins with `startVUs`"),
            ("duration", "`duration` belongs to the executor `constant-vus`; each of the `stages` has its own"),
        ]),
    );
    Some(RawScenario {
        name: name.to_owned(),
        executor: executor?,
        start_time,
        graceful_stop,
        tags,
        flow,
        place: node.place(),
        meant,
    })
}

fn executor_name(node: &Node<'_>) -> Option<&'static str> {
    let text = node.text()?;
    if let Some(name) = SUPPORTED.iter().find(|name| **name == text.value) {
        return Some(name);
    }
    let works = format!("this version has {}", quoted(&SUPPORTED));
    if LATER.contains(&text.value.as_str()) {
        node.problem(format!("the executor `{}` is not supported yet", text.value), works);
        return None;
    }
    let hint = did_you_mean(&text.value, SUPPORTED.into_iter().chain(LATER)).filter(|_| text.typed.is_none());
    let why = format!("unknown executor `{}`", shown(&text.value));
    node.bad_text(text, "an executor", &why, hint.unwrap_or(works))
}

/// Takes the keys of the executor; without a known one the keys of all, so that only others are unknown.
fn executor(kind: Option<&str>, fields: &mut Fields<'_>) -> Option<RawExecutor> {
    let mut constant = || RawExecutor::ConstantVus {
        vus: fields.take("vus").map(|node| vus(&node, 1)),
        duration: fields.take("duration").map(|node| node.typed(Node::duration)),
    };
    if kind == Some("constant-vus") {
        return Some(constant());
    }
    if kind.is_none() {
        constant();
    }
    let ramping = RawExecutor::RampingVus {
        start_vus: fields.take("startVUs").map(|node| vus(&node, 0)),
        stages: fields.take("stages").map(|node| stages(&node)),
        graceful_ramp_down: fields.take("gracefulRampDown").and_then(|node| node.duration()),
    };
    kind.map(|_| ramping)
}

/// A number of VUs.
pub(crate) fn vus(node: &Node<'_>, least: u32) -> Typed<u32> {
    node.typed(|node| node.whole(&(u64::from(least)..=u64::from(MOST_VUS))).and_then(|vus| u32::try_from(vus).ok()))
}

/// A list of stages.
pub(crate) fn stages(node: &Node<'_>) -> Typed<Vec<Stage>> {
    node.typed(|node| {
        let elements = node.list("for example `stages: [{ duration: 30s, target: 100 }]`")?;
        all(elements.iter().map(stage))
    })
}

fn stage(node: &Node<'_>) -> Option<Stage> {
    let mut fields = node.fields("for example `{ duration: 30s, target: 100 }`")?;
    let duration = fields.require(&["duration"], "duration: 30s").and_then(|node| node.duration());
    let target = fields.require(&["target"], "target: 100").and_then(|node| vus(&node, 0).value);
    fields.finish(&[], &BTreeMap::new());
    Some(Stage { duration: duration?, target: target? })
}
