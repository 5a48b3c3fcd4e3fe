//! The console's service layer: what pages, API and command line ask for, authorised in one place.
//!
//! Feature `ssr` is the server side. Every entry point is a plain async function in [`api`] that takes a [`Context`],
//! an [`access::Actor`] and an input, and returns a value or a [`model::problem::Problem`].
//!
//! Invariants: each service function authorises before it reads its input; the Kafka side is reached only through the
//! port [`engine::Engine`]; no function starts or stops work, they write intent to SQL and wake the engine.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![cfg_attr(
    feature = "ssr",
    expect(
        clippy::result_large_err,
        reason = "a problem ends its request, so nothing is won by boxing it"
    )
)]

#[cfg(feature = "ssr")]
pub mod access;
#[cfg(feature = "ssr")]
pub mod api;
#[cfg(feature = "ssr")]
pub mod context;
#[cfg(feature = "ssr")]
pub mod engine;
#[cfg(feature = "ssr")]
pub mod problems;

#[cfg(feature = "ssr")]
pub use context::Context;
