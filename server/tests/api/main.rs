//! The API from outside: the real router over a real SQLite file, with an engine that only remembers.

#![allow(clippy::unwrap_used)]

mod access;
mod accounts;
mod cluster_forms;
mod clusters;
mod console;
mod harness;
mod input;
mod link_forms;
mod links;
mod pages;
