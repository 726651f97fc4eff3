//! `Raw` and the command line → `Profile`: what replaces what, what excludes what, and the defaults.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{
        at::{Place, Typed},
        cardinality::Cardinality,
        context::Context,
        digest::Digest,
        overrides::Overrides,
        profile::{Executor, Profile, Scenario, Step, TrendStat},
        raw::{Load, Raw, RawIterations, RawScenario},
    },
    units::tags::Tags,
};

mod executor;

/// k6's default of `gracefulStop` and `gracefulRampDown`.
const GRACE: Duration = Duration::from_secs(30);

const LOAD_KEYS: [&str; 5] = ["vus", "duration", "iterations", "stages", "scenarios"];

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
    if raw.thresholds.len() > MOST_THRESHOLDS {
        let message = format!("{} thresholds, at most {MOST_THRESHOLDS} are judged", raw.thresholds.len());
        return check.refuse(
            &raw.place,
            message,
            "each limit of a percentile is a bucket of every series of its metric",
        );
    }
    Some(Profile {
        typed: Digest::of(context.source().text().as_bytes()),
        shown: "".into(),
        name: raw.name.unwrap_or_else(|| context.source().stem().to_owned()),
        tags,
        scenarios,
        thresholds: raw.thresholds,
        metrics: raw.metrics,
        k6_series: raw.k6_series,
        data: raw.data,
        observe: raw.observe,
        tls: raw.tls,
        network: raw.network,
        timing: raw.timing,
        keep_cookies: raw.keep_cookies,
        fleet: raw.fleet,
        summary_trend_stats: raw.summary_trend_stats.unwrap_or_else(|| {
            use TrendStat::{Avg, Max, Med, Min, Percentile};
            vec![Avg, Min, Med, Max, Percentile(90.0), Percentile(95.0)]
        }),
    })
}

struct Check<'c> {
    context: &'c Context<'c>,
}

/// Most thresholds of a profile.
const MOST_THRESHOLDS: usize = 500;

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
        let flags = [
            ("--stage", !overrides.stages.is_empty()),
            ("--iterations", overrides.iterations.is_some()),
            ("--duration", overrides.duration.is_some()),
        ];
        let flags: Vec<_> = flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect();
        if let ["--stage", other, ..] = flags.as_slice() {
            return self.refuse(
                &Place::Flag("--stage"),
                format!("`--stage` and `{other}` exclude each other"),
                "each stage has its own duration, and its VUs run as many iterations as they can",
            );
        }
        let vus = overrides.vus.map(|vus| Typed::flag(vus, "--vus"));
        let mut load = raw.load.clone();
        let Some(flag) = flags.first().copied() else {
            if let Some(scenarios) = raw.scenarios.as_ref().filter(|_| vus.is_some()) {
                let hint = "use `--scale`, or `--stage`, `--iterations` and `--duration`, which replace the scenarios";
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
        let any = |lost: fn(&RawScenario) -> bool| scenarios.is_some_and(|scenarios| scenarios.iter().any(lost));
        if any(|scenario| scenario.has_own_flow) {
            let message = format!("`{flag}` would replace `scenarios`, and with them their flows");
            let hint = "move the `flow` to the top of the profile, or use `--scale` and `--speed`";
            return self.refuse(&Place::Flag(flag), message, hint);
        }
        if any(|scenario| scenario.flow.is_some()) {
            let message =
                format!("`{flag}` would replace `scenarios`, and with them the `env` that the flow is filled in from");
            let hint = "move the `env` to the top of the profile, or use `--scale` and `--speed`";
            return self.refuse(&Place::Flag(flag), message, hint);
        }
        Some((
            Load {
                vus: vus.or(load.vus),
                duration: overrides.duration.map(|duration| Typed::flag(duration, "--duration")),
                iterations: overrides.iterations.map(|iterations| Typed::flag(iterations, "--iterations")),
                stages: (!overrides.stages.is_empty()).then(|| Typed::flag(overrides.stages.clone(), flag)),
            },
            None,
        ))
    }

    fn exclusive(&self, load: &Load, scenarios: Option<&Typed<Vec<RawScenario>>>) -> Option<()> {
        // Beside `iterations`, `duration` is their longest time.
        let duration = load.duration.as_ref().filter(|_| load.iterations.is_none());
        let given = [
            ("duration", duration.map(|typed| &typed.place)),
            ("iterations", load.iterations.as_ref().map(|typed| &typed.place)),
            ("stages", load.stages.as_ref().map(|typed| &typed.place)),
            ("scenarios", scenarios.map(|typed| &typed.place)),
            ("vus", load.vus.as_ref().map(|typed| &typed.place).filter(|_| scenarios.is_some())),
        ];
        let given: Vec<_> = given.into_iter().filter_map(|(name, place)| Some((name, place?))).collect();
        match given.as_slice() {
            [(first, _), (second, place), ..] => {
                let message = format!("`{first}` and `{second}` exclude each other");
                self.refuse(
                    place,
                    message,
                    "choose one of `iterations`, `duration`, `stages` and `scenarios` to say how much load there is",
                )
            }
            _ => Some(()),
        }
    }

    fn shorthand(&self, load: &Load, raw: &Raw) -> Option<Scenario> {
        let owner = Owner { place: &raw.place, meant: &raw.meant };
        let executor = match load.clone() {
            Load { iterations: Some(iterations), vus, duration, .. } => {
                let iterations = Some(iterations);
                self.shared_iterations(&RawIterations { vus, iterations, max_duration: duration }, owner)
            }
            Load { stages: Some(stages), vus, .. } => self.ramp(vus.as_ref(), Some(&stages), GRACE, owner),
            Load { duration: Some(duration), vus, .. } => self.constant(vus.as_ref(), Some(&duration), owner),
            Load { vus: Some(vus), .. } => {
                let iterations = Some(Typed { value: vus.value.map(u64::from), place: vus.place.clone() });
                self.shared_iterations(&RawIterations { vus: Some(vus), iterations, max_duration: None }, owner)
            }
            Load { .. } if raw.meant.iter().any(|key| LOAD_KEYS.contains(key)) => None,
            Load { .. } => self.per_vu_iterations(&RawIterations::default()),
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
        let executor = self.executor(&raw.executor, owner);
        let flow = self.flow(raw.flow.as_ref(), top, owner);
        Some(Scenario {
            name: raw.name.clone(),
            start_time: raw.start_time.unwrap_or_default(),
            graceful_stop: match executor {
                // As in k6: its VUs are ended by setting them.
                Some(Executor::ExternallyControlled { .. }) => Duration::ZERO,
                _ => raw.graceful_stop.unwrap_or(GRACE),
            },
            executor: executor?,
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
}
