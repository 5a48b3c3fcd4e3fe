//! Debian's Rust as the compiler for browsers, for machines that cannot fetch rustup's target.
//!
//! Debian's packages bring no standard library for `wasm32-unknown-unknown`, but its source: it is built once, into the
//! cache folder. Nothing under `/usr` is written but by `apt-get`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use super::compile::TARGET;
use crate::setup::{cache_dir, install_packages, seconds};

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const SOURCES: &str = "/usr/src";

/// Debian's toolchain with a standard library for browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sysroot {
    folder: PathBuf,
    linker: PathBuf,
}

impl Sysroot {
    /// Returns Debian's cargo, set up to compile for browsers.
    pub(super) fn cargo(&self) -> Command {
        let mut command = debian_cargo();
        command
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker)
            // Reaches code for browsers alone: build scripts and macros keep Debian's own library.
            .env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
                format!("--cfg erase_components --sysroot {}", self.folder.display()),
            );
        command
    }
}

/// Installs Debian's toolchain where it is missing, builds the standard library once, and returns both.
///
/// # Errors
/// Fails with the exact `apt-get` line when packages are missing and may not be installed, or when the library does not
/// build.
pub(super) fn sysroot() -> Result<Sysroot> {
    if newest_linker().is_none() || source().is_none() || !Path::new(RUSTC).exists() {
        let linker = newest_linker_package().unwrap_or_else(|| "lld".to_owned());
        install_packages(&["rustc-web", "cargo-web", "rust-web-src", &linker])?;
    }
    let source = source().context("rust-web-src brought no source in /usr/src")?;
    let linker = newest_linker().context("lld brought no wasm-ld")?;
    let version = source.file_name().context("a source without a name")?;
    let folder = cache_dir().join("wasm-sysroot").join(version);
    if !library(&folder).is_dir() {
        build_library(&source, &linker, &folder)?;
    }
    Ok(Sysroot { folder, linker })
}

/// Where a compiler looks for the library below its root.
fn library(folder: &Path) -> PathBuf {
    folder.join("lib/rustlib").join(TARGET).join("lib")
}

fn build_library(source: &Path, linker: &Path, folder: &Path) -> Result<()> {
    let began = Instant::now();
    eprintln!("Building Rust's standard library for browsers (about a minute, once) …");
    let parent = folder.parent().context("the cache has no parent folder")?;
    fs::create_dir_all(parent)?;
    let work = parent.join(format!("work.{}", uuid::Uuid::new_v4()));
    let built = build_in(source, linker, &work).and_then(|()| {
        // The rename makes the library appear complete or not at all; losing a race against another run is fine.
        match fs::rename(work.join("sysroot"), folder) {
            Err(error) if !library(folder).is_dir() => Err(error.into()),
            _ => Ok(()),
        }
    });
    let _ = fs::remove_dir_all(&work);
    built?;
    eprintln!(
        "The standard library is built after {}.",
        seconds(began.elapsed())
    );
    Ok(())
}

fn build_in(source: &Path, linker: &Path, work: &Path) -> Result<()> {
    let copy = work.join("source");
    fs::create_dir_all(&copy)?;
    // The source is full of links into other packages, and a few licence texts' links lead nowhere: `cp` complains of
    // these and copies the rest.
    let _ = Command::new("cp")
        .args(["--recursive", "--dereference"])
        .arg(source)
        .arg(copy.join("rust"))
        .stderr(Stdio::null())
        .status()?;
    let library_source = copy.join("rust/library");
    let target = work.join("target");
    let status = debian_cargo()
        .args(["build", "--release", "--target", TARGET])
        .args(["--package", "sysroot", "--features", "panic-unwind"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
        .env(
            "RUSTFLAGS",
            "-Cembed-bitcode=yes -Zforce-unstable-if-unmarked",
        )
        .current_dir(&library_source)
        .stdin(Stdio::null())
        .status()
        .context("cannot run Debian's cargo")?;
    if !status.success() {
        bail!("the standard library did not build");
    }
    let library = library(&work.join("sysroot"));
    fs::create_dir_all(&library)?;
    for entry in fs::read_dir(target.join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        if let (Some(name), Some("rlib")) =
            (path.file_name(), path.extension().and_then(|e| e.to_str()))
        {
            fs::copy(&path, library.join(name))?;
        }
    }
    Ok(())
}

/// Debian's cargo with Debian's compiler, whatever toolchain runs us.
fn debian_cargo() -> Command {
    let mut command = Command::new(CARGO);
    command.env("RUSTC", RUSTC);
    // What `cargo run` and rustup set for their own programs would lead Debian's astray.
    for name in [
        "LD_LIBRARY_PATH",
        "RUSTUP_TOOLCHAIN",
        "RUSTDOC",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
    ] {
        command.env_remove(name);
    }
    command
}

/// Returns the newest source of Rust, such as `/usr/src/rustc-1.96.0`.
fn source() -> Option<PathBuf> {
    newest(Path::new(SOURCES), "rustc-")
}

/// Returns the newest linker, such as `/usr/bin/wasm-ld-22`.
fn newest_linker() -> Option<PathBuf> {
    newest(Path::new("/usr/bin"), "wasm-ld-")
}

fn newest(folder: &Path, prefix: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let named = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        Some((version(name.strip_prefix(prefix)?)?, name))
    });
    let (_, name) = named.max()?;
    Some(folder.join(name))
}

/// Returns the newest package `lld-<n>` that apt knows.
fn newest_linker_package() -> Option<String> {
    let out = Command::new("apt-cache")
        .args(["pkgnames", "lld-"])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let names = text
        .lines()
        .filter_map(|name| Some((version(name.strip_prefix("lld-")?)?, name)));
    names.max().map(|(_, name)| name.to_owned())
}

/// Reads `1.96.0` or `22`; anything else is no version.
fn version(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("1.100.0") > version("1.96.0"));
        assert!(version("22") > version("9"));
        assert_eq!(version("1.96.0-old"), None);
    }
}
