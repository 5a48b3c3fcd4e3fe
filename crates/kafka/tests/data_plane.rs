//! Batches across two real clusters by our own fetch, patch and produce; an independent client writes and reads them.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::task::Poll;
use std::time::Duration;

use kafka::aborted::{AbortedIndex, Verdict};
use kafka::batch::{BatchView, walk};
use kafka::build::rebuild;
use kafka::client::{Client, Options, Topics};
use kafka::fetch::{
    FetchConnection, FetchFrom, FetchKey, FetchOptions, FetchedPartition, Isolation, fetch_once,
};
use kafka::patch::{Patch, PatchedBatch, Times};
use kafka::produce::{ProduceConnection, ProducePart};
use kafka::{ErrorCode, Purpose, Timeouts};
use uuid::Uuid;
use xtask::admin::Admin;
use xtask::client::{
    NewRecord, RawRecord, ReadIsolation, TimestampType, Writer, WriterOptions, read_all,
};
use xtask::cluster::shared;

/// One cluster as our client and as the independent one see it.
struct Cluster {
    client: Client,
    bootstrap: String,
}

impl Cluster {
    fn new(name: &str) -> Self {
        let bootstrap = shared(name).unwrap().bootstrap;
        let spec = serde_json::json!({ "name": name, "bootstrap": [bootstrap] });
        let options = Options {
            client_id: "data-plane-test".to_owned(),
            timeouts: Timeouts::default(),
        };
        let client = Client::new(&serde_json::from_value(spec).unwrap(), options).unwrap();
        Self { client, bootstrap }
    }

    fn create(&self, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
        let admin = Admin::new(&self.bootstrap).unwrap();
        // Timestamps of the past must not be taken away by retention.
        let configs = [configs, &[("retention.ms", "-1")]].concat();
        admin.create_topic(topic, partitions, &configs).unwrap();
    }

    async fn keys(&self, topic: &str) -> Vec<FetchKey> {
        let names = [topic.to_owned()];
        let metadata = self.client.metadata(Topics::Named(&names)).await.unwrap();
        let found = &metadata.topics[0];
        let key = |index| FetchKey {
            topic: topic.into(),
            topic_id: found.id,
            partition: index,
        };
        found.partitions.iter().map(|p| key(p.index)).collect()
    }

    async fn connection(&self, topic: &str, purpose: Purpose) -> kafka::Connection {
        let leader = self.client.leader(topic, 0).await.unwrap();
        let connection = self.client.open_to_broker(leader.broker, purpose).await;
        connection.unwrap()
    }

    fn read(&self, topic: &str) -> Vec<RawRecord> {
        read_all(&self.bootstrap, topic, ReadIsolation::Committed).unwrap()
    }
}

fn options() -> FetchOptions {
    FetchOptions {
        isolation: Isolation::ReadCommitted,
        max_wait: Duration::from_millis(200),
        min_bytes: 1,
        max_bytes: 4 << 20,
        rack: String::new(),
    }
}

fn from(offset: i64) -> FetchFrom {
    FetchFrom {
        offset,
        leader_epoch: -1,
        last_fetched_epoch: -1,
        max_bytes: 100_000,
    }
}

/// The smallest copier: reads every partition to its end and appends what a reader would see.
struct Copy {
    fetch: FetchConnection,
    produce: ProduceConnection,
    destination: Vec<FetchKey>,
    positions: HashMap<FetchKey, i64>,
    sequences: HashMap<i32, i32>,
    /// Batches that could not pass through.
    rebuilt: usize,
}

async fn copy(east: &Cluster, source: &str, west: &Cluster, destination: &str) -> usize {
    let mut copy = Copy {
        fetch: FetchConnection::new(east.connection(source, Purpose::Ask).await, options())
            .unwrap(),
        produce: ProduceConnection::new(
            west.connection(destination, Purpose::Produce).await,
            Duration::from_secs(10),
        )
        .unwrap(),
        destination: west.keys(destination).await,
        positions: HashMap::new(),
        sequences: HashMap::new(),
        rebuilt: 0,
    };
    for key in east.keys(source).await {
        copy.fetch.set(key.clone(), from(0));
        copy.positions.insert(key, 0);
    }
    while !copy.fetch.is_empty() {
        let reply = copy.fetch.fetch().await.unwrap();
        for news in reply.partitions {
            copy.partition(news).await;
        }
    }
    copy.rebuilt
}

impl Copy {
    async fn partition(&mut self, news: FetchedPartition) {
        assert_eq!(news.error, ErrorCode::NONE);
        let mut aborted = AbortedIndex::new(news.aborted);
        for batch in walk(news.records) {
            let batch = batch.unwrap();
            batch.verify().unwrap();
            if aborted.judge(&batch) == Verdict::Keep {
                self.batch(news.key.partition, &batch).await;
            }
            self.positions.insert(news.key.clone(), batch.next_offset());
        }
        let position = self.positions[&news.key];
        if position < news.last_stable_offset {
            self.fetch.set(news.key, from(position));
        } else {
            self.fetch.remove(&news.key);
        }
    }

