//! Quantities as people type and read them. Imports nothing of this crate.

pub mod bytes;
pub mod duration;
pub mod rate;
pub mod tags;
