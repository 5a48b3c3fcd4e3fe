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
const MIRROR_MAKER_POM: &str = include_str!("../kafka/mirror-maker.xml");

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
    jars(&Jars {
        what: "Apache Kafka",
        size: "about 55 MB",
        folder: "lib",
        pom: POM,
        version,
    })
}

/// Returns the folder with what MirrorMaker 2 needs besides the jars of [`kafka_jars`], fetched like these.
///
/// # Errors
/// As [`kafka_jars`].
pub fn mirror_maker_jars(version: &str) -> Result<PathBuf> {
    jars(&Jars {
        what: "MirrorMaker 2 of Apache Kafka",
        size: "less than 1 MB",
        folder: "mirror-maker",
        pom: MIRROR_MAKER_POM,
        version,
    })
}

/// A set of jars in the cache.
struct Jars<'a> {
    what: &'a str,
    size: &'a str,
    /// Below the version's folder.
    folder: &'a str,
    pom: &'a str,
    version: &'a str,
}

fn jars(wanted: &Jars<'_>) -> Result<PathBuf> {
    let (what, version) = (wanted.what, wanted.version);
    let place = cache_dir().join("kafka").join(version).join(wanted.folder);
    if place.is_dir() {
        return Ok(place);
    }
    let began = Instant::now();
    eprintln!(
        "Fetching {what} {version} with Maven ({}, once) …",
        wanted.size
    );
    let home = cache_dir()
        .join("kafka")
        .join(format!("{version}.{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    let fetched = fetch_jars(wanted, &home).and_then(|()| {
        let parent = place.parent().context("the cache has no parent folder")?;
        fs::create_dir_all(parent)?;
        // The rename makes the folder appear complete or not at all; losing a race against another run is fine.
        match fs::rename(home.join("lib"), &place) {
            Err(e) if !place.is_dir() => Err(e.into()),
            _ => Ok(()),
        }
    });
    let _ = fs::remove_dir_all(&home);
    fetched?;
    eprintln!(
        "{what} {version} is there after {}.",
        seconds(began.elapsed())
    );
    Ok(place)
}

fn fetch_jars(wanted: &Jars<'_>, home: &Path) -> Result<()> {
    let version = wanted.version;
    fs::write(home.join("pom.xml"), wanted.pom)?;
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
            "Maven could not fetch {} {version}:\n{}{}",
            wanted.what,
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
