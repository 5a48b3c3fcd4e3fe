//! What a cluster asks of writes: replicas that new topics get by default, and those that must be in sync.

use crate::Error;
use crate::admin::ConfigResource;
use crate::client::{Client, Topics};

/// A cluster's limits; what a topic sets for itself may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InSync {
    /// Brokers that are up.
    pub(super) brokers: usize,
    /// `default.replication.factor`
    pub(super) replicas: usize,
    /// `min.insync.replicas`
    pub(super) least: usize,
}

impl InSync {
    /// Says whether topics can be made with the cluster's defaults now, and written.
    pub(super) fn suffices(self) -> bool {
        self.least <= self.replicas && self.replicas <= self.brokers
    }
}

/// Asks one broker for its defaults. `None` where we may not read them, or they are not told.
pub(super) async fn ask(client: &Client) -> Result<Option<InSync>, Error> {
    let brokers = client.metadata(Topics::None).await?.brokers;
    let Some(first) = brokers.first() else {
        return Ok(None);
    };
    let resource = ConfigResource::Broker(first.id);
    let told = client.describe_configs(std::slice::from_ref(&resource));
    let Some(Ok(entries)) = told.await?.remove(&resource) else {
        return Ok(None);
    };
    let number = |name: &str| {
        let entry = entries.iter().find(|entry| entry.name == name)?;
        entry.value.as_ref()?.parse::<usize>().ok()
    };
    let limits = number("default.replication.factor").zip(number("min.insync.replicas"));
    Ok(limits.map(|(replicas, least)| InSync {
        brokers: brokers.len(),
        replicas,
        least,
    }))
}
