//! How to reach a cluster, also from other processes.

use std::{collections::BTreeMap, path::PathBuf, sync::Mutex};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use super::{ClusterOptions, KafkaCluster};

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
