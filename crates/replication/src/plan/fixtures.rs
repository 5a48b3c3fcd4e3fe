//! Small builders of facts for the tests of the rules.

use std::collections::BTreeMap;

use model::{
    link::LinkSpec,
    plan::{TopicAction, TopicPlan},
};
use uuid::Uuid;

use super::facts::{
    ConfigValue, Destination, DestinationTopic, Facts, FixedMirror, Selected, SourceTopic,
    TopicConfigs,
};

/// Topic properties as a 4.x broker knows them, with its defaults.
pub fn defaults() -> BTreeMap<String, String> {
    [
        ("cleanup.policy", "delete"),
        ("compression.type", "producer"),
        ("max.message.bytes", "1048588"),
        ("message.timestamp.after.max.ms", "3600000"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.type", "CreateTime"),
        ("min.insync.replicas", "1"),
        ("retention.ms", "604800000"),
        ("segment.bytes", "1073741824"),
        ("unclean.leader.election.enable", "false"),
        ("local.retention.ms", "-2"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Effective values: the defaults with these overrides.
pub fn with_overrides(overrides: &[(&str, &str)]) -> TopicConfigs {
    let mut configs: TopicConfigs = defaults()
        .into_iter()
        .map(|(name, value)| {
            (
                name,
                ConfigValue {
                    value,
                    overridden: false,
                },
            )
        })
        .collect();
    for (name, value) in overrides {
        configs.insert(
            (*name).to_owned(),
            ConfigValue {
                value: (*value).to_owned(),
                overridden: true,
            },
        );
    }
    configs
}

pub fn spec() -> LinkSpec {
    let json =
        r#"{"name":"east-west","source":"east","destination":"west","topics":{"include":[]}}"#;
    serde_json::from_str(json).unwrap()
}

pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub fn source(name: &str, partitions: i32) -> SourceTopic {
    SourceTopic {
        name: name.to_owned(),
        id: id(1),
        partitions,
        replication_factor: 3,
        configs: with_overrides(&[]),
    }
}

pub fn selected(topic: SourceTopic) -> Selected {
    Selected {
        mirror_topic: topic.name.clone(),
        topic,
        reason: "include row 1".to_owned(),
        refusal: None,
    }
}

pub fn existing(partitions: i32) -> DestinationTopic {
    DestinationTopic {
        id: id(100),
        partitions,
        replication_factor: 3,
        has_records: false,
        configs: with_overrides(&[("message.timestamp.after.max.ms", "9223372036854775807")]),
    }
}

pub fn fixed(topic: &str, mirror_topic: &str) -> FixedMirror {
    FixedMirror {
        topic: topic.to_owned(),
        topic_id: id(1),
        mirror_topic: mirror_topic.to_owned(),
        mirror_id: Some(id(100)),
    }
}

/// One selected topic `orders` with six partitions and a destination of three brokers without topics.
pub fn facts() -> Facts {
    Facts {
        spec: spec(),
        selected: vec![selected(source("orders", 6))],
        destination: Destination {
            brokers: 3,
            default_replication_factor: Some(3),
            defaults: Some(defaults()),
            topics: BTreeMap::new(),
        },
        fixed: Vec::new(),
    }
}

/// Returns the code of a refusal, `None` for any other action.
pub fn refused(plan: &TopicPlan) -> Option<&str> {
    match &plan.action {
        TopicAction::Refuse { code, .. } => Some(code),
        _ => None,
    }
}
