//! Files for the programs around a run, written from code and committed; tests compare both.

pub mod dashboards;
