mod history;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn identity(of: u32) -> RunIdentity {
    RunIdentity { of, digest: "d".repeat(64), testid: "t-1".to_owned(), version: "1.0".to_owned() }
}

fn hello(index: u32, instance: u64, of: u32) -> Hello {
    Hello { index, instance, run: identity(of) }
}

fn roster(of: u32, on_missing: OnMissing) -> (Roster, Instant) {
    let now = Instant::now();
    let policy = FleetPolicy { start_timeout: SECOND * 10, on_missing, lost_after: SECOND * 30 };
    (Roster::new(identity(of), policy, None, now), now)
}

/// A fleet of three whose load has been started at `.1`.
fn started() -> (Roster, Instant) {
    let (mut roster, now) = roster(3, OnMissing::Fail);
    roster.join(&hello(1, 11, 3), ADDRESS, now).unwrap();
    roster.join(&hello(2, 22, 3), ADDRESS, now).unwrap();
    (roster, now)
}

#[test]
fn all_present_start_together_and_each_of_them_hears_of_it_first() {
    let (mut roster, now) = roster(3, OnMissing::Fail);
    assert_eq!(roster.join(&hello(2, 22, 3), ADDRESS, now).unwrap(), Order::Wait { present: 2 });
    assert_eq!(roster.progress(), Progress::Gathering { present: 2 });
    let order = roster.join(&hello(1, 11, 3), ADDRESS, now + SECOND).unwrap();
    let Order::Start { at } = order else { panic!("{order:?}") };
    let Progress::Starting { at: instant, without } = roster.progress() else { panic!() };
    assert_eq!((instant.nanos_since(now), without), (at, vec![]));
    let answer = roster.answer(order, now + SECOND);
    let again = Duration::from_millis(answer.again_ms);
    // Both may miss one answer and hear of it all the same.
    assert!(instant.since(now + SECOND) > again * 2, "{again:?}");
    assert_eq!(answer.now, 1_000_000_000);
    assert!(!roster.all_told(now + SECOND));
    for (index, instance) in [(1, 11), (2, 22)] {
        roster.join(&hello(index, instance, 3), ADDRESS, now + SECOND * 2).unwrap();
    }
    assert!(roster.all_told(now + SECOND * 2));
}

#[test]
fn a_thousand_are_started_in_five_seconds_by_500_questions_a_second() {
    let (mut roster, now) = roster(1001, OnMissing::Fail);
    for index in 1..=1000 {
        roster.join(&hello(index, u64::from(index), 1001), ADDRESS, now).unwrap();
    }
    let Progress::Starting { at, .. } = roster.progress() else { panic!() };
    assert!(at.since(now) <= SECOND * 5, "{:?}", at.since(now));
    let order = Order::Start { at: 0 };
    assert_eq!(roster.answer(order.clone(), now).again_ms, 2000);
    assert_eq!(roster.answer(order, at).again_ms, 5005, "200 reports a second");
}

#[test]
fn the_load_does_not_begin_before_the_time_asked_for() {
    let now = Instant::now();
    let policy = FleetPolicy::default();
    let mut roster = Roster::new(identity(2), policy, Some(now + SECOND * 100), now);
    roster.join(&hello(1, 1, 2), ADDRESS, now).unwrap();
    assert_eq!(roster.progress(), Progress::Starting { at: now + SECOND * 100, without: vec![] });
}

#[test]
fn missing_agents_end_the_waiting_or_are_left_behind() {
    let (mut roster, now) = roster(4, OnMissing::Fail);
    roster.join(&hello(2, 22, 4), ADDRESS, now).unwrap();
    roster.tick(now + SECOND * 9);
    assert_eq!(roster.progress(), Progress::Gathering { present: 2 });
    roster.tick(now + SECOND * 10);
    let Progress::GivenUp { why } = roster.progress() else { panic!() };
    assert!(why.contains("agents 1, 3 are missing of 4") && why.contains("startTimeout"), "{why}");
    let order = roster.join(&hello(2, 22, 4), ADDRESS, now + SECOND * 11).unwrap();
    assert!(matches!(order, Order::GiveUp { .. }));
    assert!(matches!(roster.join(&hello(3, 33, 4), ADDRESS, now + SECOND * 11), Ok(Order::GiveUp { .. })));

    let (mut roster, now) = self::roster(4, OnMissing::Go);
    roster.join(&hello(2, 22, 4), ADDRESS, now).unwrap();
    roster.tick(now + SECOND * 10);
    let Progress::Starting { without, .. } = roster.progress() else { panic!() };
    assert_eq!(without, [1, 3]);
    let late = roster.join(&hello(3, 33, 4), ADDRESS, now + SECOND * 11).unwrap_err();
    assert_eq!(late, Refusal::Late { index: 3 });
}

