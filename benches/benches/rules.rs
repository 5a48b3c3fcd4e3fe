//! Rules whose cost grows with what a link has: the offset map and the plan of many topics.

use std::collections::BTreeMap;

use divan::{Bencher, black_box};
use replication::{
    plan::{
        Destination, Facts, Selected, SourceTopic,
        facts::{ConfigValue, TopicConfigs},
        plan_topics,
    },
    protocol::{
        offset_map::{OffsetMap, Segment},
        position::Anchor,
    },
};
use uuid::Uuid;

fn main() {
    divan::main();
}

const ANCHOR: Anchor = Anchor {
    source_start: 0,
    destination_end: 0,
};

/// A map with a gap after every nine records, as transactions leave them.
fn map(segments: i64) -> OffsetMap {
    let mut map = OffsetMap::default();
    for n in 0..segments {
        map.push(Segment {
            source_start: n * 10,
            destination_start: n * 9,
            length: 9,
        });
    }
    map
}

#[divan::bench(args = [1, 1_000, 100_000])]
fn offset_map_lookup(bencher: Bencher<'_, '_>, segments: i64) {
    let map = map(segments);
    let mut source = 0;
    bencher.bench_local(|| {
        // Steps that visit all of the map in no order that a cache could guess.
        source = (source + 7_919 * 13) % (segments * 10);
        black_box(&map).translate(ANCHOR, black_box(source))
    });
}

#[divan::bench(args = [1_000, 100_000])]
fn offset_map_push(bencher: Bencher<'_, '_>, segments: i64) {
    bencher
        .with_inputs(|| map(segments))
        .bench_local_values(|mut map| {
            map.push(Segment {
                source_start: segments * 10,
                destination_start: segments * 9,
                length: 9,
            });
            map
        });
}

fn configs() -> TopicConfigs {
    let own = |name: &str, value: &str, overridden| {
        let value = value.to_owned();
        (name.to_owned(), ConfigValue { value, overridden })
    };
    [
        own("cleanup.policy", "delete", false),
        own("compression.type", "producer", false),
        own("max.message.bytes", "2097152", true),
        own("message.timestamp.type", "CreateTime", false),
        own("min.insync.replicas", "2", true),
        own("retention.ms", "86400000", true),
        own("segment.bytes", "1073741824", false),
    ]
    .into()
}

fn facts(topics: usize) -> Facts {
    let spec =
        r#"{"name":"east-west","source":"east","destination":"west","topics":{"include":[]}}"#;
    let defaults = configs()
        .into_iter()
        .map(|(name, config)| (name, config.value));
    let selected = (0..topics).map(|n| Selected {
        topic: SourceTopic {
            name: format!("topic-{n:05}"),
            id: Uuid::from_u128(n as u128 + 1),
            partitions: 6,
            replication_factor: 3,
            configs: configs(),
        },
        reason: "include row 1".to_owned(),
        mirror_topic: format!("topic-{n:05}"),
        refusal: None,
    });
    Facts {
        spec: serde_json::from_str(spec).expect("the settings are good"),
        selected: selected.collect(),
        destination: Destination {
            brokers: 3,
            default_replication_factor: Some(3),
            defaults: Some(defaults.collect()),
            topics: BTreeMap::new(),
        },
        fixed: Vec::new(),
    }
}

#[divan::bench(args = [100, 10_000])]
fn plan(bencher: Bencher<'_, '_>, topics: usize) {
    let facts = facts(topics);
    bencher.bench(|| plan_topics(black_box(&facts)).len());
}
