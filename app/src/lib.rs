//! The console: pages in the browser, and the service layer that pages, API and command line share.
//!
//! Feature `ssr` is the server side. Every entry point there is a plain async function in `api` that takes a `Context`,
//! an [`access::Actor`] and an input, and returns a value or a [`model::problem::Problem`]. Feature `hydrate` is the
//! browser side: it takes over the pages that the server rendered.
//!
//! Invariants: each service function authorises before it reads its input; the Kafka side is reached only through the
//! port [`engine::Engine`]; no function starts or stops work, they write intent to SQL and wake the engine.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![expect(
    clippy::result_large_err,
    reason = "a problem ends its request, so nothing is won by boxing it"
)]

// A page that was rendered with nested types of views cannot be taken over by code without them, nor the other way.
#[cfg(not(erase_components))]
compile_error!(
    "build with `--cfg erase_components`, as `.cargo/config.toml` says; RUSTFLAGS replaces what stands there"
);

pub mod access;
#[cfg(feature = "ssr")]
pub mod api;
#[cfg(feature = "ssr")]
pub mod caller;
pub mod chart;
pub mod components;
pub mod console;
#[cfg(feature = "ssr")]
pub mod context;
#[cfg(feature = "ssr")]
pub mod engine;
pub mod error;
pub mod fns;
pub mod json;
#[cfg(feature = "hydrate")]
mod keys;
#[cfg(feature = "ssr")]
pub mod ladders;
pub mod live;
pub mod pages;
#[cfg(feature = "ssr")]
pub mod problems;
#[cfg(feature = "ssr")]
pub mod shell;
pub mod visitor;

#[cfg(feature = "ssr")]
pub use context::Context;

/// Takes over the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(console::App);
}
