//! Real Kafka clusters on this machine: KRaft nodes (broker and controller in one), all listeners on loopback.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use xtask::cluster::{ClusterOptions, KafkaCluster};
//! let east = KafkaCluster::start(ClusterOptions::new("east"))?;
//! println!("{}", east.bootstrap());
//! east.broker(0).kill();
//! # Ok(()) }
//! ```
//!
//! Everything blocks; from async code call it on a blocking thread. Brokers end with the value that owns them, and
//! also when this process is killed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::{admin::Admin, proxy::FaultProxy, setup};

mod broker;
mod certificates;
mod ports;
mod properties;

pub use broker::Broker;
pub use ports::free_ports;

/// The user of every SASL listener, for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
pub const USER: &str = "causeway";
/// That user's password.
pub const PASSWORD: &str = "bench-secret";

/// How long brokers may take until all of them serve.
const READY: Duration = Duration::from_secs(90);

/// What a cluster is to be; start from [`ClusterOptions::new`] and change fields.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Used in folder names and messages.
    pub name: String,
    /// Kafka version, [`setup::KAFKA_NEWEST`] by default.
    pub version: String,
    /// Number of nodes, 1 by default.
    pub brokers: u16,
    /// Where logs and settings go; by default a temporary folder that goes away with the cluster. A folder that
    /// already holds a cluster is started again, on new ports.
    pub dir: Option<PathBuf>,
    /// Broker properties that are added to ours or replace them.
    pub properties: BTreeMap<String, String>,
    /// Whether clients of the plaintext listener reach each broker through a fault proxy of its own.
    pub proxy: ProxyUse,
    /// Java heap per broker in MiB, 256 by default.
    pub heap_mb: u32,
    /// What the Java machine is tuned for.
    pub jvm: Jvm,
    /// Host names and addresses the brokers' certificate is valid for.
    pub certificate_names: Vec<String>,
}

/// Whether a cluster stands behind fault proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyUse {
    Direct,
    FaultProxy,
}

/// What the brokers' Java machine is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jvm {
    /// Up soon and little CPU at start: tests and demo.
    QuickStart,
    /// Java's own defaults: benchmarks.
    Throughput,
}

impl Jvm {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::QuickStart => &[
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xshare:auto",
            ],
            Self::Throughput => &["-XX:+UseG1GC"],
        }
    }
}

impl ClusterOptions {
    /// One broker of the newest version in a temporary folder, no proxy.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: setup::KAFKA_NEWEST.to_owned(),
            brokers: 1,
            dir: None,
            properties: BTreeMap::new(),
            proxy: ProxyUse::Direct,
            heap_mb: 256,
            jvm: Jvm::QuickStart,
            certificate_names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        }
    }

    /// Sets the number of brokers.
    #[must_use]
    pub fn brokers(mut self, brokers: u16) -> Self {
        self.brokers = brokers;
        self
    }

    /// Sets the Kafka version.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// Adds or replaces one broker property.
    #[must_use]
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Puts a fault proxy before each broker's plaintext listener.
    #[must_use]
    pub fn behind_proxies(mut self) -> Self {
        self.proxy = ProxyUse::FaultProxy;
        self
    }
}

/// How to reach a cluster: what tests hand on to other processes and what `demo.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFacts {
    pub name: String,
    pub version: String,
    /// Comma-separated `host:port` of the plaintext listeners, through the fault proxies where there are any.
    pub bootstrap: String,
    pub ssl_bootstrap: String,
    pub sasl_plaintext_bootstrap: String,
    pub sasl_ssl_bootstrap: String,
    /// PEM file of the authority that signed the brokers' certificate.
    pub ca_file: PathBuf,
    pub user: String,
    pub password: String,
    /// Process ids, by broker.
    pub pids: Vec<u32>,
}

impl ClusterFacts {
    /// Returns the cluster that `cargo xtask test` put into the environment variable `name`, such as
    /// `CAUSEWAY_TEST_EAST`; `None` outside of such a run.
    pub fn from_env(name: &str) -> Option<Self> {
        serde_json::from_str(&std::env::var(name).ok()?).ok()
    }
}

/// Returns the shared cluster `name` (`east` or `west`): the one `cargo xtask test` has started, else one that this
/// process starts at first use and that ends with it. Tests that share it use topics with names of their own.
///
/// # Errors
/// Fails when the cluster cannot be started.
pub fn shared(name: &str) -> Result<ClusterFacts> {
    static STARTED: Mutex<BTreeMap<String, KafkaCluster>> = Mutex::new(BTreeMap::new());
    if let Some(facts) = ClusterFacts::from_env(&format!("CAUSEWAY_TEST_{}", name.to_uppercase())) {
        return Ok(facts);
    }
    let mut started = STARTED
        .lock()
        .map_err(|_| anyhow!("starting a shared cluster failed"))?;
    if let Some(cluster) = started.get(name) {
        return Ok(cluster.facts());
    }
    let cluster = KafkaCluster::start(ClusterOptions::new(name))?;
    Ok(started.entry(name.to_owned()).or_insert(cluster).facts())
}

