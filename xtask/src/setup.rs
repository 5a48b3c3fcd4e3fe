//! What a machine needs before anything can be built or started, and fetching the Kafka jars.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::npm;

mod prerequisites;

pub(crate) use prerequisites::install_packages;
pub use prerequisites::{browser_prerequisites, chromium, prerequisites};

/// The newest Kafka line that is tested.
pub const KAFKA_NEWEST: &str = "4.3.1";
/// An older line that is still tested.
pub const KAFKA_OLDER: &str = "3.9.1";

const POM: &str = include_str!("../kafka/pom.xml");

/// Checks the machine, installs missing Debian packages when run as root, and fetches the jars of both Kafka lines and
/// the npm packages.
///
/// # Errors
/// Names everything that is missing and the exact line that installs it, when we may not or cannot do it ourselves.
pub fn run() -> Result<()> {
    prerequisites()?;
    browser_prerequisites()?;
    for version in [KAFKA_NEWEST, KAFKA_OLDER] {
        kafka_jars(version)?;
    }
    npm::packages()?;
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
