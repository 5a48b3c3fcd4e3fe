//! The browser's side as files: `app` compiled to WebAssembly, its JavaScript, style sheet and public files.
//!
//! [`build`] leaves the folder `site` (`site-dev` for the quicker build) in cargo's target folder: `pkg/causeway.js`,
//! `pkg/causeway_bg.wasm`, `pkg/main.css`, what is in `public/`, and a `.gz` and a `.br` of each that can be compressed.
//! The folder appears complete or not at all, and is left as it is while none of its inputs changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    causeway::{Profile, workspace},
    setup::{self, seconds},
};

mod bindgen;
mod compile;
mod compress;
mod debian;
mod inputs;
mod toolchain;

pub use compile::check;
pub(crate) use inputs::hex;

/// The compressed module's size in bytes above which the check fails, as UX.md's budgets say.
pub const WASM_BUDGET_BYTES: u64 = 500_000;

/// Options of `cargo xtask site`.
#[derive(Clone, Debug, clap::Args)]
pub struct SiteOptions {
    /// Build quickly: not optimised, and with the checks of a development build.
    #[arg(long)]
    pub dev: bool,
}

/// Builds the browser's side and tells where it is and how large.
///
/// # Errors
/// Fails when a prerequisite is missing or a step fails.
pub fn run(options: &SiteOptions) -> Result<()> {
    setup::prerequisites()?;
    let site = build(if options.dev {
        Profile::Dev
    } else {
        Profile::Release
    })?;
    println!("{}", site.display());
    for (name, bytes) in sizes(&site)? {
        println!("  {name:<28} {bytes:>9} bytes");
    }
    Ok(())
}

/// Builds the browser's side where its inputs have changed, and returns the folder.
///
/// # Errors
/// Fails when the target is missing and cannot be added, or when a step fails; the old folder is kept then.
pub fn build(profile: Profile) -> Result<PathBuf> {
    let began = Instant::now();
    let target = target_dir()?;
    let name = match profile {
        Profile::Release => "site",
        Profile::Dev => "site-dev",
    };
    let site = target.join(name);
    let stamp = target.join(format!("{name}.inputs"));
    let inputs = inputs::fingerprint(profile)?;
    if site.is_dir() && fs::read_to_string(&stamp).is_ok_and(|built| built == inputs) {
        return Ok(site);
    }
    eprintln!("Building the browser side (the first time this takes some minutes) …");
    let wasm = compile::compile(profile, &target)?;
    let fresh = target.join(format!("{name}.{}", uuid::Uuid::new_v4()));
    let published = assemble(&wasm, &fresh, profile).and_then(|()| publish(&fresh, &site));
    if published.is_err() {
        let _ = fs::remove_dir_all(&fresh);
    }
    published?;
    fs::write(stamp, inputs)?;
    eprintln!(
        "The browser side is built after {}.",
        seconds(began.elapsed())
    );
    Ok(site)
}

/// Returns name and size in bytes of what a browser loads, as it is and compressed.
///
/// # Errors
/// Fails when a file is missing.
pub fn sizes(site: &Path) -> Result<Vec<(String, u64)>> {
    let names = ["causeway_bg.wasm", "causeway.js", "main.css"];
    let mut sizes = Vec::new();
    for name in names
        .iter()
        .flat_map(|n| ["", ".gz", ".br"].map(|end| format!("pkg/{n}{end}")))
    {
        let file = fs::metadata(site.join(&name)).with_context(|| format!("no file {name}"))?;
        sizes.push((name, file.len()));
    }
    Ok(sizes)
}

/// Returns cargo's target folder for this workspace.
///
/// # Errors
/// Fails when cargo does.
pub fn target_dir() -> Result<PathBuf> {
    let out = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(workspace())
        .output()
        .context("cannot run cargo")?;
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
    match metadata["target_directory"].as_str() {
        Some(folder) => Ok(folder.into()),
        None => bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&out.stderr)
        ),
    }
}

/// Puts everything together in a folder of its own.
fn assemble(wasm: &Path, fresh: &Path, profile: Profile) -> Result<()> {
    let pkg = fresh.join("pkg");
    fs::create_dir_all(&pkg).with_context(|| format!("cannot create {}", pkg.display()))?;
    copy_all(&workspace().join("public"), fresh)?;
    fs::copy(workspace().join("style/main.css"), pkg.join("main.css"))
        .context("cannot copy style/main.css")?;
    bindgen::generate(wasm, &pkg, profile)?;
    eprintln!("Compressing …");
    compress::all(fresh, profile)
}

/// Replaces the old folder. A server that reads just now may miss one file for an instant, and never sees half a build.
fn publish(fresh: &Path, site: &Path) -> Result<()> {
    let old = fresh.with_extension("old");
    if site.exists() {
        fs::rename(site, &old)?;
    }
    fs::rename(fresh, site).with_context(|| format!("cannot rename to {}", site.display()))?;
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        match (hidden, entry.file_type()?.is_dir()) {
            // Such as `.gitkeep`: for tools, not for browsers.
            (true, _) => {}
            (false, true) => copy_all(&entry.path(), &to.join(entry.file_name()))?,
            (false, false) => {
                fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
    }
    Ok(())
}
