//! Asks both clusters for the facts of a plan.
//!
//! Guarantees: a topic whose settings or offsets cannot be read is not left out; what could not be read is said. Asks for
//! many topics at once and never for more than a few hundred in one request. Omits: changing anything.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use kafka::{
    Client, Error,
    admin::{At, ConfigEntry, ConfigResource, Isolation, TopicPartition},
    client::{ClusterMetadata, TopicMetadata, Topics},
};
use model::{
    link::LinkSpec,
    preview::{Taken, TopicFact},
    problem::FieldError,
};

use super::{
    OtherLink,
    defaults::topic_defaults,
    facts::{
        ConfigValue, Destination, DestinationTopic, Facts, FixedMirror, Selected, SourceTopic,
        TopicConfigs,
    },
    naming::{Named, NewTopics, Scene, name_topics},
};

/// Topics in one request for settings.
const TOPICS_AT_ONCE: usize = 200;
/// Such requests to one cluster at the same time.
const REQUESTS_AT_ONCE: usize = 4;

/// What is to be found out.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'a> {
    pub source: &'a Client,
    pub destination: &'a Client,
    pub spec: &'a LinkSpec,
    pub others: &'a [OtherLink],
    /// Mirrors that the link has already.
    pub fixed: &'a [FixedMirror],
    /// Mirrors that other links have at the destination.
    pub taken: &'a [Taken],
    pub new_topics: NewTopics,
    pub depth: Depth,
}

/// How much is asked about mirrors that stand as they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All: somebody reads the warnings.
    All,
    /// Nothing but metadata: a pass that looks for changes.
    Changes,
}

/// The facts, and what was learnt beside them.
#[derive(Clone, Debug)]
pub struct Gathered {
    pub facts: Facts,
    pub source_cluster_id: String,
    pub destination_cluster_id: String,
    /// All topics of the source, as just seen.
    pub source: ClusterMetadata,
    pub not_selected: usize,
    pub warnings: Vec<String>,
    /// Why nothing can be copied, if so.
    pub refusals: Vec<String>,
}

/// Why the facts could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GatherError {
    #[error("the source: {0}")]
    Source(#[source] Error),
    #[error("the destination: {0}")]
    Destination(#[source] Error),
    #[error("the selection or the rename has {} faulty fields", .0.len())]
    Fields(Vec<FieldError>),
}

/// Asks both clusters.
///
/// # Errors
/// Which cluster did not answer, or which fields are faulty.
pub async fn gather(inquiry: &Inquiry<'_>) -> Result<Gathered, GatherError> {
    let (source, destination) = tokio::join!(
        inquiry.source.metadata(Topics::All),
        inquiry.destination.metadata(Topics::All)
    );
    let source = source.map_err(GatherError::Source)?;
    let destination = destination.map_err(GatherError::Destination)?;
    let source_cluster_id = source.cluster_id.clone().unwrap_or_default();
    let destination_cluster_id = destination.cluster_id.clone().unwrap_or_default();
    let scene = Scene {
        spec: inquiry.spec,
        source_cluster_id: &source_cluster_id,
        destination_cluster_id: &destination_cluster_id,
        others: inquiry.others,
        fixed: inquiry.fixed,
        taken: inquiry.taken,
        new_topics: inquiry.new_topics,
    };
    let seen: Vec<TopicFact> = source
        .topics
        .iter()
        .map(|t| TopicFact {
            name: t.name.clone(),
            internal: t.internal,
        })
        .collect();
    let existing: Vec<String> = destination
        .topics
        .iter()
        .map(|topic| topic.name.clone())
        .collect();
    let names = name_topics(&scene, &seen, &existing).map_err(GatherError::Fields)?;
    let mut search = Search {
        inquiry,
        source: &source,
        destination: &destination,
        warnings: names.warnings,
    };
    let facts = search.facts(names.named).await?;
    let warnings = search.warnings;
    let (not_selected, refusals) = (names.not_selected, names.refusals);
    Ok(Gathered {
        facts,
        source_cluster_id,
        destination_cluster_id,
        source,
        not_selected,
        warnings,
        refusals,
    })
}

struct Search<'a> {
    inquiry: &'a Inquiry<'a>,
    source: &'a ClusterMetadata,
    destination: &'a ClusterMetadata,
    warnings: Vec<String>,
}

/// A selected topic with both its sides, as far as metadata tell.
struct Pair<'a> {
    named: Named,
    source: &'a TopicMetadata,
    mirror: Option<&'a TopicMetadata>,
    is_fixed: bool,
    /// Nothing can be said of it that is not known.
    is_settled: bool,
}

