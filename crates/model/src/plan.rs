//! The plan of a link: what a start or an edit would do, worked out first.

use serde::{Deserialize, Serialize};

/// What a link would do, with a fingerprint that Apply checks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// SHA-256 (hex) over the spec's revision, both cluster ids and the actions.
    pub fingerprint: String,
    pub source_cluster_id: String,
    pub destination_cluster_id: String,
    pub topics: Vec<TopicPlan>,
    /// How many source topics do not match, hidden ones included.
    pub not_selected: usize,
    pub warnings: Vec<String>,
    /// Why the plan as a whole cannot be started, if so.
    pub refusals: Vec<String>,
}

/// What happens to one selected source topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPlan {
    pub topic: String,
    pub mirror_topic: String,
    pub partitions: i32,
    /// Why it is selected, such as "include row 2".
    pub reason: String,
    pub action: TopicAction,
    pub warnings: Vec<String>,
    /// Records between start and end at the source, where it could be asked.
    pub backlog_records: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum TopicAction {
    /// Make the mirror topic.
    Create {
        partitions: i32,
        replication_factor: i16,
        configs: Vec<(String, String)>,
    },
    /// Add partitions to the mirror.
    Grow { from: i32, to: i32 },
    /// An existing topic becomes the mirror.
    Adopt,
    /// The mirror stands as it should.
    Keep,
    /// Cannot be mirrored as things are.
    Refuse { code: String, message: String },
}
