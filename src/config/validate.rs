//! `Raw` and the command line → `Profile`: what replaces what, what excludes what, and the defaults.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{
        at::{Place, Typed},
        cardinality::Cardinality,
        context::Context,
        overrides::{MOST_VUS, Overrides},
        profile::{Executor, Profile, Scenario, Stage, Step, TrendStat},
        raw::{Load, Raw, RawExecutor, RawScenario},
    },
    units::{
        duration::{MAX, display},
        tags::Tags,
    },
};

/// k6's default of `gracefulStop` and `gracefulRampDown`.
const GRACE: Duration = Duration::from_secs(30);

const LOAD_KEYS: [&str; 5] = ["vus", "duration", "iterations", "stages", "scenarios"];
const NO_LOAD: &str = "add `stages: [{ duration: 30s, target: 100 }]`, or `vus` with `duration`, or `scenarios`";

/// Builds the profile; none if something is missing or wrong, which is reported.
pub(crate) fn profile(raw: Raw, overrides: &Overrides, context: &Context<'_>) -> Option<Profile> {
    let mut tags = raw.tags.clone();
    tags.extend(overrides.tags.iter().cloned());
    let check = Check { context };
    let (load, scenarios) = check.layers(&raw, overrides)?;
    let scenarios = match scenarios {
        Some(scenarios) => check.scenarios(scenarios, raw.flow.as_ref()),
        None => check.shorthand(&load, &raw).map(|scenario| vec![scenario]),
    };
    let scenarios = scenarios?;
    if let Some(excess) = Cardinality::of(&scenarios, &raw.metrics).excess() {
        return check.refuse(&raw.place, excess, "each has series of its own in every scenario: split the profile");
    }
    Some(Profile {
        name: raw.name.unwrap_or_else(|| context.source().stem().to_owned()),
        tags,
        scenarios,
        thresholds: raw.thresholds,
        metrics: raw.metrics,
        data: raw.data,
        tls: raw.tls,
        timing: raw.timing,
        summary_trend_stats: raw.summary_trend_stats.unwrap_or_else(|| {
            use TrendStat::{Avg, Max, Med, Min, Percentile};
            vec![Avg, Min, Med, Max, Percentile(90.0), Percentile(95.0)]
        }),
    })
}

struct Check<'c> {
    context: &'c Context<'c>,
}

/// The map that something is missing from, with the keys that misspelt ones in it were meant to be.
#[derive(Clone, Copy)]
struct Owner<'r> {
    place: &'r Place,
    meant: &'r [&'static str],
}

