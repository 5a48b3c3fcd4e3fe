//! The console from outside, as a browser without JavaScript uses it: the real router over a real SQLite file.

#![allow(clippy::unwrap_used)]

mod account;
mod browser;
mod database;
mod guard;
#[allow(dead_code)]
#[path = "../api/harness.rs"]
mod harness;
mod live;
mod pages;
mod sign_in;
