//! crates/kafka
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod address;
pub mod aborted;
pub mod batch;
pub mod build;
pub mod compression;
mod connection;
mod crc;
mod error;
pub mod patch;
pub mod records;
mod sasl;
mod tls;
mod wire;
pub mod produce;
pub mod fetch;

pub use address::{Address, AddressError};
pub use connection::{Connection, Gate, Purpose, Reply, ReplyFrame, Settings, Timeouts};
pub use error::{AuthFailure, ConnectFailure, Error, ErrorCode, TlsFailure};
