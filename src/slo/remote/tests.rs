use std::collections::BTreeSet;

use super::*;
use crate::units::tags::Tags;

fn scope() -> Scope {
    Scope { testid: "t\"1".to_owned(), within: Duration::from_secs(60) }
}

fn sample(labels: &[(&str, &str)], value: f64) -> Sample {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sample { labels: labels.collect::<Tags>(), value }
}

/// One agent, or several, that say the same.
fn facts(agents: usize, metric: &str, threshold: &str, passed: bool) -> Facts {
    let claim = Claim {
        metric: metric.to_owned(),
        threshold: threshold.to_owned(),
        value: Some(1.0),
        passed: vec![passed; agents],
    };
    Facts { agents, claims: vec![claim], ..Facts::default() }
}

fn threshold(metric: &str, expression: &str) -> Threshold {
    let claim = Claim { metric: metric.to_owned(), threshold: expression.to_owned(), ..Claim::default() };
    threshold_of(&claim).expect("a threshold of the catalogue")
}

fn judged(metric: &str, expression: &str, answers: &[Vec<Sample>], facts: &Facts) -> Result<bool, Error> {
    let threshold = threshold(metric, expression);
    judge(&Judgement::of(&threshold), answers, facts).map(|judged| judged.passed)
}

/// Samples in the bucket, of all.
fn share(within: f64, all: f64) -> Vec<Vec<Sample>> {
    vec![vec![sample(&[], within)], vec![sample(&[], all)]]
}

#[test]
fn a_percentile_is_asked_for_by_its_bucket_and_judged_by_rank() {
    let threshold = threshold("ws_connecting{scenario:a}", "p(99)<200");
    let two = facts(2, "ws_connecting", "p(99)<200", false);
    let of = |name: &str, bucket| {
        format!(
            "sum by (testid) (last_over_time(ws_connecting_seconds_{name}{{testid=\"t\\\"1\",scenario=\"a\"{bucket}}}[60000ms]))"
        )
    };
    assert_eq!(questions(&Judgement::of(&threshold), &scope(), &two), [of("bucket", ",le=\"0.2\""), of("count", "")]);
    for (within, passed) in [(98.0, false), (99.0, true), (100.0, true)] {
        assert_eq!(judged("ws_connecting", "p(99)<200", &share(within, 100.0), &two), Ok(passed));
        assert_eq!(judged("ws_connecting", "p(99)>200", &share(within, 100.0), &two), Ok(!passed));
    }
}

#[test]
fn a_limit_without_a_bucket_was_not_in_the_profile_that_was_run() {
    let none = Facts { agents: 1, ..Facts::default() };
    let missing = judged("ws_connecting", "p(99)<999", &[vec![], vec![sample(&[], 1.0)]], &none);
    assert!(matches!(missing, Err(Error::NoBucket { .. })), "{missing:?}");
    assert_eq!(judged("ws_connecting", "p(99)<999", &[vec![], vec![sample(&[], 0.0)]], &none), Ok(false));
}

#[test]
fn counts_and_shares_are_sums_over_the_agents() {
    let two = facts(2, "", "", false);
    assert_eq!(judged("ws_msgs_sent", "count>10", &[vec![sample(&[], 11.0)]], &two), Ok(true));
    assert_eq!(judged("ws_msgs_sent", "count>10", &[vec![]], &two), Ok(false));
    let share = [vec![sample(&[], 99.0)], vec![sample(&[], 100.0)]];
    assert_eq!(judged("checks", "rate>=0.99", &share, &two), Ok(true));
    assert_eq!(judged("checks", "rate>0.99", &share, &two), Ok(false));
    let failed = threshold("http_req_failed", "rate<0.01");
    let asked = questions(&Judgement::of(&failed), &scope(), &two);
    assert!(asked[0].contains("last_over_time(http_req_failures_total{") && asked.len() == 2, "{asked:?}");
}

#[test]
fn without_a_sample_a_yes_of_the_agents_is_allow_empty() {
    for passed in [true, false] {
        for agents in [1, 3] {
            let said = facts(agents, "ws_ping", "p(99)<1", passed);
            assert_eq!(judged("ws_ping", "p(99)<1", &[vec![], vec![sample(&[], 0.0)]], &said), Ok(passed));
        }
    }
}

