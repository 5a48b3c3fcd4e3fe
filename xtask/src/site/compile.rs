//! From Rust to one WebAssembly module.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{target_dir, toolchain};
use crate::causeway::{Profile, workspace};

/// The target of code that runs in a browser.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// How `app` is compiled for browsers; its other features belong to the server.
const APP: &[&str] = &[
    "--package",
    "app",
    "--lib",
    "--no-default-features",
    "--features",
    "hydrate",
];

/// Compiles `app` and returns the module.
///
/// # Errors
/// Fails when it does not compile; cargo's output is shown.
pub(super) fn compile(profile: Profile, target: &Path) -> Result<PathBuf> {
    let toolchain = toolchain::find()?;
    let (name, folder) = match profile {
        Profile::Release => ("wasm-release", "wasm-release"),
        Profile::Dev => ("dev", "debug"),
    };
    let mut command = toolchain.cargo(target);
    command.arg("build").args(APP).args(["--profile", name]);
    if !succeeds(command)? {
        bail!("app does not compile for browsers");
    }
    let folder = toolchain.target_dir(target).join(TARGET).join(folder);
    Ok(folder.join("app.wasm"))
}

/// Checks `model` and `app` as browsers get them, with clippy where the toolchain has it and warnings denied.
/// Returns whether all is well; what is not is shown.
///
/// # Errors
/// Fails when the target is missing and cannot be added, or cargo cannot run.
pub fn check() -> Result<bool> {
    let (toolchain, target) = (toolchain::find()?, target_dir()?);
    let mut model = toolchain.cargo(&target);
    model.args(["check", "--package", "model"]);
    let mut app = toolchain.cargo(&target);
    if toolchain.has_clippy() {
        app.arg("clippy")
            .args(APP)
            .args(["--", "--deny", "warnings"]);
    } else {
        eprintln!("This toolchain has no clippy: app is only compiled.");
        app.arg("check").args(APP);
    }
    Ok(succeeds(model)? && succeeds(app)?)
}

fn succeeds(mut command: Command) -> Result<bool> {
    let words: Vec<_> = command
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    eprintln!("$ cargo {}", words.join(" "));
    let status = command
        .current_dir(workspace())
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo")?;
    Ok(status.success())
}
