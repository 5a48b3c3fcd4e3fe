//! The wall clock, read here and passed on as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns milliseconds since the epoch, UTC.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns a time for people, as `2026-11-21T12:00:00Z`.
pub fn words(at_ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
