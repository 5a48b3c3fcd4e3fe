//! Black box, on real brokers: records cross from one cluster to another exactly once. The real binary is driven over its
//! API alone, and an independent client compares both sides.

#![allow(clippy::unwrap_used)]

mod content;
mod demo;
mod growth;
mod harness;
mod memory;
mod naming;
mod restart;
mod start;
mod verbs;
