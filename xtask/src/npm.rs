//! The npm packages of `end2end/`: Playwright for the browser tests, and `wasm-opt` for the browser's side.
//!
//! They are installed from the committed lock file into `end2end/node_modules`, once for each state of that file.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::{
    causeway::workspace,
    setup::{cache_dir, seconds},
    site::hex,
};

/// Returns the folder `end2end` with its packages installed.
///
/// # Errors
/// Fails when npm is missing or cannot fetch; its output is shown.
pub fn packages() -> Result<PathBuf> {
    let folder = workspace().join("end2end");
    let lock = fs::read(folder.join("package-lock.json")).context("end2end has no lock file")?;
    let wanted = hex(&Sha256::digest(&lock));
    // The stamp goes with the folder, so a removed folder is installed again.
    let stamp = folder.join("node_modules/.causeway-lock");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    let began = Instant::now();
    eprintln!("Fetching the npm packages of end2end (about 40 MB, once) …");
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    // Debian's Chromium is used; Playwright's own would be 150 MB more.
    command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    if std::env::var_os("npm_config_cache").is_none() {
        command.env("npm_config_cache", cache_dir().join("npm"));
    }
    let status = command
        .current_dir(&folder)
        .stdin(Stdio::null())
        .status()
        .context("cannot run npm; is Node 20 or newer installed?")?;
    if !status.success() {
        bail!("npm could not install the packages of end2end");
    }
    fs::write(&stamp, wanted)?;
    eprintln!(
        "The npm packages are there after {}.",
        seconds(began.elapsed())
    );
    Ok(folder)
}
