//! Reading and changing the configuration of topics and brokers (DescribeConfigs, IncrementalAlterConfigs, KIP-339).

use std::collections::BTreeMap;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::Run;
use crate::client::Client;
use crate::{Error, ErrorCode};

/// What has a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConfigResource {
    Topic(String),
    /// A broker by id. Only the broker itself answers for it.
    Broker(i32),
}

/// One property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    pub name: String,
    /// `None` when it is unset or a secret.
    pub value: Option<String>,
    pub source: ConfigSource,
    pub read_only: bool,
    pub sensitive: bool,
}

/// Where a property's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on this topic.
    Topic,
    /// Set dynamically on a broker or for all brokers.
    DynamicBroker,
    /// From the broker's properties file.
    StaticBroker,
    /// Kafka's own default.
    Default,
    Other,
}

/// One change of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    Set(String, String),
    /// Back to the default.
    Remove(String),
}

/// Properties of each resource that was asked for.
pub type PerResource<T> = BTreeMap<ConfigResource, Result<T, Error>>;

impl ConfigEntry {
    /// Says whether the value was set on the topic itself.
    pub fn is_override(&self) -> bool {
        self.source == ConfigSource::Topic
    }
}

impl ConfigResource {
    fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) => 4,
        }
    }

    fn name(&self) -> StrBytes {
        StrBytes::from_string(match self {
            Self::Topic(name) => name.clone(),
            Self::Broker(id) => id.to_string(),
        })
    }

    fn read(kind: i8, name: &str) -> Option<Self> {
        match kind {
            2 => Some(Self::Topic(name.to_owned())),
            4 => name.parse().ok().map(Self::Broker),
            _ => None,
        }
    }

    fn result(&self, code: i16, doing: &str) -> Result<(), Error> {
        ErrorCode::check(code).map_err(|code| Error::broker(code, format!("{doing} {self}")))
    }
}

impl std::fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "`{name}`"),
            Self::Broker(id) => write!(f, "broker {id}"),
        }
    }
}

impl Client {
    /// Reads the configuration of topics and brokers.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
    ) -> Result<PerResource<Vec<ConfigEntry>>, Error> {
        let mut all = PerResource::new();
        let topics = |resource: &&ConfigResource| matches!(resource, ConfigResource::Topic(_));
        let of_topics: Vec<_> = resources.iter().filter(topics).map(describable).collect();
        if !of_topics.is_empty() {
            let request = DescribeConfigsRequest::default().with_resources(of_topics);
            all.extend(described(self.ask_any(&request, 1..=4).await?));
        }
        for resource in resources {
            if let ConfigResource::Broker(id) = resource {
                let request =
                    DescribeConfigsRequest::default().with_resources(vec![describable(resource)]);
                all.extend(described(self.ask_broker(*id, &request, 1..=4).await?));
            }
        }
        Ok(all)
    }

    /// Changes single properties of topics and leaves the others as they are.
    pub async fn incremental_alter_configs(
        &self,
        changes: &BTreeMap<ConfigResource, Vec<ConfigChange>>,
        run: Run,
    ) -> Result<PerResource<()>, Error> {
        let resources = changes.iter().map(|(resource, changes)| {
            AlterConfigsResource::default()
                .with_resource_type(resource.kind())
                .with_resource_name(resource.name())
                .with_configs(changes.iter().map(alterable).collect())
        });
        let request = IncrementalAlterConfigsRequest::default()
            .with_resources(resources.collect())
            .with_validate_only(run.validate_only());
        let elsewhere = |answer: &IncrementalAlterConfigsResponse| {
            answer
                .responses
                .iter()
                .any(|r| ErrorCode(r.error_code) == ErrorCode::NOT_CONTROLLER)
        };
        let answer = self.ask_controller(&request, 0..=1, elsewhere).await?;
        let results = answer.responses.into_iter().filter_map(|result| {
            let resource = ConfigResource::read(result.resource_type, &result.resource_name)?;
            let changed = resource.result(result.error_code, "changing the configuration of");
            Some((resource, changed))
        });
        Ok(results.collect())
    }
}

fn describable(resource: &ConfigResource) -> DescribeConfigsResource {
    DescribeConfigsResource::default()
        .with_resource_type(resource.kind())
        .with_resource_name(resource.name())
        .with_configuration_keys(None)
}

fn alterable(change: &ConfigChange) -> AlterableConfig {
    let text = |text: &String| StrBytes::from_string(text.clone());
    match change {
        ConfigChange::Set(name, value) => AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(0)
            .with_value(Some(text(value))),
        ConfigChange::Remove(name) => AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(1)
            .with_value(None),
    }
}

fn described(answer: DescribeConfigsResponse) -> PerResource<Vec<ConfigEntry>> {
    let results = answer.results.into_iter().filter_map(|result| {
        let resource = ConfigResource::read(result.resource_type, &result.resource_name)?;
        let code = resource.result(result.error_code, "reading the configuration of");
        let entries = code.map(|()| result.configs.into_iter().map(entry).collect());
        Some((resource, entries))
    });
    results.collect()
}

fn entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    ConfigEntry {
        name: config.name.to_string(),
        value: config.value.map(|value| value.to_string()),
        source: match config.config_source {
            1 => ConfigSource::Topic,
            2 | 3 => ConfigSource::DynamicBroker,
            4 => ConfigSource::StaticBroker,
            5 => ConfigSource::Default,
            _ => ConfigSource::Other,
        },
        read_only: config.read_only,
        sensitive: config.is_sensitive,
    }
}