#[test]
fn what_only_agents_know_is_the_word_of_one_and_undecidable_of_several() {
    for (metric, expression) in [("ws_connecting", "p(9)==1"), ("ws_connecting{url:a}", "p(9)<1")] {
        let asked = questions(&Judgement::of(&threshold(metric, expression)), &scope(), &facts(2, "", "", true));
        assert!(asked.is_empty(), "{asked:?}");
        assert_eq!(judged(metric, expression, &[], &facts(1, metric, expression, true)), Ok(true), "{metric}");
        let several = judged(metric, expression, &[], &facts(2, metric, expression, true));
        assert!(matches!(several, Err(Error::Undecidable { .. })), "{metric}: {several:?}");
    }
}

#[test]
fn what_is_stored_rounded_is_the_word_of_one_agent_and_computed_for_several() {
    let one = |value| vec![sample(&[], value)];
    for (metric, expression, crossed, met) in [
        ("ws_connecting", "max<200", vec![one(0.3), one(9.0)], vec![one(0.1), one(9.0)]),
        ("ws_connecting", "min>200", vec![one(0.1), one(9.0)], vec![one(0.3), one(9.0)]),
        ("ws_connecting", "avg<200", vec![one(4.0), one(10.0)], vec![one(1.0), one(10.0)]),
        ("ws_msgs_sent", "rate>10", vec![one(100.0), one(10.0)], vec![one(101.0), one(10.0)]),
    ] {
        let of = |agents| facts(agents, metric, expression, true);
        let asked = |agents| questions(&Judgement::of(&threshold(metric, expression)), &scope(), &of(agents)).len();
        assert_eq!((asked(1), asked(2)), (0, met.len()), "{expression}");
        assert_eq!(judged(metric, expression, &[], &of(1)), Ok(true), "{expression}");
        assert_eq!(judged(metric, expression, &met, &of(2)), Ok(true), "{expression}");
        let two = facts(2, metric, expression, false);
        assert_eq!(judged(metric, expression, &crossed, &two), Ok(false), "{expression}");
    }
    let none = facts(2, "ws_connecting", "max<200", false);
    assert_eq!(judged("ws_connecting", "max<200", &[vec![], one(0.0)], &none), Ok(false), "no agent has a sample");
    let unsaid = judged("ws_connecting", "max<200", &[vec![], one(7.0)], &facts(2, "", "", true));
    assert!(matches!(unsaid, Err(Error::Undecidable { .. })), "not in the profile that was run: {unsaid:?}");
}

#[test]
fn a_fleets_leader_speaks_for_all_and_must_agree_with_what_is_stored() {
    for (metric, expression) in
        [("ws_connecting", "max<200"), ("ws_connecting", "avg<200"), ("ws_connecting{url:a}", "p(9)<1")]
    {
        for passed in [true, false] {
            let mut said = facts(1, metric, expression, passed);
            (said.agents, said.fleet_size) = (3, 3);
            assert_eq!(judged(metric, expression, &[], &said), Ok(passed), "{metric} {expression}");
        }
    }
    let mut said = facts(1, "ws_msgs_sent", "count>10", false);
    (said.agents, said.fleet_size) = (3, 3);
    let answer = judged("ws_msgs_sent", "count>10", &[vec![sample(&[], 11.0)]], &said);
    assert!(matches!(answer, Err(Error::Disagree { .. })), "{answer:?}");
    // Three agents that know nothing of each other.
    let mut said = facts(3, "ws_connecting{url:a}", "p(9)<1", true);
    said.fleet_size = 1;
    let answer = judged("ws_connecting{url:a}", "p(9)<1", &[], &said);
    assert!(matches!(answer, Err(Error::Undecidable { .. })), "{answer:?}");
}

