//! What all thresholds say together: at the end of a run, and at a tick of a running one.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{config::threshold::Threshold, slo::evaluate::Evaluation};

/// The outcome of the thresholds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// All were met, or there were none.
    Passed,
    /// At least one was not met.
    Crossed {
        /// Metrics as the thresholds name them, sorted, each once.
        metrics: Vec<String>,
        /// Whether a threshold with `abortOnFail` ended the run.
        aborted: bool,
    },
}

impl Verdict {
    /// The verdict at the end of a run; `evaluations` are in the order of `thresholds`.
    #[must_use]
    pub fn at_end(thresholds: &[Threshold], evaluations: &[Evaluation]) -> Self {
        Self::crossed(thresholds, evaluations, |evaluation| !evaluation.passed, false)
    }

    /// The verdict that ends a running test, if a crossed threshold with `abortOnFail` asks for it after its
    /// `delayAbortEval`. Metrics without a sample are left out until the end.
    #[must_use]
    pub fn abort_at_tick(thresholds: &[Threshold], evaluations: &[Evaluation], elapsed: Duration) -> Option<Self> {
        thresholds
            .iter()
            .zip(evaluations)
            .any(|(threshold, evaluation)| {
                threshold.abort_on_fail && evaluation.crossed_during_run() && threshold.delay_abort_eval < elapsed
            })
            .then(|| Self::crossed(thresholds, evaluations, Evaluation::crossed_during_run, true))
    }

    fn crossed(
        thresholds: &[Threshold],
        evaluations: &[Evaluation],
        is_crossed: impl Fn(&Evaluation) -> bool,
        aborted: bool,
    ) -> Self {
        let crossed = thresholds.iter().zip(evaluations).filter(|(_, evaluation)| is_crossed(evaluation));
        let metrics: BTreeSet<&str> = crossed.map(|(threshold, _)| threshold.name.as_str()).collect();
        if metrics.is_empty() {
            return Self::Passed;
        }
        Self::Crossed { metrics: metrics.into_iter().map(str::to_owned).collect(), aborted }
    }

    /// Whether all thresholds were met.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(self, Self::Passed)
    }

    /// k6's message about crossed thresholds; none when all were met.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let Self::Crossed { metrics, aborted } = self else { return None };
        let metrics = metrics.join(", ");
        Some(if *aborted {
            format!(
                "thresholds on metrics '{metrics}' were crossed; at least one has abortOnFail enabled, stopping test prematurely"
            )
        } else {
            format!("thresholds on metrics '{metrics}' have been crossed")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue, config::threshold};

    fn threshold(metric: &str, abort: bool, delay: u64) -> Threshold {
        let (name, selector) = threshold::parse_name(metric).unwrap();
        let metric_kind = catalogue::find(name).unwrap();
        Threshold {
            metric: metric_kind.into(),
            selector,
            name: metric.to_owned(),
            source: "count<1".to_owned(),
            expression: threshold::parse_expression("count<1", metric_kind).unwrap(),
            abort_on_fail: abort,
            delay_abort_eval: Duration::from_secs(delay),
            allow_empty: false,
        }
    }

    const MET: Evaluation = Evaluation { value: Some(0.0), passed: true, empty: false };
    const CROSSED: Evaluation = Evaluation { value: Some(5.0), passed: false, empty: false };
    const EMPTY: Evaluation = Evaluation { value: None, passed: false, empty: true };

    #[test]
    fn all_met_is_passed_without_a_message() {
        let verdict = Verdict::at_end(&[threshold("iterations", true, 0)], &[MET]);
        assert!(verdict.passed());
        assert_eq!(verdict.message(), None);
    }

    #[test]
    fn the_end_names_each_crossed_metric_once_in_order() {
        let thresholds = ["ws_sessions", "iterations", "ws_sessions", "ws_sessions{scenario:a}"];
        let thresholds = thresholds.map(|name| threshold(name, true, 0));
        let verdict = Verdict::at_end(&thresholds, &[CROSSED, EMPTY, CROSSED, CROSSED]);
        assert_eq!(
            verdict.message().unwrap(),
            "thresholds on metrics 'iterations, ws_sessions, ws_sessions{scenario:a}' have been crossed"
        );
    }

    #[test]
    fn a_tick_aborts_only_after_the_delay() {
        let thresholds = [threshold("iterations", true, 10), threshold("ws_sessions", false, 0)];
        let at = |seconds| Verdict::abort_at_tick(&thresholds, &[CROSSED, CROSSED], Duration::from_secs(seconds));
        assert_eq!(at(10), None);
        assert_eq!(
            at(11).unwrap().message().unwrap(),
            "thresholds on metrics 'iterations, ws_sessions' were crossed; at least one has abortOnFail enabled, \
             stopping test prematurely"
        );
    }

    #[test]
    fn a_tick_ignores_what_is_empty_and_what_may_not_abort() {
        let thresholds = [threshold("iterations", true, 0), threshold("ws_sessions", false, 0)];
        assert_eq!(Verdict::abort_at_tick(&thresholds, &[EMPTY, CROSSED], Duration::from_secs(2)), None);
    }
}
