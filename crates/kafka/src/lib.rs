//! crates/kafka
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod aborted;
pub mod batch;
pub mod build;
pub mod compression;
mod crc;
pub mod patch;
pub mod records;
