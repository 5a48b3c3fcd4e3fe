//! The ends of two ranges that no test could reach by copying: sequences wrap behind 2^31 - 1, and a producer id is retired
//! when its epochs are used up (EXACTLY_ONCE 4.6). Both are seeded: two records, and the position behind them, are written as the
//! link would have written them.

use kafka::{
    Purpose,
    admin::TopicPartition,
    batch::Codec,
    build::{NewRecord, build_batch},
    client::{Client, Options, Topics},
    patch::Patch,
    produce::{ProduceConnection, ProducePart},
};
use model::cluster::{ClusterSpec, Tls};
use replication::protocol::{
    control::{CONTROL_PRODUCER_ID, Claim},
    position::Position,
};
use serde_json::{Value, json};
use xtask::{
    client::{self, RawRecord, ReadIsolation, Writer, WriterOptions, read_all},
    cluster::shared,
    report::Case,
};

use crate::harness::{Console, SOON, Topic, link, unique, until};

/// From here on a new producer epoch takes a new producer id.
const LAST_EPOCH: i16 = 32_000;
/// The broker's memory of a producer is trusted for so long.
const NOW_MS: i64 = 60_000;

/// What a partition's leader knows of one producer: its epoch and its last sequence.
type Known = (i16, i32);

struct Seeded {
    console: Console,
    link: String,
    source: Topic,
    mirror: Topic,
    control: Topic,
    written: usize,
}

impl Seeded {
    /// A link over an empty topic that is stopped, with two records at the source.
    fn start(stem: &str) -> Self {
        let (east, west) = (shared("east").unwrap(), shared("west").unwrap());
        let console = Console::start_between_shared();
        let name = unique(stem);
        let mut seeded = Self {
            source: Topic::new(&east.bootstrap, &name),
            mirror: Topic::new(&west.bootstrap, &name),
            control: Topic::new(&west.bootstrap, &format!("causeway.link.{name}")),
            link: name,
            console,
            written: 0,
        };
        seeded.source.create(1);
        let spec = link(&seeded.link, "east", "west", &[&seeded.source]);
        seeded.console.post("links", &spec);
        seeded.console.verb(&seeded.link, "start");
        seeded.console.until_state(&seeded.link, "mirroring");
        until("a position is stored", SOON, String::new, || {
            seeded.last("position/").map(drop)
        });
        seeded.console.verb(&seeded.link, "stop");
        seeded.console.until_state(&seeded.link, "stopped");
        seeded.write(2);
        seeded
    }

    /// Writes numbered records at times that say their number.
    fn write(&mut self, count: usize) {
        let writer = Writer::new(&self.source.bootstrap, &WriterOptions::default()).unwrap();
        for number in self.written..self.written + count {
            let record = client::NewRecord {
                partition: 0,
                timestamp: Some(time_ms(number)),
                value: Some(value(number)),
                ..client::NewRecord::default()
            };
            writer.send(&self.source.name, &record).unwrap();
        }
        writer.flush().unwrap();
        self.written += count;
    }

    fn until_copied(&self) {
        self.mirror
            .wait_for_end(0, i64::try_from(self.written).unwrap());
    }

    /// Returns the last control record whose key begins so.
    fn last(&self, key: &str) -> Option<RawRecord> {
        let (bootstrap, name) = (&self.control.bootstrap, &self.control.name);
        let all = read_all(bootstrap, name, ReadIsolation::Committed).unwrap();
        let fits = |r: &RawRecord| {
            let own = r
                .key
                .as_ref()
                .is_some_and(|own| own.starts_with(key.as_bytes()));
            own && r.value.is_some()
        };
        all.into_iter().rfind(fits)
    }

    /// Writes the first two records into the mirror, and the position behind them, as the link would have: beginning at this
    /// sequence of this epoch.
    fn seed(&self, epoch: i16, first_sequence: i32) -> i64 {
        let stored = self.last("position/").unwrap();
        let mut position: Position = parse(&stored);
        assert_eq!((position.source_next, position.destination_end), (0, 0));
        let patch = Patch {
            producer_id: position.producer_id,
            producer_epoch: epoch,
            base_sequence: first_sequence,
        };
        let records = [0, 1].map(|n| NewRecord::new(None, Some(value(n).into()), time_ms(n)));
        assert_eq!(produce(&self.mirror, 0, &records, patch), 0);

        position.epoch = epoch;
        position.next_sequence = first_sequence;
        position.epoch_records = 0;
        position.advance(2, 2, 2);
        let claim = self.last(&format!("slot/{}", stored.partition)).unwrap();
        let claim: Claim = parse(&claim);
        assert!(claim.released, "the link left its slots");
        let producer_id = CONTROL_PRODUCER_ID + i64::from(claim.generation);
        let (known_epoch, last) = known(&self.control, stored.partition, producer_id).unwrap();
        assert_eq!(known_epoch, claim.epoch);
        let write = position.write();
        let record = NewRecord::new(
            Some(write.key.into()),
            write.value.map(Into::into),
            position.stored_at_ms,
        );
        let patch = Patch {
            producer_id,
            producer_epoch: claim.epoch,
            base_sequence: last + 1,
        };
        produce(&self.control, stored.partition, &[record], patch);
        position.producer_id
    }

