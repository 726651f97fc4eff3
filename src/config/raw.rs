//! A profile as it was typed: every value has its type, nothing is filled in, and values that
//! depend on each other are not compared yet. `decode` makes it, `validate` reads it.

use std::{sync::Arc, time::Duration};

use crate::{
    catalogue::Metric,
    config::{
        at::{Place, Typed},
        data::Data,
        profile::{
            RateStage, Stage, Step, Timing, Tls, TrendStat, fleet::FleetPolicy, network::Network, observe::Observed,
        },
        threshold::Threshold,
    },
    units::{rate::Rate, tags::Tags},
};

/// The file.
pub(crate) struct Raw {
    pub(crate) name: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) load: Load,
    pub(crate) scenarios: Option<Typed<Vec<RawScenario>>>,
    pub(crate) flow: Option<Typed<Arc<[Step]>>>,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) metrics: Vec<&'static Metric>,
    pub(crate) k6_series: bool,
    pub(crate) data: Arc<[Data]>,
    pub(crate) observe: Vec<Observed>,
    pub(crate) tls: Tls,
    pub(crate) network: Network,
    /// `proxy:` says who goes through what; otherwise the environment does.
    pub(crate) proxied: bool,
    pub(crate) timing: Timing,
    pub(crate) keep_cookies: bool,
    pub(crate) fleet: FleetPolicy,
    pub(crate) summary_trend_stats: Option<Vec<TrendStat>>,
    /// The whole file, for problems with what is not there.
    pub(crate) place: Place,
    /// Keys that misspelt ones were meant to be: those are not reported as missing.
    pub(crate) meant: Vec<&'static str>,
}

/// k6's shorthand for one scenario.
#[derive(Clone, Default)]
pub(crate) struct Load {
    pub(crate) vus: Option<Typed<u32>>,
    pub(crate) duration: Option<Typed<Duration>>,
    pub(crate) iterations: Option<Typed<u64>>,
    pub(crate) stages: Option<Typed<Vec<Stage>>>,
}

/// One of `scenarios`.
pub(crate) struct RawScenario {
    pub(crate) name: String,
    pub(crate) executor: RawExecutor,
    pub(crate) start_time: Option<Duration>,
    pub(crate) graceful_stop: Option<Duration>,
    pub(crate) tags: Tags,
    pub(crate) flow: Option<Typed<Arc<[Step]>>>,
    /// The flow stands in the scenario itself, and is no copy of the profile's for its variables.
    pub(crate) has_own_flow: bool,
    pub(crate) place: Place,
    pub(crate) meant: Vec<&'static str>,
}

/// A scenario's executor with its keys.
pub(crate) enum RawExecutor {
    SharedIterations(RawIterations),
    PerVuIterations(RawIterations),
    ConstantVus {
        vus: Option<Typed<u32>>,
        duration: Option<Typed<Duration>>,
    },
    RampingVus {
        start_vus: Option<Typed<u32>>,
        stages: Option<Typed<Vec<Stage>>>,
        graceful_ramp_down: Option<Duration>,
    },
    ConstantArrivalRate {
        rate: Option<Typed<Rate>>,
        duration: Option<Typed<Duration>>,
        arrivals: RawArrivals,
    },
    RampingArrivalRate {
        start_rate: Option<Typed<Rate>>,
        stages: Option<Typed<Vec<RateStage>>>,
        arrivals: RawArrivals,
    },
    ExternallyControlled {
        vus: Option<Typed<u32>>,
        max_vus: Option<Typed<u32>>,
        duration: Option<Typed<Duration>>,
    },
}

/// Keys of both executors that count iterations.
#[derive(Clone, Default)]
pub(crate) struct RawIterations {
    pub(crate) vus: Option<Typed<u32>>,
    pub(crate) iterations: Option<Typed<u64>>,
    pub(crate) max_duration: Option<Typed<Duration>>,
}

/// Keys of both arrival rates.
pub(crate) struct RawArrivals {
    pub(crate) time_unit: Option<Typed<Duration>>,
    pub(crate) pre_allocated: Option<Typed<u32>>,
    pub(crate) max_vus: Option<Typed<u32>>,
}
