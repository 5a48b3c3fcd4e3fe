//! crates/kafka
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod aborted;
pub mod address;
pub mod admin;
pub mod backoff;
pub mod batch;
pub mod build;
pub mod client;
pub mod compression;
pub mod connection;
mod crc;
pub mod error;
pub mod fetch;
pub mod group;
pub mod ladder;
pub mod patch;
pub mod produce;
pub mod records;
mod sasl;
mod tls;
mod wire;

pub use address::{Address, AddressError};
pub use client::Client;
pub use connection::{Connection, Gate, Purpose, Reply, ReplyFrame, Settings, Timeouts};
pub use error::{AuthFailure, ConnectFailure, Error, ErrorCode, TlsFailure};
