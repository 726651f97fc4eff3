//! Executors and their keys.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{
        at::Typed,
        decode::all,
        node::{Fields, Node, quoted},
        overrides::{MOST_ITERATIONS, MOST_VUS},
        problem::{did_you_mean, shown},
        profile::{RateStage, Stage},
        raw::{RawArrivals, RawExecutor, RawIterations},
        tree::{Number, Tree},
    },
    units::rate::{self, Rate},
};

/// An executor, known by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    SharedIterations,
    PerVuIterations,
    ConstantVus,
    RampingVus,
    ConstantArrivalRate,
    RampingArrivalRate,
    ExternallyControlled,
}

const KINDS: [(&str, Kind); 7] = [
    ("shared-iterations", Kind::SharedIterations),
    ("per-vu-iterations", Kind::PerVuIterations),
    ("constant-vus", Kind::ConstantVus),
    ("ramping-vus", Kind::RampingVus),
    ("constant-arrival-rate", Kind::ConstantArrivalRate),
    ("ramping-arrival-rate", Kind::RampingArrivalRate),
    ("externally-controlled", Kind::ExternallyControlled),
];

/// The name of an executor.
pub(crate) fn name(node: &Node<'_>) -> Option<Kind> {
    let text = node.text()?;
    if let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == text.value) {
        return Some(*kind);
    }
    let names = KINDS.map(|(name, _)| name);
    let hint = did_you_mean(&text.value, names).filter(|_| text.typed.is_none());
    let why = format!("unknown executor `{}`", shown(&text.value));
    node.bad_text(text, "an executor", &why, hint.unwrap_or_else(|| format!("k6's executors: {}", quoted(&names))))
}

/// As in k6, VUs that are set live are not ended gracefully.
pub(crate) fn graceful_stop(kind: Option<Kind>, node: &Node<'_>) -> Option<Duration> {
    if kind == Some(Kind::ExternallyControlled) {
        let hint = "remove it: at the end of `duration` its iterations are cut".to_owned();
        node.problem("`externally-controlled` has no `gracefulStop`", hint);
        return None;
    }
    node.duration()
}

/// What keys mean elsewhere, for those that stand in the wrong place.
pub(crate) fn hints() -> BTreeMap<&'static str, &'static str> {
    const ITERATIONS: &str = "it belongs to the executors `shared-iterations` and `per-vu-iterations`";
    const ARRIVALS: &str = "it belongs to the executors `constant-arrival-rate` and `ramping-arrival-rate`";
    BTreeMap::from([
        ("exec", "k6's `exec` names a function of a script; here `flow` has the steps"),
        ("options", "k6's `options` of a scenario are for browsers, which rampd does not drive"),
        ("thresholds", "`thresholds` stand at the top; `metric{scenario:NAME}` selects a scenario"),
        ("stages", "`stages` belong to the executors `ramping-vus` and `ramping-arrival-rate`"),
        ("startVUs", "`startVUs` belongs to the executor `ramping-vus`"),
        ("gracefulRampDown", "`gracefulRampDown` belongs to the executor `ramping-vus`"),
        ("vus", "`ramping-vus` begins with `startVUs`, an arrival rate has `preAllocatedVUs` and `maxVUs`"),
        ("duration", "`stages` have durations of their own, a number of iterations has `maxDuration`"),
        ("iterations", ITERATIONS),
        ("maxDuration", ITERATIONS),
        ("rate", "it belongs to the executor `constant-arrival-rate`; `ramping-arrival-rate` begins with `startRate`"),
        ("startRate", "it belongs to the executor `ramping-arrival-rate`"),
        ("timeUnit", ARRIVALS),
        ("preAllocatedVUs", ARRIVALS),
        ("maxVUs", "it belongs to the arrival rates and to `externally-controlled`"),
    ])
}

/// Takes the keys of the executor; without a known one the keys of all, so that only others are unknown.
pub(crate) fn executor(kind: Option<Kind>, fields: &mut Fields<'_>) -> Option<RawExecutor> {
    let Some(kind) = kind else {
        for (_, kind) in KINDS {
            let _checked = keys(kind, fields);
        }
        return None;
    };
    Some(keys(kind, fields))
}

