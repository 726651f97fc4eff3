//! Whose slot is it: the slots of an arrival rate over the agents of a fleet, and an agent's over its workers.

use crate::plan::segment::{Segment, Stripe};

/// The numbers of one worker's slots, ascending.
#[derive(Debug, Clone)]
pub struct SlotNumbers {
    agent: Stripe,
    worker: Stripe,
    next: u64,
}

impl SlotNumbers {
    /// Of a scenario with `max_vus` VUs, for a worker of the agent that is `segment`; none if it has no VU. As in k6 both
    /// are weighted by VUs. An agent's share does not depend on how many workers it has.
    #[must_use]
    pub fn new(max_vus: u32, segment: Segment, worker: Segment) -> Option<Self> {
        let agent = stripe(max_vus, segment)?;
        let worker = stripe(segment.scale(max_vus), worker)?;
        Some(Self { agent, worker, next: 0 })
    }
}

impl Iterator for SlotNumbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let own = self.next;
        self.next += 1;
        Some(self.agent.number(self.worker.number(own)))
    }
}

/// A segment's share of `total` slots or iterations, by VUs.
#[must_use]
pub fn share(vus: u32, segment: Segment, total: u64) -> u64 {
    stripe(vus, segment).map_or(0, |stripe| stripe.scale(total))
}

fn stripe(vus: u32, segment: Segment) -> Option<Stripe> {
    // Without other segments there is nothing to compute, however many VUs there are.
    if segment == Segment::WHOLE {
        return Stripe::new(&[u64::from(vus)], 0);
    }
    let weights: Vec<_> = segment.siblings().map(|part| u64::from(part.scale(vus))).collect();
    Stripe::new(&weights, segment.index() as usize)
}
