//! What the browser's side is made of, as one fingerprint: while it stays the same, nothing is built again.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::causeway::{Profile, workspace};

/// Files and folders of the workspace that go into the site, the steps that make it among them.
const INPUTS: &[&str] = &[
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "app/Cargo.toml",
    "app/src",
    "crates/model/Cargo.toml",
    "crates/model/src",
    "end2end/package-lock.json",
    "public",
    "rust-toolchain.toml",
    "style",
    "xtask/src/site",
    "xtask/src/site.rs",
];

/// Returns a fingerprint of everything that decides how the site comes out.
///
/// # Errors
/// Fails when a file cannot be read.
pub(super) fn fingerprint(profile: Profile) -> Result<String> {
    let mut hash = Sha256::new();
    // The workspace's place counts: names of server functions are made from it.
    hash.update(format!("{profile:?} {}\n", workspace().display()));
    let mut files = Vec::new();
    for input in INPUTS {
        collect(&workspace().join(input), &mut files)?;
    }
    files.sort();
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        // Lengths keep the end of one part and the start of the next apart.
        hash.update(format!("{} {}\n", file.display(), content.len()));
        hash.update(content);
    }
    Ok(hex(&hash.finalize()))
}

/// Writes bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Collects the files at and below a path; one that is not there counts as nothing.
pub(super) fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if path.exists() {
        files.push(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_changes_the_fingerprint_and_nothing_else_does() {
        let release = fingerprint(Profile::Release).unwrap();
        assert_eq!(release, fingerprint(Profile::Release).unwrap());
        assert_ne!(release, fingerprint(Profile::Dev).unwrap());
        assert_eq!(release.len(), 64);
    }

    #[test]
    fn every_input_exists() {
        for input in INPUTS {
            assert!(workspace().join(input).exists(), "{input}");
        }
    }
}
