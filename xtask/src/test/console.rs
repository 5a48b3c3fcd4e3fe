//! The steps for the console: the browser's side compiles, is small, and works in a browser.

use anyhow::{Context as _, Result};

use super::{Outcome, TestOptions};
use crate::{
    browser::{self, BrowserOptions},
    causeway::Profile,
    site::{self, WASM_BUDGET_BYTES},
};

/// Checks what browsers get with warnings denied, builds it as released, and holds it to its budget.
pub(super) fn wasm() -> Result<Outcome> {
    if !site::check()? {
        return Ok(Outcome::Failed);
    }
    let sizes = site::sizes(&site::build(Profile::Release)?)?;
    for (name, bytes) in &sizes {
        println!("  {name:<28} {bytes:>9} bytes");
    }
    let (_, bytes) = sizes
        .iter()
        .find(|(name, _)| name.ends_with(".wasm.br"))
        .context("the module has no compressed copy")?;
    println!("The compressed module has {bytes} of at most {WASM_BUDGET_BYTES} bytes.");
    Ok(if *bytes <= WASM_BUDGET_BYTES {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}

/// Runs the browser tests with the released browser's side and the development build of the server, which the steps
/// before have built.
pub(super) fn browser(options: &TestOptions) -> Result<Outcome> {
    browser::run(&BrowserOptions {
        filter: options.filter.clone(),
        ..BrowserOptions::default()
    })?;
    Ok(Outcome::Passed)
}