    fn assert_exact(&self) {
        let report = self.source.assert_mirrored_exactly(&self.mirror);
        assert_eq!(report.valid, self.written as u64);
        assert_eq!(self.console.findings(&self.link), Vec::<Value>::new());
    }
}

/// A moment ago, so that the broker's memory of the producer is fresh.
fn time_ms(number: usize) -> i64 {
    static BEGAN: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(since.unwrap().as_millis()).unwrap()
    };
    BEGAN.get_or_init(now) - NOW_MS + i64::try_from(number).unwrap()
}

fn value(number: usize) -> Vec<u8> {
    format!("value-{number}").into_bytes()
}

fn parse<T: serde::de::DeserializeOwned>(record: &RawRecord) -> T {
    serde_json::from_slice(record.value.as_ref().unwrap()).unwrap()
}

fn client(topic: &Topic) -> Client {
    let spec = ClusterSpec {
        name: "seeded".parse().unwrap(),
        title: String::new(),
        bootstrap: topic.bootstrap.split(',').map(str::to_owned).collect(),
        tls: Tls::Off,
        client_certificate: None,
        sasl: None,
    };
    let options = Options {
        client_id: "seed".to_owned(),
        timeouts: kafka::Timeouts::default(),
    };
    Client::new(&spec, options).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build();
    runtime.unwrap().block_on(work)
}

/// Writes one batch with these producer fields, and returns its base offset.
fn produce(topic: &Topic, partition: i32, records: &[NewRecord], patch: Patch) -> i64 {
    let batch = build_batch(records, Codec::None, patch).unwrap();
    run(async {
        let client = client(topic);
        let names = [topic.name.clone()];
        let metadata = client.metadata(Topics::Named(&names)).await.unwrap();
        let id = metadata.topic(&topic.name).unwrap().id;
        let leader = client.leader(&topic.name, partition).await.unwrap();
        let opened = client.open_to_broker(leader.broker, Purpose::Produce).await;
        let connection = ProduceConnection::new(opened.unwrap(), client.timeouts().request);
        let part = ProducePart {
            topic: topic.name.as_str().into(),
            topic_id: id,
            partition,
            header: batch.header().to_vec().into(),
            payload: batch.payload(),
        };
        let sent = connection.unwrap().send(&[part], None).unwrap();
        let ack = sent.answer().await.unwrap().acks.remove(0);
        assert_eq!(ack.error, kafka::ErrorCode::NONE, "{ack:?}");
        ack.base_offset
    })
}

fn known(topic: &Topic, partition: i32, producer_id: i64) -> Option<Known> {
    let place = TopicPartition::new(&topic.name, partition);
    let told = run(async { client(topic).describe_producers(vec![place.clone()]).await });
    let all = told
        .into_iter()
        .find(|(told, _)| *told == place)?
        .1
        .unwrap();
    let of = all
        .into_iter()
        .find(|state| state.producer_id == producer_id)?;
    Some((i16::try_from(of.producer_epoch).unwrap(), of.last_sequence))
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn sequences_wrap_in_mid_stream_and_over_a_restart() {
    let mut case = Case::new("sequence wraps");
    let mut seeded = Seeded::start("wrap");
    let first = i32::MAX - 10;
    let producer_id = seeded.seed(0, first);
    seeded.console.verb(&seeded.link, "start");
    for kills in [false, true, true] {
        // Eight before the wrap, then on both sides of it, then far behind it.
        seeded.write(6);
        seeded.until_copied();
        if kills {
            case.faults(1);
            seeded.console.kill_and_start();
        }
    }
    seeded.write(50);
    seeded.until_copied();
    seeded.assert_exact();
    let last = (i64::from(first) + i64::try_from(seeded.written).unwrap() - 1) % (1 << 31);
    let expected = (0, i32::try_from(last).unwrap());
    assert_eq!(known(&seeded.mirror, 0, producer_id), Some(expected));
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_producer_id_whose_epochs_are_used_up_is_replaced() {
    let _case = Case::new("last producer epoch");
    let mut seeded = Seeded::start("last-epoch");
    let producer_id = seeded.seed(LAST_EPOCH, 0);
    seeded.console.verb(&seeded.link, "start");
    seeded.write(20);
    seeded.until_copied();
    let before = known(&seeded.mirror, 0, producer_id);
    assert_eq!(before, Some((LAST_EPOCH, 21)));

    // Sequences get another meaning, which takes a new epoch, and there is none left.
    let path = format!("links/{}", seeded.link);
    let stored = seeded.console.get(&path);
    let mut spec = stored["spec"].clone();
    spec["isolation"] = json!("read_uncommitted");
    let revision = stored["revision"].as_i64().unwrap();
    seeded.console.process.put(&path, &spec, revision).unwrap();
    let next = until(
        "another producer id writes",
        SOON,
        || seeded.console.status(&seeded.link),
        || {
            let id = seeded.console.status(&seeded.link)["data_producer_id"].as_i64()?;
            (id != producer_id).then_some(id)
        },
    );
    seeded.write(20);
    seeded.until_copied();
    seeded.console.kill_and_start();
    seeded.write(20);
    seeded.until_copied();
    seeded.assert_exact();
    assert_eq!(known(&seeded.mirror, 0, producer_id), before, "left alone");
    assert_eq!(known(&seeded.mirror, 0, next), Some((0, 39)));
}
