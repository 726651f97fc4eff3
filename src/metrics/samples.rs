//! Single samples of trends on their way to a per-sample output. Only runs that asked for one pay
//! for it: a worker fills a batch and hands it over; a full queue drops the batch and counts it.

use std::sync::mpsc::{SyncSender, TrySendError};

use crate::metrics::series::TrendSlot;

/// Samples in one batch: 4,096 of 24 bytes is 96 KiB.
const BATCH: usize = 4096;

/// One recorded duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Which series.
    pub slot: TrendSlot,
    /// When it was recorded, in nanoseconds since the start of the run.
    pub at: u64,
    /// The duration in nanoseconds.
    pub nanos: u64,
}

/// What the queue of a per-sample output carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Samples of one worker, in the order of their time stamps.
    Samples(Vec<Sample>),
    /// Counters and gauges of all workers at one instant, from the control thread.
    Tick(Tick),
    /// The run is over and nothing follows.
    End,
}

/// Counters and gauges at one instant, by slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// In nanoseconds since the start of the run.
    pub at: u64,
    /// Running totals.
    pub counters: Box<[u64]>,
    /// Present values.
    pub gauges: Box<[i64]>,
}

/// The worker's end of the queue.
#[derive(Debug)]
pub struct SampleSender {
    batch: Vec<Sample>,
    queue: SyncSender<Record>,
    dropped: u64,
}

impl SampleSender {
    /// Sends batches to `queue`, whose bound is the memory that waiting samples may take.
    #[must_use]
    pub fn new(queue: SyncSender<Record>) -> Self {
        Self { batch: Vec::with_capacity(BATCH), queue, dropped: 0 }
    }

    /// Adds a sample; hands the batch over when it is full.
    pub fn push(&mut self, sample: Sample) {
        self.batch.push(sample);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Hands over what there is.
    pub fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let count = self.batch.len() as u64;
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.queue.try_send(Record::Samples(batch))
        {
            self.dropped += count;
        }
    }

    /// Samples lost to a full queue or a failed writer.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_full_queue_drops_the_batch_and_counts_its_samples() {
        let (queue, received) = mpsc::sync_channel(1);
        let mut sender = SampleSender::new(queue);
        for batch in 0..2 {
            (0..3).for_each(|at| sender.push(Sample { slot: TrendSlot(0), at, nanos: batch }));
            sender.flush();
        }
        assert_eq!(sender.dropped(), 3);
        let Ok(Record::Samples(kept)) = received.try_recv() else { panic!("the first batch was queued") };
        assert_eq!(kept.iter().map(|sample| (sample.at, sample.nanos)).collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0)]);
    }
}
