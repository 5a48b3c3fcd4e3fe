//! Development commands of Causeway and the bench for its tests: real Kafka clusters that start in seconds, a TCP
//! fault proxy, an independent Kafka client and the referee that compares two clusters record by record.
//!
//! Nothing here uses code of the product, so that it can witness against it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod admin;
pub mod bench;
pub mod browser;
pub mod causeway;
pub mod client;
pub mod cluster;
pub mod demo;
pub mod npm;
pub mod old_messages;
pub mod pages;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod referee;
pub mod report;
pub mod setup;
pub mod site;
pub mod test;
pub mod tokens;
