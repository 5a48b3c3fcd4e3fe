//! JSON texts and one-word enums in columns.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::StoreError;

/// Names a column in errors.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub table: &'static str,
    pub id: &'a str,
    pub column: &'static str,
}

impl Place<'_> {
    pub(crate) fn corrupt(&self, reason: &str) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            id: self.id.to_owned(),
            column: self.column,
            reason: reason.to_owned(),
        }
    }
}

/// Returns `value` as JSON text. Our own types have text keys and no refusing serialisers.
pub(crate) fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types serialise to JSON")
}

/// Reads the JSON text of a column. The error says where in the text, not what stands there.
pub(crate) fn read<T: DeserializeOwned>(text: &str, place: Place<'_>) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        let class = error.classify();
        place.corrupt(&format!(
            "{class:?} error at line {} column {}",
            error.line(),
            error.column()
        ))
    })
}

/// Returns the word of a unit variant as serde names it.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => unreachable!("not a unit variant: {other:?}"),
    }
}

/// Reads a unit variant from its word.
pub(crate) fn from_word<T: DeserializeOwned>(
    word: String,
    place: Place<'_>,
) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(word)).map_err(|_| place.corrupt("unknown word"))
}
