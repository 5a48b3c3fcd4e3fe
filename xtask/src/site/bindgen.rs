//! From the compiler's module to what a browser loads: `causeway.js` and `causeway_bg.wasm`.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::{causeway::Profile, npm, setup::seconds};

/// The name that pages ask for.
const NAME: &str = "causeway";

/// What rustc uses for this target by default. Anything else would ask more of browsers, and anything less is refused.
const WASM_FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-call-indirect-overlong",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Writes the module and its JavaScript into `folder`; a release is optimised for size.
///
/// # Errors
/// Fails when the module is of another version of wasm-bindgen than this program, or cannot be optimised.
pub(super) fn generate(wasm: &Path, folder: &Path, profile: Profile) -> Result<()> {
    eprintln!("Writing the JavaScript side (wasm-bindgen) …");
    let release = profile == Profile::Release;
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(wasm)
        .web(true)?
        .out_name(NAME)
        .typescript(false)
        .remove_name_section(release)
        .remove_producers_section(true);
    bindgen.generate(folder).with_context(|| {
        "wasm-bindgen refused the module; `wasm-bindgen` and `wasm-bindgen-cli-support` must be of one version"
    })?;
    if release {
        optimise(&folder.join(format!("{NAME}_bg.wasm")))?;
    }
    Ok(())
}

fn optimise(module: &Path) -> Result<()> {
    let tool = npm::packages()?.join("node_modules/binaryen/bin/wasm-opt");
    let began = Instant::now();
    eprintln!("Optimising for size (wasm-opt) …");
    let smaller = module.with_extension("smaller");
    let out = Command::new("node")
        .arg(tool)
        .args(["-Oz", "--strip-debug", "--strip-producers"])
        .args(WASM_FEATURES)
        .arg(module)
        .arg("--output")
        .arg(&smaller)
        .stdin(Stdio::null())
        .output()
        .context("cannot run node")?;
    if !out.status.success() {
        bail!("wasm-opt failed: {}", String::from_utf8_lossy(&out.stderr));
    }
    fs::rename(&smaller, module)?;
    eprintln!("Optimised after {}.", seconds(began.elapsed()));
    Ok(())
}
