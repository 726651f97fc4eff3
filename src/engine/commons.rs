//! The little that the workers of a run share. Everything else of a run is split in advance, because what
//! is shared is waited for; these two are not, because a static split would not be k6's.
//!
//! - [`Pot`]: shared iterations that nobody has taken yet. A worker takes several at a time, see `purse`.
//! - [`Pool`]: how many VUs of an arrival rate are free on each worker. A worker whose VUs are all
//!   busy gives its slot to another one: with k6 all VUs are in one pool, and a slot is dropped only if all of them are busy.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    clock::Instant,
    plan::{Plan, ScenarioPlan, work::Work},
};

/// Slots waiting for one worker. Each has claimed a VU, so that only as many can wait as there are VUs.
const HANDED_OVER: usize = 1024;

/// See the module.
#[derive(Debug)]
pub struct Commons {
    /// By the scenario's place in the plan.
    pub pots: Vec<Pot>,
    /// By the scenario's place in the plan.
    pub pools: Vec<Pool>,
    workers: Vec<mpsc::Sender<Handover>>,
    /// How late the first event of the latest worker was, in nanoseconds; one more than that, and 0 before it.
    start_delay: AtomicU64,
}

/// A slot for a VU that has been claimed on another worker.
#[derive(Debug, Clone, Copy)]
pub struct Handover {
    /// By its place in the plan.
    pub scenario: usize,
    /// When the iteration was to begin.
    pub slot: Instant,
}

impl Commons {
    /// For `workers` workers, with the receiver of each.
    #[must_use]
    pub fn new(plan: &Plan, workers: u32) -> (Self, Vec<mpsc::Receiver<Handover>>) {
        let (senders, receivers) = (0..workers).map(|_| mpsc::channel(HANDED_OVER)).unzip();
        let pots = plan.scenarios.iter().map(Pot::new).collect();
        let pools = plan.scenarios.iter().map(|scenario| Pool::new(scenario, workers)).collect();
        (Self { pots, pools, workers: senders, start_delay: AtomicU64::new(0) }, receivers)
    }

    /// A worker's first event was so late.
    pub fn note_start(&self, delay: Duration) {
        self.start_delay.fetch_max((delay.as_nanos() as u64).saturating_add(1), Relaxed);
    }

    /// How late the load began, where it was latest; none before it began.
    #[must_use]
    pub fn start_delay(&self) -> Option<Duration> {
        self.start_delay.load(Relaxed).checked_sub(1).map(Duration::from_nanos)
    }

    /// Gives the slot of a worker without a free VU to one that has one. False if nobody has.
    #[must_use]
    pub fn hand_over(&self, from: u32, handover: Handover) -> bool {
        let Some(pool) = self.pools.get(handover.scenario) else { return false };
        let count = self.workers.len() as u32;
        let others = (1..count).map(|step| (from + step) % count);
        for worker in others.filter(|worker| pool.claim(*worker)) {
            let sent = self.workers.get(worker as usize).is_some_and(|queue| queue.try_send(handover).is_ok());
            if sent {
                return true;
            }
            // That worker is done, or is far behind with what it was given.
            pool.free(worker);
        }
        false
    }
}

/// Iterations of a `shared-iterations` scenario that nobody has taken yet.
#[derive(Debug)]
pub struct Pot {
    left: AtomicU64,
}

impl Pot {
    fn new(scenario: &ScenarioPlan) -> Self {
        let left = match scenario.work {
            Work::Shared { .. } => scenario.iterations().unwrap_or(0),
            _ => 0,
        };
        Self { left: AtomicU64::new(left) }
    }

    /// Takes as many as `wanted` says of those left; returns how many.
    pub fn take(&self, wanted: impl Fn(u64) -> u64) -> u64 {
        let mut taken = 0;
        let _always = self.left.fetch_update(Relaxed, Relaxed, |left| {
            taken = wanted(left).min(left);
            Some(left - taken)
        });
        taken
    }
}

/// One worker's number of free VUs, on a cache line of its own: its worker changes it twice in each iteration.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Free(AtomicU32);