impl<'a> Search<'a> {
    async fn facts(&mut self, named: Vec<Named>) -> Result<Facts, GatherError> {
        let pairs: Vec<Pair<'a>> = named
            .into_iter()
            .filter_map(|named| self.pair(named))
            .collect();
        let open = || pairs.iter().filter(|pair| !pair.is_settled);
        let sources: Vec<&str> = open().map(|pair| pair.source.name.as_str()).collect();
        let mirrors: Vec<&TopicMetadata> = open().filter_map(|pair| pair.mirror).collect();
        let unknown: Vec<&TopicMetadata> = open()
            .filter(|pair| !pair.is_fixed)
            .filter_map(|pair| pair.mirror)
            .collect();
        let mirror_names: Vec<&str> = mirrors.iter().map(|topic| topic.name.as_str()).collect();
        let mut source_configs = configs(self.inquiry.source, &sources)
            .await
            .map_err(GatherError::Source)?;
        let mut mirror_configs = configs(self.inquiry.destination, &mirror_names)
            .await
            .map_err(GatherError::Destination)?;
        let records = records(self.inquiry.destination, &unknown).await;
        let mut destination = if open().next().is_some() {
            self.destination_facts().await?
        } else {
            Destination::default()
        };
        self.tell_unread("source", &sources, &source_configs);
        self.tell_unread("destination", &mirror_names, &mirror_configs);
        let mut selected = Vec::new();
        for pair in pairs {
            if let Some(mirror) = pair.mirror {
                let topic = DestinationTopic {
                    id: mirror.id,
                    partitions: count(mirror.partitions.len()),
                    replication_factor: replication_factor(mirror),
                    // What could not be asked counts as somebody's records.
                    has_records: !pair.is_fixed
                        && records.get(&mirror.name).copied().unwrap_or(true),
                    configs: mirror_configs.remove(&mirror.name).unwrap_or_default(),
                };
                destination.topics.insert(mirror.name.clone(), topic);
            }
            let topic = SourceTopic {
                name: pair.source.name.clone(),
                id: pair.source.id,
                partitions: count(pair.source.partitions.len()),
                replication_factor: replication_factor(pair.source),
                configs: source_configs.remove(&pair.source.name).unwrap_or_default(),
            };
            let Named {
                reason,
                mirror_topic,
                refusal,
                ..
            } = pair.named;
            selected.push(Selected {
                topic,
                reason,
                mirror_topic,
                refusal,
            });
        }
        let fixed = self.inquiry.fixed.to_vec();
        Ok(Facts {
            spec: self.inquiry.spec.clone(),
            selected,
            destination,
            fixed,
        })
    }

    fn pair(&self, named: Named) -> Option<Pair<'a>> {
        let source = self.source.topic(&named.topic)?;
        let fixed = self
            .inquiry
            .fixed
            .iter()
            .find(|fixed| fixed.is_of(&source.name, source.id));
        let mirror_name = fixed.map_or(&named.mirror_topic, |fixed| &fixed.mirror_topic);
        let mirror = self.destination.topic(mirror_name);
        let stands =
            mirror.is_some_and(|mirror| mirror.partitions.len() >= source.partitions.len());
        let is_settled = fixed.is_some() && stands && self.inquiry.depth == Depth::Changes;
        Some(Pair {
            named,
            source,
            mirror,
            is_fixed: fixed.is_some(),
            is_settled,
        })
    }

    async fn destination_facts(&mut self) -> Result<Destination, GatherError> {
        let brokers = self.destination.brokers.len();
        let mut destination = Destination {
            brokers,
            ..Destination::default()
        };
        let Some(broker) = self.destination.brokers.first() else {
            return Ok(destination);
        };
        let resource = ConfigResource::Broker(broker.id);
        let answers = self
            .inquiry
            .destination
            .describe_configs(std::slice::from_ref(&resource))
            .await;
        let answer =
            answers.and_then(|mut answers| answers.remove(&resource).unwrap_or(Ok(Vec::new())));
        match answer {
            Ok(entries) => {
                let broker: BTreeMap<String, Option<String>> =
                    entries.into_iter().map(|entry| (entry.name, entry.value)).collect();
                let factor = broker.get("default.replication.factor").cloned().flatten();
                destination.default_replication_factor = factor.and_then(|factor| factor.parse().ok());
                destination.defaults = Some(topic_defaults(&broker)).filter(|known| !known.is_empty());
            }
            // Every property is tried then, and left out where it is refused.
            Err(error) if error.broker_code().is_some() => self.warnings.push(format!(
                "The destination's defaults cannot be read ({}): grant DESCRIBE_CONFIGS on the cluster to see warnings on them.",
                name_of(&error)
            )),
            Err(error) => return Err(GatherError::Destination(error)),
        }
        Ok(destination)
    }

    fn tell_unread(&mut self, side: &str, asked: &[&str], read: &BTreeMap<String, TopicConfigs>) {
        let unread = asked
            .iter()
            .filter(|name| !read.contains_key(**name))
            .count();
        if unread > 0 {
            self.warnings.push(format!(
                "The settings of {unread} topics at the {side} cannot be read: grant DESCRIBE_CONFIGS on them to copy and compare settings."
            ));
        }
    }
}

fn name_of(error: &Error) -> &'static str {
    error.broker_code().map_or("no answer", |code| code.name())
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn replication_factor(topic: &TopicMetadata) -> i16 {
    let replicas = topic
        .partitions
        .first()
        .map_or(0, |partition| partition.replicas.len());
    i16::try_from(replicas).unwrap_or(i16::MAX)
}

/// Reads the settings of topics; those that may not be read are absent from the answer.
async fn configs(
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
async fn records(client: &Client, topics: &[&TopicMetadata]) -> BTreeMap<String, bool> {
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
pub(super) fn partitions(topics: &[&TopicMetadata]) -> Vec<TopicPartition> {
    let of = |topic: &TopicMetadata| -> Vec<TopicPartition> {
        topic
            .partitions
            .iter()
            .map(|p| TopicPartition::new(&topic.name, p.index))
            .collect()
    };
    topics.iter().flat_map(|topic| of(topic)).collect()
}
