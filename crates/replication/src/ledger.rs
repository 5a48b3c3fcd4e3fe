//! The port to where intent and history live: what should run comes in, what happened goes out.

use std::{future::Future, pin::Pin};

use model::{
    cluster::ClusterSpec,
    finding::{Choice, Finding},
    link::{LinkSpec, Phase},
};

/// A boxed future, so that the port stays object safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why the ledger did not answer; links go on with what they know.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the control database does not answer: {0}")]
pub struct LedgerError(pub String);

/// What an operator wants of one link.
#[derive(Clone, Debug)]
pub struct DesiredLink {
    /// The link's UUID.
    pub id: String,
    pub spec: LinkSpec,
    pub phase: Phase,
    /// Grows with every change of `spec` or `phase`.
    pub revision: i64,
    pub source: ClusterSpec,
    pub destination: ClusterSpec,
    /// Kafka's own ids of both ends, where they were seen.
    pub source_cluster_id: Option<String>,
    pub destination_cluster_id: Option<String>,
    /// Topic id of the link's control topic, once it was made.
    pub control_topic_id: Option<String>,
    /// Operators' choices on findings, oldest first.
    pub decisions: Vec<Decision>,
}

/// An operator's choice on a held partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub finding_id: String,
    pub choice: Choice,
    pub by: String,
    pub at_ms: i64,
}

/// Everything that is wanted at one revision.
#[derive(Clone, Debug)]
pub struct Desired {
    pub revision: i64,
    /// The installation's UUID: part of the worker group's name.
    pub installation: String,
    pub links: Vec<DesiredLink>,
}

/// Intent in, history out. Adapted to SQL by the server, and to memory by tests.
pub trait Ledger: Send + Sync + 'static {
    /// Returns the number that grows with every change of intent; asked every 2 s.
    fn revision(&self) -> BoxFuture<'_, Result<i64, LedgerError>>;

    /// Returns all links that were ever started (phase other than draft).
    fn desired(&self) -> BoxFuture<'_, Result<Desired, LedgerError>>;

    /// Notes Kafka's own id of a cluster, by the cluster's name: loops are found by it.
    fn cluster_seen<'a>(
        &'a self,
        cluster: &'a str,
        cluster_id: &'a str,
    ) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Stores the topic id of a link's control topic; the first value stays.
    fn control_topic_made<'a>(
        &'a self,
        link_id: &'a str,
        topic_id: &'a str,
    ) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Records a finding, or its new state when its id is known.
    fn finding<'a>(
        &'a self,
        link_id: &'a str,
        finding: &'a Finding,
    ) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Records what happened to a link: `kind` is a word such as `waiting`, `text` a sentence.
    fn event<'a>(
        &'a self,
        link_id: &'a str,
        kind: &'a str,
        text: &'a str,
    ) -> BoxFuture<'a, Result<(), LedgerError>>;
}

#[cfg(test)]
pub(crate) mod silent;
