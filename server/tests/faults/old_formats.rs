//! A source whose log still holds messages of the formats 0 and 1, from before Kafka 0.11: brokers serve them as they are.

use xtask::{
    cluster::{ClusterOptions, KafkaCluster, shared},
    old_messages::{OldMessage, wrapped},
    report::Case,
    setup,
};

use crate::harness::{Console, Topic, link, unique, words};

fn messages(offsets: &[i64]) -> Vec<OldMessage> {
    let of = |offset: &i64| OldMessage {
        offset: *offset,
        timestamp: 1_400_000_000_000 + offset,
        key: (offset % 3 != 0).then(|| format!("key-{offset}").into_bytes()),
        value: (offset % 4 != 0).then(|| format!("old-{offset}").into_bytes()),
    };
    offsets.iter().map(of).collect()
}

/// What the log holds, piece by piece: the format, whether the messages are wrapped in a compressed one, and their offsets,
/// with the holes that compaction leaves.
const LOG: [(u8, bool, &[i64]); 6] = [
    (0, false, &[0]),
    (0, false, &[2]),
    (0, true, &[3, 4, 7]),
    (1, false, &[8]),
    (1, true, &[10, 11, 12, 15]),
    (1, false, &[16]),
];

fn segment() -> Vec<u8> {
    let piece = |(format, wraps, offsets): &(u8, bool, &[i64])| match wraps {
        true => wrapped(*format, &messages(offsets)).unwrap(),
        false => messages(offsets)[0].bytes(*format),
    };
    LOG.iter().flat_map(piece).collect()
}

/// What a client must read of it: format 0 has no times.
fn expected() -> Vec<OldMessage> {
    let piece = |(format, _, offsets): &(u8, bool, &[i64])| {
        let mut all = messages(offsets);
        if *format == 0 {
            all.iter_mut().for_each(|message| message.timestamp = -1);
        }
        all
    };
    LOG.iter().flat_map(piece).collect()
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn messages_of_the_old_formats_are_mirrored_from_both_kafka_lines() {
    let west = shared("west").unwrap();
    for version in [setup::KAFKA_OLDER, setup::KAFKA_NEWEST] {
        let mut case = Case::new(&format!("formats 0 and 1, Kafka {version}"));
        let options = ClusterOptions::new("ancient").version(version);
        let ancient = KafkaCluster::start(options).unwrap();
        let console = Console::start();
        console.connect("ancient", &ancient.bootstrap());
        console.connect("west", &west.bootstrap);
        let name = unique("ancient");
        let (source, mirror) = (
            Topic::new(&ancient.bootstrap(), &name),
            Topic::new(&west.bootstrap, &name),
        );
        // What is older than a week would be deleted.
        let keep = [("retention.ms", "-1")];
        source.admin().create_topic(&name, 1, &keep).unwrap();
        let broker = ancient.broker(0);
        broker.terminate();
        broker.replace_log(&name, 0, &segment()).unwrap();
        broker.restart().unwrap();
        ancient.wait_ready().unwrap();
        assert_eq!(source.end(0), 17, "the broker serves the old messages");

        console.post("links", &link(&name, "ancient", "west", &[&source]));
        console.verb(&name, "start");
        mirror.wait_for_end(0, 11);
        source.write(0, "new", 0..20);
        mirror.wait_for_end(0, 31);
        let mirrored = mirror.read();
        let old = mirrored.iter().zip(expected());
        for (record, message) in old {
            let read = (&record.key, &record.value, record.timestamp);
            let wrote = (&message.key, &message.value, message.timestamp);
            assert_eq!(read, wrote, "offset {}", message.offset);
            assert!(record.headers.is_empty());
        }
        let new: Vec<_> = mirrored[11..]
            .iter()
            .filter_map(|r| r.value.clone())
            .collect();
        let wrote = words("new", 0..20).into_iter().map(String::into_bytes);
        assert_eq!(new, wrote.collect::<Vec<_>>());
        case.note("11 messages of the formats 0 and 1, alone and compressed, with holes");
        assert!(console.findings(&name).is_empty());
    }
}
