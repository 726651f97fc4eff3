//! Metrics of a profile's own. A family is a word everywhere else, so that recording is an array
//! access; here a name becomes one, and stays for the life of the process: at most `MOST` of them.

use std::sync::{Mutex, PoisonError};

use crate::catalogue::{Contains, Family, FamilyKind, METRICS, Metric, MetricKind, Section, Source};

/// Most distinct metrics of one process. A profile has at most [`MOST_IN_PROFILE`], so that a daemon can load many.
const MOST: usize = 10_000;
/// Most metrics of one profile.
pub const MOST_IN_PROFILE: usize = 100;

static KNOWN: Mutex<Vec<&'static Metric>> = Mutex::new(Vec::new());

/// What the family of a custom metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Custom {
    /// Name on `/metrics`.
    pub(super) name: &'static str,
    /// How it is stored.
    pub(super) kind: FamilyKind,
    /// Help text.
    pub(super) help: &'static str,
    /// Whether it is a rate: its counters have `result`.
    pub(super) is_rate: bool,
    /// Recorded steps in one unit of `/metrics`.
    pub(super) scale: u64,
}

/// Why a name is no metric's.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// k6's rule, so that the name is one on `/metrics` too.
    #[error("a metric's name has letters, digits and `_`, not a digit first, and 2 to 129 characters")]
    Name,
    /// A metric or a family of the catalogue, of the run or of the process.
    #[error("a metric of this name or prefix is there already")]
    Taken,
    /// `a_sum` beside a trend `a` would be two things on `/metrics`.
    #[error("a trend's name does not end with `_bucket`, `_sum` or `_count`")]
    Suffix,
    /// See `MOST`.
    #[error("more than 10,000 distinct metrics since the process has started")]
    TooMany,
}

/// The metric of that name, type and unit.
///
/// # Errors
/// See [`enum@Error`].
pub fn metric(name: &str, kind: MetricKind, is_time: bool) -> Result<&'static Metric, Error> {
    let (first, rest) = name.split_at_checked(1).ok_or(Error::Name)?;
    let plain = |char: char| char.is_ascii_alphanumeric() || char == '_';
    if first.starts_with(|char: char| char.is_ascii_digit())
        || !name.chars().all(plain)
        || !(1..=128).contains(&rest.len())
    {
        return Err(Error::Name);
    }
    if kind == MetricKind::Trend && ["_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix)) {
        return Err(Error::Suffix);
    }
    let family = match kind {
        MetricKind::Trend if is_time => format!("{}_seconds", name.trim_end_matches("_seconds")),
        MetricKind::Trend | MetricKind::Gauge => name.to_owned(),
        MetricKind::Counter | MetricKind::Rate => format!("{}_total", name.trim_end_matches("_total")),
    };
    let is_ours = |name: &str| ["rampd_", "process_", "target_", "k6_"].iter().any(|prefix| name.starts_with(prefix));
    let is_taken = METRICS.iter().any(|metric| metric.name == name)
        || Family::ALL.iter().any(|known| [name, &family].contains(&known.name()));
    if is_taken || is_ours(name) || ["vus_total"].contains(&family.as_str()) {
        return Err(Error::Taken);
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let contains = if is_time { Contains::Time } else { Contains::Default };
    let same = |metric: &&&Metric| metric.name == name && metric.kind == kind && metric.contains == contains;
    if let Some(metric) = known.iter().find(same) {
        return Ok(metric);
    }
    if known.len() >= MOST {
        return Err(Error::TooMany);
    }
    let metric = Box::leak(Box::new(made(name, family, kind, contains)));
    known.push(metric);
    Ok(metric)
}

fn made(name: &str, family: String, kind: MetricKind, contains: Contains) -> Metric {
    let name = &*name.to_owned().leak();
    let what = match kind {
        MetricKind::Trend => "trend",
        MetricKind::Gauge => "gauge",
        MetricKind::Counter => "counter",
        MetricKind::Rate => "rate",
    };
    let family = Family::Custom(Box::leak(Box::new(Custom {
        name: family.leak(),
        kind: if kind == MetricKind::Trend { FamilyKind::Trend } else { FamilyKind::Counter },
        help: format!("The profile's own {what} {name}.").leak(),
        is_rate: kind == MetricKind::Rate,
        scale: if contains == Contains::Time { 1_000_000_000 } else { 1_000_000 },
    })));
    let source = if kind == MetricKind::Rate {
        Source::Ratio { hits: family, only: Some(("result", "pass")), total: family }
    } else {
        Source::Family(family)
    };
    Metric { name, kind, contains, source, section: Section::Custom }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str, kind: MetricKind, is_time: bool) -> &'static str {
        match metric(name, kind, is_time).unwrap().source {
            Source::Family(family) | Source::Ratio { total: family, .. } => family.name(),
        }
    }

    #[test]
    fn names_on_the_page_follow_prometheus() {
        assert_eq!(family("price", MetricKind::Trend, false), "price");
        assert_eq!(family("settle", MetricKind::Trend, true), "settle_seconds");
        assert_eq!(family("settle_seconds", MetricKind::Trend, true), "settle_seconds");
        assert_eq!(family("orders", MetricKind::Counter, false), "orders_total");
        assert_eq!(family("orders_total", MetricKind::Counter, false), "orders_total");
        assert_eq!(family("accepted", MetricKind::Rate, false), "accepted_total");
    }

    #[test]
    fn names_that_would_be_two_things_are_refused() {
        let of = |name: &str| metric(name, MetricKind::Trend, false).map(|metric| metric.name);
        for bad in ["", "a", "1a", "a-b", "é", &"a".repeat(130)] {
            assert_eq!(of(bad), Err(Error::Name), "{bad}");
        }
        for bad in ["checks", "ws_msg_rtt", "vus", "rampd_x", "process_x", "target_x", "k6_x", "ws_msg_rtt_seconds"] {
            assert_eq!(of(bad), Err(Error::Taken), "{bad}");
        }
        assert_eq!(metric("iterations", MetricKind::Counter, false), Err(Error::Taken));
        assert_eq!(of("a_sum"), Err(Error::Suffix));
        assert!(metric("a_sum", MetricKind::Counter, false).is_ok());
    }

    #[test]
    fn a_name_is_the_same_metric_each_time() {
        let first = metric("again", MetricKind::Rate, false).unwrap();
        assert!(std::ptr::eq(first, metric("again", MetricKind::Rate, false).unwrap()));
        assert!(!std::ptr::eq(first, metric("again", MetricKind::Counter, false).unwrap()));
    }
}