#[test]
fn who_is_no_agent_of_this_run_is_told_what_differs() {
    let (mut roster, now) = roster(3, OnMissing::Fail);
    let mut refused = |hello: &Hello| roster.join(hello, ADDRESS, now).unwrap_err().to_string();
    for (index, of, message) in [
        (1, 4, "this fleet has 3 agents, and agent 1 believes in 4; give all of them the same --fleet I/N"),
        (0, 3, "agent 0 is none of 1 to 2; agent 0 is the leader itself"),
        (3, 3, "agent 3 is none of 1 to 2; agent 0 is the leader itself"),
    ] {
        assert_eq!(refused(&hello(index, 1, of)), message);
    }
    for (change, message) in [
        (
            RunIdentity { digest: "e".repeat(64), ..identity(3) },
            "agent 1 has another profile than the leader (eeeeeeeeeeeeeeee, not dddddddddddddddd); give all of them \
             the same profile, environment and flags",
        ),
        (
            RunIdentity { testid: "t-2".to_owned(), ..identity(3) },
            "agent 1 has another testid than the leader (t-2, not t-1); give all of them the same --testid",
        ),
        (
            RunIdentity { version: "2.0".to_owned(), ..identity(3) },
            "agent 1 has another version of rampd than the leader (2.0, not 1.0); run the same image everywhere",
        ),
    ] {
        assert_eq!(refused(&Hello { index: 1, instance: 1, run: change }), message);
    }
}

#[test]
fn a_number_belongs_to_the_process_that_has_it_until_that_is_gone_before_the_start() {
    let (mut roster, now) = roster(3, OnMissing::Fail);
    roster.join(&hello(1, 11, 3), ADDRESS, now).unwrap();
    let taken = roster.join(&hello(1, 99, 3), ADDRESS, now + SECOND).unwrap_err();
    assert_eq!(taken, Refusal::Taken { index: 1, address: ADDRESS });
    // The first one is gone: its place is free.
    roster.policy.start_timeout = SECOND * 60;
    assert_eq!(roster.join(&hello(1, 99, 3), ADDRESS, now + SECOND * 31).unwrap(), Order::Wait { present: 2 });

    let (mut roster, now) = started();
    let later = now + SECOND * 100;
    assert!(matches!(roster.join(&hello(1, 99, 3), ADDRESS, later), Err(Refusal::Taken { .. })), "not in its middle");
}

#[test]
fn an_agent_that_went_away_before_the_start_is_missing() {
    let (mut roster, now) = roster(3, OnMissing::Go);
    roster.join(&hello(1, 11, 3), ADDRESS, now).unwrap();
    roster.policy.start_timeout = SECOND * 60;
    roster.join(&hello(2, 22, 3), ADDRESS, now + SECOND * 31).unwrap();
    assert_eq!(roster.progress(), Progress::Gathering { present: 2 }, "agent 1 has been silent for 31 s");
}

#[test]
fn late_and_repeated_reports_change_nothing() {
    let (mut roster, now) = started();
    let who = (1, 11);
    let counts = |roster: &Roster| roster.counts().map(|(index, counts)| (index, counts.clone())).collect::<Vec<_>>();
    roster.report(who, 2, Bytes::from_static(b"second"), now).unwrap();
    roster.report(who, 1, Bytes::from_static(b"first"), now).unwrap();
    roster.report(who, 2, Bytes::from_static(b"again"), now).unwrap();
    assert_eq!(counts(&roster), [(1, Bytes::from_static(b"second"))]);
    roster.hand_in(who, Bytes::from_static(b"result"), now).unwrap();
    roster.hand_in(who, Bytes::from_static(b"other"), now).unwrap();
    assert_eq!(roster.results().collect::<Vec<_>>(), [(1, &Bytes::from_static(b"result"))]);
    for stranger in [(1, 12), (0, 11), (7, 11)] {
        let refused = roster.report(stranger, 9, Bytes::new(), now).unwrap_err();
        assert_eq!(refused, Refusal::Unknown { index: stranger.0 });
    }
}

