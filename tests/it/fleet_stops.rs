//! A fleet whose load ends early: by a threshold that only all of them together cross, or by a signal.

use std::time::Duration;

use nix::sys::signal::Signal;
use rampd::clock::Instant;

use crate::{
    fleet::steady,
    support::{
        agent::rampd,
        fleet::{Fleet, Outcome},
        scratch::Scratch,
    },
};

/// No agent of three alone would send 90 messages in less than 4.5 s: two VUs, ten messages a second each.
const ABORTING: &str = "thresholds: { ws_msgs_sent: [{ threshold: 'count<90', abortOnFail: true }] }";

/// Fails unless each agent was told to end its load, and did.
fn assert_all_ended(outcome: &Outcome, followers: impl IntoIterator<Item = u32>, ended: &str) {
    let summary = outcome.summary();
    assert_eq!(summary.at("/rampd/ended"), ended, "{}", outcome.describe());
    for agent in summary.at("/rampd/fleet/results").as_array().expect("a list") {
        assert_eq!(agent["ended"], ended, "{agent}\n{}", outcome.describe());
    }
    for agent in followers {
        outcome.assert_said(agent, "the leader ends the load");
    }
}

#[test]
fn a_threshold_that_the_whole_fleet_crosses_stops_every_agent_within_three_seconds() {
    let mut fleet = Fleet::new(3, &steady(ABORTING, 6, 60));
    fleet.start_all(0..3);
    fleet.agent(0).wait_for_log("crossed");
    let crossed = Instant::now();
    let stopped = |fleet: &mut Fleet, index| fleet.agent(index).wait_for_log("the leader ends the load");
    (1..3).for_each(|index| stopped(&mut fleet, index));
    let told = Instant::now().since(crossed);
    assert!(told < Duration::from_secs(3), "{told:?}");
    let outcome = fleet.finish();
    outcome.assert_codes(&[99, 0, 0]).assert_exact();
    assert_all_ended(&outcome, 1..3, "aborted");
    // By every agent's own count: none of them had crossed it.
    let alone = outcome.counted("messages_in") / 3;
    assert!(alone < 90 + 60, "{}", outcome.describe());
    assert_eq!(outcome.counted("opened"), 6);
}

/// Agent 0 has no network to the target, so that its iterations fail at once.
fn whose_leader_has_nothing_to_do(profile: &str) -> Fleet {
    let mut fleet = Fleet::new(3, profile);
    fleet.network().unplug_load(0);
    fleet.start_all(0..3);
    fleet.agent(0).wait_for_log("Waiting for the other agents' results");
    fleet
}

#[test]
fn a_leader_whose_own_load_is_over_still_judges_that_of_the_others() {
    let outcome = whose_leader_has_nothing_to_do(&steady(ABORTING, 6, 60)).finish();
    outcome.assert_codes(&[99, 0, 0]);
    assert_all_ended(&outcome, 1..3, "aborted");
    assert_eq!((outcome.opened_by(1), outcome.opened_by(2), outcome.counted("opened")), (2, 2, 4));
    assert!(outcome.counted("messages_in") < 4 * 150, "{}", outcome.describe());
}

#[test]
fn a_signal_at_a_leader_that_waits_for_results_ends_the_load_of_the_others() {
    let mut fleet = whose_leader_has_nothing_to_do(&steady("", 6, 60));
    fleet.wait_for_load(1..3);
    fleet.signal(0, Signal::SIGTERM);
    let outcome = fleet.finish();
    outcome.assert_codes(&[105, 0, 0]);
    for agent in [1, 2] {
        outcome.assert_said(agent, "the leader ends the load");
    }
    let summary = outcome.summary();
    assert_eq!(summary.at("/rampd/ended"), "interrupted", "{}", outcome.describe());
    assert_eq!(summary.count("ws_msgs_sent"), outcome.counted("messages_in"), "{}", outcome.describe());
}

#[test]
fn a_signal_at_the_leader_stops_all_of_them() {
    let mut fleet = Fleet::new(3, &steady("", 6, 60));
    fleet.start_all(0..3);
    fleet.wait_for_load(0..3);
    fleet.signal(0, Signal::SIGTERM);
    let outcome = fleet.finish();
    outcome.assert_codes(&[105, 0, 0]).assert_exact();
    assert_all_ended(&outcome, 1..3, "interrupted");
    outcome.assert_said(0, "interrupted by SIGTERM");
}

#[test]
fn a_fleet_is_stopped_at_its_leader_and_not_changed() {
    let mut fleet = Fleet::new(3, &steady("", 6, 60));
    let scratch = Scratch::new();
    let sockets = [0, 1].map(|index: u32| scratch.path(&format!("control-{index}")).display().to_string());
    for (index, socket) in (0..).zip(&sockets) {
        let command = fleet.command(index).args(["--control-socket", socket]);
        fleet.start_as(index, command);
    }
    fleet.start(2);
    fleet.wait_for_load(0..3);
    let order = |socket, order| rampd(["ctl", "--socket", socket, order]).finish();
    for (socket, refused) in [(&sockets[0], "pause"), (&sockets[1], "pause"), (&sockets[1], "stop")] {
        let ended = order(socket, refused);
        ended.assert_code(1);
        assert!(ended.stderr.contains("stopped at its leader"), "{}", ended.describe());
    }
    order(&sockets[0], "stop").assert_code(0);
    let outcome = fleet.finish();
    outcome.assert_codes(&[103, 0, 0]).assert_exact();
    assert_all_ended(&outcome, 1..3, "stopped");
}

