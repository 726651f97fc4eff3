//! All followers in one process.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use rampd::{
    agent::fleet::follower::Follower,
    clock::Instant,
    fleet::{message::Hello, result, roster::reports_every},
    metrics::{snapshot::Snapshot, wire},
    slo::evaluate::is_judged,
};
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{Bench, counts, policy, raw, sleep_until, token};

/// Different counts; more agents than these share them.
const KINDS: u32 = 8;
/// An agent begins to report so long before the start: as long as one makes its workers.
const LEAD: Duration = Duration::from_millis(200);

/// What one of them has heard, in nanoseconds of the monotonic clock.
struct Heard {
    start: u64,
    clock_error: Duration,
    stop: u64,
    handing_in: u64,
}

/// Joins with all at one moment, tells what they have counted, hands in with all at one moment.
pub(crate) async fn follow_all(bench: &Arc<Bench>, address: &str) -> Value {
    let kinds: Vec<_> = (0..KINDS).map(|seed| Arc::new(counts::snapshot(bench, seed.into()))).collect();
    let kind = |index: u32| kinds.get((index % KINDS) as usize).expect("one of the kinds").clone();
    let results: Vec<_> = (1..bench.of)
        .map(|index| (index, Bytes::from(result::encode(&counts::result(bench, index, &kind(index))))))
        .collect();
    let of_all: Vec<_> = results.iter().map(|(_, result)| result.len()).collect();
    let thresholds = &bench.profile.thresholds;
    let report = wire::encode(&kind(1), &bench.instruments.table, |series| is_judged(thresholds, series)).len();
    let together = Arc::new(Barrier::new(bench.of as usize - 1));
    let asked = raw(Instant::now());
    let mut followers = JoinSet::new();
    for (index, result) in results {
        let together = Together { bench: bench.clone(), handing_in: together.clone() };
        followers.spawn(together.follow(index, address.to_owned(), kind(index), result));
    }
    let heard = followers.join_all().await;
    let all = |of: fn(&Heard) -> u64| heard.iter().map(of).collect::<BTreeSet<_>>();
    let (starts, stops) = (all(|one| one.start), all(|one| one.stop));
    let errors = all(|one| one.clock_error.as_nanos() as u64);
    json!({
        "asked": asked,
        "start_first": starts.first(),
        "start_last": starts.last(),
        "clock_error_most": errors.last(),
        "stop_last": stops.last(),
        "handing_in": all(|one| one.handing_in).first(),
        "report_bytes": report,
        "result_bytes": of_all.iter().sum::<usize>() / of_all.len(),
    })
}

struct Together {
    bench: Arc<Bench>,
    handing_in: Arc<Barrier>,
}

impl Together {
    async fn follow(self, index: u32, address: String, counted: Arc<Snapshot>, result: Bytes) -> Heard {
        let hello = Hello { index, instance: index.into(), run: self.bench.run.clone() };
        let thresholds = self.bench.profile.thresholds.clone();
        let mut follower = Follower::new(address, token(), hello, policy(), thresholds);
        let start = follower.gather().await.expect("a start");
        let clock_error = follower.clock_error().expect("an answer");
        sleep_until(start - LEAD).await;
        follower.begin();
        // As often as one reports: telling more often would only cost this process.
        let every = reports_every(self.bench.of, policy());
        let mut next = start;
        let stop = loop {
            tokio::select! {
                _ = follower.event() => break raw(Instant::now()),
                () = sleep_until(next) => {
                    follower.tell(&self.bench.instruments.table, &counted);
                    next = next + every;
                }
            }
        };
        self.handing_in.wait().await;
        let handing_in = raw(Instant::now());
        follower.hand_in(result).await.expect("a leader that takes it");
        Heard { start: raw(start), clock_error, stop, handing_in }
    }
}
