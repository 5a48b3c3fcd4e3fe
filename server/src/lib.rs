//! The process around Causeway: settings, HTTP, hosted replication, metrics.
//!
//! A library, so that tests run the real router and read the real settings; `main.rs` only turns the result into an
//! exit code. Everything is put together in [`serve`]: read settings, build every part, start, drain.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cli;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod engine;
pub mod failure;
pub mod history;
pub mod http;
pub mod ledger;
pub mod listings;
pub mod lock;
pub mod logging;
pub mod open;
pub mod prometheus;
pub mod reachability;
pub mod serve;
pub mod token_command;