#[test]
fn who_is_silent_is_lost_until_heard_again_and_never_once_its_result_is_there() {
    let (mut roster, now) = started();
    let later = now + SECOND * 31;
    roster.hand_in((1, 11), Bytes::from_static(b"result"), now).unwrap();
    assert_eq!((roster.lost(now + SECOND * 30), roster.is_complete(now + SECOND * 30)), (vec![], false));
    assert_eq!((roster.lost(later), roster.is_complete(later)), (vec![2], true));
    roster.report((2, 22), 1, Bytes::new(), later).unwrap();
    assert_eq!((roster.lost(later), roster.is_complete(later)), (vec![], false));
    roster.hand_in((2, 22), Bytes::from_static(b"result"), later).unwrap();
    assert!(roster.is_complete(later + SECOND * 1000));
    assert_eq!(roster.handed_in(), 2);
}

#[test]
fn a_stop_reaches_everybody_with_its_first_cause() {
    let (mut roster, now) = started();
    roster.stop(Cause::Aborted);
    roster.stop(Cause::Interrupted);
    assert!(!roster.all_told(now));
    assert_eq!(roster.report((1, 11), 1, Bytes::new(), now).unwrap(), Order::Stop(Cause::Aborted));
    assert_eq!(roster.join(&hello(2, 22, 3), ADDRESS, now).unwrap(), Order::Stop(Cause::Aborted));
    assert!(roster.all_told(now));
    assert!(matches!(roster.progress(), Progress::Starting { .. }));

    let (mut waiting, now) = self::roster(3, OnMissing::Fail);
    waiting.join(&hello(1, 11, 3), ADDRESS, now).unwrap();
    waiting.stop(Cause::Interrupted);
    assert!(matches!(waiting.join(&hello(1, 11, 3), ADDRESS, now), Ok(Order::GiveUp { .. })));
}

#[test]
fn many_agents_are_told_shortly() {
    assert_eq!(agents(&[3]), "agent 3 is");
    assert_eq!(agents(&[3, 5]), "agents 3, 5 are");
    assert_eq!(agents(&(0..12).collect::<Vec<_>>()), "agents 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more are");
}

#[test]
fn an_agent_that_reports_as_often_as_it_should_is_never_lost() {
    for of in [2, 200, 1_000, 2_000] {
        for lost_after in [SECOND * 5, SECOND * 30] {
            let policy = FleetPolicy { lost_after, ..FleetPolicy::default() };
            let every = reports_every(of, policy);
            assert!(every * 3 <= lost_after && every >= SECOND, "{of} agents, every {every:?} of {lost_after:?}");
        }
    }
}

#[test]
fn an_agent_whose_result_is_on_its_way_is_not_lost() {
    let (mut roster, now) = started();
    let late = now + SECOND * 29;
    roster.hear((1, 11), late);
    roster.hear((2, 23), late);
    assert_eq!(roster.lost(late + SECOND * 2), vec![2], "and another process of that number is not heard");
}

#[test]
fn who_goes_away_before_the_start_is_missing_at_once() {
    let (mut roster, now) = roster(3, OnMissing::Fail);
    roster.join(&hello(1, 11, 3), ADDRESS, now).unwrap();
    assert_eq!(roster.leave(&hello(1, 12, 3)), Err(Refusal::Unknown { index: 1 }), "another process");
    roster.leave(&hello(1, 11, 3)).unwrap();
    assert_eq!(roster.join(&hello(2, 22, 3), ADDRESS, now).unwrap(), Order::Wait { present: 2 });
    // Its successor need not wait until the first one is lost.
    assert!(matches!(roster.join(&hello(1, 99, 3), ADDRESS, now), Ok(Order::Start { .. })));
}

#[test]
fn after_the_verdict_who_is_not_in_it_is_told_so_and_who_is_may_ask_again() {
    let (mut roster, now) = started();
    roster.hand_in((1, 11), Bytes::from_static(b"result"), now).unwrap();
    let (results, lost) = roster.close();
    assert_eq!((results.len(), lost), (1, vec![2]), "heard of a moment ago, and lost all the same");
    assert!(roster.hand_in((1, 11), Bytes::from_static(b"result"), now).is_ok());
    let late = roster.hand_in((2, 22), Bytes::from_static(b"result"), now).unwrap_err();
    assert!(late == Refusal::Judged { index: 2 } && late.is_late());
    assert!(roster.report((2, 22), 9, Bytes::new(), now).is_err());
    assert_eq!(roster.results().count(), 1);
}
