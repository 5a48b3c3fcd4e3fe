//! What a plan is made from: plain facts about both clusters, gathered before any rule is applied.

use std::collections::{BTreeMap, HashMap};

use model::link::LinkSpec;
use uuid::Uuid;

/// Topic properties by name.
pub type TopicConfigs = BTreeMap<String, ConfigValue>;

/// The effective value of one topic property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValue {
    pub value: String,
    /// Whether it is set on the topic itself, rather than inherited from the brokers.
    pub overridden: bool,
}

/// A topic of the source cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTopic {
    pub name: String,
    /// Topic id (KIP-516); nil where the brokers know none.
    pub id: Uuid,
    pub partitions: i32,
    pub replication_factor: i16,
    /// Effective values; empty where they could not be read.
    pub configs: TopicConfigs,
}

/// A topic of the destination cluster that a mirror would meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationTopic {
    /// Topic id (KIP-516); nil where the brokers know none.
    pub id: Uuid,
    pub partitions: i32,
    pub replication_factor: i16,
    /// Whether any partition holds a record now.
    pub has_records: bool,
    /// Effective values; empty where they could not be read.
    pub configs: TopicConfigs,
}

/// The destination cluster as far as topics are made there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// Live brokers.
    pub brokers: usize,
    /// `default.replication.factor`, where it could be read.
    pub default_replication_factor: Option<i16>,
    /// Topic properties that the destination knows, with its defaults; `None` where they could not be read, and then
    /// every property is tried.
    pub defaults: Option<BTreeMap<String, String>>,
    /// Existing topics under mirror names.
    pub topics: BTreeMap<String, DestinationTopic>,
}

impl Destination {
    /// Says whether the destination has a topic property of this name, as far as is known.
    pub fn knows(&self, property: &str) -> bool {
        self.defaults
            .as_ref()
            .is_none_or(|defaults| defaults.contains_key(property))
    }

    /// Returns the value that a topic has here without an override of its own.
    pub fn default_of(&self, property: &str) -> Option<&str> {
        self.defaults.as_ref()?.get(property).map(String::as_str)
    }
}

/// A mirror that the link already has, from its `topic/` records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedMirror {
    pub topic: String,
    /// Id of the source topic.
    pub topic_id: Uuid,
    pub mirror_topic: String,
    /// Id of the mirror; `None` where an operator chose to mirror anew, so that any topic of that name will do.
    pub mirror_id: Option<Uuid>,
}

/// The mirrors of a link, to be looked up by what they are of.
#[derive(Debug)]
pub(super) struct FixedIndex<'a> {
    by_id: HashMap<Uuid, &'a FixedMirror>,
    by_name: HashMap<&'a str, &'a FixedMirror>,
}

impl<'a> FixedIndex<'a> {
    pub(super) fn new(fixed: &'a [FixedMirror]) -> Self {
        let named = |mirror: &'a FixedMirror| (mirror.topic.as_str(), mirror);
        Self {
            by_id: fixed
                .iter()
                .map(|mirror| (mirror.topic_id, mirror))
                .collect(),
            by_name: fixed.iter().map(named).collect(),
        }
    }

    /// Returns the mirror of this source topic. Topics without an id are known by their name.
    pub(super) fn of(&self, topic: &str, topic_id: Uuid) -> Option<&'a FixedMirror> {
        if topic_id.is_nil() {
            self.named(topic)
        } else {
            self.by_id.get(&topic_id).copied()
        }
    }

    /// Returns the mirror of a source topic that has, or had, this name.
    pub(super) fn named(&self, topic: &str) -> Option<&'a FixedMirror> {
        self.by_name.get(topic).copied()
    }
}

/// Why a topic cannot be mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Dotted code such as `rename.collision`.
    pub code: String,
    /// One sentence with the remedy.
    pub message: String,
}

impl Refusal {
    /// Makes a refusal.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

/// A source topic that the selection takes, with the name of its mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    pub topic: SourceTopic,
    /// Which row takes it.
    pub reason: String,
    pub mirror_topic: String,
    /// Why the name will not do, if so.
    pub refusal: Option<Refusal>,
}

/// Everything that [`super::plan_topics`] looks at.
#[derive(Clone, Debug)]
pub struct Facts {
    pub spec: LinkSpec,
    pub selected: Vec<Selected>,
    pub destination: Destination,
    pub fixed: Vec<FixedMirror>,
}
