//! A destination whose disk is full (F11): a broker with one log folder ends then, and nothing that it acknowledged is lost.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use xtask::{
    cluster::{ClusterOptions, KafkaCluster, shared},
    report::Case,
};

use crate::harness::{Console, Topic, link, unique, until};

const SMALL_MB: u32 = 48;
const LARGE_MB: u32 = 512;
/// More than the small disk holds.
const RECORDS: usize = 20_000;
const RECORD_BYTES: usize = 4_000;
/// A full broker ends, comes back, and looks through its log first.
const PATIENCE: Duration = Duration::from_secs(180);

/// A memory file system of its own; it goes away with the value.
struct Disk(PathBuf);

impl Disk {
    /// Returns the reason where this process may not mount.
    fn mount() -> Result<Self, String> {
        let dir = std::env::temp_dir().join(unique("causeway-disk"));
        std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        let disk = Self(dir);
        disk.size(SMALL_MB, "rw").map(|()| disk)
    }

    fn grow(&self) {
        self.size(LARGE_MB, "remount").unwrap();
    }

    fn size(&self, megabytes: u32, how: &str) -> Result<(), String> {
        let options = format!("{how},size={megabytes}m");
        let out = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&self.0)
            .output()
            .map_err(|error| error.to_string())?;
        if out.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&out.stderr).trim().to_owned())
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The broker is gone by now; should it not be, its files go with it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn f11_a_destination_whose_disk_is_full_is_waited_for_and_goes_on_without_loss() {
    let mut case = Case::new("F11 destination disk full");
    let disk = match Disk::mount() {
        Ok(disk) => disk,
        Err(reason) => return case.skip(&reason),
    };
    let mut options = ClusterOptions::new("full");
    options.dir = Some(disk.path().to_owned());
    let (east, full) = (
        shared("east").unwrap(),
        KafkaCluster::start(options).unwrap(),
    );
    let console = Console::start();
    console.connect("east", &east.bootstrap);
    console.connect("full", &full.bootstrap());
    let name = unique("full");
    let source = Topic::new(&east.bootstrap, &name);
    let mirror = Topic::new(&full.bootstrap(), &name);
    source.create(1);
    source.write(0, &"x".repeat(RECORD_BYTES), 0..RECORDS);
    console.post("links", &link(&name, "east", "full", &[&source]));
    console.verb(&name, "start");
    case.faults(1);
    let status = || console.status(&name);
    until("the link waits", PATIENCE, status, || {
        let waits = status()["state"] == "waiting";
        let copied = status()["rates"]["records_total"].as_u64() > Some(0);
        (waits && copied).then_some(())
    });

    disk.grow();
    full.broker(0).restart().unwrap();
    full.wait_ready().unwrap();
    let healed = Instant::now();
    until("all is copied", PATIENCE, status, || {
        let end = mirror.admin().watermarks(&name, 0).ok()?.1;
        (end == source.end(0)).then_some(())
    });
    case.recovered(healed.elapsed());
    case.compared(&source.assert_mirrored_exactly(&mirror));
    assert!(console.findings(&name).is_empty());
    case.note("the broker ends by itself: its disk was its only one");
    drop(full);
}
