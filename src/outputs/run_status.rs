//! A run that goes on, as it is told to pages, streams of events and `rampd ctl`: one value, made by the control
//! thread once a second and whenever somebody has changed the run. Times are milliseconds unless a name says seconds.

use serde::{Deserialize, Serialize};

use crate::{
    config::threshold::{Operator, Threshold},
    outputs::{report::FleetReport, summary::validity, timeline::Point},
    slo::{evaluate::Evaluation, validity::run::RunValidity},
};

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Its target is looked at, its fleet gathers, or its time has not come.
    Starting,
    /// The load goes on.
    Running,
    /// Nothing new begins until it is resumed; the plan's time stands still.
    Paused,
    /// Connections are closed.
    Stopping,
    /// Judged; nothing changes any more.
    Finished,
}

/// How a threshold stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdStatus {
    /// With its selector: `ws_connecting{url:ws://host/x}`.
    pub metric: String,
    /// As typed: `p(99)<200`.
    pub expression: String,
    /// In the unit of the expression.
    pub limit: f64,
    /// The measured value; none without a sample.
    pub value: Option<f64>,
    /// Whether it holds; none before the first evaluation.
    pub passed: Option<bool>,
    /// How far the value is from the limit, as a share of the limit: 0.25 is a quarter of the limit left, negative is
    /// crossed. None without a value or with a limit of 0.
    pub headroom: Option<f64>,
}

impl ThresholdStatus {
    /// How `threshold` stands by its latest evaluation.
    #[must_use]
    pub fn of(threshold: &Threshold, evaluation: Option<&Evaluation>) -> Self {
        let limit = threshold.expression.limit;
        let value = evaluation.and_then(|evaluation| evaluation.value);
        let share = |left: f64| (limit != 0.0).then(|| left / limit.abs());
        let headroom = value.and_then(|value| match threshold.expression.operator {
            Operator::Less | Operator::LessOrEqual => share(limit - value),
            Operator::Greater | Operator::GreaterOrEqual => share(value - limit),
            Operator::Equal | Operator::NotEqual => None,
        });
        Self {
            metric: threshold.name.clone(),
            expression: threshold.source.clone(),
            limit,
            value,
            passed: evaluation.map(|evaluation| evaluation.passed),
            headroom,
        }
    }
}

impl ValidityStatus {
    /// The level with a sentence for each reason.
    #[must_use]
    pub fn of(validity: &RunValidity, fleet: Option<&FleetReport>) -> Self {
        Self { level: validity.judgement.level.name().to_owned(), reasons: validity::sentences(validity, fleet) }
    }
}

/// Whether the figures are the target's or the generator's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidityStatus {
    /// `valid`, `suspect` or `invalid`.
    pub level: String,
    /// Why it is not valid, for people.
    pub reasons: Vec<String>,
}

/// A scenario as it can be steered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioStatus {
    /// Its name.
    pub name: String,
    /// k6's word for its executor.
    pub executor: String,
    /// VUs by the plan, or as ordered.
    pub planned_vus: u64,
    /// The most VUs that can be ordered; none if its VUs cannot be ordered.
    pub max_vus: Option<u32>,
    /// Iterations a second by the plan or as ordered, of arrival rates.
    pub planned_rate: Option<f64>,
    /// Whether an order has taken it off its curve.
    pub ordered: bool,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// By which the API names the run.
    pub id: String,
    /// Name of the profile.
    pub profile: String,
    /// Label of every series.
    pub testid: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// RFC 3339; none before the start of the load.
    pub started_at: Option<String>,
    /// Of the load by the clock on the wall, pauses included.
    pub elapsed_seconds: f64,
    /// Of the plan: stands still while the run is paused.
    pub plan_elapsed_seconds: f64,
    /// Of the plan; 0 if it has no end.
    pub plan_seconds: f64,
    /// The latest second.
    pub latest: Point,
    /// Its scenarios in the profile's order.
    pub scenarios: Vec<ScenarioStatus>,
    /// Its thresholds in the profile's order.
    pub thresholds: Vec<ThresholdStatus>,
    /// Of the run so far.
    pub validity: ValidityStatus,
    /// `passed`, `crossed` or `invalid`; none before the end.
    pub verdict: Option<String>,
    /// Of the end.
    pub exit_code: Option<u8>,
    /// Lines for people.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::fixture;

    fn headroom(expression: &str, value: f64) -> Option<f64> {
        let threshold = fixture::threshold("ws_connecting", expression);
        let evaluation = Evaluation { value: Some(value), passed: true, empty: false };
        ThresholdStatus::of(&threshold, Some(&evaluation)).headroom
    }

    #[test]
    fn headroom_is_what_is_left_of_the_limit_on_its_side() {
        for (expression, value, expected) in [
            ("p(99)<200", 150.0, Some(0.25)),
            ("p(99)<=200", 300.0, Some(-0.5)),
            ("avg>100", 150.0, Some(0.5)),
            ("avg>=100", 50.0, Some(-0.5)),
            ("avg==100", 100.0, None),
            ("max<0", 1.0, None),
        ] {
            assert_eq!(headroom(expression, value), expected, "{expression} at {value}");
        }
    }

    #[test]
    fn a_threshold_without_a_sample_has_no_headroom_and_before_an_evaluation_no_judgement() {
        let threshold = fixture::threshold("ws_connecting", "p(99)<200");
        let empty = Evaluation { value: None, passed: false, empty: true };
        let status = ThresholdStatus::of(&threshold, Some(&empty));
        assert_eq!((status.value, status.headroom, status.passed), (None, None, Some(false)));
        assert_eq!(ThresholdStatus::of(&threshold, None).passed, None);
    }

    #[test]
    fn reasons_are_sentences_for_people() {
        let validity = fixture::validity(&[fixture::calm(), fixture::troubled()]);
        let status = ValidityStatus::of(&validity, None);
        assert_eq!(status.level, "invalid");
        assert!(status.reasons.iter().any(|reason| reason.starts_with("send_lag: p99=251")), "{:?}", status.reasons);
        let calm = ValidityStatus::of(&fixture::validity(&[fixture::calm()]), None);
        assert_eq!((calm.level.as_str(), calm.reasons.len()), ("valid", 0));
    }
}
