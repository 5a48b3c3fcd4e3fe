//! What a cluster is to be.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{setup, tokens::TokenEndpoint};

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
    /// Keys by which brokers check tokens (JWKS); with them the SASL listeners take OAUTHBEARER (Kafka 4).
    pub jwks: Option<String>,
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
    pub(super) fn flags(self) -> &'static [&'static str] {
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
            jwks: None,
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

    /// Lets the SASL listeners take the tokens of an endpoint.
    #[must_use]
    pub fn tokens(mut self, endpoint: &TokenEndpoint) -> Self {
        self.jwks = Some(endpoint.jwks());
        self
    }

    /// Puts a fault proxy before each broker's plaintext listener.
    #[must_use]
    pub fn behind_proxies(mut self) -> Self {
        self.proxy = ProxyUse::FaultProxy;
        self
    }
}
