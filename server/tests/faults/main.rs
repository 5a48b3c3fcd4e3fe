//! Faults and bad input, shown on the real binary over its API with real brokers: what an operator reads, and that
//! nothing is lost, duplicated or silently continued.
//!
//! The referee that compares both clusters uses an independent client and no code of the product.

#![allow(clippy::unwrap_used)]

mod brokers;
mod configs;
mod findings;
mod harness;
mod ladder;
mod mirrors;
mod outages;
mod panics;
mod refusals;
mod security;
mod traffic;
