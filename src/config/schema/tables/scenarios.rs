//! Scenarios and stages.

use super::{TAGS, flow::STEP};
use crate::config::{
    overrides::{MOST_ITERATIONS, MOST_VUS},
    schema::shape::{Key, Map, Rule, Shape, key, rows},
};

/// A ramp.
pub(super) const STAGES: Shape = Shape::List(1, &Shape::Map(&STAGE));
const VUS: u64 = MOST_VUS as u64;

static STAGE: Map = Map {
    name: "stage",
    rows: rows("Scenarios", "stages"),
    rules: &[],
    keys: &[
        key("duration", Shape::Duration).required().about("How long it takes to reach the target; 0 jumps."),
        key("target", Shape::Whole(0, VUS)).required().about("VUs at the end of the stage."),
    ],
};

static RATE_STAGE: Map = Map {
    name: "rateStage",
    rows: rows("Arrival rates", "stages"),
    rules: &[],
    keys: &[
        key("duration", Shape::Duration).required().about("How long it takes to reach the target; 0 jumps."),
        key("target", RATE).required().about("Iterations per `timeUnit` at the end of the stage."),
    ],
};
/// A number, or a variable.
const RATE: Shape = Shape::OneOf(&[Shape::Decimal(Some(0.0), None), Shape::Pattern(r"\$\{")]);

/// One scenario.
pub(super) static SCENARIO: Map = Map {
    name: "scenario",
    rows: rows("Scenarios", "key of every executor"),
    keys: &[
        key("executor", Shape::OneOf(&[])).required(),
        key("startTime", Shape::Duration),
        key("env", Shape::MapOf(0, "", &Shape::Scalar)),
        key("tags", TAGS),
        key("flow", Shape::List(1, &Shape::Map(&STEP))),
    ],
    rules: &[Rule::By(
        "executor",
        &[
            ("shared-iterations", ITERATIONS),
            ("per-vu-iterations", ITERATIONS),
            (
                "constant-vus",
                &[
                    GRACEFUL_STOP,
                    key("vus", Shape::Whole(1, VUS)).explained(LOOP, "key"),
                    key("duration", Shape::Duration).required().explained(LOOP, "key"),
                ],
            ),
            (
                "ramping-vus",
                &[
                    GRACEFUL_STOP,
                    key("startVUs", Shape::Whole(0, VUS)).explained(LOOP, "key"),
                    key("stages", STAGES).required().explained(LOOP, "key"),
                    key("gracefulRampDown", Shape::Duration).explained(LOOP, "key"),
                ],
            ),
            (
                "constant-arrival-rate",
                &[
                    GRACEFUL_STOP,
                    key("rate", RATE).required().explained(ARRIVALS, "key"),
                    key("duration", Shape::Duration).required().explained(ARRIVALS, "key"),
                    TIME_UNIT,
                    PRE_ALLOCATED,
                    MAX_VUS,
                ],
            ),
            (
                "ramping-arrival-rate",
                &[
                    GRACEFUL_STOP,
                    key("startRate", RATE).explained(ARRIVALS, "key"),
                    key("stages", Shape::List(1, &Shape::Map(&RATE_STAGE))).required().explained(ARRIVALS, "key"),
                    TIME_UNIT,
                    PRE_ALLOCATED,
                    MAX_VUS,
                ],
            ),
            (
                "externally-controlled",
                &[
                    // Known, and refused with a word about it.
                    key("gracefulStop", Shape::Nothing),
                    key("vus", Shape::Whole(0, VUS)).explained(LIVE, "key"),
                    key("maxVUs", Shape::Whole(0, VUS)).explained(LIVE, "key"),
                    key("duration", Shape::Duration).required().explained(LIVE, "key"),
                ],
            ),
        ],
    )],
};

// Headings of docs/profile.md.
const LOOP: &str = "VUs in a loop";
const NUMBER: &str = "A number of iterations";
const ARRIVALS: &str = "Arrival rates";
const LIVE: &str = "externally-controlled";

const GRACEFUL_STOP: Key = key("gracefulStop", Shape::Duration);
const ITERATIONS: &[Key] = &[
    GRACEFUL_STOP,
    key("vus", Shape::Whole(1, VUS)).explained(NUMBER, "key"),
    key("iterations", Shape::Whole(1, MOST_ITERATIONS)).explained(NUMBER, "key"),
    key("maxDuration", Shape::Duration).explained(NUMBER, "key"),
];
const TIME_UNIT: Key = key("timeUnit", Shape::Duration).explained(ARRIVALS, "key");
const PRE_ALLOCATED: Key = key("preAllocatedVUs", Shape::Whole(0, VUS)).required().explained(ARRIVALS, "key");
const MAX_VUS: Key = key("maxVUs", Shape::Whole(0, VUS)).explained(ARRIVALS, "key");
