//! A run's life: what happens around the load, from listening to lingering.

pub mod admin;
pub mod scrapers;