/// A running Kafka cluster; its brokers end when it is dropped.
#[derive(Debug)]
pub struct KafkaCluster {
    options: ClusterOptions,
    brokers: Vec<Broker>,
    proxies: Vec<Arc<FaultProxy>>,
    dir: PathBuf,
    took: Duration,
}

impl KafkaCluster {
    /// Fetches the jars if needed, formats and starts all nodes, and waits until every broker serves.
    ///
    /// # Errors
    /// Fails when a prerequisite is missing, a broker ends at start (its log is quoted), or 90 s pass.
    pub fn start(options: ClusterOptions) -> Result<Self> {
        let began = Instant::now();
        let jars = setup::kafka_jars(&options.version)?;
        let dir = match &options.dir {
            Some(dir) => dir.clone(),
            None => temporary_dir(&options.name)?,
        };
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        if !dir.join("broker.pem").exists() {
            certificates::write(&dir, &options.certificate_names)?;
        }
        let (brokers, proxies) = lay_out(&options, &dir, &jars)?;
        let mut cluster = Self {
            options,
            brokers,
            proxies,
            dir,
            took: Duration::ZERO,
        };
        format(&cluster.dir, &cluster.brokers)?;
        for broker in &cluster.brokers {
            broker.start()?;
        }
        cluster.wait_ready()?;
        cluster.took = began.elapsed();
        Ok(cluster)
    }

