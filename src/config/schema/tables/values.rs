//! Where values come from and go to: data files, `set`, `check`, `add` and metrics of the profile's own.

use super::{VALUE_NAME, matching::CHECK};
use crate::config::schema::shape::{Map, Shape, key, rows};

/// Data files by name.
pub(super) const DATA: Shape = Shape::MapOf(0, VALUE_NAME, &Shape::Map(&DATA_FILE));
static DATA_FILE: Map = Map {
    name: "data",
    rows: rows("Data", "key"),
    rules: &[],
    keys: &[
        key("file", Shape::Pattern(r"\.([Cc][Ss][Vv]|[Tt][Ss][Vv]|[Jj][Ss][Oo][Nn])$")).required(),
        key("order", Shape::Words(&["sequential", "random", "per-vu", "unique"])),
        key("whenExhausted", Shape::Words(&["recycle", "fail"])),
        key("delimiter", Shape::Text),
    ],
};

/// Metrics of the profile's own by name, beside a key.
pub(super) const METRICS: Shape =
    Shape::MapWith(&OWN, "^[A-Za-z_][A-Za-z0-9_]{1,128}$", &Shape::OneOf(&[TYPE, Shape::Map(&METRIC)]));
static OWN: Map = Map {
    name: "metrics",
    rows: rows("Series as k6 names them", "key"),
    rules: &[],
    keys: &[key("compat", Shape::Words(&["k6"]))],
};
const TYPE: Shape = Shape::Words(&["counter", "rate", "trend"]);
static METRIC: Map = Map {
    name: "metric",
    rows: rows("Metrics of your own", "key"),
    rules: &[],
    keys: &[key("type", TYPE).required(), key("time", Shape::Flag)],
};

/// Names to values.
pub(super) const SET: Shape = Shape::MapOf(1, VALUE_NAME, &Shape::Anything);
/// Names to values with a test.
pub(super) const CHECKS: Shape = Shape::MapOf(1, r"\S", &Shape::Map(&CHECK));
/// Metrics to values.
pub(super) const ADD: Shape = Shape::MapOf(1, VALUE_NAME, &Shape::Scalar);
