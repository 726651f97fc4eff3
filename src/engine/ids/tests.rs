use super::*;
use proptest::prelude::*;

const TIMEOUT: Duration = Duration::from_millis(50);

#[derive(Debug, Clone)]
enum Event {
    Send(u64),
    Sent(u8),
    Unsent(u8),
    Arrive(Option<u64>),
    Wait(u64),
    Expire,
}

/// Few ids, so that they are sent again, answered twice and answered late.
fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u64..12).prop_map(Event::Send),
        3 => (1u8..6).prop_map(Event::Sent),
        1 => (1u8..3).prop_map(Event::Unsent),
        5 => prop::option::weighted(0.95, 0u64..14).prop_map(Event::Arrive),
        2 => (1u64..40).prop_map(Event::Wait),
        2 => Just(Event::Expire),
    ]
}

/// Looks through everything there ever was.
#[derive(Default)]
struct Oracle {
    /// Id, intention, acceptance; awaited ones in the order of sending.
    awaited: Vec<(u64, Instant, Option<Instant>)>,
    answered: Vec<u64>,
    given_up: Vec<u64>,
}

impl Oracle {
    fn arrive(&mut self, id: Option<u64>) -> Arrival {
        let Some(id) = id else { return Arrival::Unsolicited };
        if let Some(place) = self.awaited.iter().position(|(other, ..)| *other == id) {
            let (_, intended, sent) = self.awaited.remove(place);
            self.answered.push(id);
            return Arrival::Matched { intended, sent: sent.unwrap_or(intended) };
        }
        if let Some(place) = self.given_up.iter().position(|other| *other == id) {
            self.given_up.remove(place);
            self.answered.push(id);
            return Arrival::Late;
        }
        if self.answered.contains(&id) { Arrival::Duplicate } else { Arrival::UnknownId }
    }
}

proptest! {
    #[test]
    fn matching_equals_a_search_through_everything(events in prop::collection::vec(event(), 1..200)) {
        let mut ids = Ids::default();
        let mut oracle = Oracle::default();
        let mut now = Instant::now();
        let (mut sent, mut matched, mut expired) = (0u64, 0u64, 0u64);
        for event in events {
            match event {
                Event::Send(id) => {
                    ids.expect(id, now);
                    oracle.awaited.push((id, now, None));
                    sent += 1;
                }
                Event::Sent(count) => {
                    ids.sent(count.into(), now);
                    let queued = oracle.awaited.iter_mut().filter(|(.., sent)| sent.is_none());
                    queued.take(count.into()).for_each(|entry| entry.2 = Some(now));
                }
                Event::Unsent(count) => {
                    let fresh = oracle.awaited.iter().rev().take_while(|(.., sent)| sent.is_none()).count();
                    let count = fresh.min(count.into());
                    ids.retract(count as u64);
                    oracle.awaited.truncate(oracle.awaited.len() - count);
                    sent -= count as u64;
                }
                // What has not been sent is not answered: then the two count acceptances alike.
                Event::Arrive(Some(id)) if oracle.awaited.iter().any(|(other, _, sent)| *other == id && sent.is_none()) => {}
                Event::Arrive(id) => {
                    let expected = oracle.arrive(id);
                    matched += u64::from(matches!(expected, Arrival::Matched { .. }));
                    prop_assert_eq!(ids.arrive(id), expected);
                }
                Event::Wait(millis) => now = now + Duration::from_millis(millis),
                Event::Expire => {
                    let mut count = 0;
                    while let Some((id, intended, Some(_))) = oracle.awaited.first().copied() {
                        if intended + TIMEOUT > now {
                            break;
                        }
                        oracle.awaited.remove(0);
                        oracle.given_up.push(id);
                        count += 1;
                    }
                    expired += count;
                    prop_assert_eq!(ids.expire(now, TIMEOUT), count);
                }
            }
            prop_assert_eq!(ids.awaited(), oracle.awaited.len() as u64);
            prop_assert_eq!(sent, matched + expired + ids.awaited());
            let deadline = oracle.awaited.first().filter(|(.., sent)| sent.is_some()).map(|(_, at, _)| *at + TIMEOUT);
            prop_assert_eq!(ids.deadline(TIMEOUT), deadline);
            prop_assert!(ids.messages.len() <= 2 * FEW + 2 * oracle.awaited.len() + 2);
        }
        prop_assert_eq!(ids.lose(), oracle.awaited.len() as u64);
    }

    /// Any order of replies, and one that stays out: the answered ones are not kept for its sake.
    #[test]
    fn a_burst_is_matched_in_any_order(order in Just((0u64..1000).collect::<Vec<_>>()).prop_shuffle(), slow in 0u64..1000) {
        let mut ids = Ids::default();
        let now = Instant::now();
        order.iter().for_each(|id| ids.expect(*id, now));
        ids.sent(1000, now);
        for id in (0..1000).filter(|id| *id != slow) {
            prop_assert_eq!(ids.arrive(Some(id)), Arrival::Matched { intended: now, sent: now });
            prop_assert!(ids.messages.len() as u64 <= 2 * ids.awaited() + 2 * FEW as u64);
        }
        prop_assert_eq!(ids.awaited(), 1);
        prop_assert_eq!(ids.expire(now + TIMEOUT, TIMEOUT), 1);
        prop_assert_eq!(ids.arrive(Some(slow)), Arrival::Late);
        prop_assert_eq!(ids.arrive(Some(slow)), Arrival::Duplicate);
    }
}

#[test]
fn what_is_kept_is_bounded_by_what_is_awaited() {
    let mut ids = Ids::default();
    let now = Instant::now();
    ids.expect(u64::MAX, now);
    for id in 0..100_000 {
        ids.expect(id, now);
        ids.sent(2, now);
        assert!(matches!(ids.arrive(Some(id)), Arrival::Matched { .. }));
        assert!(ids.messages.len() <= 2 * FEW + 4, "one slow reply holds {}", ids.messages.len());
    }
    assert!(ids.numbers.capacity() <= 4 * FEW && ids.answered_ids.0.len() == REMEMBERED);
    assert_eq!(ids.arrive(Some(99_999)), Arrival::Duplicate);
    assert_eq!(ids.arrive(Some(0)), Arrival::UnknownId, "forgotten");
    assert_eq!(ids.awaited(), 1);
}

#[test]
fn a_reply_that_is_quicker_than_the_news_of_its_messages_acceptance_is_matched() {
    let mut ids = Ids::default();
    let now = Instant::now();
    for id in 0..300 {
        ids.expect(id, now);
    }
    for id in (0..300).rev().step_by(2) {
        assert_eq!(ids.arrive(Some(id)), Arrival::Matched { intended: now, sent: now });
    }
    let later = now + TIMEOUT;
    ids.sent(300, later);
    assert_eq!(ids.awaited(), 150);
    for id in (0..300).step_by(2) {
        assert_eq!(ids.arrive(Some(id)), Arrival::Matched { intended: now, sent: later });
    }
    assert_eq!(ids.awaited(), 0);
}
