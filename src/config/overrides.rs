//! What the command line says about a profile's load: `--vus`, `--iterations`, `--duration`, `--stage`, `--tag`.

use std::time::Duration;

use crate::{
    config::profile::Stage,
    units::{duration, tags},
};

/// Most VUs, as in k6.
pub const MOST_VUS: u32 = 100_000_000;
/// Most iterations of a scenario: floats, which JSON may write them as, are exact up to nine times as many.
pub const MOST_ITERATIONS: u64 = 1_000_000_000_000_000;

/// Options that replace or add to what the profile says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--vus`.
    pub vus: Option<u32>,
    /// `--iterations`.
    pub iterations: Option<u64>,
    /// `--duration`.
    pub duration: Option<Duration>,
    /// Every `--stage`, in order.
    pub stages: Vec<Stage>,
    /// Every `--tag`, in order.
    pub tags: Vec<(String, String)>,
}

/// Why an option's text is wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Not `DURATION:TARGET`.
    #[error("`{0}` is no stage; expected DURATION:TARGET, for example 30s:100")]
    Stage(String),
    /// A stage's duration.
    #[error("stage `{stage}`: {source}")]
    Duration {
        /// The stage as typed.
        stage: String,
        /// What is wrong.
        source: duration::Error,
    },
    /// Not a whole number, or beyond [`MOST_VUS`].
    #[error("`{0}` is no number of VUs; expected a whole number from 0 to {MOST_VUS}")]
    Vus(String),
    /// Not a whole number from 1 to [`MOST_ITERATIONS`].
    #[error("`{0}` is no number of iterations; expected a whole number from 1 to {MOST_ITERATIONS}")]
    Iterations(String),
    /// Not `NAME=VALUE`.
    #[error("`{0}` is no tag; expected NAME=VALUE, for example --tag build=42")]
    Tag(String),
    /// Not a label, or one that rampd or Prometheus sets.
    #[error("the tag name {0}")]
    TagName(String),
}

/// Reads `30s:100`; `1m30s:0` ramps down.
///
/// # Errors
/// See [`enum@Error`].
pub fn parse_stage(text: &str) -> Result<Stage, Error> {
    let (time, target) = text.rsplit_once(':').ok_or_else(|| Error::Stage(text.to_owned()))?;
    let duration = duration::parse(time).map_err(|source| Error::Duration { stage: text.to_owned(), source })?;
    Ok(Stage { duration, target: parse_vus(target)? })
}

/// Reads a number of VUs.
///
/// # Errors
/// [`Error::Vus`].
pub fn parse_vus(text: &str) -> Result<u32, Error> {
    let vus = text.trim().parse().ok().filter(|vus| *vus <= MOST_VUS);
    vus.ok_or_else(|| Error::Vus(text.to_owned()))
}

/// Reads a number of iterations.
///
/// # Errors
/// [`Error::Iterations`].
pub fn parse_iterations(text: &str) -> Result<u64, Error> {
    let iterations = text.trim().parse().ok().filter(|iterations| (1..=MOST_ITERATIONS).contains(iterations));
    iterations.ok_or_else(|| Error::Iterations(text.to_owned()))
}

/// Reads `name=value`.
///
/// # Errors
/// [`Error::Tag`], [`Error::TagName`].
pub fn parse_tag(text: &str) -> Result<(String, String), Error> {
    let (name, value) = text.split_once('=').ok_or_else(|| Error::Tag(text.to_owned()))?;
    match tag_name_fault(name) {
        Some(fault) => Err(Error::TagName(fault)),
        None => Ok((name.to_owned(), value.to_owned())),
    }
}

/// What is wrong with a tag's name.
pub(crate) fn tag_name_fault(name: &str) -> Option<String> {
    let shown = crate::config::problem::shown(name);
    if !tags::is_label_name(name) {
        return Some(format!(
            "`{shown}` is no Prometheus label: letters, digits and `_`, not first a digit, not first `__`"
        ));
    }
    tags::RESERVED
        .contains(&name)
        .then(|| format!("`{shown}` is reserved: rampd, Prometheus or Kubernetes sets that label"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_a_duration_and_a_target() {
        assert_eq!(parse_stage("1m30s:100"), Ok(Stage { duration: Duration::from_secs(90), target: 100 }));
        assert_eq!(parse_stage("0:5"), Ok(Stage { duration: Duration::ZERO, target: 5 }));
        assert_eq!(parse_stage("30s"), Err(Error::Stage("30s".into())));
        assert!(matches!(parse_stage("30:5"), Err(Error::Duration { .. })));
        for bad in ["30s:", "30s:-1", "30s:1.5", "30s:100000001"] {
            assert!(matches!(parse_stage(bad), Err(Error::Vus(_))), "{bad}");
        }
    }

    #[test]
    fn tags_are_labels_that_nobody_else_sets() {
        assert_eq!(parse_tag("build=a=b"), Ok(("build".into(), "a=b".into())));
        assert_eq!(parse_tag("build"), Err(Error::Tag("build".into())));
        for bad in ["1a=b", "a-b=c", "__a=b", "=b", "scenario=x", "le=1"] {
            assert!(matches!(parse_tag(bad), Err(Error::TagName(_))), "{bad}");
        }
    }
}
