//! Links: what an operator wants copied from where to where.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Name, finding::FindingKind};

/// One-way replication from a source to a destination cluster, as the operator states it (SEMANTICS 1 to 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    pub name: Name,
    #[serde(default)]
    pub title: String,
    pub source: Name,
    pub destination: Name,
    pub topics: TopicSelection,
    #[serde(default)]
    pub rename: Rename,
    #[serde(default)]
    pub start: Start,
    #[serde(default)]
    pub isolation: Isolation,
    #[serde(default)]
    pub timestamps: Timestamps,
    /// Create missing mirror topics.
    #[serde(default = "yes")]
    pub create: bool,
    /// Add partitions to a mirror when its source topic grows.
    #[serde(default = "yes")]
    pub grow: bool,
    #[serde(default)]
    pub replication_factor: ReplicationFactor,
    #[serde(default)]
    pub on_fewer_brokers: OnFewerBrokers,
    #[serde(default)]
    pub configs: Configs,
    /// How often new topics and partitions are looked for, 1,000 to 3,600,000 ms.
    #[serde(default = "default_detect_interval_ms")]
    pub detect_interval_ms: u64,
    /// Existing destination topics with records that may be appended to, by mirror name.
    #[serde(default)]
    pub append_to: Vec<String>,
    /// What happens on a finding of each kind; kinds left out follow [`FindingKind::default_policy`].
    #[serde(default)]
    pub policies: BTreeMap<FindingKind, Policy>,
    #[serde(default)]
    pub on_refused: OnRefused,
    /// The most that is fetched from the source, bytes a second; 1,000 or more, `None` for no limit.
    #[serde(default)]
    pub limit_bytes_per_s: Option<u64>,
    /// How each record is copied exactly once, fixed when the link first starts.
    #[serde(default)]
    pub guarantee: Guarantee,
    /// Work slots, fixed when the link first starts; 1 to 256.
    #[serde(default = "default_slots")]
    pub slots: u32,
}

fn yes() -> bool {
    true
}
pub(crate) fn default_detect_interval_ms() -> u64 {
    30_000
}
pub(crate) fn default_slots() -> u32 {
    24
}

/// Which source topics a link copies: rows add up, exclusion wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSelection {
    #[serde(default)]
    pub include: Vec<Row>,
    #[serde(default)]
    pub exclude: Vec<Row>,
    /// Lets pattern rows match hidden topics (`_…`, `….internal`, `….replica`).
    #[serde(default)]
    pub internal: bool,
    /// Take topics that appear after the start; `false` freezes the plan's set.
    #[serde(default = "yes")]
    pub new_topics: bool,
}

impl Default for TopicSelection {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            internal: false,
            new_topics: true,
        }
    }
}

/// One include or exclude row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub kind: RowKind,
    pub pattern: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    Exact,
    Prefix,
    Regex,
}

/// How mirror topics are named: `map` first, then the first matching `regex` rule, then `format`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rename {
    pub map: BTreeMap<String, String>,
    pub regex: Vec<RenameRule>,
    /// `${topic}` exactly once; `${source}` and `${destination}` are cluster names.
    pub format: String,
    /// Shorthand of `<prefix>${topic}`; with a format of its own it is refused.
    pub prefix: String,
    /// Shorthand of `${topic}<suffix>`.
    pub suffix: String,
}

