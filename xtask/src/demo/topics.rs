//! The demo's topics and the realistic records that go into them.

use crate::client::NewRecord;

/// Which records a topic gets, and how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Orders,
    Payments,
    Clicks,
    Inventory,
    Transfers,
    EventsOld,
    Stamped,
    Audit,
}

/// One topic of the demo.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    pub kind: Kind,
    pub name: &'static str,
    pub partitions: i32,
    pub codec: &'static str,
    pub configs: &'static [(&'static str, &'static str)],
    /// Share of the traffic in percent.
    pub share: u32,
    /// Records written before the traffic begins.
    pub preload: u32,
}

/// All topics, as they are created on `east`.
pub const TOPICS: &[Topic] = &[
    topic(Kind::Orders, "orders", 6, "none", &[], 30, 3_000),
    topic(
        Kind::Payments,
        "payments",
        3,
        "zstd",
        &[("compression.type", "producer")],
        15,
        2_000,
    ),
    topic(
        Kind::Clicks,
        "clicks",
        12,
        "lz4",
        &[("retention.ms", "86400000")],
        33,
        5_000,
    ),
    topic(Kind::Inventory, "inventory", 2, "none", COMPACTED, 8, 4_000),
    topic(Kind::Transfers, "transfers", 3, "none", &[], 8, 900),
    topic(
        Kind::EventsOld,
        "events-old",
        2,
        "gzip",
        &[("retention.ms", "-1")],
        2,
        2_000,
    ),
    topic(Kind::Stamped, "stamped", 2, "snappy", STAMPED, 2, 500),
    topic(Kind::Audit, "audit-internal", 1, "none", &[], 2, 200),
];

/// Compacts within seconds, so that offsets really have holes.
const COMPACTED: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.ms", "10000"),
    ("segment.bytes", "1048576"),
    ("min.cleanable.dirty.ratio", "0.01"),
];
const STAMPED: &[(&str, &str)] = &[("message.timestamp.type", "LogAppendTime")];

const fn topic(
    kind: Kind,
    name: &'static str,
    partitions: i32,
    codec: &'static str,
    configs: &'static [(&'static str, &'static str)],
    share: u32,
    preload: u32,
) -> Topic {
    Topic {
        kind,
        name,
        partitions,
        codec,
        configs,
        share,
        preload,
    }
}

/// When a record is said to have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// Spread over the hours before `now`: what was there before the demo began.
    Past { left: u32 },
    /// Now.
    Live,
}

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// Makes the record with that sequence number; `now_ms` is in milliseconds since the epoch.
pub fn record(kind: Kind, sequence: u64, era: Era, now_ms: i64) -> NewRecord {
    let past_ms = match era {
        Era::Past { left } => i64::from(left) * 5_000,
        Era::Live => 0,
    };
    let time = now_ms - past_ms;
    let (key, value) = match kind {
        Kind::Orders => order(sequence, time),
        Kind::Payments => payment(sequence),
        Kind::Clicks => click(sequence, time),
        Kind::Inventory => stock(sequence),
        Kind::Transfers => transfer(sequence),
        Kind::EventsOld => event(sequence, time),
        Kind::Stamped => (
            None,
            Some(format!(
                r#"{{"reading":{sequence},"celsius":{}}}"#,
                tenths(210, 80)
            )),
        ),
        Kind::Audit => audit(sequence),
    };
    let timestamp = match kind {
        Kind::EventsOld => {
            now_ms - 10 * DAY_MS + i64::try_from(sequence % 172_800).unwrap_or(0) * 1_000
        }
        _ => time,
    };
    NewRecord {
        // The partitioner chooses by key, as applications' producers do.
        partition: -1,
        timestamp: Some(timestamp),
        key: key.map(String::into_bytes),
        value: value.map(String::into_bytes),
        headers: headers(kind, sequence),
    }
}

type Pair = (Option<String>, Option<String>);

const PRODUCTS: &[&str] = &[
    "kettle",
    "desk lamp",
    "running shoes",
    "notebook",
    "coffee beans",
    "headphones",
    "umbrella",
];
const CITIES: &[&str] = &[
    "Zürich",
    "Lyon",
    "Kraków",
    "Porto",
    "Gdańsk",
    "Łódź",
    "Antwerpen",
];