    async fn batch(&mut self, partition: i32, batch: &BatchView) {
        let sequence = self.sequences.entry(partition).or_default();
        let patch = Patch {
            producer_id: 4_242,
            producer_epoch: 0,
            base_sequence: *sequence,
        };
        let patched = batch.patch(patch, Times::Visible).unwrap_or_else(|| {
            self.rebuilt += 1;
            let rebuilt = rebuild(batch, 0..i64::MAX).unwrap().unwrap();
            rebuilt.batch.patch(patch, Times::Visible).unwrap()
        });
        let expected = i64::from(*sequence);
        *sequence += batch.records_count();
        let key = self.destination[partition as usize].clone();
        let answer = self.produce.send(&[part(key, patched)], None).unwrap();
        let ack = answer.answer().await.unwrap().acks.remove(0);
        assert_eq!(
            (ack.error, ack.base_offset),
            (ErrorCode::NONE, expected),
            "{:?}",
            ack.message
        );
    }
}

fn part(key: FetchKey, batch: PatchedBatch) -> ProducePart {
    ProducePart {
        topic: key.topic,
        topic_id: key.topic_id,
        partition: key.partition,
        header: batch.header,
        payload: batch.payload,
    }
}

/// Records of every awkward kind over two partitions.
fn awkward(count: usize) -> Vec<NewRecord> {
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    let record = |n: usize| NewRecord {
        partition: (n % 2) as i32,
        timestamp: Some(1_700_000_000_000 + (n as i64 * 37) % 1_000),
        key: [None, Some(vec![]), Some(vec![0xff, n as u8]), bytes("key")][n % 4].clone(),
        value: [
            None,
            Some(vec![]),
            Some(format!("value {n} ").repeat(n % 50).into_bytes()),
        ][n % 3]
            .clone(),
        headers: vec![
            (b"twice".to_vec(), bytes("one")),
            (vec![0xff, 0xfe, 0x41], None),
            (b"twice".to_vec(), Some(vec![])),
        ][..n % 4]
            .to_vec(),
    };
    (0..count).map(record).collect()
}

fn write(cluster: &Cluster, topic: &str, codec: &str, records: &[NewRecord]) {
    let options = WriterOptions {
        codec: codec.to_owned(),
        ..WriterOptions::default()
    };
    let writer = Writer::new(&cluster.bootstrap, &options).unwrap();
    for record in records {
        writer.send(topic, record).unwrap();
    }
    writer.flush().unwrap();
}

/// What has to be equal on both sides: all but the offset and whose time it is.
fn content(records: &[RawRecord]) -> Vec<RawRecord> {
    let without_offset = |record: &RawRecord| RawRecord {
        offset: 0,
        timestamp_type: TimestampType::Create,
        ..record.clone()
    };
    records.iter().map(without_offset).collect()
}

