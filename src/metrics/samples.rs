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

/// The worker's end of the queue.
#[derive(Debug)]
pub struct SampleSender {
    batch: Vec<Sample>,
    queue: SyncSender<Vec<Sample>>,
    dropped: u64,
}

impl SampleSender {
    /// Sends batches to `queue`, whose bound is the memory that waiting samples may take.
    #[must_use]
    pub fn new(queue: SyncSender<Vec<Sample>>) -> Self {
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
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        if let Err(TrySendError::Full(lost) | TrySendError::Disconnected(lost)) = self.queue.try_send(batch) {
            self.dropped += lost.len() as u64;
        }
    }

    /// Samples lost to a full queue or a failed writer.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}
