//! The load itself: one thread per core, each walking its share of the plan.
//!
//! A [`worker`] starts and stops its [`vu`]s as the plan says; a VU walks the program of its
//! scenario, opening [`session`]s and sending [`request`]s. Workers share
//! next to nothing ([`commons`]); they answer commands with snapshots.

pub mod action;
pub mod backoff;
pub mod commons;
pub mod context;
pub mod control;
pub mod failure_log;
pub mod ids;
pub mod instruments;
pub mod iteration;
pub mod lazy_timer;
pub mod ledger;
pub mod limits;
pub mod liveness;
pub mod mailbox;
pub mod matching;
pub mod pacer;
pub mod pings;
pub mod plan_clock;
pub mod purse;
pub mod reconnects;
pub mod replies;
pub mod request;
pub mod session;
pub mod side_client;
pub mod sockets;
pub mod vu;
pub mod vu_task;
pub mod waiting_vus;
pub mod worker;
pub mod workload;
