//! The records of a benchmark.

use anyhow::Result;

use super::cells::{Cell, ONE_RECORD, Times};
use crate::client::{NewRecord, Writer, WriterOptions};

/// The topic that is copied; topics whose names begin like this are copied as well.
pub(super) const TOPIC: &str = "bench";

/// Different record bodies; more would cost time and change nothing for the codec's window.
const BODIES: usize = 1_000;

const WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// Writes about `bytes` of values into all partitions in turn; returns the number of records.
pub(super) fn preload(bootstrap: &str, cell: &Cell, bytes: u64) -> Result<u64> {
    let mut options = WriterOptions {
        codec: cell.codec.to_owned(),
        batch_bytes: cell.batch_bytes,
        linger_ms: 100,
        ..WriterOptions::default()
    };
    if cell.batch_bytes == ONE_RECORD {
        let one = ("batch.num.messages".to_owned(), "1".to_owned());
        options.batch_bytes = 65_536;
        options.linger_ms = 0;
        options.properties.push(one);
    }
    let writer = Writer::new(bootstrap, &options)?;
    let bodies = bodies(cell.record_bytes);
    let week_ago_ms = now_ms() - WEEK_MS;
    let records = bytes / cell.record_bytes as u64;
    for number in 0..records {
        let timestamp = match cell.times {
            Times::Now => None,
            Times::LastWeek => Some(week_ago_ms + i64::try_from(number / 1_000)?),
        };
        writer.send(
            TOPIC,
            &NewRecord {
                partition: (number % u64::try_from(cell.partitions)?) as i32,
                timestamp,
                key: Some(format!("key-{}", number % 10_000).into_bytes()),
                value: Some(value(&bodies, number)),
                ..NewRecord::default()
            },
        )?;
    }
    writer.flush()?;
    Ok(records)
}

/// Returns bodies for values of about this length.
pub(super) fn bodies(record_bytes: usize) -> Vec<String> {
    (0..BODIES).map(|n| body(n, record_bytes)).collect()
}

/// Returns a value that no other record has: its number stands at the start.
pub(super) fn value(bodies: &[String], number: u64) -> Vec<u8> {
    let body = &bodies[number as usize % bodies.len()];
    format!("{{\"n\":{number:012},{body}").into_bytes()
}

pub(super) fn now_ms() -> i64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| time.as_millis() as i64)
}

/// JSON-like text that compresses about as well as applications' records do.
fn body(seed: usize, length: usize) -> String {
    const WORDS: &[&str] = &[
        "order", "customer", "street", "amount", "pending", "shipped", "parcel", "Lyon",
    ];
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let mut text = String::with_capacity(length + 64);
    // The part of `value` before the body is 19 bytes long.
    while text.len() + 19 + 40 < length {
        let word = WORDS[random.usize(..WORDS.len())];
        text.push_str(&format!("\"{word}\":\"{:08x}\",", random.u32(..)));
    }
    let fill = length.saturating_sub(text.len() + 19 + 8);
    text.push_str(&format!("\"f\":\"{}\"}}", "x".repeat(fill)));
    text
}
