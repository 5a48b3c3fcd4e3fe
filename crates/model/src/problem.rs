//! Problems as people and programs read them: RFC 9457 with Causeway's extension members.

use serde::{Deserialize, Serialize};

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
    /// Faulty input, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fields: Vec<FieldError>,
}

/// What is wrong with one input field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Path such as `topics.include[2].pattern`.
    pub field: String,
    /// What is wrong and what to do, one sentence.
    pub message: String,
}
