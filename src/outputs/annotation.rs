//! Marks of a run in Grafana, as the bodies of its annotations API. Pure; who sends them is `agent::annotate`.
//!
//! Times are milliseconds since 1970, as Grafana has them. A tag of the form `key:value` is shown by Grafana with its
//! key; all tags of a mark together stay below the 500 bytes that Grafana takes by default (`[annotations] tags_length`).

use serde::Serialize;

use crate::{
    metrics::exposition::run::StageStart,
    outputs::{
        report::{Ended, RunReport},
        summary::value_text,
    },
    slo::validity::Level,
};

/// Longest value of a tag in bytes: five tags with their keys stay below 500.
const LONGEST_TAG: usize = 80;
/// Crossed thresholds that are named.
const NAMED: usize = 10;

/// A mark: a point in time, or a region if it has an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// Its beginning.
    pub time: i64,
    /// Its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_end: Option<i64>,
    /// What it can be found by.
    pub tags: Vec<String>,
    /// What it says.
    pub text: String,
}

/// What becomes known of a run's mark at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The end of the load.
    pub time_end: i64,
    /// How it went.
    pub text: String,
}

/// Which run is marked.
#[derive(Debug, Clone, Copy)]
pub struct RunName<'r> {
    /// Name of the profile.
    pub profile: &'r str,
    /// Label `testid`.
    pub testid: &'r str,
}

impl RunName<'_> {
    fn tags(self, more: [(&str, &str); 2]) -> Vec<String> {
        let named = [("testid", self.testid), ("profile", self.profile)].into_iter().chain(more);
        let named = named.filter(|(_, value)| !value.is_empty());
        std::iter::once("rampd".to_owned()).chain(named.map(|(key, value)| format!("{key}:{}", short(value)))).collect()
    }
}

/// The mark of a run at its beginning; both times in nanoseconds since 1970, the end as planned if there is one.
#[must_use]
pub fn of_run(run: RunName<'_>, start: i128, planned_end: Option<i128>) -> Annotation {
    Annotation {
        time: millis(start),
        time_end: planned_end.map(millis),
        tags: run.tags([("", ""); 2]),
        text: format!("{} {}: running", run.profile, run.testid),
    }
}

/// The mark of a stage.
#[must_use]
pub fn of_stage(run: RunName<'_>, stage: &StageStart) -> Annotation {
    Annotation {
        time: millis(stage.at),
        time_end: None,
        tags: run.tags([("scenario", &stage.scenario), ("stage", &stage.stage)]),
        text: format!("{} {}: stage {} of {}", run.profile, run.testid, stage.stage, stage.scenario),
    }
}

/// What the mark of a run says when it is over; `start` of the load in nanoseconds since 1970.
#[must_use]
pub fn ending(report: &RunReport, start: i128) -> Ending {
    let RunReport { profile, testid, exit_code, .. } = report;
    let mut text = format!("{profile} {testid}: {} (exit code {exit_code})", outcome(report));
    let crossed = || report.judged().filter(|(_, evaluation)| !evaluation.passed);
    for (threshold, evaluation) in crossed().take(NAMED) {
        let value = evaluation.value.map_or_else(|| "no samples".to_owned(), |value| value_text(threshold, value));
        text.push_str(&format!("; {} {} is crossed: {value}", threshold.name, threshold.source));
    }
    let unnamed = crossed().count().saturating_sub(NAMED);
    if unnamed > 0 {
        text.push_str(&format!("; and {unnamed} more"));
    }
    Ending { time_end: millis(start + report.elapsed.as_nanos() as i128), text }
}

fn outcome(report: &RunReport) -> &'static str {
    let invalid = report.validity.judgement.level == Level::Invalid && report.invalid_fails;
    match report.ended {
        Ended::Failed => "failed",
        Ended::Interrupted => "interrupted",
        Ended::Stopped => "stopped",
        Ended::Aborted | Ended::Completed if invalid => "invalid, the generator was the limit",
        Ended::Aborted => "aborted by a threshold",
        Ended::Completed if report.verdict.passed() => "passed",
        Ended::Completed => "crossed",
    }
}