/// The VUs of an arrival rate.
#[derive(Debug)]
pub struct Pool {
    free: Vec<Free>,
    /// VUs beyond those planned that have been added so far.
    added: AtomicU32,
    most_added: u32,
    warned: AtomicBool,
}

impl Pool {
    fn new(scenario: &ScenarioPlan, workers: u32) -> Self {
        Self {
            free: (0..workers).map(|_| Free::default()).collect(),
            added: AtomicU32::new(0),
            most_added: scenario.max_vus() - scenario.planned_vus(),
            warned: AtomicBool::new(false),
        }
    }

    /// Takes a free VU of `worker`; false if there is none. The worker then has one waiting that nobody else can take.
    #[must_use]
    pub fn claim(&self, worker: u32) -> bool {
        let Some(Free(free)) = self.free.get(worker as usize) else { return false };
        free.load(Relaxed) > 0 && free.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(1)).is_ok()
    }

    /// A VU of `worker` is free.
    pub fn free(&self, worker: u32) {
        if let Some(Free(free)) = self.free.get(worker as usize) {
            free.fetch_add(1, Relaxed);
        }
    }

    /// No VU of `worker` can be claimed any more.
    pub fn close(&self, worker: u32) {
        if let Some(Free(free)) = self.free.get(worker as usize) {
            free.store(0, Relaxed);
        }
    }

    /// Allows one more VU: which one it is of those added, from 0. None if there are as many as there may be.
    #[must_use]
    pub fn grow(&self) -> Option<u32> {
        let more = |added| (added < self.most_added).then_some(added + 1);
        self.added.fetch_update(Relaxed, Relaxed, more).ok()
    }

    /// True for the first caller.
    #[must_use]
    pub fn warn_once(&self) -> bool {
        !self.warned.swap(true, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(free: &[u32], most_added: u32) -> Pool {
        Pool {
            free: free.iter().map(|count| Free(AtomicU32::new(*count))).collect(),
            added: AtomicU32::new(0),
            most_added,
            warned: AtomicBool::new(false),
        }
    }

    #[test]
    fn a_slot_goes_to_whoever_has_a_free_vu_and_to_nobody_twice() {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel(HANDED_OVER)).unzip();
        let commons = Commons {
            pots: Vec::new(),
            pools: vec![pool(&[0, 1, 2], 0)],
            workers: senders,
            start_delay: AtomicU64::new(0),
        };
        let handover = Handover { scenario: 0, slot: Instant::now() };
        assert!(commons.hand_over(0, handover) && commons.hand_over(0, handover) && commons.hand_over(1, handover));
        assert!(!commons.hand_over(0, handover), "all three are taken");
        let waiting: Vec<_> = receivers.iter_mut().map(|receiver| receiver.len()).collect();
        assert_eq!(waiting, [0, 1, 2]);
    }

    #[test]
    fn a_worker_that_has_ended_is_passed_over() {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel(HANDED_OVER)).unzip();
        let commons = Commons {
            pots: Vec::new(),
            pools: vec![pool(&[0, 1, 1], 0)],
            workers: senders,
            start_delay: AtomicU64::new(0),
        };
        receivers[1].close();
        assert!(commons.hand_over(0, Handover { scenario: 0, slot: Instant::now() }));
        assert_eq!(receivers[2].len(), 1);
        assert!(commons.pools[0].claim(1), "given back");
    }

    #[test]
    fn vus_are_added_up_to_the_most_and_each_once() {
        let pool = pool(&[0], 2);
        assert_eq!([pool.grow(), pool.grow(), pool.grow()], [Some(0), Some(1), None]);
        assert!(pool.warn_once() && !pool.warn_once());
    }

    #[test]
    fn the_pot_gives_out_exactly_what_is_in_it() {
        let pot = Pot { left: AtomicU64::new(10_000) };
        let taken: u64 = std::thread::scope(|scope| {
            let takers: Vec<_> = (1..=4u64)
                .map(|size| {
                    let pot = &pot;
                    scope.spawn(move || {
                        std::iter::from_fn(|| Some(pot.take(|_| size)).filter(|taken| *taken > 0)).sum::<u64>()
                    })
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!((taken, pot.take(|left| left)), (10_000, 0));
    }
}
