//! Kafka's own command line tools, for what no client library here can do.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{Jvm, broker};

/// Runs the tool with this main class on the jars of a Kafka version, and returns what it prints.
pub(super) fn run(jars: &Path, class: &str, arguments: &[&str]) -> Result<String> {
    let out = Command::new("java")
        .arg("-Xmx128m")
        .args(Jvm::QuickStart.flags())
        .args(broker::LOGGING)
        .arg("-cp")
        .arg(jars.join("*"))
        .arg(class)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot run java")?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() {
        let error = String::from_utf8_lossy(&out.stderr);
        bail!("{class} {arguments:?} failed:\n{text}{error}");
    }
    Ok(text)
}
