//! The questions about many topics, a few hundred at once.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use kafka::{
    Client, Error,
    admin::{At, ConfigEntry, ConfigResource, Isolation, TopicPartition},
    client::TopicMetadata,
};

use crate::plan::facts::{ConfigValue, TopicConfigs};

/// Topics in one request for settings.
const TOPICS_AT_ONCE: usize = 200;
/// Such requests to one cluster at the same time.
const REQUESTS_AT_ONCE: usize = 4;

/// Reads the settings of topics; those that may not be read are absent from the answer.
pub(crate) async fn configs(
    client: &Client,
    topics: &[&str],
) -> Result<BTreeMap<String, TopicConfigs>, Error> {
    let mut requests = Vec::new();
    for names in topics.chunks(TOPICS_AT_ONCE) {
        let resources: Vec<ConfigResource> = names
            .iter()
            .map(|name| ConfigResource::Topic((*name).to_owned()))
            .collect();
        requests.push(async move { client.describe_configs(&resources).await });
    }
    let answers: Vec<_> = stream::iter(requests)
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await?;
    let mut read = BTreeMap::new();
    for (resource, entries) in answers.into_iter().flatten() {
        if let (ConfigResource::Topic(name), Ok(entries)) = (resource, entries) {
            read.insert(name, entries.into_iter().filter_map(config).collect());
        }
    }
    Ok(read)
}

fn config(entry: ConfigEntry) -> Option<(String, ConfigValue)> {
    let overridden = entry.is_override();
    Some((
        entry.name,
        ConfigValue {
            value: entry.value?,
            overridden,
        },
    ))
}

/// Returns for each topic whether it holds records; topics that cannot be asked are absent.
pub(super) async fn records(client: &Client, topics: &[&TopicMetadata]) -> BTreeMap<String, bool> {
    let starts = client
        .list_offsets(partitions(topics), At::Earliest, Isolation::Uncommitted)
        .await;
    let mut ends = client
        .list_offsets(partitions(topics), At::Latest, Isolation::Uncommitted)
        .await;
    let mut records = BTreeMap::new();
    for (at, start) in starts {
        let end = ends
            .remove(&at)
            .and_then(Result::ok)
            .and_then(|end| end.offset);
        let start = start.ok().and_then(|start| start.offset);
        let holds = start.is_none() || end != start;
        *records.entry(at.topic).or_insert(false) |= holds;
    }
    records
}

/// Returns every partition of these topics.
pub(in crate::plan) fn partitions(topics: &[&TopicMetadata]) -> Vec<TopicPartition> {
    let of = |topic: &TopicMetadata| -> Vec<TopicPartition> {
        topic
            .partitions
            .iter()
            .map(|p| TopicPartition::new(&topic.name, p.index))
            .collect()
    };
    topics.iter().flat_map(|topic| of(topic)).collect()
}
