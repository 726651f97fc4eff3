//! What people and machines read: progress while a run goes on, the summary at its end, and files.

pub mod annotation;
pub mod chart;
pub mod failures;
pub mod format;
pub mod html;
pub mod ndjson;
pub mod progress;
pub mod record;
pub mod report;
pub mod run_status;
pub mod style;
pub mod summary;
pub mod summary_export;
pub mod timeline;
pub mod verdict_note;

#[cfg(test)]
pub(crate) mod fixture;
