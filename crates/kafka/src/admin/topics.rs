//! Creating, growing and deleting topics.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::PerTopic;
use crate::client::{Client, topic_name};
use crate::{Error, ErrorCode};

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    /// -1: the cluster's default (KIP-464).
    pub partitions: i32,
    /// -1: the cluster's default (KIP-464).
    pub replication_factor: i16,
    pub configs: Vec<(String, String)>,
}

/// A topic that was created, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Nil where the cluster has no topic ids, and when it was only checked.
    pub id: Uuid,
}

/// Whether a command is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    Carry,
    /// The broker checks the command, policies included, and changes nothing.
    CheckOnly,
}

impl Run {
    pub(super) fn validate_only(self) -> bool {
        self == Self::CheckOnly
    }
}

/// How long the broker may take: less than we wait for its answer, so that it is the one to give up first.
pub(super) fn broker_timeout_ms(client: &Client) -> i32 {
    i32::try_from((client.timeouts().request * 3 / 4).as_millis()).unwrap_or(i32::MAX)
}

fn misdirected(code: i16) -> bool {
    ErrorCode(code) == ErrorCode::NOT_CONTROLLER
}

impl Client {
    /// Creates topics, each with a result of its own. A lost answer is asked for again, so a topic that we just
    /// created may come back as `TOPIC_ALREADY_EXISTS`.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        run: Run,
    ) -> Result<PerTopic<CreatedTopic>, Error> {
        let request = CreateTopicsRequest::default()
            .with_topics(topics.iter().map(creatable).collect())
            .with_timeout_ms(broker_timeout_ms(self))
            .with_validate_only(run.validate_only());
        let answer = self
            .ask_controller(&request, 2..=7, |answer| {
                answer.topics.iter().any(|t| misdirected(t.error_code))
            })
            .await?;
        let result = |code, name: &str| check(code, "creating", name);
        let topics = answer.topics.into_iter().map(|topic| {
            let name = topic.name.to_string();
            let created =
                result(topic.error_code, &name).map(|()| CreatedTopic { id: topic.topic_id });
            (name, created)
        });
        Ok(topics.collect())
    }

    /// Gives topics more partitions; `count` is the number they shall have.
    pub async fn create_partitions(
        &self,
        topics: &[(String, i32)],
        run: Run,
    ) -> Result<PerTopic<()>, Error> {
        let grow = |(name, count): &(String, i32)| {
            CreatePartitionsTopic::default()
                .with_name(topic_name(name))
                .with_count(*count)
                .with_assignments(None)
        };
        let request = CreatePartitionsRequest::default()
            .with_topics(topics.iter().map(grow).collect())
            .with_timeout_ms(broker_timeout_ms(self))
            .with_validate_only(run.validate_only());
        let answer = self
            .ask_controller(&request, 0..=3, |answer| {
                answer.results.iter().any(|t| misdirected(t.error_code))
            })
            .await?;
        let topics = answer.results.into_iter().map(|topic| {
            let name = topic.name.to_string();
            let grown = check(topic.error_code, "adding partitions to", &name);
            (name, grown)
        });
        Ok(topics.collect())
    }

    /// Deletes topics by name.
    pub async fn delete_topics(&self, names: &[String]) -> Result<PerTopic<()>, Error> {
        let state = |name: &String| DeleteTopicState::default().with_name(Some(topic_name(name)));
        let timeout_ms = broker_timeout_ms(self);
        // From version 6 on topics are listed in another field, which older versions refuse to encode.
        let new = DeleteTopicsRequest::default()
            .with_topics(names.iter().map(state).collect())
            .with_timeout_ms(timeout_ms);
        let old = DeleteTopicsRequest::default()
            .with_topic_names(names.iter().map(|name| topic_name(name)).collect())
            .with_timeout_ms(timeout_ms);
        let elsewhere = |answer: &kafka_protocol::messages::DeleteTopicsResponse| {
            answer.responses.iter().any(|t| misdirected(t.error_code))
        };
        let answer = match self.ask_controller(&new, 6..=6, elsewhere).await {
            Err(Error::Unsupported { .. }) => self.ask_controller(&old, 1..=5, elsewhere).await?,
            answer => answer?,
        };
        let topics = answer.responses.into_iter().filter_map(|topic| {
            let name = topic.name?.to_string();
            let deleted = check(topic.error_code, "deleting", &name);
            Some((name, deleted))
        });
        Ok(topics.collect())
    }
}

fn check(code: i16, doing: &str, topic: &str) -> Result<(), Error> {
    ErrorCode::check(code).map_err(|code| Error::broker(code, format!("{doing} `{topic}`")))
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let text = |text: &String| StrBytes::from_string(text.clone());
    let configs = topic.configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    });
    CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_configs(configs.collect())
}