impl Default for Rename {
    fn default() -> Self {
        Self {
            map: BTreeMap::new(),
            regex: Vec::new(),
            format: "${topic}".to_owned(),
            prefix: String::new(),
            suffix: String::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameRule {
    #[serde(rename = "match")]
    pub pattern: String,
    /// `$1`…`$9` and `${name}` refer to groups.
    pub replace: String,
}

/// Where a partition that exists at the first start begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    #[default]
    Earliest,
    Latest,
    /// First record with a timestamp at or after this, milliseconds since the epoch UTC; none: the end.
    Timestamp(i64),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    #[default]
    ReadCommitted,
    ReadUncommitted,
}

/// Which time a mirrored record carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timestamps {
    /// What a reader of the source sees; log-append times become create times.
    #[default]
    Source,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicationFactor {
    /// The source topic's.
    #[default]
    Source,
    /// The destination brokers' default.
    Destination,
    /// This many, 1 or more.
    Exactly(i16),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFewerBrokers {
    #[default]
    Refuse,
    Reduce,
}

/// Which properties mirror topics have, at creation and ever after (SEMANTICS 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configs {
    pub defaults_from: DefaultsFrom,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// How often both sides' properties are compared, 1,000 to 3,600,000 ms.
    pub interval_ms: u64,
    pub on_drift: OnDrift,
}

impl Default for Configs {
    fn default() -> Self {
        Self {
            defaults_from: DefaultsFrom::default(),
            include: Vec::new(),
            exclude: Vec::new(),
            interval_ms: 120_000,
            on_drift: OnDrift::default(),
        }
    }
}

/// Topic properties that concern the cluster that a topic is in, or that brokers have given up.
const NEVER_COPIED: [&str; 5] = [
    "leader.replication.throttled.replicas",
    "follower.replication.throttled.replicas",
    "message.timestamp.difference.max.ms",
    "message.format.version",
    "message.downconversion.enable",
];

impl Configs {
    /// Says whether a property is never copied, whatever is asked for (SEMANTICS 3).
    pub fn is_never_copied(property: &str) -> bool {
        NEVER_COPIED.contains(&property) || property.starts_with("remote.log.")
    }
}

/// What happens after a mirror's creation, when its properties are not what follows from the source's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// They are set, whoever changed them.
    #[default]
    Overwrite,
    /// What changes at the source is set; what somebody changed at the mirror stays and is shown.
    Report,
    /// Nothing: they are set at creation only.
    Ignore,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultsFrom {
    #[default]
    Destination,
    Source,
}

/// What a link does when it meets a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Record the finding and go on.
    Continue,
    /// Hold the partition until an operator chooses.
    Ask,
}

/// What happens with a record that the destination refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRefused {
    #[default]
    /// The partition is held until an operator chooses.
    Hold,
    /// Left out and recorded.
    Skip,
    /// Put aside into `causeway.dlq.<link>` and recorded.
    DeadLetter,
}

/// How each record is copied exactly once (SEMANTICS 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// For every reader of the mirror, at once, without transactions.
    #[default]
    ExactlyOnce,
    /// For readers of committed records: records and position are written in one transaction. Other readers may see
    /// records of aborted attempts. Needs transactions V2 at the destination (Kafka 4.0).
    Transactional,
}

/// The stored phase of a link; one function makes every move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Draft,
    Running,
    Paused,
    Stopped,
}

/// A verb on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Start,
    Pause,
    Resume,
    Stop,
}

impl Phase {
    /// Returns the phase after `verb`, `None` where the verb does not apply. A verb whose end is already reached
    /// applies and changes nothing (verbs are idempotent).
    pub fn after(self, verb: Verb) -> Option<Self> {
        match (self, verb) {
            (Self::Draft | Self::Stopped | Self::Running, Verb::Start) => Some(Self::Running),
            (Self::Running | Self::Paused, Verb::Pause) => Some(Self::Paused),
            (Self::Paused | Self::Running, Verb::Resume) => Some(Self::Running),
            (Self::Running | Self::Paused | Self::Stopped, Verb::Stop) => Some(Self::Stopped),
            _ => None,
        }
    }

    /// Says whether the link may be deleted in this phase.
    pub fn may_delete(self) -> bool {
        matches!(self, Self::Draft | Self::Stopped)
    }
}

/// A link as SQL and API hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    pub id: String,
    pub spec: LinkSpec,
    pub phase: Phase,
    pub revision: i64,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}
