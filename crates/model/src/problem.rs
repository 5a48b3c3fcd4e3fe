//! Problems as people and programs read them: RFC 9457 with Causeway's extension members.

use serde::{Deserialize, Serialize};

use crate::format::grouped;

/// An error report. Every field is safe to show: no secret, no raw remote text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Dotted code such as `connect.dns`; its RFC 9457 `type` is `/problems/<code>`.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// What happened, one sentence.
    pub title: String,
    /// Where and why.
    pub detail: String,
    /// State of the object concerned, such as `waiting`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
    /// Kafka's name of the error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub broker_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_seen_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_try_ms: Option<i64>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_step: Option<String>,
    /// How many other partitions have the same problem; `detail` names the first one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub more_partitions: Option<u32>,
    /// Faulty input, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fields: Vec<FieldError>,
}

impl Problem {
    /// Says how many others have the problem, such as "and 41 more partitions"; `None` where it is one's alone.
    pub fn and_more(&self) -> Option<String> {
        match self.more_partitions? {
            0 => None,
            1 => Some("and 1 more partition".to_owned()),
            more => Some(format!("and {} more partitions", grouped(i64::from(more)))),
        }
    }
}

/// What is wrong with one input field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Path such as `topics.include[2].pattern`.
    pub field: String,
    /// What is wrong and what to do, one sentence.
    pub message: String,
}
