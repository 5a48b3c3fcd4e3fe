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
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{admin::Admin, proxy::FaultProxy, setup};

mod broker;
mod certificates;
mod facts;
mod layout;
mod options;
mod ports;
mod properties;
mod tool;

pub use broker::Broker;
pub use certificates::ClientIdentity;
pub use facts::{ClusterFacts, shared};
pub use options::{ClusterOptions, Jvm, ProxyUse};
pub use ports::free_ports;

/// The user of every SASL listener, for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
pub const USER: &str = "causeway";
/// That user's password.
pub const PASSWORD: &str = "bench-secret";

/// How long brokers may take until all of them serve.
const READY: Duration = Duration::from_secs(90);

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
            None => layout::temporary_dir(&options.name)?,
        };
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        if !dir.join("broker.pem").exists() || !dir.join("ca.key").exists() {
            certificates::write(&dir, &options.certificate_names)?;
        }
        let (brokers, proxies) = layout::lay_out(&options, &dir, &jars)?;
        let mut cluster = Self {
            options,
            brokers,
            proxies,
            dir,
            took: Duration::ZERO,
        };
        layout::format(&cluster.dir, &cluster.brokers)?;
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

    /// Returns the comma-separated `host:port` of the listeners with TLS that ask for a client certificate, no sign-in.
    pub fn mtls_bootstrap(&self) -> String {
        self.addresses(|ports| ports.mtls)
    }

    /// Returns the comma-separated `host:port` of the listeners that ask for a client certificate and a sign-in.
    pub fn sasl_mtls_bootstrap(&self) -> String {
        self.addresses(|ports| ports.sasl_mtls)
    }

    /// Makes a client's certificate that the brokers trust; they see its user as `User:CN=<name>`.
    ///
    /// # Errors
    /// Fails when the authority's key cannot be read.
    pub fn client_identity(&self, name: &str) -> Result<ClientIdentity> {
        certificates::client(&self.dir, name)
    }

    /// Runs Kafka's `kafka-acls.sh` with these arguments, as the anonymous user of the plaintext listener.
    ///
    /// # Errors
    /// Fails with what the tool printed.
    pub fn acls(&self, arguments: &[&str]) -> Result<String> {
        let bootstrap = self.bootstrap();
        let all = [&["--bootstrap-server", &bootstrap], arguments].concat();
        tool::run(
            &self.brokers[0].jars,
            "org.apache.kafka.tools.AclCommand",
            &all,
        )
    }

    /// Sets a user's SCRAM password, in both strengths.
    ///
    /// # Errors
    /// Fails with what Kafka's tool printed.
    pub fn set_scram_password(&self, user: &str, password: &str) -> Result<()> {
        // The controller takes one change of a user at a time.
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let credentials = format!("{mechanism}=[password={password}]");
            let bootstrap = self.bootstrap();
            let arguments = [
                "--bootstrap-server",
                &bootstrap,
                "--alter",
                "--add-config",
                &credentials,
                "--entity-type",
                "users",
                "--entity-name",
                user,
            ];
            tool::run(
                &self.brokers[0].jars,
                "kafka.admin.ConfigCommand",
                &arguments,
            )?;
        }
        Ok(())
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

    /// Runs one of Kafka's own tools, such as `kafka.admin.ConfigCommand`, against this cluster and returns what it printed.
    ///
    /// # Errors
    /// Fails with its output when it fails.
    pub fn tool(&self, class: &str, arguments: &[&str]) -> Result<String> {
        let jars = setup::kafka_jars(&self.options.version)?;
        let out = Command::new("java")
            .args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .arg("-cp")
            .arg(jars.join("*"))
            .args([class, "--bootstrap-server", &self.bootstrap()])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot run java")?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if !out.status.success() {
            bail!("{class}: {text}{}", String::from_utf8_lossy(&out.stderr));
        }
        Ok(text)
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
