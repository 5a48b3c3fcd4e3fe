//! The words and rules of Causeway, shared by browser, server and engine.
//!
//! Invariants: no clock, randomness, environment, IO or async here; time and ids arrive as arguments. A value of a
//! validated type (`Name`, `ClusterSpec` after [`ClusterSpec::check`], …) is legal wherever it is met.

pub mod cluster;
pub mod finding;
pub mod link;
pub mod name;
pub mod plan;
pub mod problem;
pub mod secret;
pub mod status;

pub use name::Name;
pub use secret::Secret;
