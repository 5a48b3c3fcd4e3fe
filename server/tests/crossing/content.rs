//! What records may hold: all codecs, large and empty ones, null and empty kept apart.

use xtask::client::{NewRecord, RawHeader, ReadIsolation, read_all};

use crate::harness::{bench, make_topic, random_bytes, unique, writer};

/// Near what a broker takes by default (1,048,588 bytes per batch).
const LARGE: usize = 900 * 1_024;

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn batches_of_every_codec_and_records_of_every_shape_cross_unchanged() {
    let bench = bench();
    // The records are old, and none may go while they are compared.
    let topic = make_topic(&bench.east, "shapes", 5, &[("retention.ms", "-1")]);
    for (partition, codec) in (0..).zip(["none", "gzip", "snappy", "lz4", "zstd"]) {
        let writer = writer(&bench.east, codec);
        for number in 0..3 {
            for record in shapes(partition, number) {
                writer.send(&topic, &record).unwrap();
            }
            // Batches of one record and of many.
            writer.flush().unwrap();
            writer.send(&topic, &large(partition)).unwrap();
            writer.flush().unwrap();
        }
    }
    let link = unique("shapes");
    bench.start_link(&link, &[&topic]);

    let mirror = format!("{link}.{topic}");
    let copied = bench.expect_exact(&link, &topic, &mirror);
    assert_eq!(copied, 5 * 3 * (shapes(0, 0).len() as u64 + 1));
    let copies = read_all(&bench.west.bootstrap, &mirror, ReadIsolation::Committed).unwrap();
    let bytes = |key: &Option<Vec<u8>>| key.as_ref().map(Vec::len);
    for (key, value) in [
        (None, None),
        (None, Some(0)),
        (Some(0), None),
        (Some(0), Some(0)),
        (None, Some(LARGE)),
    ] {
        let found = copies
            .iter()
            .filter(|r| (bytes(&r.key), bytes(&r.value)) == (key, value));
        assert_eq!(found.count(), 15, "key {key:?}, value {value:?}");
    }
    bench.expect_no_findings(&link);
    bench.retire(&link);
}

fn shapes(partition: i32, number: u64) -> Vec<NewRecord> {
    let record = |key: Option<&[u8]>, value: Option<&[u8]>, headers: Vec<RawHeader>| NewRecord {
        partition,
        timestamp: Some(1_750_000_000_000 + i64::try_from(number).unwrap() * 86_400_000),
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers,
    };
    let mut all = vec![
        record(None, None, Vec::new()),
        record(None, Some(b""), Vec::new()),
        record(Some(b""), None, Vec::new()),
        record(Some(b""), Some(b""), Vec::new()),
        record(Some(b"key"), Some(b"value"), odd_headers()),
        record(Some(&[0xff, 0x00]), Some(&[0x00; 300]), Vec::new()),
    ];
    let text = "what compresses well ".repeat(20);
    all.extend((0..500_u32).map(|n| {
        let key = n.to_be_bytes();
        record(Some(&key), Some(text.as_bytes()), Vec::new())
    }));
    all
}

fn odd_headers() -> Vec<RawHeader> {
    vec![
        (b"same".to_vec(), Some(b"2".to_vec())),
        (b"same".to_vec(), Some(b"1".to_vec())),
        (b"same".to_vec(), None),
        (Vec::new(), Some(Vec::new())),
        (vec![0xc3, 0x28], Some(vec![0xff; 200])),
    ]
}

/// Does not compress.
fn large(partition: i32) -> NewRecord {
    NewRecord {
        partition,
        value: Some(random_bytes(LARGE)),
        ..NewRecord::default()
    }
}
