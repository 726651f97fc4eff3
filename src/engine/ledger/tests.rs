use super::*;
use crate::{
    config::{
        self,
        environment::Environment,
        overrides::Overrides,
        profile::{Precision, Step},
        source::Source,
    },
    engine::instruments::Instruments,
    plan::Plan,
};
use proptest::prelude::*;
use std::time::Duration;

const PROFILE: &str = "
vus: 1
duration: 1s
flow:
  - websocket:
      url: ws://localhost/
      timeouts: { reply: 50ms }
      steps: [send: { json: { id: \"{{ seq }}\" }, reply: REPLY }]
";

#[derive(Debug, Clone)]
enum Event {
    Queue { id: Option<u8> },
    Accept { bytes: u64 },
    Arrive { id: Option<u8> },
    Wait { millis: u64 },
    Expire,
    Close,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop::option::of(0u8..6).prop_map(|id| Event::Queue { id }),
        4 => (0u64..80).prop_map(|bytes| Event::Accept { bytes }),
        6 => prop::option::weighted(0.9, 0u8..8).prop_map(|id| Event::Arrive { id }),
        2 => (1u64..40).prop_map(|millis| Event::Wait { millis }),
        1 => Just(Event::Expire),
        1 => Just(Event::Close),
    ]
}

fn site(instruments: &Instruments, ids: Option<IdReaders>) -> Rc<SiteContext> {
    let recorder = Rc::new(Recorder::new(&instruments.table, Instant::now(), None));
    Rc::new(SiteContext {
        recorder,
        slots: instruments.scenarios[0].sites[0].clone(),
        generator: instruments.generator,
        pacer: Rc::new(Pacer::new(Precision::Timer).unwrap()),
        clock: Rc::new(Cell::new(PlanClock::new(Instant::now()))),
        timeouts: Timeouts { reply: Duration::from_millis(50), ..Timeouts::default() },
        looks_into_messages: false,
        ids,
        keep_alive: None,
        idle_timeout: None,
        reconnect: None,
        close_mode: CloseMode::default(),
    })
}

proptest! {
    #[test]
    fn the_books_add_up_after_every_event(events in prop::collection::vec(event(), 1..120), by_id in any::<bool>()) {
        const LENGTH: u64 = 20;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _context = runtime.enter();
        let source = Source::from_bytes(
            "test.yaml",
            PROFILE.replace("REPLY", if by_id { "{ id: /id }" } else { "fifo" }).into_bytes(),
        )
        .unwrap();
        let profile = config::load(&source, &Environment::default(), &Overrides::default()).unwrap();
        let instruments = Instruments::new(&Plan::new(&profile), Default::default(), &[]);
        let Step::WebSocket(socket) = &profile.scenarios[0].flow[0] else { panic!() };
        let site = site(&instruments, socket.reply_ids.as_ref().map(IdReaders::new));
        let message = |id: Option<u8>| id.map_or_else(|| "{}".to_owned(), |id| format!("{{\"id\":{id}}}"));
        let mut now = Instant::now();
        let mut ledger = Ledger::open(site.clone(), now);
        let (mut queued, mut accepted, mut closed) = (0, 0, false);
        for event in events {
            match event {
                Event::Queue { id } if !closed => {
                    let awaited = match (&site.ids, id) {
                        (_, None) => Awaited::No,
                        (None, Some(_)) => Awaited::InOrder,
                        (Some(ids), Some(_)) => Awaited::ById(ids.of_sent(0, message(id).as_bytes()).unwrap()),
                    };
                    ledger.queue(now, LENGTH, awaited);
                    queued += LENGTH;
                }
                Event::Accept { bytes } if !closed => {
                    accepted = queued.min(accepted + bytes);
                    ledger.credit(accepted, now);
                }
                // Also before the news of its acceptance: over TLS that comes late.
                Event::Arrive { id } if !closed => {
                    ledger.arrive(message(id).as_bytes(), now);
                }
                Event::Wait { millis } => now = now + Duration::from_millis(millis),
                Event::Expire if !closed => drop(ledger.expire(now)),
                Event::Close => {
                    ledger.close(ClosedBy::Network, 1006, Some(Disconnect::Reset));
                    closed = true;
                }
                _ => {}
            }
            ledger.record_run();
            let snapshot = site.recorder.snapshot();
            let slots = &site.slots;
            let matched = snapshot.trend(slots.rtt).unwrap().count();
            let in_flight = snapshot.gauge(slots.in_flight);
            prop_assert_eq!(
                snapshot.counter(slots.expected) as i64,
                (matched + snapshot.counter(slots.timed_out) + snapshot.counter(slots.lost)) as i64 + in_flight
            );
            prop_assert!(in_flight >= 0);
            let sent = snapshot.counter(slots.sent);
            prop_assert!((accepted / LENGTH..=queued / LENGTH).contains(&sent));
            prop_assert!(snapshot.counter(slots.expected) <= sent);
            prop_assert_eq!(
                snapshot.counter(slots.received),
                matched
                    + [slots.late, slots.duplicate, slots.unknown_id, slots.unsolicited]
                        .map(|slot| snapshot.counter(slot))
                        .iter()
                        .sum::<u64>()
            );
            prop_assert_eq!(snapshot.gauge(slots.open), i64::from(!closed));
            prop_assert_eq!(snapshot.trend(slots.service).unwrap().count(), matched);
        }
    }
}
