//! `--out json=FILE`: k6's stream of metrics, one JSON object per line, gzipped when the name ends
//! in `.gz`. A thread of its own writes what one bounded queue brings; a slow disk costs samples,
//! which are counted, and never load.
//!
//! Trends have one point per sample. Counters have one point per tick with what was added since the
//! last one, rates a point of 0 or 1 per sample, gauges their value at each tick. The points of a
//! metric add up to the final snapshot.

mod header;
mod lines;
mod points;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use crate::{
    config::threshold::Threshold,
    metrics::{
        samples::{Record, SampleSender, Tick},
        series::SeriesTable,
        snapshot::Snapshot,
    },
    outputs::ndjson::{
        lines::{Lines, Sink},
        points::Points,
    },
};

/// Batches that may wait for the disk: 64 of 96 KiB are 6 MiB.
const QUEUE: usize = 64;

/// Why the file was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path cannot be written; known before the run.
    #[error("cannot write JSON output to {path}: {source}; choose another path in --out json=FILE")]
    Open {
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No thread for the writer.
    #[error("cannot start the writer of the JSON output: {0}")]
    Thread(io::Error),
    /// Writing failed during the run; the file ends there.
    #[error("writing JSON output to {path} failed: {source}; the file is cut short")]
    Write {
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The file and its writer thread.
#[derive(Debug)]
pub struct NdjsonOutput {
    path: PathBuf,
    queue: SyncSender<Record>,
    writer: JoinHandle<io::Result<u64>>,
}

impl NdjsonOutput {
    /// Creates the file, before the run. `start_unix_nanos` is the wall time of the recorders' epoch.
    ///
    /// # Errors
    /// The path cannot be written.
    pub fn open(
        path: &Path,
        table: &SeriesTable,
        thresholds: &[Threshold],
        start_unix_nanos: i128,
    ) -> Result<Self, Error> {
        let file = File::create(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        let zipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let lines = Lines::new(Sink::new(file, zipped), thresholds, start_unix_nanos);
        let points = Points::new(table, lines);
        let (queue, records) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("out-json".to_owned())
            .spawn(move || write_all(points, &records))
            .map_err(Error::Thread)?;
        Ok(Self { path: path.to_owned(), queue, writer })
    }

    /// A worker's end of the queue.
    #[must_use]
    pub fn sender(&self) -> SampleSender {
        SampleSender::new(self.queue.clone())
    }

    /// Hands over the merged counters and gauges, `at` nanoseconds after the start of the run. Never waits: what a
    /// full queue turns away is part of the next tick's differences.
    pub fn tick(&self, at: u64, snapshot: &Snapshot) {
        match self.queue.try_send(tick_record(at, snapshot)) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Writes what is queued and the differences to the final snapshot, and closes the file. Call it after the last
    /// worker's last snapshot; it waits for the disk.
    ///
    /// Returns the number of points.
    ///
    /// # Errors
    /// The first failure of the file, if there was one.
    pub fn finish(self, at: u64, last: &Snapshot) -> Result<u64, Error> {
        for record in [tick_record(at, last), Record::End] {
            if self.queue.send(record).is_err() {
                break;
            }
        }
        let ended_early = || Err(io::Error::other("the writer thread ended early"));
        let outcome = self.writer.join().unwrap_or_else(|_| ended_early());
        outcome.map_err(|source| Error::Write { path: self.path, source })
    }
}

fn tick_record(at: u64, snapshot: &Snapshot) -> Record {
    Record::Tick(Tick { at, counters: snapshot.counters().into(), gauges: snapshot.gauges().into() })
}

/// The writer thread. After a failure it goes on emptying the queue, so that no sender notices.
fn write_all(mut points: Points, records: &Receiver<Record>) -> io::Result<u64> {
    for record in records {
        match record {
            Record::Samples(samples) => points.samples(&samples),
            Record::Tick(tick) => points.tick(&tick),
            Record::End => break,
        }
    }
    points.finish()
}

#[cfg(test)]
mod tests;