#[test]
fn a_fleets_leader_says_who_belongs_to_the_run_and_how_it_ended() {
    let of = |name: &'static str, instance: &'static str, label: Option<(&'static str, &'static str)>, value| {
        let mut labels = vec![("__name__", name), ("instance", instance)];
        labels.extend(label);
        sample(&labels, value)
    };
    let mut samples = Vec::new();
    // Agent 0 has judged; one was interrupted, one was killed, one never came.
    for (instance, finished, code) in [("a", 1.0, 96.0), ("b", 1.0, 105.0), ("c", 0.0, 0.0)] {
        samples.push(of("rampd_fleet_size", instance, None, 4.0));
        samples.push(of("rampd_run_finished", instance, None, finished));
        if finished == 1.0 {
            samples.push(of("rampd_run_exit_code", instance, None, code));
        }
    }
    samples.push(of("rampd_run_state", "b", Some(("state", "aborted")), 1.0));
    for (state, count) in [("finished", 1.0), ("lost", 1.0), ("missing", 1.0), ("present", 1.0)] {
        samples.push(of("rampd_fleet_agents", "a", Some(("state", state)), count));
    }
    let facts = Facts::of(&samples, &scope()).unwrap();
    assert_eq!((facts.agents, facts.aborted), (2, false));
    assert_eq!(facts.exit_codes.into_iter().collect::<Vec<_>>(), [96]);
    samples.retain(|sample| sample.label("instance") != Some("b"));
    assert_eq!(Facts::of(&samples, &scope()), Err(Error::NotOver { missing: 1, agents: 2 }));
}

#[test]
fn gauges_are_sums_over_the_agents() {
    assert_eq!(judged("vus", "value==0", &[vec![sample(&[], 0.0)]], &facts(2, "", "", false)), Ok(true));
    assert_eq!(judged("vus_max", "value<5", &[vec![sample(&[], 6.0)]], &facts(2, "", "", false)), Ok(false));
}

#[test]
fn two_answers_that_differ_are_an_error() {
    let said = facts(1, "ws_msgs_sent", "count>10", false);
    let answer = judged("ws_msgs_sent", "count>10", &[vec![sample(&[], 11.0)]], &said);
    assert!(matches!(answer, Err(Error::Disagree { stored: "passed", agent: "crossed", .. })), "{answer:?}");
}

#[test]
fn facts_need_a_run_that_is_over_and_stored_once() {
    let agent = |instance, finished| sample(&[("__name__", "rampd_run_finished"), ("instance", instance)], finished);
    assert_eq!(Facts::of(&[], &scope()), Err(Error::NoRun("t\"1".to_owned())));
    let running = Facts::of(&[agent("a", 1.0), agent("b", 0.0)], &scope());
    assert_eq!(running, Err(Error::NotOver { missing: 1, agents: 2 }));
    assert_eq!(Facts::of(&[agent("a", 1.0), agent("a", 1.0)], &scope()), Err(Error::Twice("a".to_owned())));
    let state = |name, state| sample(&[("__name__", name), ("state", state)], 1.0);
    let over = [
        agent("a", 1.0),
        state("rampd_run_state", "aborted"),
        state("rampd_validity_state", "invalid"),
        sample(&[("__name__", "rampd_threshold_limit"), ("metric", "m"), ("threshold", "t"), ("env", "x")], 1.0),
    ];
    let facts = Facts::of(&over, &scope()).expect("over");
    assert!(facts.aborted && facts.invalid && facts.agents == 1);
    assert!(!facts.claims[0].all_passed(), "nobody has judged it");
    assert!(facts.exit_codes.is_empty(), "an agent that has not said how it ended");
}

#[test]
fn a_fleet_is_over_when_as_many_agents_are_as_it_has() {
    let of = |name: &str, instance: &str, value| sample(&[("__name__", name), ("instance", instance)], value);
    let agent = |instance: &str, size, code| {
        [
            of("rampd_run_finished", instance, 1.0),
            of("rampd_fleet_size", instance, size),
            of("rampd_run_exit_code", instance, code),
        ]
    };
    let two = [agent("a", 3.0, 99.0), agent("b", 3.0, 105.0)].concat();
    assert_eq!(Facts::of(&two, &scope()), Err(Error::NotOver { missing: 1, agents: 3 }));
    let facts = Facts::of(&[two, agent("c", 3.0, 99.0).to_vec()].concat(), &scope()).expect("complete");
    assert_eq!((facts.agents, facts.fleet_size, facts.exit_codes), (3, 3, BTreeSet::from([99, 105])));
}

#[test]
fn answers_that_are_none_are_refused() {
    for body in ["", "<html>", "{}", "{\"status\":\"error\",\"error\":\"parse\"}", "{\"status\":\"success\"}"] {
        assert!(matches!(answer::read(body.as_bytes()), Err(Error::Answer(_))), "{body}");
    }
    let body =
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"le":"+Inf"},"value":[1,"7"]}]}}"#;
    let samples = answer::read(body.as_bytes()).expect("a vector");
    assert_eq!((samples[0].bound(), samples[0].value), (Some(f64::INFINITY), 7.0));
}
