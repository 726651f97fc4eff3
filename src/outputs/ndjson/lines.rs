//! Lines on their way to the file: introduces each metric, collects a block, remembers the first failure.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Write},
};

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;

use super::header;
use crate::{catalogue::Metric, config::threshold::Threshold};

/// Bytes in one write.
const BLOCK: usize = 1 << 16;

/// The file, plain or compressed.
#[derive(Debug)]
pub(super) enum Sink {
    Plain(File),
    Gzip(Box<GzEncoder<File>>),
}

impl Sink {
    pub(super) fn new(file: File, zipped: bool) -> Self {
        if zipped { Self::Gzip(Box::new(GzEncoder::new(file, Compression::fast()))) } else { Self::Plain(file) }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(file) => file.write_all(bytes),
        }
    }

    fn close(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Gzip(file) => file.finish()?.flush(),
        }
    }
}

/// What the points of a series have in common.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) metric: &'static Metric,
    /// A JSON object.
    pub(super) tags: String,
}

/// After a failure, lines are counted no more and go nowhere.
#[derive(Debug)]
pub(super) struct Lines {
    sink: Sink,
    thresholds: Vec<Threshold>,
    start_unix_nanos: i128,
    introduced: BTreeSet<&'static str>,
    block: Vec<u8>,
    points: u64,
    failure: Option<io::Error>,
}

impl Lines {
    pub(super) fn new(sink: Sink, thresholds: &[Threshold], start_unix_nanos: i128) -> Self {
        Self {
            sink,
            thresholds: thresholds.to_vec(),
            start_unix_nanos,
            introduced: BTreeSet::new(),
            block: Vec::with_capacity(BLOCK + 1024),
            points: 0,
            failure: None,
        }
    }

    /// The time stamp of `at` nanoseconds after the start.
    pub(super) fn time(&self, at: u64) -> Timestamp {
        Timestamp::from_nanosecond(self.start_unix_nanos + i128::from(at)).unwrap_or_default()
    }

    pub(super) fn point(&mut self, frame: &Frame, time: Timestamp, value: f64) {
        if self.failure.is_some() {
            return;
        }
        let name = frame.metric.name;
        if self.introduced.insert(name) {
            self.block.extend(header::line(frame.metric, &self.thresholds).into_bytes());
            self.block.push(b'\n');
        }
        let tags = &frame.tags;
        // Writing to memory cannot fail.
        let _infallible = writeln!(
            self.block,
            r#"{{"metric":"{name}","type":"Point","data":{{"time":"{time}","value":{value},"tags":{tags}}}}}"#
        );
        self.points += 1;
        if self.block.len() >= BLOCK {
            self.spill();
        }
    }

    /// Writes what has been collected.
    pub(super) fn spill(&mut self) {
        if self.failure.is_none() {
            self.failure = self.sink.write_all(&self.block).err();
        }
        self.block.clear();
    }

    /// Closes the file; returns the number of points or the first failure.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.spill();
        match self.failure {
            Some(failure) => Err(failure),
            None => self.sink.close().map(|()| self.points),
        }
    }
}
