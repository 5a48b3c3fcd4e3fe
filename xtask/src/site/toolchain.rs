//! Which Rust compiles for browsers: the one in use with rustup's target, or Debian's own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{compile::TARGET, debian};

/// A Rust that can compile for browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Toolchain {
    /// The one in use.
    Rustup,
    /// Debian's, with a standard library that was built here.
    Debian(debian::Sysroot),
}

/// Finds a toolchain: the target is there, or rustup adds it, or Debian's toolchain takes over.
///
/// # Errors
/// Fails with the exact lines that help when none of these works.
pub(super) fn find() -> Result<Toolchain> {
    // Says which way is tried, for machines where the first one works and the second is to be tested.
    let forced = std::env::var_os("CAUSEWAY_WASM_TOOLCHAIN").is_some_and(|name| name == "debian");
    if !forced && (has_target()? || add_target()) {
        return Ok(Toolchain::Rustup);
    }
    match debian::sysroot() {
        Ok(sysroot) => Ok(Toolchain::Debian(sysroot)),
        Err(error) => bail!(
            "no Rust here compiles for browsers; this line adds the target:\n\n  rustup target add {TARGET}\n\n\
             and where it cannot be fetched, Debian's toolchain does it: {error:#}"
        ),
    }
}

impl Toolchain {
    /// Returns cargo with its target set, to which a command is added.
    pub(super) fn cargo(&self, target: &Path) -> Command {
        let mut command = match self {
            Self::Rustup => {
                Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            }
            Self::Debian(sysroot) => sysroot.cargo(),
        };
        command
            .env("CARGO_BUILD_TARGET", TARGET)
            .env("CARGO_TARGET_DIR", self.target_dir(target));
        command
    }

    /// Returns the target folder. Debian's Rust has one of its own: else each would build everything anew.
    pub(super) fn target_dir(&self, target: &Path) -> PathBuf {
        match self {
            Self::Rustup => target.to_owned(),
            Self::Debian(_) => target.join("wasm-debian"),
        }
    }

    /// Says whether `cargo clippy` works with it.
    pub(super) fn has_clippy(&self) -> bool {
        *self == Self::Rustup
    }
}

fn has_target() -> Result<bool> {
    let out = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("cannot run rustc")?;
    let root = PathBuf::from(String::from_utf8_lossy(&out.stdout).trim());
    Ok(root.join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

fn add_target() -> bool {
    eprintln!("Adding Rust's target {TARGET} …");
    Command::new("rustup")
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
