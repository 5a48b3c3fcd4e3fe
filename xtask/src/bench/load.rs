//! The preloaded topic of a benchmark.

use anyhow::Result;

use super::Cell;
use crate::client::{NewRecord, Writer, WriterOptions};

/// The topic that is copied.
pub(super) const TOPIC: &str = "bench";

/// Different record bodies; more would cost time and change nothing for the codec's window.
const BODIES: usize = 1_000;

/// Writes about `bytes` of values into all partitions in turn; returns the number of records.
pub(super) fn preload(bootstrap: &str, cell: &Cell, bytes: u64) -> Result<u64> {
    let options = WriterOptions {
        codec: cell.codec.to_owned(),
        batch_bytes: cell.batch_bytes,
        linger_ms: 100,
        ..WriterOptions::default()
    };
    let writer = Writer::new(bootstrap, &options)?;
    let bodies: Vec<String> = (0..BODIES).map(|n| body(n, cell.record_bytes)).collect();
    let records = bytes / cell.record_bytes as u64;
    for number in 0..records {
        // The number at the start makes every record different.
        let value = format!("{{\"n\":{number:012},{}", bodies[number as usize % BODIES]);
        writer.send(
            TOPIC,
            &NewRecord {
                partition: (number % u64::try_from(cell.partitions)?) as i32,
                key: Some(format!("key-{}", number % 10_000).into_bytes()),
                value: Some(value.into_bytes()),
                ..NewRecord::default()
            },
        )?;
    }
    writer.flush()?;
    Ok(records)
}

/// JSON-like text that compresses about as well as applications' records do.
fn body(seed: usize, length: usize) -> String {
    const WORDS: &[&str] = &[
        "order", "customer", "street", "amount", "pending", "shipped", "parcel", "Lyon",
    ];
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let mut text = String::with_capacity(length + 64);
    // The part of `preload` before the body is 19 bytes long.
    while text.len() + 19 + 40 < length {
        let word = WORDS[random.usize(..WORDS.len())];
        text.push_str(&format!("\"{word}\":\"{:08x}\",", random.u32(..)));
    }
    let fill = length.saturating_sub(text.len() + 19 + 8);
    text.push_str(&format!("\"f\":\"{}\"}}", "x".repeat(fill)));
    text
}
