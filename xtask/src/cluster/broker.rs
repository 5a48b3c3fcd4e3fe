//! One broker process: start, freeze, kill, start again.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use super::{Jvm, properties::Ports};
use crate::process::{self, Signal, Usage};

/// How long a broker may take for an orderly shutdown before it is killed.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// One Kafka node (broker and controller) of a [`super::KafkaCluster`].
#[derive(Debug)]
pub struct Broker {
    pub(super) id: i32,
    pub(super) ports: Ports,
    pub(super) home: PathBuf,
    pub(super) jars: PathBuf,
    pub(super) heap_mb: u32,
    pub(super) jvm: Jvm,
    /// File with the keys that tokens are checked by.
    pub(super) jwks: Option<PathBuf>,
    pub(super) child: Mutex<Option<Child>>,
}

impl Broker {
    /// Returns the node id, 1 for the first broker.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Returns `host:port` of the broker's own plaintext listener (behind the fault proxy, where there is one).
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plaintext)
    }

    /// Returns the process id, `None` while the broker is down.
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// Returns what the process has used so far.
    ///
    /// # Errors
    /// Fails while the broker is down.
    pub fn usage(&self) -> Result<Usage> {
        process::usage(self.running()?)
    }

    /// Kills the broker at once and waits until it is gone. Does nothing when it is down.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Freezes the broker and waits until it stands still: its connections stay open and nothing answers.
    ///
    /// # Errors
    /// Fails while the broker is down, or when it does not stand still within 10 s.
    pub fn stop(&self) -> Result<()> {
        process::freeze(self.running()?)
    }

    /// Lets a frozen broker go on.
    ///
    /// # Errors
    /// Fails while the broker is down.
    pub fn cont(&self) -> Result<()> {
        process::signal(self.running()?, Signal::Cont)
    }

    /// Shuts the broker down in an orderly way (leaders move first), at most 30 s, then kills it.
    pub fn terminate(&self) {
        if let Some(mut child) = self.process().take() {
            process::end(&mut child, SHUTDOWN);
        }
    }

    /// Kills the broker if it runs and starts it again on the same ports and log; does not wait until it serves
    /// (see [`super::KafkaCluster::wait_ready`]).
    ///
    /// # Errors
    /// Fails when the process cannot be started.
    pub fn restart(&self) -> Result<()> {
        self.kill();
        self.start()
    }

    /// Starts the process.
    pub(super) fn start(&self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())?;
        let mut command = process::bound_command("java");
        command
            .args([
                format!("-Xmx{}m", self.heap_mb),
                format!("-Xms{}m", self.heap_mb.min(128)),
            ])
            .args(self.jvm.flags())
            .args(LOGGING)
            .args(self.jwks.as_ref().map(|jwks| {
                let name = "org.apache.kafka.sasl.oauthbearer.allowed.urls";
                format!("-D{name}=file://{}", jwks.display())
            }))
            .arg("-cp")
            .arg(self.jars.join("*"))
            .arg("kafka.Kafka")
            .arg(self.home.join("server.properties"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        *self.process() = Some(process::spawn_bound(command)?);
        Ok(())
    }

    /// Copies the data of a running broker to `copy`, in place of what lay there, as a snapshot of its disk would: the broker
    /// stands still meanwhile.
    ///
    /// # Errors
    /// Fails while the broker is down, or when files cannot be copied.
    pub fn save_data(&self, copy: &Path) -> Result<()> {
        self.stop()?;
        let saved = copy_dir(&self.data_dir(), copy);
        self.cont()?;
        saved
    }

    /// Gives a broker that is down the data that [`Broker::save_data`] copied, in place of its own.
    ///
    /// # Errors
    /// Fails while the broker runs, or when files cannot be copied.
    pub fn restore_data(&self, copy: &Path) -> Result<()> {
        ensure!(self.pid().is_none(), "Kafka broker {} runs", self.id);
        copy_dir(copy, &self.data_dir())
    }

    /// Removes what a broker that is down holds of one partition.
    ///
    /// # Errors
    /// Fails while the broker runs, or when it holds nothing of it.
    pub fn wipe_partition(&self, topic: &str, partition: i32) -> Result<()> {
        ensure!(self.pid().is_none(), "Kafka broker {} runs", self.id);
        let dir = self.data_dir().join(format!("{topic}-{partition}"));
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))
    }

    /// Makes these bytes all that a broker that is down holds of one partition, from offset 0 on.
    ///
    /// # Errors
    /// Fails while the broker runs, or when it holds nothing of the partition.
    pub fn replace_log(&self, topic: &str, partition: i32, segment: &[u8]) -> Result<()> {
        ensure!(self.pid().is_none(), "Kafka broker {} runs", self.id);
        let dir = self.data_dir().join(format!("{topic}-{partition}"));
        let files = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
        for file in files {
            let file = file?.path();
            let kind = file.extension().and_then(|kind| kind.to_str());
            // The broker makes its indexes anew.
            if matches!(kind, Some("log" | "index" | "timeindex" | "snapshot")) {
                fs::remove_file(&file)?;
            }
        }
        Ok(fs::write(dir.join(format!("{:020}.log", 0)), segment)?)
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.home.join("log")
    }

    /// Returns an error with the end of the broker's log when its process has ended by itself.
    pub(super) fn check_alive(&self) -> Result<()> {
        if let Some(child) = self.process().as_mut()
            && let Some(status) = child.try_wait()?
        {
            let tail = process::log_tail(&self.log_file(), 25);
            bail!(
                "Kafka broker {} ended at start ({status}); its log ends with:\n{tail}",
                self.id
            );
        }
        Ok(())
    }

    /// Returns the file with the broker's log.
    pub fn log_file(&self) -> PathBuf {
        self.home.join("broker.log")
    }

    fn running(&self) -> Result<u32> {
        self.pid()
            .with_context(|| format!("Kafka broker {} is down", self.id))
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        // A panic in another test thread leaves a child that is still ours to end.
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Warnings and worse go to the log file, with time.
pub(super) const LOGGING: &[&str] = &[
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
];

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(copied.success(), "cannot copy {}", from.display());
    Ok(())
}