#[test]
fn a_leader_that_is_stopped_by_an_order_before_the_start_ends_the_waiting_of_all() {
    let mut fleet = Fleet::new(3, &steady("", 6, 60));
    let scratch = Scratch::new();
    let socket = scratch.path("control").display().to_string();
    let command = fleet.command(0).args(["--control-socket", &socket]);
    fleet.start_as(0, command);
    fleet.start(1);
    fleet.agent(0).wait_for_log("present=2");
    let order = |order| rampd(["ctl", "--socket", &socket, order]).finish();
    let refused = order("pause");
    refused.assert_code(1);
    assert!(refused.stderr.contains("no run is going on"), "{}", refused.describe());
    order("stop").assert_code(0);
    let outcome = fleet.finish();
    outcome.assert_codes(&[103, 1]).assert_said(0, "stopped by an order before the start");
    assert_eq!(outcome.counted("opened"), 0);
}

#[test]
fn a_signal_at_the_leader_before_the_start_ends_the_waiting_of_all() {
    let mut fleet = Fleet::new(3, &steady("", 6, 60));
    fleet.start_all(0..2);
    fleet.agent(0).wait_for_log("present=2");
    fleet.signal(0, Signal::SIGTERM);
    let outcome = fleet.finish();
    outcome.assert_codes(&[105, 1]).assert_said(1, "the leader was stopped before the start");
    assert_eq!(outcome.counted("opened"), 0);
}

#[test]
fn a_signal_at_one_follower_ends_its_part_and_makes_the_run_invalid() {
    let mut fleet = Fleet::new(3, &steady("", 6, 4));
    fleet.start_judging_leader();
    fleet.start_all(1..3);
    fleet.wait_for_load(0..3);
    fleet.signal(2, Signal::SIGTERM);
    let outcome = fleet.finish();
    outcome.assert_codes(&[96, 0, 105]).assert_exact();
    outcome.assert_said(0, "agent_lost of agent 2");
    assert_eq!((outcome.counted("opened"), outcome.opened_by(2)), (6, 2));
    assert!(outcome.counted("messages_in") < 240, "{}", outcome.describe());
}

#[test]
fn a_signal_at_a_follower_after_the_leaders_stop_still_lets_it_hand_in() {
    // A pause goes on for the second that a stop leaves it: the load is not over when the signal comes.
    let paused =
        steady("", 4, 60).replace("steps: [{ every", "steps: [{ send: { text: hello } }, { sleep: 60s }, { every");
    let mut fleet = Fleet::new(2, &paused);
    fleet.start_all(0..2);
    fleet.wait_for_load(0..2);
    fleet.signal(0, Signal::SIGTERM);
    fleet.agent(1).wait_for_log("the leader ends the load");
    fleet.signal(1, Signal::SIGTERM);
    let outcome = fleet.finish();
    outcome.assert_codes(&[105, 105]);
    assert_eq!(
        outcome.summary().at("/rampd/fleet/results").as_array().map(Vec::len),
        Some(2),
        "{}",
        outcome.describe()
    );
}

#[test]
fn files_that_are_not_whole_cost_no_verdict_and_are_covered_by_none() {
    let mut fleet = Fleet::new(3, &steady("thresholds: { ws_sessions: ['count<1'] }", 6, 1));
    let result = |fleet: &Fleet, index: u32| fleet.write("any", "").with_file_name(format!("{index}.result"));
    for index in [0, 1] {
        let path = result(&fleet, index).display().to_string();
        let command = fleet.command(index).replacing(&path, "/dev/full");
        fleet.start_as(index, command);
    }
    fleet.start(2);
    let outcome = fleet.finish();
    outcome.assert_codes(&[99, 1, 0]).assert_exact();
    for agent in [0, 1] {
        outcome.assert_said(agent, "/dev/full of --result could not be written");
    }
    assert_eq!(
        outcome.summary().at("/rampd/fleet/results").as_array().map(Vec::len),
        Some(3),
        "{}",
        outcome.describe()
    );
}

#[test]
fn targets_are_observed_until_the_load_of_all_agents_is_over() {
    let observing = "
observe: { page: { url: 'http://127.0.0.1:6464/metrics', interval: 200ms, settle: 0s } }
thresholds: { target_up: ['value>=1'] }";
    let mut fleet = Fleet::new(2, &steady(observing, 4, 4));
    fleet.network().unplug_load(0);
    fleet.start_all(0..2);
    fleet.agent(0).wait_for_log("Waiting for the other agents' results");
    let outcome = fleet.finish();
    let scrapes = outcome.summary().at("/rampd/targets/0/scrapes").as_u64().expect("a count");
    // Four seconds' load of agent 1 only; by its own load agent 0 would have read two or three pages.
    assert!(scrapes > 10, "{scrapes}\n{}", outcome.describe());
}
