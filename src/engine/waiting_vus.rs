//! A worker's free VUs of an arrival rate. The one that has waited longest is the next, as in k6, so
//! that all VUs, their connections and their data take turns.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::Arc};

use crate::{
    clock::Instant,
    engine::{
        commons::{Commons, Handover},
        vu::Vu,
    },
};

/// See the module.
#[derive(Debug)]
pub struct WaitingVus {
    commons: Arc<Commons>,
    scenario: usize,
    worker: u32,
    waiting: RefCell<VecDeque<Rc<Vu>>>,
}

impl WaitingVus {
    /// None yet, on worker `worker`.
    #[must_use]
    pub fn new(commons: Arc<Commons>, scenario: usize, worker: u32) -> Self {
        Self { commons, scenario, worker, waiting: RefCell::default() }
    }

    /// The VU waits for a slot from now on.
    pub fn wait(&self, vu: Rc<Vu>) {
        self.waiting.borrow_mut().push_back(vu);
        if let Some(pool) = self.commons.pools.get(self.scenario) {
            pool.free(self.worker);
        }
    }

    /// Gives a slot to a VU, of this worker or of another. False if all are busy.
    #[must_use]
    pub fn assign(&self, slot: Instant) -> bool {
        let own = self.commons.pools.get(self.scenario).is_some_and(|pool| pool.claim(self.worker));
        if own {
            return self.assign_claimed(slot);
        }
        self.commons.hand_over(self.worker, Handover { scenario: self.scenario, slot })
    }

    /// Gives a slot to a VU that has been claimed for it. False if it has been taken away since.
    #[must_use]
    pub fn assign_claimed(&self, slot: Instant) -> bool {
        let next = self.waiting.borrow_mut().pop_front();
        next.is_some_and(|vu| {
            vu.begin_at(slot);
            true
        })
    }

    /// Nobody waits any more; those who do are told by their phase.
    pub fn close(&self) {
        if let Some(pool) = self.commons.pools.get(self.scenario) {
            pool.close(self.worker);
        }
        self.waiting.borrow_mut().clear();
    }
}
