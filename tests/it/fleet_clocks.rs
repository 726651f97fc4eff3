//! Machines that do not agree about the time: an agent's start is by its leader's monotonic clock, and by no wall clock.

use crate::{
    fleet::{start, steady},
    support::{fleet::Fleet, target::fake_time},
};

/// One agent's wall clock is an hour ahead, another one's monotonic clock is. A busy machine may be seconds late.
#[test]
fn agents_whose_clocks_are_an_hour_off_start_with_the_others() {
    // The kernel's stamps are not the library's that fakes the time.
    let mut fleet = Fleet::new(4, &steady("latencyClock: user", 8, 5));
    let library = fake_time().display().to_string();
    let wall =
        fleet.command(1).env("LD_PRELOAD", &library).env("FAKETIME", "+1h").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let [ip, netns, exec, machine] = fleet.network().machine(2).prefix();
    let monotonic = ["unshare", "--time", "--monotonic", "3600", "--boottime", "3600"];
    let monotonic = fleet.command(2).under([ip, netns, exec, machine].into_iter().chain(monotonic));
    fleet.start(0);
    fleet.start_as(1, wall);
    fleet.start_as(2, monotonic);
    fleet.start(3);
    let pages = fleet.wait_for_load(0..4);
    let outcome = fleet.finish();
    outcome.assert_codes(&[0; 4]).assert_exact();
    assert_eq!(outcome.target["peers"].as_object().map(serde_json::Map::len), Some(4));
    assert!(outcome.spread() < 5000.0, "{} ms apart\n{}", outcome.spread(), outcome.describe());
    let off = pages.iter().map(|page| start(page) - start(&pages[0])).collect::<Vec<_>>();
    assert!((off[1] - 3600.0).abs() < 0.05, "its own wall clock is an hour ahead: {off:?}");
    assert!(off[2].abs() < 0.05 && off[3].abs() < 0.05, "{off:?}");
}