fn pick(list: &[&'static str]) -> &'static str {
    list[fastrand::usize(..list.len())]
}

/// A number with one decimal around `middle` tenths.
fn tenths(middle: u32, spread: u32) -> String {
    let number = middle + fastrand::u32(..spread) - spread / 2;
    format!("{}.{}", number / 10, number % 10)
}

fn order(sequence: u64, time: i64) -> Pair {
    let customer = fastrand::u32(1..2_000);
    let value = format!(
        r#"{{"order_id":"ORD-{sequence:08}","customer":"C{customer:05}","placed_at":{time},"city":"{}","lines":[{{"product":"{}","quantity":{},"price":"{}"}},{{"product":"{}","quantity":1,"price":"{}"}}],"currency":"EUR","note":null}}"#,
        pick(CITIES),
        pick(PRODUCTS),
        fastrand::u8(1..5),
        tenths(499, 300),
        pick(PRODUCTS),
        tenths(199, 100),
    );
    (Some(format!("C{customer:05}")), Some(value))
}

fn payment(sequence: u64) -> Pair {
    let value = format!(
        r#"{{"payment_id":"PAY-{sequence:08}","order_id":"ORD-{:08}","method":"{}","amount":"{}","currency":"EUR","state":"{}"}}"#,
        sequence.saturating_sub(fastrand::u64(..50)),
        pick(&["card", "transfer", "invoice", "wallet"]),
        tenths(899, 700),
        pick(&["authorised", "captured", "captured", "refunded"]),
    );
    (Some(format!("PAY-{sequence:08}")), Some(value))
}

fn click(sequence: u64, time: i64) -> Pair {
    let visitor = fastrand::u32(..50_000);
    let value = format!(
        r#"{{"visitor":"{visitor:08x}","n":{sequence},"at":{time},"page":"/shop/{}","referrer":"{}","agent":"Mozilla/5.0 (X11; Linux x86_64)"}}"#,
        pick(PRODUCTS).replace(' ', "-"),
        pick(&["direct", "search", "newsletter", "partner"]),
    );
    // Two visits in ten have no key.
    (
        fastrand::u8(..10).ge(&2).then(|| format!("{visitor:08x}")),
        Some(value),
    )
}

/// Forty articles, changed again and again, and every tenth time one of five thousand that hardly ever change: what
/// compaction leaves of those has holes on either side. Every fifth change is a deletion (tombstone).
fn stock(sequence: u64) -> Pair {
    let article = if sequence % 10 == 1 {
        41 + sequence / 10 % 5_000
    } else {
        fastrand::u64(1..=40)
    };
    let value = (!sequence.is_multiple_of(5)).then(|| {
        format!(
            r#"{{"article":{article},"stock":{},"change":{sequence}}}"#,
            fastrand::u32(..500)
        )
    });
    (Some(format!("article-{article}")), value)
}

fn transfer(sequence: u64) -> Pair {
    let (from, to) = (fastrand::u32(1..500), fastrand::u32(1..500));
    let value = format!(
        r#"{{"transfer":{sequence},"from":"ACC-{from:04}","to":"ACC-{to:04}","amount":"{}"}}"#,
        tenths(1_200, 2_000)
    );
    (Some(format!("ACC-{from:04}")), Some(value))
}

fn event(sequence: u64, time: i64) -> Pair {
    let value = format!(
        r#"{{"event":{sequence},"device":"meter-{:03}","kwh":{},"received":{time}}}"#,
        sequence % 300,
        tenths(120, 60)
    );
    (Some(format!("meter-{:03}", sequence % 300)), Some(value))
}

fn audit(sequence: u64) -> Pair {
    let value = format!(
        r#"{{"entry":{sequence},"actor":"{}","action":"{}"}}"#,
        pick(&["anna", "bruno", "chiara", "system"]),
        pick(&["login", "export", "price change", "refund"])
    );
    // Now and then an empty value, which is not a tombstone.
    (
        None,
        Some(if sequence.is_multiple_of(50) {
            String::new()
        } else {
            value
        }),
    )
}

fn headers(kind: Kind, sequence: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let text =
        |name: &str, value: &str| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
    match kind {
        Kind::Orders => vec![text("source", "web-shop"), text("schema", "order/3")],
        // Every seventh payment shows what headers may be: repeated, null, empty, not text.
        Kind::Payments if sequence.is_multiple_of(7) => vec![
            text("retry", "1"),
            text("retry", "2"),
            (b"note".to_vec(), None),
            (Vec::new(), Some(Vec::new())),
            (vec![0xc3, 0x28], Some(vec![0xff, 0x00])),
        ],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_values_are_json() {
        assert_eq!(TOPICS.iter().map(|t| t.share).sum::<u32>(), 100);
        for topic in TOPICS {
            for sequence in 1..40 {
                let made = record(topic.kind, sequence, Era::Live, 1_800_000_000_000);
                if let Some(value) = made.value {
                    serde_json::from_slice::<serde_json::Value>(&value).unwrap();
                } else {
                    assert_eq!(topic.kind, Kind::Inventory);
                }
            }
        }
    }
}
