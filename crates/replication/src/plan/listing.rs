//! What stands at a cluster, asked for once so that many previews can be made from it.
//!
//! Omits: whether a topic holds records, which costs a question per partition; [`count_records`] asks for a few.

use std::{collections::BTreeMap, time::Duration};

use kafka::{
    Client,
    admin::{At, Isolation},
    client::{TopicMetadata, Topics},
};
use model::{cluster::ClusterSpec, preview::Taken, problem::Problem};

use super::{client, gather::partitions, mirrors::read_all, problems};

/// The topics of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Kafka's own id of the cluster; empty where it tells none.
    pub cluster_id: String,
    pub topics: Vec<ListedTopic>,
    /// Mirrors of all links that write here, as their control topics tell.
    pub mirrors: Vec<Taken>,
}

/// One topic of a [`Listing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTopic {
    pub name: String,
    /// The broker's own flag.
    pub internal: bool,
    pub partitions: i32,
}

/// Lists a cluster's topics and mirrors.
///
/// # Errors
/// A [`Problem`] that names the cluster where it does not answer.
pub async fn list(cluster: &ClusterSpec, timeout: Duration) -> Result<Listing, Problem> {
    let client = client(cluster, timeout).map_err(|problem| *problem)?;
    let asked = tokio::time::timeout(timeout, ask(&client)).await;
    client.close().await;
    match asked {
        Ok(Ok(listing)) => Ok(listing),
        Ok(Err(error)) => Err(problems::not_listed(
            cluster,
            &error.to_string(),
            error.code(),
        )),
        Err(_) => Err(problems::not_listed(
            cluster,
            &format!("no answer within {timeout:?}"),
            "connect.timeout",
        )),
    }
}

async fn ask(client: &Client) -> Result<Listing, kafka::Error> {
    let metadata = client.metadata(Topics::All).await?;
    let mirrors = read_all(client, &metadata).await?;
    let topics = metadata.topics.iter().map(|topic| ListedTopic {
        name: topic.name.clone(),
        internal: topic.internal,
        partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
    });
    let mut topics: Vec<ListedTopic> = topics.collect();
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Listing {
        cluster_id: metadata.cluster_id.clone().unwrap_or_default(),
        topics,
        mirrors,
    })
}

/// Counts the offsets between start and end of these topics; topics that cannot be asked are absent.
pub async fn count_records(
    cluster: &ClusterSpec,
    topics: &[String],
    timeout: Duration,
) -> BTreeMap<String, i64> {
    let Ok(client) = client(cluster, timeout) else {
        return BTreeMap::new();
    };
    let counted = tokio::time::timeout(timeout, count(&client, topics)).await;
    client.close().await;
    counted.unwrap_or_default()
}

async fn count(client: &Client, topics: &[String]) -> BTreeMap<String, i64> {
    let Ok(metadata) = client.metadata(Topics::All).await else {
        return BTreeMap::new();
    };
    let known: Vec<&TopicMetadata> = topics
        .iter()
        .filter_map(|name| metadata.topic(name))
        .collect();
    let starts = client
        .list_offsets(partitions(&known), At::Earliest, Isolation::Uncommitted)
        .await;
    let ends = client
        .list_offsets(partitions(&known), At::Latest, Isolation::Uncommitted)
        .await;
    let mut records: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for (at, start) in starts {
        let start = start.ok().and_then(|start| start.offset);
        let end = ends.get(&at).and_then(|end| end.as_ref().ok()?.offset);
        let held = start.zip(end).map(|(start, end)| (end - start).max(0));
        let total = records.entry(at.topic).or_insert(Some(0));
        *total = total.zip(held).map(|(total, held)| total + held);
    }
    let told = records.into_iter();
    told.filter_map(|(topic, records)| Some((topic, records?)))
        .collect()
}
