//! The top of a profile.

use super::{
    NAME, TAGS,
    flow::STEP,
    network::{DNS, HOSTS, NAMES, NETWORK, NETWORKS},
    observe::TARGET,
    scenarios::{SCENARIO, STAGES},
    tls::{TLS, VERSIONS},
    values::{DATA, METRICS},
};
use crate::config::{
    overrides::{MOST_ITERATIONS, MOST_VUS},
    schema::shape::{Map, Rule, Shape, key, rows},
};

/// The whole profile.
pub(in crate::config::schema) static PROFILE: Map = Map {
    name: "profile",
    rows: rows("Top", "key"),
    // How much load there is may come from the command line.
    rules: &[
        Rule::AnyOf(&["flow", "scenarios"]),
        Rule::Exclusive(&["stages", "duration", "scenarios"]),
        Rule::Exclusive(&["stages", "iterations", "scenarios"]),
        Rule::Exclusive(&["vus", "scenarios"]),
    ],
    keys: &[
        key("name", Shape::Scalar),
        key("tags", TAGS),
        key("env", Shape::MapOf(0, "", &Shape::Scalar)),
        key("stages", STAGES),
        key("vus", Shape::Whole(1, MOST_VUS as u64)),
        key("duration", Shape::Duration),
        key("iterations", Shape::Whole(1, MOST_ITERATIONS)),
        key("scenarios", Shape::MapOf(1, NAME, &Shape::Map(&SCENARIO))),
        key("flow", Shape::List(1, &Shape::Map(&STEP))),
        key("thresholds", Shape::ByMetric(&THRESHOLDS)),
        key("data", DATA),
        key("metrics", METRICS),
        key("observe", Shape::MapOf(1, NAME, &TARGET)),
        key("tls", Shape::Map(&TLS)),
        key("insecureSkipTLSVerify", Shape::Flag),
        key("tlsVersion", VERSIONS),
        key("network", Shape::Map(&NETWORK)),
        key("hosts", HOSTS),
        key("dns", Shape::Map(&DNS)),
        key("blockHostnames", NAMES),
        key("blacklistIPs", NETWORKS),
        key("fleet", Shape::Map(&FLEET)),
        key("noCookiesReset", Shape::Flag),
        key("discardResponseBodies", Shape::Flag),
        key("latencyClock", Shape::Words(&["kernel", "user"])),
        key("precision", Shape::Words(&["timer", "spin"])),
        key("seed", Shape::Whole(0, u64::MAX)),
        key("summaryTrendStats", Shape::List(0, &Shape::Pattern(r"^\s*(avg|min|med|max|count|p\(.*\))\s*$"))),
    ],
};

/// The thresholds of one metric.
static THRESHOLDS: Shape =
    Shape::OneOf(&[EXPRESSION, Shape::List(0, &Shape::OneOf(&[EXPRESSION, Shape::Map(&THRESHOLD)])), Shape::Nothing]);

const EXPRESSION: Shape = Shape::Pattern(r"^\s*[a-z]+\s*(\([^<>=!]*\))?\s*(<|>|==|!=)=?\s*\S+\s*$");
static THRESHOLD: Map = Map {
    name: "threshold",
    rows: rows("Thresholds", "key"),
    rules: &[],
    keys: &[
        key("threshold", EXPRESSION).required(),
        key("abortOnFail", Shape::Flag),
        key("delayAbortEval", Shape::Duration),
        key("allowEmpty", Shape::Flag),
    ],
};

/// How several agents go together.
static FLEET: Map = Map {
    name: "fleet",
    rows: rows("Fleet", "key"),
    rules: &[],
    keys: &[
        key("startTimeout", Shape::Duration),
        key("onMissing", Shape::Words(&["fail", "go"])),
        key("lostAfter", Shape::Duration),
    ],
};
