//! MirrorMaker 2 in dedicated mode: as it comes, and tuned for throughput.

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{cells::Line, copier::Setting, load};
use crate::{
    cluster::ClusterFacts,
    process::{self, Usage},
    setup,
};

/// How long it may take to end by itself.
const SHUTDOWN: Duration = Duration::from_secs(20);

/// Which settings it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tuning {
    /// Its own defaults; only what one pair of test clusters asks for is set.
    Default,
    /// As many tasks as help, large batches and fetches, nothing but copying.
    Throughput,
}

/// A MirrorMaker 2 whose settings stand on disk, started or not.
#[derive(Debug)]
pub(super) struct MirrorMaker {
    settings_file: PathBuf,
    class_path: String,
    log_file: PathBuf,
    child: Option<Child>,
}

impl MirrorMaker {
    /// Fetches what is missing and writes the settings.
    pub(super) fn prepare(setting: &Setting<'_>, tuning: Tuning) -> Result<Self> {
        let kafka = setup::kafka_jars(setup::KAFKA_NEWEST)?;
        let own = setup::mirror_maker_jars(setup::KAFKA_NEWEST)?;
        fs::create_dir_all(setting.home)?;
        let settings_file = setting.home.join("mirror-maker.properties");
        fs::write(&settings_file, settings(setting, tuning))?;
        Ok(Self {
            settings_file,
            class_path: format!("{}:{}", own.join("*").display(), kafka.join("*").display()),
            log_file: setting.home.join("mirror-maker.log"),
            child: None,
        })
    }

    /// Starts it; it begins to copy as soon as it can.
    pub(super) fn go(&mut self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log_file)?;
        let mut command = process::bound_command("java");
        command
            .args(["-Xmx1536m", "-XX:+UseG1GC"])
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .args(["-cp", &self.class_path])
            .arg("org.apache.kafka.connect.mirror.MirrorMaker")
            .arg(&self.settings_file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.child = Some(process::spawn_bound(command)?);
        Ok(())
    }

    /// Returns what it has used so far; nothing before it was started.
    pub(super) fn usage(&self) -> Result<Usage> {
        match &self.child {
            Some(child) => process::usage(child.id()),
            None => Ok(Usage::default()),
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_none_or(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub(super) fn log_file(&self) -> &Path {
        &self.log_file
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        let child = self.child.as_mut().context("it was not started")?;
        process::end(child, SHUTDOWN);
        self.child = None;
        Ok(())
    }
}

impl Drop for MirrorMaker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn settings(setting: &Setting<'_>, tuning: Tuning) -> String {
    let factor = setting.cell.brokers;
    let mut text = format!(
        "clusters=east,west\n\
         east->west.enabled=true\n\
         east->west.topics={}.*\n\
         west->east.enabled=false\n\
         replication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy\n\
         replication.factor={factor}\n",
        load::TOPIC
    );
    for internal in [
        "offset-syncs.topic",
        "checkpoints.topic",
        "heartbeats.topic",
        "config.storage",
        "offset.storage",
        "status.storage",
    ] {
        let _ = writeln!(text, "{internal}.replication.factor={factor}");
    }
    for (name, cluster) in [("east", setting.east), ("west", setting.west)] {
        text.push_str(&reach(name, cluster, setting.cell.line));
    }
    if tuning == Tuning::Throughput {
        text.push_str(&tuned(setting));
    }
    text
}

fn reach(name: &str, cluster: &ClusterFacts, line: Line) -> String {
    match line {
        Line::Plaintext => format!("{name}.bootstrap.servers={}\n", cluster.bootstrap),
        Line::Tls => format!(
            "{name}.bootstrap.servers={}\n\
             {name}.security.protocol=SSL\n\
             {name}.ssl.truststore.type=PEM\n\
             {name}.ssl.truststore.location={}\n",
            cluster.ssl_bootstrap,
            cluster.ca_file.display()
        ),
    }
}

/// What a throughput-minded operator sets: one request carries much, compression as at the source, no side work.
fn tuned(setting: &Setting<'_>) -> String {
    format!(
        "tasks.max={}\n\
         emit.checkpoints.enabled=false\n\
         emit.heartbeats.enabled=false\n\
         sync.topic.acls.enabled=false\n\
         west.producer.batch.size=1048576\n\
         west.producer.linger.ms=20\n\
         west.producer.max.in.flight.requests.per.connection=5\n\
         west.producer.buffer.memory=134217728\n\
         west.producer.max.request.size=4194304\n\
         west.producer.send.buffer.bytes=-1\n\
         west.producer.compression.type={}\n\
         east.consumer.fetch.max.bytes=52428800\n\
         east.consumer.max.partition.fetch.bytes=8388608\n\
         east.consumer.max.poll.records=5000\n\
         east.consumer.fetch.min.bytes=65536\n\
         east.consumer.receive.buffer.bytes=-1\n",
        setting.cell.partitions.min(8),
        setting.cell.codec
    )
}
