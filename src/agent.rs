//! A run's life: what happens around the load, from listening to lingering.

pub mod admin;
pub mod annotate;
pub mod api;
pub mod board;
pub mod control;
pub mod control_socket;
pub mod crew;
pub mod daemon;
pub mod error;
pub mod facts;
pub mod fleet;
pub mod health;
pub mod live;
pub mod observe;
pub mod options;
pub mod outcome;
pub mod page;
pub mod run;
pub mod scrapers;
pub mod server;
pub mod signals;
pub mod steering;
pub mod stopping;
pub mod telling;
