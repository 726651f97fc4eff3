//! The oracle is one agent that has recorded everything.

use super::*;
use crate::{
    agent::stopping,
    catalogue::MetricKind,
    clock::Instant,
    fleet::result::{Reader, encode},
    metrics::{observed::TargetValues, recorder::Recorder},
    outputs::{fixture, style::Style, summary, summary_export, verdict_note},
    slo::validity::{Level, reason::Reason, run::RunValidity},
};
use proptest::prelude::*;
use std::time::Duration;

fn result(index: u32, of: u32, report: RunReport) -> AgentResult {
    AgentResult { version: "0.1.0".to_owned(), digest: "d1".to_owned(), index, of, report }
}

fn agents(of: u32) -> Vec<AgentResult> {
    (0..of).map(|index| result(index, of, fixture::report())).collect()
}

fn merged(results: Vec<AgentResult>) -> RunReport {
    merge(results, false, stopping::exit).unwrap().0
}

fn ended_as(endings: &[Ended]) -> RunReport {
    let of = endings.len() as u32;
    merged(
        endings
            .iter()
            .zip(0..)
            .map(|(ended, index)| result(index, of, RunReport { ended: *ended, ..fixture::report() }))
            .collect(),
    )
}

/// What a sample is: the place of a counter or trend among those of the table, and its value.
fn samples() -> impl Strategy<Value = Vec<(u32, prop::sample::Index, u64)>> {
    let value = prop_oneof![Just(0), 1..10_000_u64, 0..400_000_000_u64, 0..90_000_000_000_u64];
    prop::collection::vec((0..4_u32, any::<prop::sample::Index>(), value), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn merging_what_agents_recorded_is_what_one_would_have_recorded(samples in samples(), order in any::<u64>()) {
        let (table, slots) = fixture::table();
        let counters: Vec<_> = slots.counters.values().copied().collect();
        let gauges: Vec<_> = slots.gauges.values().copied().collect();
        let trends: Vec<_> = slots.trends.values().copied().collect();
        let now = Instant::now();
        let recorders: Vec<_> = (0..5).map(|_| Recorder::new(&table, now, None)).collect();
        for (agent, place, value) in &samples {
            for recorder in [&recorders[*agent as usize], &recorders[4]] {
                match place.index(counters.len() + gauges.len() + trends.len()) {
                    at if at < counters.len() => recorder.add(counters[at], *value),
                    at if at < counters.len() + gauges.len() => {
                        recorder.gauge_add(gauges[at - counters.len()], *value as i64 - 5_000);
                    }
                    at => recorder.record(trends[at - counters.len() - gauges.len()], *value, now),
                }
            }
        }
        let report = |recorder: &Recorder, elapsed| RunReport {
            table: table.clone(),
            snapshot: recorder.snapshot(),
            extremes: BTreeMap::new(),
            notes: Vec::new(),
            elapsed: Duration::from_secs(elapsed),
            ..fixture::report()
        };
        let mut results: Vec<_> =
            (0..4).map(|index| result(index, 4, report(&recorders[index as usize], u64::from(index) + 1))).collect();
        results.rotate_left(order as usize % 4);
        let mut reader = Reader::default();
        let results: Vec<_> = results.iter().map(|result| reader.read(&encode(result)).unwrap()).collect();
        let fleet = merged(results);
        let alone = merge([result(0, 1, report(&recorders[4], 4))], false, stopping::exit).unwrap().0;
        let (fleet, alone) = (summary_export::document(&fleet), summary_export::document(&alone));
        prop_assert_eq!(&fleet["metrics"], &alone["metrics"]);
        prop_assert_eq!(&fleet["root_group"], &alone["root_group"]);
        for part in ["series", "thresholds", "verdict", "exit_code", "duration_ms", "labels"] {
            prop_assert_eq!(&fleet["rampd"][part], &alone["rampd"][part]);
        }
    }
}

#[test]
fn one_result_is_the_run_itself() {
    let report = fixture::report();
    let alone = merged(vec![result(0, 1, report.clone())]);
    let metrics = |report: &RunReport| summary_export::document(report)["metrics"].clone();
    assert_eq!(metrics(&alone), metrics(&report));
    assert_eq!((alone.exit_code, alone.verdict), (99, report.verdict));
}

#[test]
fn a_missing_agent_makes_a_run_invalid_and_is_named() {
    let without_two = || {
        let mut results: Vec<_> = agents(4).into_iter().filter(|one| one.index != 2).collect();
        results.iter_mut().for_each(|one| one.report.invalid_fails = false);
        results
    };
    let (report, exit) = merge(without_two(), false, stopping::exit).unwrap();
    assert_eq!((report.validity.judgement.level, exit), (Level::Invalid, Exit::RunInvalid));
    assert_eq!(report.fleet.as_ref().unwrap().missing, [2]);
    let text = summary::render(&report, Style::new(false));
    assert!(text.contains("agent_lost of agent 2: no result of it is there"), "{text}");
    assert!(verdict_note::text(&report).contains("invalid: agent_lost of agent 2"));
    let (report, exit) = merge(without_two(), true, stopping::exit).unwrap();
    assert_eq!((report.validity.judgement.level, exit), (Level::Suspect, Exit::ThresholdCrossed));
}

#[test]
fn an_invalid_agent_makes_the_run_invalid_and_is_named_with_its_reasons() {
    let mut results = agents(3);
    let troubled: RunValidity = fixture::validity(&[fixture::calm(), fixture::troubled()]);
    let reasons: Vec<_> = troubled.judgement.findings.iter().map(|finding| finding.reason).collect();
    results[1].report.validity = troubled;
    let report = merged(results);
    assert_eq!(report.exit_code, 96);
    let findings = &report.validity.judgement.findings;
    assert!(findings.iter().all(|finding| finding.agent == Some(1)));
    assert_eq!(findings.iter().map(|finding| finding.reason).collect::<Vec<_>>(), reasons);
    insta::assert_snapshot!(summary::render(&report, Style::new(false)));
}

#[test]
fn a_fleet_ends_as_its_agents_did_and_one_that_ended_early_is_lost() {
    use Ended::{Aborted, Completed, Failed, Interrupted, Stopped};
    for (endings, ended, lost, code) in [
        (&[Completed, Completed][..], Completed, &[][..], 99),
        (&[Completed, Aborted], Aborted, &[], 99),
        (&[Interrupted, Interrupted], Interrupted, &[], 105),
        (&[Interrupted, Completed], Interrupted, &[], 105),
        (&[Stopped, Stopped], Stopped, &[], 103),
        (&[Completed, Interrupted], Completed, &[1], 96),
        (&[Completed, Failed, Completed], Completed, &[1], 96),
        (&[Failed, Completed], Failed, &[0], 1),
        (&[Aborted, Interrupted, Aborted], Aborted, &[1], 96),
    ] {
        let report = ended_as(endings);
        let findings = report.validity.judgement.findings.iter();
        let found: Vec<_> =
            findings.filter(|one| one.reason == Reason::AgentLost).filter_map(|one| one.agent).collect();
        assert_eq!((report.ended, found.as_slice(), report.exit_code), (ended, lost, code), "{endings:?}");
    }
    let text = summary::render(&ended_as(&[Completed, Interrupted]), Style::new(false));
    assert!(text.contains("agent_lost of agent 1: ended early (interrupted) after 4s"), "{text}");
}

type Change = fn(&mut AgentResult);

#[test]
fn results_that_are_not_of_one_run_are_refused() {
    let with = |change: Change| {
        let mut results = agents(3);
        change(&mut results[1]);
        merge(results, false, stopping::exit).unwrap_err()
    };
    let changes: [(Change, &str); 5] = [
        (|one| one.index = 0, "agent 0 is there twice"),
        (|one| one.of = 4, "differ in the number of agents (3, 4)"),
        (|one| one.digest = "d2".to_owned(), "differ in the profile's digest (d1, d2)"),
        (|one| one.report.testid = "t2".to_owned(), "differ in testid (t1, t2)"),
        (
            |one| {
                let mut table = (*one.report.table).clone();
                table.counters[0].labels.insert("status".to_owned(), "200".to_owned());
                (one.report.table, one.version) = (Arc::new(table), "0.2.0".to_owned());
            },
            "have different series (rampd 0.1.0, 0.2.0)",
        ),
    ];
    for (change, text) in changes {
        assert!(with(change).to_string().contains(text), "{}", with(change));
    }
    assert_eq!(merge([], false, stopping::exit).unwrap_err(), MergeError::Nothing);
}

#[test]
fn a_refused_result_has_added_nothing() {
    let mut fold = Fold::default();
    fold.add(result(0, 2, fixture::report())).unwrap();
    for bad in [result(0, 2, fixture::report()), AgentResult { digest: "d2".into(), ..result(1, 2, fixture::report()) }]
    {
        fold.add(bad).unwrap_err();
    }
    fold.add(result(1, 2, fixture::report())).unwrap();
    let (report, _) = fold.finish(false, stopping::exit).unwrap();
    let sent = |report: &RunReport| report.view().sum(Family::WsMsgsSent, |_| true);
    assert_eq!(sent(&report), 2 * sent(&fixture::report()));
}

#[test]
fn targets_are_observed_by_the_first_agent() {
    let seen_by = |results: Vec<AgentResult>| {
        let report = merge(results, true, stopping::exit).unwrap().0;
        report.observed.iter().map(|target| target.name.clone()).collect::<Vec<_>>()
    };
    let results = || {
        let mut results = agents(3);
        for result in &mut results {
            result.report.observed = vec![TargetValues::new(&format!("of {}", result.index), Vec::new())];
        }
        results
    };
    assert_eq!(seen_by(results()), ["of 0"]);
    assert_eq!(seen_by(results().into_iter().rev().collect()), ["of 0"]);
    assert!(seen_by(results().into_iter().skip(1).collect()).is_empty());
}

#[test]
fn gauges_and_their_extremes_add_up() {
    let report = merged(agents(3));
    let vus = report.view().value(report.table.metrics().find(|metric| metric.name == "vus_max").unwrap(), &[]);
    assert!(matches!(vus, crate::metrics::view::Value::Gauge { value: 30, min: 30, max: 30 }), "{vus:?}");
    assert!(report.table.metrics().any(|metric| metric.kind == MetricKind::Gauge));
}

#[test]
fn notes_name_their_agent_and_are_bounded() {
    let report = merged(agents(NOTES as u32 + 2));
    assert!(report.notes[0].starts_with("agent 0: 3 samples"), "{:?}", report.notes);
    assert_eq!(report.notes.len(), NOTES + 1);
    assert_eq!(report.notes[NOTES], "and 2 notes more of agents");
}

#[test]
fn a_large_fleet_lists_those_that_something_is_wrong_with() {
    let mut results = agents(100);
    results.retain(|result| result.index != 7);
    results[50].report.validity = fixture::validity(&[fixture::troubled()]);
    let text = summary::render(&merged(results), Style::new(false));
    let block = text.split("  █ ").find(|block| block.starts_with("AGENTS")).unwrap();
    assert!(block.contains(" 7 ✗ missing") && block.contains("51 ✗ invalid"), "{block}");
    assert!(block.contains("98 agents are valid and completed") && block.lines().count() < 12, "{block}");
}
