//! What is recorded and how it adds up.
//!
//! A [`series::SeriesTable`] is fixed before the run: each series is a slot. Every worker has its
//! own [`recorder::Recorder`] over the same table and shares nothing; a [`snapshot::Snapshot`] is
//! one recorder's values at one instant, and snapshots merge exactly by addition. A
//! [`view::View`] answers questions about a merged snapshot in k6's terms, and
//! [`exposition`] renders it for Prometheus.

pub mod exposition;
pub mod hdr;
pub mod ladder;
pub mod observed;
pub mod process;
pub mod rank;
pub mod recorder;
pub mod samples;
pub mod series;
pub mod sketch;
pub mod snapshot;
pub mod trend;
pub mod view;
pub mod wire;