fn millis(nanos: i128) -> i64 {
    i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

fn short(value: &str) -> &str {
    let end = value.char_indices().map(|(at, char)| at + char.len_utf8()).take_while(|end| *end <= LONGEST_TAG).last();
    &value[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::{outputs::fixture, slo::validity::signals::Signals};

    const RUN: RunName<'_> = RunName { profile: "quantum-ws", testid: "t1" };
    const START: i128 = 1_700_000_000_123_999_999;

    fn body(value: &impl Serialize) -> Value {
        serde_json::to_value(value).unwrap()
    }

    #[test]
    fn bodies_are_those_of_grafanas_api() {
        let run = of_run(RUN, START, Some(START + 5_000_000_000));
        assert_eq!(
            body(&run),
            json!({
                "time": 1_700_000_000_123_i64, "timeEnd": 1_700_000_005_123_i64,
                "tags": ["rampd", "testid:t1", "profile:quantum-ws"], "text": "quantum-ws t1: running",
            })
        );
        assert!(body(&of_run(RUN, START, None)).get("timeEnd").is_none(), "an endless run has no planned end");
        let stage = StageStart { scenario: "default".to_owned(), stage: "2".to_owned(), at: START + 1 };
        assert_eq!(
            body(&of_stage(RUN, &stage)),
            json!({
                "time": 1_700_000_000_124_i64, "text": "quantum-ws t1: stage 2 of default",
                "tags": ["rampd", "testid:t1", "profile:quantum-ws", "scenario:default", "stage:2"],
            })
        );
    }

    #[test]
    fn the_end_says_how_it_went_with_the_thresholds_that_were_crossed() {
        let empty = fixture::empty_report();
        let passed = ending(&empty, START);
        assert_eq!((passed.time_end, &*passed.text), (1_700_000_004_123, "quantum-ws t1: passed (exit code 0)"));
        let crossed = ending(&fixture::report(), START).text;
        assert!(crossed.starts_with("quantum-ws t1: crossed (exit code 99); "), "{crossed}");
        insta::assert_snapshot!(crossed);
        let invalid = Signals { workers_lost: Some(1), ..Signals::default() };
        for (ended, validity, invalid_fails, word) in [
            (Ended::Interrupted, empty.validity.clone(), true, "interrupted"),
            (Ended::Aborted, empty.validity.clone(), true, "aborted by a threshold"),
            (Ended::Completed, fixture::validity(&[invalid]), true, "invalid, the generator was the limit"),
            (Ended::Completed, fixture::validity(&[invalid]), false, "passed"),
        ] {
            let report = RunReport { ended, validity, invalid_fails, ..fixture::empty_report() };
            assert!(ending(&report, START).text.contains(&format!(": {word} (")), "{word}");
        }
    }

    #[test]
    fn many_crossed_thresholds_are_counted() {
        let report = fixture::report();
        let (threshold, evaluation) = report.judged().find(|(_, evaluation)| !evaluation.passed).unwrap();
        let many = RunReport {
            thresholds: vec![threshold.clone(); 25],
            evaluations: vec![*evaluation; 25],
            elapsed: Duration::from_millis(1),
            ..report.clone()
        };
        let text = ending(&many, START).text;
        assert_eq!(text.matches(" is crossed: ").count(), NAMED);
        assert!(text.ends_with("; and 15 more"), "{text}");
    }

    #[test]
    fn tags_of_any_names_are_below_grafanas_limit() {
        let long = "ü".repeat(1000);
        let run = RunName { profile: &long, testid: &long };
        let stage = StageStart { scenario: long.clone(), stage: long.clone(), at: START };
        let tags = of_stage(run, &stage).tags;
        assert_eq!(tags.len(), 5);
        assert!(serde_json::to_string(&tags).unwrap().len() < 500);
    }
}
