//! The wire to Apache Kafka: connections, sign-in, typed questions, and record batches as they stand in the log.
//!
//! Data passes through without being read: [`fetch`] hands out batches as slices of the frame they came in, [`patch`] gives
//! them our producer fields, [`produce`] writes them on. What clusters can be asked is in [`admin`]; who works on what is
//! decided by [`group`].
//!
//! Invariants: the codec's types stay inside; nothing here knows links, SQL or HTTP; no secret and no remote text is part
//! of an error.
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
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod group;
pub mod ladder;
pub mod patch;
pub mod produce;
pub mod records;
mod sasl;
mod tls;
pub mod token;
mod wire;

pub use address::{Address, AddressError};
pub use client::Client;
pub use connection::{Connection, Gate, Purpose, Reply, ReplyFrame, Settings, Timeouts};
pub use error::{AuthFailure, ConnectFailure, Error, ErrorCode, TlsFailure, TokenFailure};
