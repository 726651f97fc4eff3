//! The top of a profile.

use super::{
    NAME, TAGS,
    flow::STEP,
    observe::TARGET,
    scenarios::{SCENARIO, STAGES},
};
use crate::config::{
    overrides::MOST_VUS,
    schema::shape::{Key, Map, Rule, Shape, key, rows},
};

/// The whole profile.
pub(in crate::config::schema) static PROFILE: Map = Map {
    name: "profile",
    rows: rows("Top", "key"),
    // How much load there is may come from the command line.
    rules: &[
        Rule::AnyOf(&["flow", "scenarios"]),
        Rule::Exclusive(&["stages", "duration", "scenarios"]),
        Rule::Exclusive(&["vus", "scenarios"]),
    ],
    keys: &[
        key("name", Shape::Scalar),
        key("tags", TAGS),
        key("env", Shape::MapOf(0, "", &Shape::Scalar)),
        key("stages", STAGES),
        key("vus", Shape::Whole(1, MOST_VUS as u64)),
        key("duration", Shape::Duration),
        // Known, and refused with a word about it: k6's option objects have it.
        key("iterations", Shape::Nothing).about("Not in this version."),
        key("scenarios", Shape::MapOf(1, NAME, &Shape::Map(&SCENARIO))),
        key("flow", Shape::List(1, &Shape::Map(&STEP))),
        key("thresholds", Shape::ByMetric(&THRESHOLDS)),
        key("observe", Shape::MapOf(1, NAME, &TARGET)),
        key("tls", Shape::Map(&TLS)),
        key("insecureSkipTLSVerify", Shape::Flag),
        key("latencyClock", Shape::Words(&["kernel", "user"])),
        key("precision", Shape::Words(&["timer", "spin"])),
        key("seed", Shape::Whole(0, u64::MAX)),
        key("summaryTrendStats", Shape::List(0, &Shape::Pattern(r"^\s*(avg|min|med|max|count|p\(.*\))\s*$"))),
    ],
};

const TLS_KEYS: &[Key] = &[
    key("caFile", Shape::Text)
        .about("PEM certificates that are trusted beside Mozilla's roots; a relative path starts at the profile."),
    key("insecureSkipTLSVerify", Shape::Flag).about("Accepts any certificate."),
];
static TLS: Map = Map { name: "tls", rows: rows("TLS", "key"), rules: &[], keys: TLS_KEYS };

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
