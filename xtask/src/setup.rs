//! What a machine needs before anything can be built or started, and fetching the Kafka jars.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The newest Kafka line that is tested.
pub const KAFKA_NEWEST: &str = "4.3.1";
/// An older line that is still tested.
pub const KAFKA_OLDER: &str = "3.9.1";

const POM: &str = include_str!("../kafka/pom.xml");

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
];

/// Checks the machine, installs missing Debian packages when run as root, and fetches the jars of both Kafka lines.
///
/// # Errors
/// Names everything that is missing and the exact line that installs it, when we may not or cannot do it ourselves.
pub fn run() -> Result<()> {
    prerequisites()?;
    for version in [KAFKA_NEWEST, KAFKA_OLDER] {
        kafka_jars(version)?;
    }
    Ok(())
}

/// Checks the prerequisites alone; see [`run`].
///
/// # Errors
/// As [`run`].
pub fn prerequisites() -> Result<()> {
    let missing: Vec<&Prerequisite> = PREREQUISITES.iter().filter(|p| !(p.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|p| p.packages.iter().copied())
        .collect();
    let line = format!(
        "apt-get install --yes --no-install-recommends {}",
        packages.join(" ")
    );
    let list: Vec<String> = missing.iter().map(|p| format!("  - {}", p.what)).collect();
    eprintln!("Missing on this machine:\n{}", list.join("\n"));
    if !runs("apt-get", &["--version"]) {
        bail!("install what is listed above, then start again");
    }
    if !is_root() {
        bail!("run this line, then start again:\n\n  sudo {line}\n");
    }
    eprintln!("Installing: {line}");
    shell("apt-get update -qq")?;
    shell(&format!("DEBIAN_FRONTEND=noninteractive {line}"))?;
    if let Some(still) = missing.iter().find(|p| !(p.present)()) {
        bail!("still missing after the installation: {}", still.what);
    }
    Ok(())
}

/// Returns the folder that keeps jars and other fetched things between runs: `$CAUSEWAY_CACHE`, else
/// `$HOME/.cache/causeway`.
pub fn cache_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("CAUSEWAY_CACHE") {
        return dir.into();
    }
    std::env::var_os("HOME")
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join(".cache/causeway")
}

/// Returns the folder with the jars of one Kafka version, fetched by Maven when it is not there yet.
///
/// # Errors
/// Fails when Maven is missing or cannot fetch; its output is part of the error.
pub fn kafka_jars(version: &str) -> Result<PathBuf> {
    let lib = cache_dir().join("kafka").join(version).join("lib");
    if lib.is_dir() {
        return Ok(lib);
    }
    let began = Instant::now();
    eprintln!("Fetching Apache Kafka {version} with Maven (about 55 MB, once) …");
    let home = cache_dir()
        .join("kafka")
        .join(format!("{version}.{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    let fetched = fetch_jars(version, &home).and_then(|()| {
        let parent = lib.parent().context("the cache has no parent folder")?;
        fs::create_dir_all(parent)?;
        // The rename makes the folder appear complete or not at all; losing a race against another run is fine.
        match fs::rename(home.join("lib"), &lib) {
            Err(e) if !lib.is_dir() => Err(e.into()),
            _ => Ok(()),
        }
    });
    let _ = fs::remove_dir_all(&home);
    fetched?;
    eprintln!(
        "Apache Kafka {version} is there after {}.",
        seconds(began.elapsed())
    );
    Ok(lib)
}

fn fetch_jars(version: &str, home: &Path) -> Result<()> {
    fs::write(home.join("pom.xml"), POM)?;
    let out = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "dependency:copy-dependencies"])
        .arg(format!("-Dkafka.version={version}"))
        .arg(format!("-DoutputDirectory={}", home.join("lib").display()))
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .context("cannot run mvn; is Maven installed?")?;
    if !out.status.success() {
        bail!(
            "Maven could not fetch Apache Kafka {version}:\n{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(())
}

/// Writes a duration as people read it, such as `4.2 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
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
