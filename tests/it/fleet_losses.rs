//! Agents that come late, die or are started anew: who ends how, and that nobody is counted twice.

use std::time::Duration;

use nix::sys::signal::Signal;
use rampd::catalogue::Family;

use crate::{
    fleet::{apart, start, steady},
    support::fleet::{Fleet, Outcome},
};

/// As a test can afford it.
const IMPATIENT: &str = "fleet: { startTimeout: 8s, lostAfter: 5s }";

/// Fails unless the target opened as many connections for the agent as its result file says.
fn assert_result_is_exact(outcome: &Outcome, agent: u32) {
    let result = outcome.result(agent);
    let opened = result.report.view().sum(Family::WsSessions, |_| true);
    assert_eq!((result.index, opened), (agent, outcome.opened_by(agent)), "{}", outcome.describe());
}

#[test]
fn a_leader_that_comes_after_its_followers_is_waited_for() {
    let mut fleet = Fleet::new(3, &steady(IMPATIENT, 6, 2));
    fleet.start_all(1..3);
    for index in 1..3 {
        fleet.agent(index).wait_for_log("Listening.");
    }
    // Their questions are refused by the machine until somebody listens.
    std::thread::sleep(Duration::from_secs(3));
    fleet.start(0);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 3]).assert_exact();
    assert_eq!(outcome.counted("opened"), 6);
}

#[test]
fn a_leader_that_dies_before_the_start_and_comes_again_starts_all_of_them_together() {
    let mut fleet = Fleet::new(4, &steady("fleet: { startTimeout: 20s, lostAfter: 5s }", 8, 5));
    fleet.start_all(0..3);
    fleet.agent(0).wait_for_log("present=3");
    // Its clock has been running for a while, and begins anew.
    std::thread::sleep(Duration::from_secs(2));
    fleet.signal(0, Signal::SIGKILL);
    assert!(fleet.wait(0).was_killed());
    fleet.start(0);
    fleet.agent(0).wait_for_log("present=3");
    fleet.start(3);
    let apart = apart(fleet.wait_for_load(0..4).iter().map(start));
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 4]).assert_exact();
    assert!(apart <= 0.05, "{apart} s\n{}", outcome.describe());
}

#[test]
fn a_leader_that_dies_before_the_start_leaves_followers_without_a_load() {
    let mut fleet = Fleet::new(3, &steady("fleet: { startTimeout: 6s, lostAfter: 5s }", 6, 2));
    fleet.start_all(0..2);
    fleet.agent(0).wait_for_log("present=2");
    fleet.signal(0, Signal::SIGKILL);
    assert!(fleet.wait(0).was_killed());
    let outcome = fleet.finish();
    outcome.assert_codes(&[1]);
    outcome.assert_said(1, "the leader at 10.2.0.1:6466 is not to be reached").assert_said(1, "is agent 0 running");
    assert_eq!(outcome.counted("opened"), 0);
}

#[test]
fn without_its_leader_a_follower_ends_its_load_after_lost_after_and_keeps_its_result() {
    let mut fleet = Fleet::new(3, &steady(IMPATIENT, 6, 40));
    fleet.start_all(0..3);
    fleet.wait_for_load(0..3);
    fleet.signal(0, Signal::SIGKILL);
    assert!(fleet.wait(0).was_killed());
    let outcome = fleet.finish();
    outcome.assert_codes(&[1, 1]);
    for agent in [1, 2] {
        outcome.assert_said(agent, "the leader is lost, and the load ends without it");
        outcome.assert_said(agent, "The leader does not have this agent's result");
        assert_result_is_exact(&outcome, agent);
    }
    let messages = outcome.counted("messages_in");
    assert!(messages < 6 * 400, "they ended early: {messages}");
}

#[test]
fn a_follower_that_dies_makes_the_run_invalid_and_is_named_and_only_results_count() {
    let mut fleet = Fleet::new(4, &steady(IMPATIENT, 8, 9));
    fleet.start_judging_leader();
    fleet.start_all(1..4);
    fleet.wait_for_load(0..4);
    fleet.signal(3, Signal::SIGKILL);
    assert!(fleet.wait(3).was_killed());
    // Whoever starts it anew: the load would be there twice.
    let again = fleet.command(3).finish();
    again.assert_code(104);
    assert!(again.stderr.contains("agent 3 is there already"), "{}", again.describe());
    let outcome = fleet.finish();
    outcome.assert_codes(&[96, 0, 0]);
    outcome.assert_said(0, "agent 3 is lost").assert_said(0, "agent_lost of agent 3");
    let summary = outcome.summary();
    assert_eq!(summary.validity(), "invalid");
    assert_eq!(summary.at("/rampd/fleet/missing"), &serde_json::json!([3]));
    // Six connections of 90 messages each; what the dead one did is the target's to know.
    assert_eq!((summary.count("ws_sessions"), summary.count("ws_msgs_sent")), (6, 540), "{}", outcome.describe());
    assert_eq!((0..3).map(|agent| outcome.opened_by(agent)).sum::<u64>(), 6);
    assert_eq!((outcome.opened_by(3), outcome.counted("opened")), (2, 8));
}

/// Agent 2 joins and dies, and agent 3 never comes.
fn incomplete(on_missing: &str) -> Outcome {
    let policy = format!("fleet: {{ startTimeout: 9s, lostAfter: 5s, onMissing: {on_missing} }}");
    let mut fleet = Fleet::new(4, &steady(&policy, 8, 2));
    fleet.start_judging_leader();
    fleet.start_all(1..3);
    fleet.agent(0).wait_for_log("present=3");
    fleet.signal(2, Signal::SIGKILL);
    assert!(fleet.wait(2).was_killed());
    fleet.finish()
}

#[test]
fn nobody_starts_when_agents_are_missing() {
    let outcome = incomplete("fail");
    outcome.assert_codes(&[1, 1]);
    for agent in [0, 1] {
        outcome.assert_said(agent, "the fleet did not come together within 9s: agents 2, 3 are missing of 4");
    }
    assert_eq!(outcome.counted("opened"), 0);
}

#[test]
fn those_present_start_when_the_profile_says_so_and_the_run_is_marked() {
    let outcome = incomplete("go");
    let invalid = outcome.summary().validity() == "invalid";
    // A busy machine may make it invalid for reasons of its own.
    outcome.assert_codes(&[if invalid { 96 } else { 0 }, 0]);
    let summary = outcome.summary();
    assert_eq!(summary.at("/rampd/fleet/missing"), &serde_json::json!([2, 3]));
    let reasons = summary.at("/rampd/validity/reasons").as_array().expect("a list");
    let lost: Vec<_> = reasons.iter().filter(|one| one["reason"] == "agent_lost").collect();
    assert!(!lost.is_empty() && lost.iter().all(|one| one["level"] == "suspect"), "{reasons:?}");
    outcome.assert_exact();
    assert_eq!(outcome.counted("opened"), 4);
}
