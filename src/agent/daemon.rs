//! `rampd serve`: profiles by schedule, at the start or on request, one run at a time.

pub mod desk;
pub mod ending;
pub mod history;
