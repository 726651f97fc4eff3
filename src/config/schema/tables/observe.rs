//! Observed targets.

use super::{HEADERS, http::URL};
use crate::config::schema::shape::{Map, Shape, key, rows};

/// An address alone, or a map.
pub(super) const TARGET: Shape = Shape::OneOf(&[URL, Shape::Map(&OBSERVED)]);

static OBSERVED: Map = Map {
    name: "observed",
    rows: rows("Observed targets", "key"),
    rules: &[],
    keys: &[
        key("url", URL).required(),
        key("interval", Shape::Duration),
        key("timeout", Shape::Duration),
        key("settle", Shape::Duration),
        key("headers", HEADERS),
        key("metrics", Shape::MapExcept(&["up", "scrapes", "scrape_failures", "restarts"], "^[A-Za-z0-9_]+$", &METRIC)),
    ],
};

const SERIES: Shape = Shape::Pattern(r"^\s*[A-Za-z_:]");
static METRIC: Shape = Shape::OneOf(&[SERIES, Shape::Map(&OBSERVED_METRIC)]);
static OBSERVED_METRIC: Map = Map {
    name: "observedMetric",
    rows: rows("Observed targets", "metrics"),
    rules: &[],
    keys: &[key("series", SERIES).required(), key("kind", Shape::Words(&["gauge", "counter"]))],
};
