//! What must be installed on this machine, and installing it where we may.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

/// One thing that must be installed, and the Debian packages that bring it.
struct Prerequisite {
    what: &'static str,
    packages: &'static [&'static str],
    present: fn() -> bool,
}

const PREREQUISITES: &[Prerequisite] = &[
    Prerequisite {
        what: "a C compiler and make (librdkafka is built from source)",
        packages: &["build-essential"],
        present: || runs("cc", &["--version"]) && runs("make", &["--version"]),
    },
    Prerequisite {
        what: "pkg-config",
        packages: &["pkg-config"],
        present: || runs("pkg-config", &["--version"]),
    },
    Prerequisite {
        what: "OpenSSL's headers (librdkafka's TLS)",
        packages: &["libssl-dev"],
        present: || runs("pkg-config", &["--exists", "openssl"]),
    },
    Prerequisite {
        what: "setpriv of util-linux (so that no broker outlives a killed test)",
        packages: &["util-linux"],
        present: || runs("setpriv", &["--version"]),
    },
    Prerequisite {
        what: "Java 17 or newer (real Kafka brokers)",
        packages: &["default-jdk-headless"],
        present: || java_version().is_some_and(|v| v >= 17),
    },
    Prerequisite {
        what: "Maven (fetches the Kafka jars)",
        packages: &["maven"],
        present: || runs("mvn", &["--version"]),
    },
    Prerequisite {
        what: "Node 20 or newer with npm (where the system's is older: https://nodejs.org)",
        packages: &["nodejs", "npm"],
        present: || node_version().is_some_and(|v| v >= 20) && runs("npm", &["--version"]),
    },
];

const BROWSER_PREREQUISITES: &[Prerequisite] = &[Prerequisite {
    what: "Chromium (browser tests)",
    packages: &["chromium"],
    present: || runs(&chromium().to_string_lossy(), &["--version"]),
}];

/// Checks what every command needs; see [`super::run`].
///
/// # Errors
/// As [`super::run`].
pub fn prerequisites() -> Result<()> {
    check(PREREQUISITES)
}

/// Checks what browser tests need besides.
///
/// # Errors
/// As [`super::run`].
pub fn browser_prerequisites() -> Result<()> {
    check(BROWSER_PREREQUISITES)
}

/// Returns the browser that tests drive: `$CAUSEWAY_CHROMIUM`, else Debian's.
pub fn chromium() -> PathBuf {
    std::env::var_os("CAUSEWAY_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from)
}

fn check(wanted: &[Prerequisite]) -> Result<()> {
    let missing: Vec<&Prerequisite> = wanted.iter().filter(|p| !(p.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(|p| format!("  - {}", p.what)).collect();
    eprintln!("Missing on this machine:\n{}", list.join("\n"));
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|p| p.packages.iter().copied())
        .collect();
    install_packages(&packages)?;
    if let Some(still) = missing.iter().find(|p| !(p.present)()) {
        bail!("still missing after the installation: {}", still.what);
    }
    Ok(())
}

/// Installs Debian packages.
///
/// # Errors
/// Fails with the exact line when we are not root or this is no Debian, and when the installation fails.
pub(crate) fn install_packages(packages: &[&str]) -> Result<()> {
    let line = format!(
        "apt-get install --yes --no-install-recommends {}",
        packages.join(" ")
    );
    if !runs("apt-get", &["--version"]) {
        bail!(
            "install what is missing ({}), then start again",
            packages.join(", ")
        );
    }
    if !is_root() {
        bail!("run this line, then start again:\n\n  sudo {line}\n");
    }
    eprintln!("Installing: {line}");
    shell("apt-get update -qq")?;
    shell(&format!("DEBIAN_FRONTEND=noninteractive {line}"))
}

fn runs(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

fn java_version() -> Option<u32> {
    let out = Command::new("java").arg("-version").output().ok()?;
    parse_java_version(&String::from_utf8_lossy(&out.stderr))
}

/// Reads the feature release out of `java -version`: `"17.0.15"` is 17 and `"1.8.0_392"` is 8.
fn parse_java_version(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    let mut parts = quoted.split(['.', '-', '+', '_']);
    match parts.next()?.parse().ok()? {
        1 => parts.next()?.parse().ok(),
        feature => Some(feature),
    }
}

/// Reads the first number of `v20.19.1`.
fn node_version() -> Option<u32> {
    let out = Command::new("node").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

fn shell(line: &str) -> Result<()> {
    let status = Command::new("sh").args(["-c", line]).status()?;
    if !status.success() {
        bail!("this line failed: {line}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_old_and_new_java_version_lines() {
        let cases = [
            ("openjdk version \"17.0.15\" 2025-04-15", Some(17)),
            ("openjdk version \"21\" 2023-09-19", Some(21)),
            ("openjdk version \"25-ea\" 2025-09-16", Some(25)),
            ("java version \"1.8.0_392\"", Some(8)),
            ("command not found", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_java_version(text), expected, "{text}");
        }
    }
}
