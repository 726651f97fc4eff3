//! Scenarios and stages.

use super::{TAGS, flow::STEP};
use crate::config::{
    overrides::MOST_VUS,
    schema::shape::{Map, Rule, Shape, key, rows},
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

/// One scenario.
pub(super) static SCENARIO: Map = Map {
    name: "scenario",
    rows: rows("Scenarios", "key"),
    keys: &[
        key("executor", Shape::OneOf(&[])).required(),
        key("startTime", Shape::Duration),
        key("gracefulStop", Shape::Duration),
        key("tags", TAGS),
        key("flow", Shape::List(1, &Shape::Map(&STEP))),
    ],
    rules: &[Rule::By(
        "executor",
        &[
            ("constant-vus", &[key("vus", Shape::Whole(1, VUS)), key("duration", Shape::Duration).required()]),
            (
                "ramping-vus",
                &[
                    key("startVUs", Shape::Whole(0, VUS)),
                    key("stages", STAGES).required(),
                    key("gracefulRampDown", Shape::Duration),
                ],
            ),
        ],
    )],
};
