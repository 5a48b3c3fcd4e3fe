//! Asks both clusters for the facts of a plan.
//!
//! Guarantees: a topic whose settings or offsets cannot be read is not left out; what could not be read is said. Asks for
//! many topics at once and never for more than a few hundred in one request. Omits: changing anything.

mod ask;

use std::collections::BTreeMap;

use kafka::{
    Client, Error,
    admin::ConfigResource,
    client::{Broker, ClusterMetadata, TopicMetadata, Topics},
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
        Destination, DestinationTopic, Facts, FixedIndex, FixedMirror, Selected, SourceTopic,
        TopicConfigs,
    },
    naming::{Named, NewTopics, Scene, name_topics},
};

pub(crate) use ask::configs;
pub(super) use ask::partitions;
use ask::records;

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
        fixed: FixedIndex::new(inquiry.fixed),
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
    fixed: FixedIndex<'a>,
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

/// What both clusters said of the topics that are not settled.
#[derive(Default)]
struct Answers {
    source_configs: BTreeMap<String, TopicConfigs>,
    mirror_configs: BTreeMap<String, TopicConfigs>,
    records: BTreeMap<String, bool>,
    destination: Destination,
}

impl Answers {
    fn existing(&mut self, mirror: &TopicMetadata, is_fixed: bool) -> DestinationTopic {
        DestinationTopic {
            id: mirror.id,
            partitions: count(mirror.partitions.len()),
            replication_factor: replication_factor(mirror),
            // What could not be asked counts as somebody's records.
            has_records: !is_fixed && self.records.get(&mirror.name).copied().unwrap_or(true),
            configs: self.mirror_configs.remove(&mirror.name).unwrap_or_default(),
        }
    }
}

impl<'a> Search<'a> {
    async fn facts(&mut self, named: Vec<Named>) -> Result<Facts, GatherError> {
        let pairs: Vec<Pair<'a>> = named
            .into_iter()
            .filter_map(|named| self.pair(named))
            .collect();
        let mut answers = self.ask(&pairs).await?;
        let mut selected = Vec::new();
        for pair in pairs {
            if let Some(mirror) = pair.mirror {
                let topic = answers.existing(mirror, pair.is_fixed);
                answers
                    .destination
                    .topics
                    .insert(mirror.name.clone(), topic);
            }
            let topic = SourceTopic {
                name: pair.source.name.clone(),
                id: pair.source.id,
                partitions: count(pair.source.partitions.len()),
                replication_factor: replication_factor(pair.source),
                configs: answers
                    .source_configs
                    .remove(&pair.source.name)
                    .unwrap_or_default(),
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
        let (destination, fixed) = (answers.destination, self.inquiry.fixed.to_vec());
        Ok(Facts {
            spec: self.inquiry.spec.clone(),
            selected,
            destination,
            fixed,
        })
    }

    async fn ask(&mut self, pairs: &[Pair<'a>]) -> Result<Answers, GatherError> {
        let open = || pairs.iter().filter(|pair| !pair.is_settled);
        let sources: Vec<&str> = open().map(|pair| pair.source.name.as_str()).collect();
        let mirrors: Vec<&str> = open()
            .filter_map(|pair| Some(pair.mirror?.name.as_str()))
            .collect();
        let unknown: Vec<&TopicMetadata> = open()
            .filter(|pair| !pair.is_fixed)
            .filter_map(|pair| pair.mirror)
            .collect();
        if sources.is_empty() {
            return Ok(Answers::default());
        }
        let (source, destination) = (self.inquiry.source, self.inquiry.destination);
        let answers = Answers {
            source_configs: configs(source, &sources)
                .await
                .map_err(GatherError::Source)?,
            mirror_configs: configs(destination, &mirrors)
                .await
                .map_err(GatherError::Destination)?,
            records: records(destination, &unknown).await,
            destination: self.destination_facts().await?,
        };
        self.tell_unread("source", &sources, &answers.source_configs);
        self.tell_unread("destination", &mirrors, &answers.mirror_configs);
        Ok(answers)
    }

    fn pair(&self, named: Named) -> Option<Pair<'a>> {
        let source = self.source.topic(&named.topic)?;
        let fixed = self.fixed.of(&source.name, source.id);
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
        let brokers = self.destination.brokers.as_slice();
        let (destination, unread) = destination_facts(self.inquiry.destination, brokers)
            .await
            .map_err(GatherError::Destination)?;
        // Every property is tried then, and left out where it is refused.
        self.warnings.extend(unread.map(|error| format!(
            "The destination's defaults cannot be read ({}): grant DESCRIBE_CONFIGS on the cluster to see warnings on them.",
            name_of(&error)
        )));
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

/// Asks one broker what topics are made with here. Where it may not be asked, the error is told beside what is known.
///
/// # Errors
/// Where the broker did not answer.
pub(crate) async fn destination_facts(
    client: &Client,
    brokers: &[Broker],
) -> Result<(Destination, Option<Error>), Error> {
    let mut destination = Destination {
        brokers: brokers.len(),
        ..Destination::default()
    };
    let Some(broker) = brokers.first() else {
        return Ok((destination, None));
    };
    let resource = ConfigResource::Broker(broker.id);
    let answers = client
        .describe_configs(std::slice::from_ref(&resource))
        .await;
    let answer =
        answers.and_then(|mut answers| answers.remove(&resource).unwrap_or(Ok(Vec::new())));
    let entries = match answer {
        Ok(entries) => entries,
        Err(error) if error.broker_code().is_some() => return Ok((destination, Some(error))),
        Err(error) => return Err(error),
    };
    let broker: BTreeMap<String, Option<String>> = entries
        .into_iter()
        .map(|entry| (entry.name, entry.value))
        .collect();
    let factor = broker.get("default.replication.factor").cloned().flatten();
    destination.default_replication_factor = factor.and_then(|factor| factor.parse().ok());
    destination.defaults = Some(topic_defaults(&broker)).filter(|known| !known.is_empty());
    Ok((destination, None))
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
