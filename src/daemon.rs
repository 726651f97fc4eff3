//! What `rampd serve` decides, as values: no clock, no file, no runtime.

pub mod lineup;
pub mod scheduler;
pub mod streak;
