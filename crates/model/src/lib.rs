//! The words and rules of Causeway, shared by browser, server and engine.
//!
//! Invariants: no clock, randomness, environment, IO or async here; time and ids arrive as arguments. A value of a
//! validated type (`Name`, `ClusterSpec` after [`cluster::ClusterSpec::check`], …) is legal wherever it is met.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod account;
pub mod acl;
pub mod broker_error;
#[cfg(feature = "certificate")]
pub mod certificate;
mod check;
pub mod cluster;
#[cfg(feature = "pattern")]
pub mod cycle;
pub mod draft;
pub mod endpoint;
pub mod finding;
pub mod format;
pub mod link;
pub mod matching;
pub mod name;
pub mod nearest;
pub mod own;
#[cfg(feature = "pattern")]
pub mod pattern;
pub mod plan;
#[cfg(feature = "pattern")]
pub mod preview;
pub mod problem;
pub mod rename;
pub mod sample;
pub mod saved_draft;
pub mod secret;
pub mod selection;
pub mod slot;
pub mod status;
pub mod summary;
pub mod token_url;
pub mod topic_name;
pub mod utc;

mod text;

pub use name::Name;
pub use secret::Secret;