impl Check<'_> {
    fn refuse<T>(&self, place: &Place, message: impl Into<String>, hint: &str) -> Option<T> {
        self.context.problem(place, message, Some(hint.to_owned()));
        None
    }

    fn missing<T>(&self, owner: Owner<'_>, key: &str, hint: &str) -> Option<T> {
        if !owner.meant.contains(&key) {
            self.context.problem(owner.place, format!("`{key}` is missing"), Some(hint.to_owned()));
        }
        None
    }

    /// k6's precedence: the command line, if it sets any of duration, iterations, stages or scenarios,
    /// replaces all of them; `vus` replaces only `vus`.
    fn layers<'r>(&self, raw: &'r Raw, overrides: &Overrides) -> Option<(Load, Option<&'r Typed<Vec<RawScenario>>>)> {
        let flag = match (&overrides.duration, overrides.stages.is_empty()) {
            (Some(_), false) => {
                return self.refuse(
                    &Place::Flag("--stage"),
                    "`--stage` and `--duration` exclude each other",
                    "each stage has its own duration",
                );
            }
            (Some(_), true) => Some("--duration"),
            (None, false) => Some("--stage"),
            (None, true) => None,
        };
        let vus = overrides.vus.map(|vus| Typed::flag(vus, "--vus"));
        let mut load = raw.load.clone();
        let Some(flag) = flag else {
            if let Some(scenarios) = raw.scenarios.as_ref().filter(|_| vus.is_some()) {
                let hint = "use `--scale`, or `--stage` and `--duration`, which replace the scenarios";
                self.context.problem(
                    &Place::Flag("--vus"),
                    "`--vus` does nothing: the profile has `scenarios` with VUs of their own",
                    Some(hint.to_owned()),
                );
                return Some((Load::default(), Some(scenarios)));
            }
            load.vus = vus.or(load.vus);
            self.exclusive(&load, raw.scenarios.as_ref())?;
            return Some((load, raw.scenarios.as_ref()));
        };
        let scenarios = raw.scenarios.as_ref().and_then(|scenarios| scenarios.value.as_ref());
        if scenarios.is_some_and(|scenarios| scenarios.iter().any(|scenario| scenario.flow.is_some())) {
            let message = format!("`{flag}` would replace `scenarios`, and with them their flows");
            return self.refuse(
                &Place::Flag(flag),
                message,
                "move the `flow` to the top of the profile, or use `--scale` and `--speed`",
            );
        }
        Some((
            Load {
                vus: vus.or(load.vus),
                duration: overrides.duration.map(|duration| Typed::flag(duration, flag)),
                iterations: None,
                stages: (!overrides.stages.is_empty()).then(|| Typed::flag(overrides.stages.clone(), flag)),
            },
            None,
        ))
    }

    fn exclusive(&self, load: &Load, scenarios: Option<&Typed<Vec<RawScenario>>>) -> Option<()> {
        let given = [
            ("duration", load.duration.as_ref().map(|typed| &typed.place)),
            ("iterations", load.iterations.as_ref().map(|typed| &typed.place)),
            ("stages", load.stages.as_ref().map(|typed| &typed.place)),
            ("scenarios", scenarios.map(|typed| &typed.place)),
            ("vus", load.vus.as_ref().map(|typed| &typed.place).filter(|_| scenarios.is_some())),
        ];
        let given: Vec<_> = given.into_iter().filter_map(|(name, place)| Some((name, place?))).collect();
        if let Some((_, place)) = given.iter().find(|(name, _)| *name == "iterations") {
            let message = "`iterations` (k6's executor `shared-iterations`) is not supported yet";
            return self.refuse(
                place,
                message,
                "this version has `stages` (`ramping-vus`), and `vus` with `duration` (`constant-vus`)",
            );
        }
        match given.as_slice() {
            [(first, _), (second, place), ..] => {
                let message = format!("`{first}` and `{second}` exclude each other");
                self.refuse(
                    place,
                    message,
                    "choose one of `duration`, `stages` and `scenarios` to say how much load there is",
                )
            }
            _ => Some(()),
        }
    }

    fn shorthand(&self, load: &Load, raw: &Raw) -> Option<Scenario> {
        let owner = Owner { place: &raw.place, meant: &raw.meant };
        let executor = match load {
            Load { stages: Some(stages), vus, .. } => self.ramp(vus.as_ref(), Some(stages), GRACE, owner),
            Load { duration: Some(duration), vus, .. } => self.constant(vus.as_ref(), Some(duration), owner),
            Load { vus: Some(vus), .. } => {
                let message = "`vus` alone (k6's executor `shared-iterations`) is not supported yet";
                self.refuse(&vus.place, message, "add `duration` or `stages`")
            }
            Load { .. } if raw.meant.iter().any(|key| LOAD_KEYS.contains(key)) => None,
            Load { .. } => self.refuse(&raw.place, "nothing says how much load there is", NO_LOAD),
        };
        let flow = self.flow(None, raw.flow.as_ref(), owner);
        Some(Scenario {
            name: "default".to_owned(),
            executor: executor?,
            start_time: Duration::ZERO,
            graceful_stop: GRACE,
            tags: Tags::new(),
            flow: flow?,
        })
    }

    fn scenarios(&self, typed: &Typed<Vec<RawScenario>>, top: Option<&Typed<Arc<[Step]>>>) -> Option<Vec<Scenario>> {
        let scenarios: Vec<_> = typed.value.as_ref()?.iter().map(|scenario| self.scenario(scenario, top)).collect();
        scenarios.into_iter().collect()
    }

    fn scenario(&self, raw: &RawScenario, top: Option<&Typed<Arc<[Step]>>>) -> Option<Scenario> {
        let owner = Owner { place: &raw.place, meant: &raw.meant };
        let executor = match &raw.executor {
            RawExecutor::ConstantVus { vus, duration } => self.constant(vus.as_ref(), duration.as_ref(), owner),
            RawExecutor::RampingVus { start_vus, stages, graceful_ramp_down } => {
                self.ramp(start_vus.as_ref(), stages.as_ref(), graceful_ramp_down.unwrap_or(GRACE), owner)
            }
        };
        let flow = self.flow(raw.flow.as_ref(), top, owner);
        Some(Scenario {
            name: raw.name.clone(),
            executor: executor?,
            start_time: raw.start_time.unwrap_or_default(),
            graceful_stop: raw.graceful_stop.unwrap_or(GRACE),
            tags: raw.tags.clone(),
            flow: flow?,
        })
    }

    fn flow(
        &self,
        own: Option<&Typed<Arc<[Step]>>>,
        top: Option<&Typed<Arc<[Step]>>>,
        owner: Owner<'_>,
    ) -> Option<Arc<[Step]>> {
        match own.or(top) {
            Some(flow) => flow.value.clone(),
            None => self.missing(
                owner,
                "flow",
                "say what an iteration does: `flow: [{ websocket: { url: \"wss://example.com/ws\" } }]`",
            ),
        }
    }

    fn constant(
        &self,
        vus: Option<&Typed<u32>>,
        duration: Option<&Typed<Duration>>,
        owner: Owner<'_>,
    ) -> Option<Executor> {
        let vus_value = vus.map_or(Some(1), |vus| vus.value);
        if let Some(vus) = vus.filter(|vus| vus.value == Some(0)) {
            return self.refuse(&vus.place, "must be at least 1", "without VUs there is no load");
        }
        let Some(duration) = duration else {
            return self.missing(owner, "duration", "for example `duration: 30s`");
        };
        let time = duration.value?;
        if time < Duration::from_secs(1) {
            let message = format!("must be at least 1s, found {}", display(time));
            return self.refuse(&duration.place, message, "a bare number is milliseconds: `30s` is `30000`");
        }
        Some(Executor::ConstantVus { vus: vus_value?, duration: time })
    }

    fn ramp(
        &self,
        start: Option<&Typed<u32>>,
        stages: Option<&Typed<Vec<Stage>>>,
        graceful_ramp_down: Duration,
        owner: Owner<'_>,
    ) -> Option<Executor> {
        let start_vus = start.map_or(Some(1), |start| start.value);
        let Some(typed) = stages else {
            return self.missing(owner, "stages", "for example `stages: [{ duration: 30s, target: 100 }]`");
        };
        let (start_vus, stages) = (start_vus?, typed.value.clone()?);
        if stages.is_empty() {
            return self.refuse(
                &typed.place,
                "a ramp needs at least one stage",
                "for example `stages: [{ duration: 30s, target: 100 }]`",
            );
        }
        let highest = stages.iter().map(|stage| stage.target).chain([start_vus]).max().unwrap_or_default();
        if highest == 0 {
            return self.refuse(
                &typed.place,
                "the ramp never has a VU: every target is 0",
                "give at least one stage a target above 0",
            );
        }
        if highest > MOST_VUS {
            return self.refuse(&typed.place, format!("more than {MOST_VUS} VUs"), "k6 allows no more either");
        }
        let total: Duration = stages.iter().map(|stage| stage.duration).fold(Duration::ZERO, Duration::saturating_add);
        if total > MAX {
            return self.refuse(&typed.place, "the stages last longer than 10 years in all", "check the units");
        }
        Some(Executor::RampingVus { start_vus, stages, graceful_ramp_down })
    }
}
