//! Faults and bad input, shown on the real binary over its API with real brokers: what an operator reads, and that
//! nothing is lost, duplicated or silently continued.
//!
//! The referee that compares both clusters uses an independent client and no code of the product.

#![allow(clippy::unwrap_used)]

mod batches;
mod brokers;
mod configs;
mod control;
mod disk;
mod elections;
mod findings;
mod first_record;
mod frozen;
mod harness;
mod ladder;
mod lines;
mod mirrors;
mod moves;
mod neighbours;
mod old_formats;
mod outages;
mod panics;
mod partitions;
mod quotas;
mod refusals;
mod restored;
mod security;
mod sequences;
mod stream;
mod times;
mod traffic;
