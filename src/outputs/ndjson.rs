//! `--out json=FILE`: k6's stream of metrics, one JSON object per line, gzipped when the name ends
//! in `.gz`. A thread of its own writes what one bounded queue brings; a slow disk costs samples,
//! which are counted, and never load.
//!
//! Trends have one point per sample. Counters have one point per tick with what was added since the
//! last one, rates a point of 0 or 1 per sample, gauges their value at each tick. The points of a
//! metric add up to the final snapshot.

mod header;
mod points;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use flate2::{Compression, write::GzEncoder};

use crate::{
    config::threshold::Threshold,
    metrics::{
        samples::{Record, SampleSender, Tick},
        series::SeriesTable,
        snapshot::Snapshot,
    },
    outputs::ndjson::points::Points,
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
    writer: JoinHandle<(u64, io::Result<()>)>,
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
        let sink = if zipped {
            Sink::Gzip(Box::new(GzEncoder::new(BufWriter::new(file), Compression::fast())))
        } else {
            Sink::Plain(BufWriter::with_capacity(1 << 16, file))
        };
        Self::start(path, sink, Points::new(table, thresholds, start_unix_nanos))
    }

    fn start(path: &Path, sink: Sink, points: Points) -> Result<Self, Error> {
        let (queue, records) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("out-json".to_owned())
            .spawn(move || write_all(sink, points, &records))
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
        let lost = || (0, Err(io::Error::other("the writer thread ended early")));
        let (points, outcome) = self.writer.join().unwrap_or_else(|_| lost());
        outcome.map(|()| points).map_err(|source| Error::Write { path: self.path, source })
    }
}

fn tick_record(at: u64, snapshot: &Snapshot) -> Record {
    Record::Tick(Tick { at, counters: snapshot.counters().into(), gauges: snapshot.gauges().into() })
}

#[derive(Debug)]
enum Sink {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Sink {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Sink::Plain(file) => file.write_all(bytes),
            Sink::Gzip(file) => file.write_all(bytes),
        }
    }

    fn close(self) -> io::Result<()> {
        match self {
            Sink::Plain(mut file) => file.flush(),
            Sink::Gzip(file) => file.finish()?.flush(),
        }
    }
}

/// The writer thread. After a failure it goes on emptying the queue, so that no sender notices.
fn write_all(mut sink: Sink, mut points: Points, records: &Receiver<Record>) -> (u64, io::Result<()>) {
    let mut failure = None;
    for record in records {
        if failure.is_none() {
            match &record {
                Record::Samples(samples) => points.samples(samples),
                Record::Tick(tick) => points.tick(tick),
                Record::End => {}
            }
            failure = points.take(|lines| sink.write_all(lines)).err();
        }
        if record == Record::End {
            break;
        }
    }
    let outcome = match failure {
        Some(failure) => Err(failure),
        None => sink.close(),
    };
    (points.count(), outcome)
}

#[cfg(test)]
mod tests;
