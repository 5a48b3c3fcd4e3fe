//! Ids that sort by the time they were made.

use uuid::{NoContext, Timestamp, Uuid};

/// Returns a new UUIDv7 (RFC 9562) for this moment, milliseconds since the epoch UTC.
pub fn new_id(now_ms: i64) -> String {
    let ms = u64::try_from(now_ms).unwrap_or(0);
    let nanos = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, ms / 1_000, nanos)).to_string()
}

#[cfg(test)]
mod tests {
    use super::new_id;

    #[test]
    fn ids_sort_by_time_and_differ_within_a_millisecond() {
        assert!(new_id(1_000_000) < new_id(1_000_001));
        assert_ne!(new_id(1_000_000), new_id(1_000_000));
        assert_eq!(new_id(0).len(), 36);
    }
}