fn unique(name: &str) -> String {
    format!("{name}-{}", Uuid::new_v4().simple())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs brokers: cargo xtask test"]
async fn every_codec_passes_through_with_every_record_as_it_was() {
    let (east, west) = (Cluster::new("east"), Cluster::new("west"));
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = unique(codec);
        east.create(&topic, 2, &[]);
        west.create(&topic, 2, &[]);
        write(&east, &topic, codec, &awkward(5_000));
        assert_eq!(copy(&east, &topic, &west, &topic).await, 0, "{codec}");
        let (source, destination) = (east.read(&topic), west.read(&topic));
        assert_eq!(source.len(), 5_000);
        assert!(source == destination, "{codec}: the copy differs");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs brokers: cargo xtask test"]
async fn append_times_of_the_source_become_the_records_own_times_with_every_codec() {
    let (east, west) = (Cluster::new("east"), Cluster::new("west"));
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = unique("stamped");
        east.create(&topic, 2, &[("message.timestamp.type", "LogAppendTime")]);
        west.create(&topic, 2, &[]);
        write(&east, &topic, codec, &awkward(1_000));
        assert!(copy(&east, &topic, &west, &topic).await > 0, "{codec}");
        let (source, destination) = (east.read(&topic), west.read(&topic));
        assert_eq!(source[0].timestamp_type, TimestampType::LogAppend);
        assert_eq!(destination[0].timestamp_type, TimestampType::Create);
        assert!(
            content(&source) == content(&destination),
            "{codec}: the copy differs"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs brokers: cargo xtask test"]
async fn aborted_transactions_are_left_behind() {
    let (east, west) = (Cluster::new("east"), Cluster::new("west"));
    let topic = unique("transfers");
    east.create(&topic, 2, &[]);
    west.create(&topic, 2, &[]);
    let transactional = |id: &str| {
        let options = WriterOptions {
            transactional_id: Some(format!("{topic}-{id}")),
            ..WriterOptions::default()
        };
        Writer::new(&east.bootstrap, &options).unwrap()
    };
    let writers = [transactional("a"), transactional("b")];
    for (n, records) in awkward(900).chunks(100).enumerate() {
        let writer = &writers[n % 2];
        writer.begin().unwrap();
        for record in records {
            writer.send(&topic, record).unwrap();
        }
        if n % 3 == 0 {
            writer.abort().unwrap();
        } else {
            writer.commit().unwrap();
        }
    }
    copy(&east, &topic, &west, &topic).await;
    let source = east.read(&topic);
    let everything = read_all(&west.bootstrap, &topic, ReadIsolation::Uncommitted).unwrap();
    assert_eq!(source.len(), 600);
    assert!(content(&source) == content(&everything), "the copy differs");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_session_tells_only_what_is_new_and_forgets_what_is_taken_out() {
    let east = Cluster::new("east");
    let topic = unique("session");
    east.create(&topic, 50, &[]);
    let keys = east.keys(&topic).await;
    let connection = east.connection(&topic, Purpose::Ask).await;
    let mut fetch = FetchConnection::new(connection.clone(), options()).unwrap();
    for key in &keys {
        fetch.set(key.clone(), from(0));
    }
    // A full request is answered with every partition, the next ones with news alone.
    assert_eq!(fetch.fetch().await.unwrap().partitions.len(), 50);
    // A broker still learning that it leads the new partitions says so; then it is quiet.
    let quiet = async { while !fetch.fetch().await.unwrap().partitions.is_empty() {} };
    let within = tokio::time::timeout(Duration::from_secs(30), quiet).await;
    assert!(
        within.is_ok(),
        "unchanged partitions are told again and again"
    );

    write(
        &east,
        &topic,
        "none",
        &[NewRecord {
            partition: 7,
            ..NewRecord::default()
        }],
    );
    let news = fetch.fetch().await.unwrap().partitions;
    assert_eq!(
        news.iter().map(|p| p.key.partition).collect::<Vec<_>>(),
        [7]
    );
    assert_eq!((news[0].high_watermark, news[0].log_start), (1, 0));
    // Not moved: offered again. Taken out: not any more. Put back: offered again.
    assert_eq!(fetch.fetch().await.unwrap().partitions.len(), 1);
    fetch.remove(&keys[7]);
    assert!(fetch.fetch().await.unwrap().partitions.is_empty());
    fetch.set(keys[7].clone(), from(0));
    assert_eq!(fetch.fetch().await.unwrap().partitions.len(), 1);

    // A fetch that was given up leaves the session in doubt: the next one opens another.
    fetch.set(keys[7].clone(), from(1));
    let mut given_up = Box::pin(fetch.fetch());
    let sent = std::future::poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx).is_pending()));
    assert!(sent.await);
    drop(given_up);
    assert_eq!(fetch.fetch().await.unwrap().partitions.len(), 50);

    let once = fetch_once(&connection, &options(), keys[7].clone(), from(0))
        .await
        .unwrap();
    assert_eq!(walk(once.records).count(), 1);
    let beyond = fetch_once(&connection, &options(), keys[7].clone(), from(5))
        .await
        .unwrap();
    assert_eq!(beyond.error, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_topic_is_known_by_its_id_and_without_one_by_its_name() {
    let west = Cluster::new("west");
    let topic = unique("ids");
    west.create(&topic, 1, &[]);
    let key = west.keys(&topic).await.remove(0);
    let connection = west.connection(&topic, Purpose::Produce).await;
    let produce = ProduceConnection::new(connection.clone(), Duration::from_secs(10)).unwrap();
    let record = kafka::build::NewRecord::new(None, None, 1);
    let batch = kafka::build::build_batch(&[record], kafka::batch::Codec::None, Patch::NOBODY);
    let batch = batch.unwrap().patch(Patch::NOBODY, Times::Visible).unwrap();

    let mut answers = Vec::new();
    let former = Uuid::from_u128(1);
    for topic_id in [key.topic_id, former, Uuid::nil()] {
        let named = FetchKey {
            topic_id,
            ..key.clone()
        };
        let pending = produce
            .send(&[part(named.clone(), batch.clone())], None)
            .unwrap();
        let produced = pending.answer().await.unwrap().acks[0].error;
        let fetched = fetch_once(&connection, &options(), named, from(0))
            .await
            .unwrap();
        answers.push((produced, fetched.error));
    }
    let unknown = (ErrorCode::UNKNOWN_TOPIC_ID, ErrorCode::UNKNOWN_TOPIC_ID);
    let fine = (ErrorCode::NONE, ErrorCode::NONE);
    assert_eq!(answers, [fine, unknown, fine]);
    let twice = produce.send(&[part(key.clone(), batch.clone()), part(key, batch)], None);
    assert!(twice.is_err());
}