fn keys(kind: Kind, fields: &mut Fields<'_>) -> RawExecutor {
    let duration = |fields: &mut Fields<'_>| fields.take("duration").map(|node| node.typed(Node::duration));
    match kind {
        Kind::SharedIterations => RawExecutor::SharedIterations(iteration_keys(fields)),
        Kind::PerVuIterations => RawExecutor::PerVuIterations(iteration_keys(fields)),
        Kind::ConstantVus => {
            RawExecutor::ConstantVus { vus: fields.take("vus").map(|node| vus(&node, 1)), duration: duration(fields) }
        }
        Kind::RampingVus => RawExecutor::RampingVus {
            start_vus: fields.take("startVUs").map(|node| vus(&node, 0)),
            stages: fields.take("stages").map(|node| stages(&node)),
            graceful_ramp_down: fields.take("gracefulRampDown").and_then(|node| node.duration()),
        },
        Kind::ConstantArrivalRate => RawExecutor::ConstantArrivalRate {
            rate: fields.take("rate").map(|node| node.typed(read_rate)),
            duration: duration(fields),
            arrivals: arrival_keys(fields),
        },
        Kind::RampingArrivalRate => RawExecutor::RampingArrivalRate {
            start_rate: fields.take("startRate").map(|node| node.typed(read_rate)),
            stages: fields.take("stages").map(|node| rate_stages(&node)),
            arrivals: arrival_keys(fields),
        },
        Kind::ExternallyControlled => RawExecutor::ExternallyControlled {
            vus: fields.take("vus").map(|node| vus(&node, 0)),
            max_vus: fields.take("maxVUs").map(|node| vus(&node, 0)),
            duration: duration(fields),
        },
    }
}

fn iteration_keys(fields: &mut Fields<'_>) -> RawIterations {
    RawIterations {
        vus: fields.take("vus").map(|node| vus(&node, 1)),
        iterations: fields.take("iterations").map(|node| iterations(&node)),
        max_duration: fields.take("maxDuration").map(|node| node.typed(Node::duration)),
    }
}

fn arrival_keys(fields: &mut Fields<'_>) -> RawArrivals {
    RawArrivals {
        time_unit: fields.take("timeUnit").map(|node| node.typed(Node::positive_duration)),
        pre_allocated: fields.take("preAllocatedVUs").map(|node| vus(&node, 0)),
        max_vus: fields.take("maxVUs").map(|node| vus(&node, 0)),
    }
}

/// A number of VUs.
pub(crate) fn vus(node: &Node<'_>, least: u32) -> Typed<u32> {
    node.typed(|node| node.whole(&(u64::from(least)..=u64::from(MOST_VUS))).and_then(|vus| u32::try_from(vus).ok()))
}

/// A number of iterations.
pub(crate) fn iterations(node: &Node<'_>) -> Typed<u64> {
    node.typed(|node| node.whole(&(1..=MOST_ITERATIONS)))
}

/// `10` or `2.5` per time unit.
fn read_rate(node: &Node<'_>) -> Option<Rate> {
    const HINT: &str = "iterations per `timeUnit` with at most six decimals, for example `50` or `2.5`";
    let explained = |error: &rate::Error| match error {
        rate::Error::TooFine(_) => "count by a longer `timeUnit`",
        rate::Error::TooLarge(_) => "count by a shorter `timeUnit`",
        rate::Error::NotANumber(_) | rate::Error::Negative(_) => HINT,
    };
    match node.tree {
        Tree::Number(number) => {
            let text = match number {
                // Decimals where the general form may have an exponent; larger ones are too large in any form.
                Number::Float(float) if float.abs() < 1e15 => float.to_string(),
                Number::Float(_) | Number::Unsigned(_) | Number::Negative(_) => number.to_string(),
            };
            Rate::parse(&text).map_err(|error| node.problem(error.to_string(), explained(&error).to_owned())).ok()
        }
        Tree::Text(text) if text.typed.is_some() => match Rate::parse(&text.value) {
            Ok(rate) => Some(rate),
            Err(error) => node.bad_text(text, "a rate", &error.to_string(), explained(&error).to_owned()),
        },
        _ => node.expected("a number of iterations", HINT),
    }
}

/// A list of stages of VUs.
pub(crate) fn stages(node: &Node<'_>) -> Typed<Vec<Stage>> {
    node.typed(|node| list(node, |node| vus(node, 0).value, |duration, target| Stage { duration, target }))
}

/// A list of stages of a rate.
fn rate_stages(node: &Node<'_>) -> Typed<Vec<RateStage>> {
    node.typed(|node| list(node, read_rate, |duration, target| RateStage { duration, target }))
}

fn list<T, S>(
    node: &Node<'_>,
    target: impl Fn(&Node<'_>) -> Option<T>,
    stage: impl Fn(Duration, T) -> S,
) -> Option<Vec<S>> {
    let elements = node.list("for example `stages: [{ duration: 30s, target: 100 }]`")?;
    all(elements.iter().map(|node| {
        let mut fields = node.fields("for example `{ duration: 30s, target: 100 }`")?;
        let duration = fields.require(&["duration"], "duration: 30s").and_then(|node| node.duration());
        let target = fields.require(&["target"], "target: 100").and_then(|node| target(&node));
        fields.finish(&[], &BTreeMap::new());
        Some(stage(duration?, target?))
    }))
}
