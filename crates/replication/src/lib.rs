//! Replication links: everything between a source and a destination cluster.
//!
//! A [`Supervisor`] keeps the links that the [`Ledger`] asks for running. Each link reads its source, patches batch
//! headers and writes its mirror topics; how far it came stands in its control topic on the destination, and who works
//! on which part of it is decided by a consumer group there.
//!
//! Invariants: this crate knows neither SQL nor HTTP, names no codec of the wire, and only the supervisor starts or
//! stops a link's tasks.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod crash;
mod credit;
mod data_threads;
mod grants;
pub mod ledger;
mod limiter;
mod link;
mod meter;
pub mod plan;
pub mod protocol;
pub mod supervisor;
pub mod topic_sync;

pub use ledger::{Decision, Desired, DesiredLink, Ledger, LedgerError};
pub use plan::{PlanRequest, plan};
pub use supervisor::{Settings, Supervisor};