    /// Waits until every broker is registered and answers, at most 90 s.
    ///
    /// # Errors
    /// Fails when a broker's process has ended, or after 90 s.
    pub fn wait_ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY;
        let addresses: Vec<String> = self
            .brokers
            .iter()
            .map(|b| format!("127.0.0.1:{}", b.ports.internal))
            .collect();
        loop {
            for broker in &self.brokers {
                broker.check_alive()?;
            }
            let listening = addresses
                .iter()
                .all(|address| std::net::TcpStream::connect(address).is_ok());
            if listening
                && Admin::new(&addresses.join(","))?
                    .broker_count()
                    .unwrap_or(0)
                    == addresses.len()
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "the brokers of {} do not serve after {} s",
                    self.name(),
                    READY.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the name given in the options.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// Returns how long it took from the first step until all brokers served.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Returns the comma-separated `host:port` of the plaintext listeners as clients should use them.
    pub fn bootstrap(&self) -> String {
        self.addresses(|ports| ports.advertised_plaintext)
    }

    /// Returns the comma-separated `host:port` of the TLS listeners (no sign-in).
    pub fn ssl_bootstrap(&self) -> String {
        self.addresses(|ports| ports.ssl)
    }

    /// Returns the comma-separated `host:port` of the listeners with sign-in and no TLS.
    pub fn sasl_plaintext_bootstrap(&self) -> String {
        self.addresses(|ports| ports.sasl_plaintext)
    }

    /// Returns the comma-separated `host:port` of the listeners with TLS and sign-in.
    pub fn sasl_bootstrap(&self) -> String {
        self.addresses(|ports| ports.sasl_ssl)
    }

    /// Returns the PEM file of the authority that signed the brokers' certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Returns the folder with settings and logs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns everything another process needs to use the cluster.
    pub fn facts(&self) -> ClusterFacts {
        ClusterFacts {
            name: self.options.name.clone(),
            version: self.options.version.clone(),
            bootstrap: self.bootstrap(),
            ssl_bootstrap: self.ssl_bootstrap(),
            sasl_plaintext_bootstrap: self.sasl_plaintext_bootstrap(),
            sasl_ssl_bootstrap: self.sasl_bootstrap(),
            ca_file: self.ca_file(),
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            pids: self.brokers.iter().filter_map(Broker::pid).collect(),
        }
    }

    /// Returns the brokers; the first has node id 1.
    pub fn brokers(&self) -> &[Broker] {
        &self.brokers
    }

    /// Returns broker number `index`, from 0.
    ///
    /// # Panics
    /// Panics when there is no such broker.
    pub fn broker(&self, index: usize) -> &Broker {
        &self.brokers[index]
    }

    /// Returns the fault proxy before broker number `index`; `None` for a cluster without proxies.
    pub fn proxy(&self, index: usize) -> Option<&Arc<FaultProxy>> {
        self.proxies.get(index)
    }

    /// Returns all fault proxies, in the order of the brokers.
    pub fn proxies(&self) -> &[Arc<FaultProxy>] {
        &self.proxies
    }

    /// Shuts all brokers down in an orderly way, at the same time.
    pub fn terminate(&self) {
        std::thread::scope(|scope| {
            for broker in &self.brokers {
                scope.spawn(|| broker.terminate());
            }
        });
    }

    fn addresses(&self, port: impl Fn(&properties::Ports) -> u16) -> String {
        let all: Vec<String> = self
            .brokers
            .iter()
            .map(|b| format!("127.0.0.1:{}", port(&b.ports)))
            .collect();
        all.join(",")
    }
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        for broker in &self.brokers {
            broker.kill();
        }
        if self.options.dir.is_none() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Chooses ports, starts proxies and writes every broker's settings.
fn lay_out(
    options: &ClusterOptions,
    dir: &Path,
    jars: &Path,
) -> Result<(Vec<Broker>, Vec<Arc<FaultProxy>>)> {
    let mut free = free_ports(usize::from(options.brokers) * 6)?.into_iter();
    let mut port = || free.next().context("too few ports");
    let mut proxies = Vec::new();
    let mut brokers = Vec::new();
    for index in 0..options.brokers {
        let plaintext = port()?;
        let advertised_plaintext = match options.proxy {
            ProxyUse::Direct => plaintext,
            ProxyUse::FaultProxy => {
                let proxy = FaultProxy::start(([127, 0, 0, 1], plaintext).into())?;
                proxies.push(Arc::clone(&proxy));
                proxy.address().port()
            }
        };
        brokers.push(Broker {
            id: i32::from(index) + 1,
            ports: properties::Ports {
                plaintext,
                ssl: port()?,
                sasl_plaintext: port()?,
                sasl_ssl: port()?,
                internal: port()?,
                controller: port()?,
                advertised_plaintext,
            },
            home: dir.join(format!("broker-{}", index + 1)),
            jars: jars.to_path_buf(),
            heap_mb: options.heap_mb,
            jvm: options.jvm,
            child: Mutex::new(None),
        });
    }
    let voters: Vec<String> = brokers
        .iter()
        .map(|b| format!("{}@127.0.0.1:{}", b.id, b.ports.controller))
        .collect();
    let shared = properties::Shared {
        options,
        voters: voters.join(","),
        certificates: dir,
    };
    for broker in &brokers {
        fs::create_dir_all(&broker.home)?;
        let text = properties::text(&shared, broker.id, &broker.ports, &broker.home.join("log"));
        fs::write(broker.home.join("server.properties"), text)?;
    }
    Ok((brokers, proxies))
}

/// Formats the nodes that are not formatted yet, all at the same time, with the SCRAM user in both strengths.
fn format(dir: &Path, brokers: &[Broker]) -> Result<()> {
    let id_file = dir.join("cluster.id");
    if !id_file.exists() {
        let mut bytes = *uuid::Uuid::new_v4().as_bytes();
        // An id that begins with a dash looks like an option to the storage tool.
        bytes[0] &= 0x7f;
        let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        fs::write(&id_file, id)?;
    }
    let cluster_id = fs::read_to_string(&id_file)?;
    let mut running = Vec::new();
    for broker in brokers
        .iter()
        .filter(|b| !b.home.join("log/meta.properties").exists())
    {
        let mut command = Command::new("java");
        command
            .args(["-Xmx128m"])
            .args(Jvm::QuickStart.flags())
            .args(broker::LOGGING)
            .arg("-cp")
            .arg(broker.jars.join("*"))
            .args(["kafka.tools.StorageTool", "format", "-t", &cluster_id, "-c"])
            .arg(broker.home.join("server.properties"));
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let user = format!("{mechanism}=[name={USER},password={PASSWORD}]");
            command.args(["--add-scram", &user]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        running.push(command.spawn().context("cannot run java")?);
    }
    for child in running {
        let out = child.wait_with_output()?;
        if !out.status.success() {
            bail!(
                "Kafka's storage tool failed:\n{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
        }
    }
    Ok(())
}

/// Makes a temporary folder named after this process, and removes those of processes that are gone.
fn temporary_dir(name: &str) -> Result<PathBuf> {
    static SWEPT: OnceLock<()> = OnceLock::new();
    let base = std::env::temp_dir().join("causeway-bench");
    SWEPT.get_or_init(|| sweep(&base));
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let dir = base.join(format!("{}-{name}-{}", std::process::id(), &unique[..8]));
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .split('-')
            .next()
            .and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
