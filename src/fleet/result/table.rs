//! The table of series of a result.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{
        Contains, FamilyKind, MetricKind,
        custom::{self, MOST_IN_PROFILE},
    },
    fleet::result::families,
    metrics::series::{Series, SeriesTable},
    units::tags::Tags,
};

/// A profile has at most 1,000 steps with eight trends each, and 10,000 metrics over all scenarios. Each trend takes
/// 16 KiB, full or empty.
const MOST_TRENDS: usize = 20_000;

#[derive(Serialize, Deserialize)]
struct TableRecord {
    run_tags: Tags,
    custom: Vec<CustomRecord>,
    counters: Vec<SeriesRecord>,
    gauges: Vec<SeriesRecord>,
    trends: Vec<SeriesRecord>,
    /// Bucket boundaries by family.
    bounds: Vec<(String, Vec<u64>)>,
}

#[derive(Serialize, Deserialize)]
struct CustomRecord {
    name: String,
    kind: MetricKind,
    is_time: bool,
}

#[derive(Serialize, Deserialize)]
struct SeriesRecord {
    family: String,
    labels: Tags,
    hidden: Tags,
    always: bool,
}

/// # Panics
/// Never, see the reason.
pub(super) fn encode(table: &SeriesTable) -> Vec<u8> {
    let series = |list: &[Series]| -> Vec<_> {
        let record = |series: &Series| SeriesRecord {
            family: series.family.name().to_owned(),
            labels: series.labels.clone(),
            hidden: series.hidden.clone(),
            always: series.always,
        };
        list.iter().map(record).collect()
    };
    let custom = table.custom().iter().map(|metric| CustomRecord {
        name: metric.name.to_owned(),
        kind: metric.kind,
        is_time: metric.contains == Contains::Time,
    });
    let trends = table.families().filter(|family| family.kind() == FamilyKind::Trend);
    let record = TableRecord {
        run_tags: table.run_tags.clone(),
        custom: custom.collect(),
        counters: series(&table.counters),
        gauges: series(&table.gauges),
        trends: series(&table.trends),
        bounds: trends.map(|family| (family.name().to_owned(), table.bounds(family).to_vec())).collect(),
    };
    #[expect(clippy::expect_used, reason = "lists, texts and numbers of known length are always encoded")]
    postcard::to_allocvec(&record).expect("a table is encoded in memory")
}

/// # Errors
/// What is not known here, as `has WHAT`.
pub(super) fn decode(bytes: &[u8]) -> Result<SeriesTable, String> {
    let record: TableRecord =
        postcard::from_bytes(bytes).map_err(|_| "a table of series of another form".to_owned())?;
    if record.custom.len() > MOST_IN_PROFILE || record.trends.len() > MOST_TRENDS {
        return Err("more metrics or trends than a profile may have".to_owned());
    }
    let custom = record.custom.iter().map(|metric| {
        custom::metric(&metric.name, metric.kind, metric.is_time)
            .map_err(|error| format!("a metric `{}` that is none here ({error})", metric.name))
    });
    let custom = custom.collect::<Result<Vec<_>, _>>()?;
    let shell = SeriesTable::with_custom(Tags::new(), &[], &custom);
    let families = families(&shell);
    let family = |name: &str, kind| {
        let found = families.get(name).filter(|family| family.kind() == kind);
        found.copied().ok_or_else(|| format!("a series `{name}` that is none here"))
    };
    let series = |list: Vec<SeriesRecord>, kind| {
        let restored = list.into_iter().map(|SeriesRecord { family: name, labels, hidden, always }| {
            Ok(Series { family: family(&name, kind)?, labels, hidden, always })
        });
        restored.collect::<Result<Vec<_>, String>>()
    };
    let mut bounds = BTreeMap::new();
    for (name, boundaries) in record.bounds {
        if !boundaries.is_sorted_by(|one, next| one < next) || boundaries.first() == Some(&0) {
            return Err(format!("boundaries of `{name}` that do not ascend"));
        }
        bounds.insert(family(&name, FamilyKind::Trend)?, Arc::from(boundaries));
    }
    let lists = [
        series(record.counters, FamilyKind::Counter)?,
        series(record.gauges, FamilyKind::Gauge)?,
        series(record.trends, FamilyKind::Trend)?,
    ];
    Ok(SeriesTable::restored(lists, record.run_tags, custom, bounds))
}
