//! A network that is cut between an agent and its leader, while the load itself goes on.

use std::time::Duration;

use rampd::clock::Instant;

use crate::{fleet::steady, support::fleet::Fleet};

#[test]
fn a_cut_of_ten_seconds_that_heals_loses_nothing() {
    let mut fleet = Fleet::new(3, &steady("fleet: { lostAfter: 30s }", 6, 14));
    fleet.start_all(0..3);
    fleet.wait_for_load(0..3);
    fleet.network().set_fleet_cable(2, false);
    std::thread::sleep(Duration::from_secs(10));
    fleet.network().set_fleet_cable(2, true);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 3]).assert_exact();
    assert_eq!((outcome.counted("opened"), outcome.counted("messages_in")), (6, 6 * 140), "{}", outcome.describe());
}

/// The cut falls on the end of the load: results wait until the network is there again.
#[test]
fn results_are_handed_in_after_a_cut() {
    let mut fleet = Fleet::new(3, &steady("fleet: { lostAfter: 30s }", 6, 3));
    fleet.start_all(0..3);
    fleet.wait_for_load(0..3);
    fleet.network().set_fleet_cable(1, false);
    fleet.network().set_fleet_cable(2, false);
    fleet.agent(0).wait_for_log("Waiting for the other agents' results");
    std::thread::sleep(Duration::from_secs(3));
    fleet.network().set_fleet_cable(2, true);
    fleet.network().set_fleet_cable(1, true);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 3]).assert_exact();
    assert_eq!(outcome.counted("messages_in"), 180);
}

#[test]
fn a_cut_longer_than_lost_after_ends_the_load_of_who_is_cut_off_and_makes_the_run_invalid() {
    let mut fleet = Fleet::new(3, &steady("fleet: { lostAfter: 5s }", 6, 16));
    fleet.start_judging_leader();
    fleet.start_all(1..3);
    fleet.wait_for_load(0..3);
    fleet.network().set_fleet_cable(1, false);
    let cut = Instant::now();
    fleet.agent(1).wait_for_log("the leader is lost, and the load ends without it");
    let noticed = Instant::now().since(cut);
    assert!(noticed > Duration::from_secs(4) && noticed < Duration::from_secs(14), "{noticed:?}");
    let outcome = fleet.finish();
    outcome.assert_codes(&[96, 1, 0]).assert_said(0, "agent 1 is lost");
    let summary = outcome.summary();
    assert_eq!(summary.at("/rampd/fleet/missing"), &serde_json::json!([1]));
    assert_eq!((summary.count("ws_sessions"), summary.count("ws_msgs_sent")), (4, 640), "{}", outcome.describe());
    let cut_off = outcome.counted("messages_in") - 640;
    assert!(cut_off < 320, "agent 1 ended early: {cut_off} messages");
}
