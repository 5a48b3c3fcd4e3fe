use std::sync::atomic::Ordering;

use bytes::Bytes;
use kafka::{
    Connection, Error, ErrorCode,
    batch::Codec,
    build::{NewRecord, build_batch},
    patch::Patch,
    produce::ProduceConnection,
};
use model::{
    finding::FindingKind,
    link::{Isolation, Timestamps},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    link::{
        decode::{Decoded, Payload},
        fetch::FetchedLane,
        partition::{Refusal, Stage},
        slot::{self, SlotNews},
        testing,
        traffic::{ConnectionKey, Line, Producer},
    },
    protocol::{
        control::TopicRecord,
        finding::Found,
        flow::{Flow, Outgoing, Runs},
        position::{Anchor, Meaning, Position},
        takeover::{Outcome, Resumed},
    },
};
use slots::SlotStage;

const SLOT: u32 = 0;

/// A link's loop that nothing drives, with partitions that are being copied.
struct Bench {
    worker: Worker,
    _news: mpsc::Receiver<LinkNews>,
    _status: watch::Receiver<LinkStatus>,
}

fn meaning(revision: i64, isolation: Isolation) -> Meaning {
    Meaning {
        revision,
        isolation,
        timestamps: Timestamps::Source,
    }
}

impl Bench {
    fn new(partitions: i32) -> Self {
        let (context, news) = testing::context();
        let link = testing::desired("127.0.0.1:1", "127.0.0.1:1");
        let budget = Budget::new(1 << 20);
        let (worker, status) = Worker::new(context, link, budget, CancellationToken::new());
        let mut bench = Self {
            worker,
            _news: news,
            _status: status,
        };
        let worker = &mut bench.worker;
        let mut spec = worker.first_spec();
        spec.data_producer_id = Some(7);
        spec.meaning = meaning(1, Isolation::ReadCommitted);
        worker.root.spec = Some(spec);
        worker.root_known = true;
        worker.noted = true;
        worker.prepared = Some(Prepared {
            source_cluster_id: String::new(),
            destination_cluster_id: String::new(),
            control_topic_id: uuid::Uuid::nil(),
            connections: crate::link::traffic::ConnectionCount::default(),
            slots: 1,
            guard_ms: 3_600_000,
            first_start: false,
            adopts: false,
        });
        let topic = TopicRecord {
            topic: "orders".to_owned(),
            mirror_topic: "orders".to_owned(),
            mirror_topic_id: String::new(),
            partitions,
            at_first_start: true,
            properties: None,
        };
        for number in 0..partitions {
            bench.worker.add_partition("id", &topic, number);
            bench.copy(number as usize);
        }
        bench
    }

    fn partition(&mut self, index: usize) -> &mut Partition {
        &mut self.worker.partitions[index]
    }

    fn copy(&mut self, index: usize) {
        let wall_ms = self.worker.wire.wall_ms();
        let partition = self.partition(index);
        partition.slot = SLOT;
        let mut resumed = resumed(meaning(1, Isolation::ReadCommitted));
        resumed.guard_timestamp_ms = Some(wall_ms);
        partition.flow = Some(Flow::new(&resumed, 0, 3_600_000));
        partition.stage = Stage::Copying;
    }

    /// Owns the slot, with a task over a control topic in memory.
    async fn own(&mut self) -> Arc<slot::tests::Log> {
        let log = slot::tests::log();
        let now_ms = self.worker.wire.monotonic_ms();
        log.now_ms.store(now_ms, Ordering::Relaxed);
        let (task, _events) = slot::tests::owned(&log).await;
        let mut entry = SlotEntry::new();
        entry.stage = SlotStage::Owned;
        entry.task = Some(task);
        self.worker.slots.insert(SLOT, entry);
        log
    }

    fn news(&mut self, news: SlotNews) {
        self.worker.slot_news(SLOT, slot::tests::PLACE.task, news);
    }

    async fn line(&mut self, shard: usize) -> ConnectionKey {
        let key = ConnectionKey {
            side: Side::Produce,
            broker: 1,
            shard,
        };
        let producer = Producer::new(silent_broker().await, 1, false);
        let line = Line::Produce(Box::new(producer));
        self.worker.traffic.opened(key, line);
        key
    }

    fn producer(&mut self, key: ConnectionKey) -> &mut Producer {
        self.worker.traffic.producer(key).unwrap()
    }

    fn wait_for(&mut self, key: ConnectionKey, index: usize) {
        self.producer(key).ready.push_back(PartitionId(index));
        self.partition(index).ready = true;
    }

    /// The only request of a partition failed, and its answer is there.
    fn settle_anew(&mut self, index: usize) -> i64 {
        self.worker.take_over_again(PartitionId(index), "a test");
        self.partition(index).renewal = None;
        self.worker.settle(PartitionId(index));
        match self.partition(index).stage {
            Stage::Due { at_ms } => at_ms - self.worker.wire.monotonic_ms(),
            ref other => panic!("{other:?}"),
        }
    }
}

fn resumed(meaning: Meaning) -> Resumed {
    Resumed {
        position: Position {
            source_next: 0,
            source_leader_epoch: 0,
            destination_end: 0,
            own_end: 0,
            producer_id: 7,
            epoch: 0,
            next_sequence: 0,
            epoch_records: 0,
            meaning,
            partition: 0,
            source_topic: "orders".to_owned(),
            source_topic_id: "id".to_owned(),
            mirror_topic: "orders".to_owned(),
            mirror_topic_id: String::new(),
            anchor: Anchor {
                source_start: 0,
                destination_end: 0,
            },
            stored_at_ms: 0,
        },
        must_store: false,
        quiet: true,
        guard_timestamp_ms: None,
        map_cut: None,
        segments: Vec::new(),
        findings: Vec::new(),
    }
}

/// A broker that offers Produce and never answers it.
async fn silent_broker() -> ProduceConnection {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        greet(stream).await;
    });
    let spec = testing::desired(&address, &address).destination;
    let settings = kafka::Settings::from_spec(&spec, "test").unwrap();
    let connection = Connection::open(&address.parse().unwrap(), &settings)
        .await
        .unwrap();
    ProduceConnection::new(connection, Duration::from_secs(10)).unwrap()
}

/// Answers ApiVersions with Produce alone, then reads on in silence.
async fn greet(mut stream: TcpStream) {
    let mut request = vec![0; stream.read_u32().await.unwrap() as usize];
    stream.read_exact(&mut request).await.unwrap();
    let body = b"\0\0\x02\0\0\0\0\0\x0d\0\0\0\0\0\0";
    let answer = [&request[4..8], &body[..]].concat();
    stream.write_u32(answer.len() as u32).await.unwrap();
    stream.write_all(&answer).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

fn fetched(id: PartitionId, partition: &Partition) -> FetchedLane {
    FetchedLane {
        id,
        generation: partition.lane,
        error: ErrorCode::NONE,
        high_watermark: 5,
        last_stable_offset: 5,
        log_start: 0,
        queued: partition.queued.clone(),
        decoded: Decoded::default(),
    }
}

fn problem(code: &str) -> Problem {
    Problem {
        code: code.to_owned(),
        ..Problem::default()
    }
}

#[tokio::test]
async fn a_lost_line_leaves_those_who_wait_for_another_where_they_are() {
    let mut bench = Bench::new(2);
    let (lost, healthy) = (bench.line(0).await, bench.line(1).await);
    bench.wait_for(lost, 0);
    bench.wait_for(healthy, 1);
    let address = "127.0.0.1:1".parse().unwrap();
    bench.worker.line_failed(lost, &Error::Closed { address });
    assert!(!bench.partition(0).ready);
    assert!(
        bench.partition(1).ready,
        "still queued, so not to be queued twice"
    );
}

#[tokio::test]
async fn a_line_that_nobody_needs_gives_up_its_queue() {
    let mut bench = Bench::new(1);
    let key = bench.line(0).await;
    bench.wait_for(key, 0);
    bench.worker.open_lines(0);
    assert!(bench.worker.traffic.producer(key).is_none());
    assert!(!bench.partition(0).ready);
}

#[tokio::test]
async fn a_lost_slot_closes_the_lines_that_carry_its_requests() {
    let mut bench = Bench::new(1);
    bench.own().await;
    let (carries, other) = (bench.line(0).await, bench.line(1).await);
    bench.producer(carries).open.insert(SLOT, 1);
    bench.producer(other).open.insert(SLOT + 1, 1);
    let connection = |bench: &mut Bench, key| bench.producer(key).connection.connection().clone();
    let connections = [carries, other].map(|key| connection(&mut bench, key));
    bench.news(SlotNews::Lost("another".to_owned()));
    assert!(connections[0].is_closed() && !connections[1].is_closed());
    assert!(bench.worker.traffic.producer(carries).is_none());
}

#[tokio::test]
async fn what_troubles_a_slot_shows_until_the_slot_is_well() {
    let mut bench = Bench::new(0);
    bench.own().await;
    bench.news(SlotNews::Asks("a newer record".to_owned()));
    bench.worker.claim_slots();
    assert!(bench.worker.problems.is_at("slot/0"));

    bench.own().await;
    bench.news(SlotNews::Troubled("no answer".to_owned()));
    bench.worker.claim_slots();
    assert!(bench.worker.problems.is_at("slot/0"));
    bench.news(SlotNews::Renewed);
    assert!(!bench.worker.problems.is_at("slot/0"));
}

#[tokio::test]
async fn a_record_that_cannot_be_understood_keeps_showing() {
    let mut bench = Bench::new(0);
    let newer = crate::protocol::ports::ControlEntry {
        offset: 3,
        producer_id: crate::protocol::control::CONTROL_PRODUCER_ID,
        epoch: 0,
        transactional: false,
        key: "home/id/0".to_owned(),
        value: Some(r#"{"v":9}"#.to_owned()),
    };
    bench.worker.followed(0, Ok((vec![newer], 4)));
    bench.worker.claim_slots();
    assert!(bench.worker.problems.is_at("control records"));
    assert!(bench.worker.root.next_offset <= 3, "it is read again");
}

#[tokio::test]
async fn settings_before_a_record_that_cannot_be_understood_count() {
    let mut bench = Bench::new(1);
    let mut spec = bench.worker.root.spec.clone().unwrap();
    spec.meaning = meaning(2, Isolation::ReadUncommitted);
    let newer = crate::protocol::ports::ControlWrite {
        key: "home/id/0".to_owned(),
        value: Some(r#"{"v":9}"#.to_owned()),
    };
    let entry = |(offset, record): (i64, crate::protocol::ports::ControlWrite)| {
        crate::protocol::ports::ControlEntry {
            offset,
            producer_id: crate::protocol::control::CONTROL_PRODUCER_ID,
            epoch: 0,
            transactional: false,
            key: record.key,
            value: record.value,
        }
    };
    let entries = (3..).zip([spec.write(), newer]).map(entry).collect();
    bench.worker.followed(3, Ok((entries, 5)));
    let stage = &bench.partition(0).stage;
    assert!(!matches!(stage, Stage::Copying), "{stage:?}");
}

#[tokio::test]
async fn only_a_partition_that_somebody_wrote_to_waits_for_a_former_owner() {
    let mut bench = Bench::new(2);
    bench.own().await;
    bench.worker.slots.get_mut(&SLOT).unwrap().quiet_at_ms = 16_000;
    let stored = resumed(meaning(1, Isolation::ReadCommitted)).position;
    bench.partition(1).position = Some(stored);
    for (index, until_ms) in [(0, 0), (1, 16_000)] {
        bench.partition(index).flow = None;
        bench.worker.begin(PartitionId(index), 1);
        assert_eq!(bench.partition(index).quiet.until_ms(), until_ms);
    }
}

#[tokio::test]
async fn a_control_log_that_went_back_is_told() {
    let mut bench = Bench::new(0);
    bench.worker.followed(9, Ok((Vec::new(), 4)));
    let problems: Vec<_> = bench.worker.problems.all().collect();
    assert_eq!(problems[0].code, "control.damaged");
    assert!(problems[0].detail.contains("from offset 9 to 4"));
}

#[tokio::test]
async fn what_is_fetched_does_not_hide_that_nothing_is_delivered() {
    let mut bench = Bench::new(1);
    let mut delays = Vec::new();
    for _ in 0..8 {
        bench.copy(0);
        let lane = fetched(PartitionId(0), bench.partition(0));
        bench.worker.queue(lane);
        delays.push(bench.settle_anew(0));
    }
    assert!(delays[0] <= 0, "{delays:?}");
    assert!(delays[1] > 400 && delays[7] > 6_000, "{delays:?}");
}

#[tokio::test]
async fn a_take_over_does_not_hide_that_writing_is_refused() {
    let mut bench = Bench::new(1);
    let resumed = resumed(meaning(1, Isolation::ReadCommitted));
    bench.partition(0).problem = Some(problem("acl.missing"));
    bench.worker.resumed(PartitionId(0), resumed.clone());
    assert!(bench.partition(0).problem.is_some());
    bench.partition(0).problem = Some(problem("partition.takeover"));
    bench.worker.resumed(PartitionId(0), resumed);
    assert!(bench.partition(0).problem.is_none());
}

#[tokio::test]
async fn a_connection_that_was_opened_for_another_isolation_is_not_used() {
    let mut bench = Bench::new(0);
    let key = ConnectionKey {
        side: Side::Fetch,
        broker: 1,
        shard: 0,
    };
    bench.worker.traffic.want(key, 0);
    let failed = || {
        let address = "127.0.0.1:1".parse().unwrap();
        Err(Error::Closed { address })
    };
    bench
        .worker
        .fetch_opened(key, Isolation::ReadUncommitted, failed());
    assert!(bench.worker.traffic.is_opening(key), "it is opened anew");
    bench
        .worker
        .fetch_opened(key, Isolation::ReadCommitted, failed());
    assert!(!bench.worker.traffic.is_opening(key));
}

#[tokio::test]
async fn settings_that_come_with_a_claim_begin_a_new_epoch() {
    let mut bench = Bench::new(1);
    bench.own().await;
    let key = ConnectionKey {
        side: Side::Fetch,
        broker: 1,
        shard: 0,
    };
    bench.worker.traffic.want(key, 0);
    let generation = bench.partition(0).generation;
    let mut state = bench.worker.root.clone();
    let spec = state.spec.as_mut().unwrap();
    spec.meaning = meaning(2, Isolation::ReadUncommitted);
    bench.news(SlotNews::Owned {
        state: Box::new(state),
        quiet_at_ms: 0,
        writer: None,
    });
    assert!(bench.partition(0).generation > generation, "its flow ended");
    assert!(
        !bench.worker.traffic.is_opening(key),
        "nor is this fetched from"
    );
}

#[tokio::test]
async fn a_take_over_under_former_settings_is_not_gone_by() {
    let mut bench = Bench::new(1);
    bench.own().await;
    let former = resumed(meaning(0, Isolation::ReadUncommitted));
    let partition = bench.partition(0);
    partition.stage = Stage::TakingOver;
    let generation = partition.generation;
    let outcome = Outcome::Resumed(Box::new(former.clone()));
    bench
        .worker
        .taken_over(PartitionId(0), generation, Ok(outcome));
    assert!(matches!(bench.partition(0).stage, Stage::Due { .. }));

    bench.worker.source_metadata = None;
    bench.partition(0).stage = Stage::Storing(Box::new(former));
    bench.worker.start_copying(PartitionId(0));
    assert!(!matches!(bench.partition(0).stage, Stage::Copying));
}

#[tokio::test]
async fn a_partition_is_held_once_the_claim_was_renewed_and_the_same_is_found_again() {
    let mut bench = Bench::new(1);
    bench.own().await;
    let found = Found {
        kind: FindingKind::Divergence,
        source: Some((3, 5)),
        destination: None,
        detail: String::new(),
    };
    let finding = found.finding(&bench.partition(0).identity, 0);
    let take_over = |bench: &mut Bench| {
        let partition = bench.partition(0);
        partition.flow = None;
        partition.stage = Stage::TakingOver;
        let (generation, held) = (
            partition.generation,
            Outcome::Held(Box::new(finding.clone())),
        );
        bench
            .worker
            .taken_over(PartitionId(0), generation, Ok(held));
    };
    take_over(&mut bench);
    assert!(matches!(bench.partition(0).stage, Stage::Settling));
    assert!(bench.worker.slots[&SLOT].renew);
    bench.news(SlotNews::Stored);
    assert!(matches!(bench.partition(0).stage, Stage::Due { .. }));
    take_over(&mut bench);
    assert!(matches!(bench.partition(0).stage, Stage::Held(_)));
}

#[tokio::test]
async fn a_slot_whose_task_panics_is_claimed_again() {
    let mut bench = Bench::new(1);
    let log = bench.own().await;
    log.panics.store(true, Ordering::Relaxed);
    let task = bench.worker.slots[&SLOT].task.as_ref().unwrap();
    assert!(task.ask(slot::Ask::Renew));
    while !matches!(bench.worker.slots[&SLOT].stage, SlotStage::Retry { .. }) {
        tokio::task::yield_now().await;
        bench.worker.lose_panicked_slots(5);
    }
    let told = bench
        .worker
        .problems
        .all()
        .any(|p| p.code == "engine.fault");
    assert!(told);
    assert!(matches!(bench.partition(0).stage, Stage::Idle));
    // What the task said before does not count for the next one.
    bench.news(SlotNews::Stored);
    assert_eq!(bench.worker.slots[&SLOT].acknowledged, 0);
}

#[tokio::test]
async fn a_topic_is_taken_up_once_its_record_stands_in_the_control_topic() {
    let mut bench = Bench::new(0);
    bench.own().await;
    let record = TopicRecord {
        topic: "new".to_owned(),
        mirror_topic: "new".to_owned(),
        mirror_topic_id: String::new(),
        partitions: 1,
        at_first_start: true,
        properties: None,
    };
    let id = || "00000000-0000-0000-0000-000000000009".to_owned();
    bench.worker.add_topics(vec![(id(), record.clone())]);
    assert!(
        bench.worker.knows_topic(&id()),
        "it is not planned for again"
    );
    assert!(!bench.worker.root.topics.contains_key(&id()));
    bench.worker.advance_slot(SLOT);
    assert!(!bench.worker.root.topics.contains_key(&id()), "on its way");
    bench.news(SlotNews::Stored);
    assert!(bench.worker.root.topics.contains_key(&id()));
    // What was on its way when the slot was lost is planned for again.
    let other = || "00000000-0000-0000-0000-000000000010".to_owned();
    bench.worker.add_topics(vec![(other(), record)]);
    let state = Box::new(bench.worker.root.clone());
    bench.news(SlotNews::Owned {
        state,
        quiet_at_ms: 0,
        writer: None,
    });
    assert!(!bench.worker.knows_topic(&other()));
}

/// The record at this offset, refused alone.
fn refusal(offset: i64) -> Refusal {
    Refusal {
        code: 87,
        range: (offset, offset + 1),
        records: 1,
        bytes: 70,
        limit: None,
    }
}

#[tokio::test]
async fn a_choice_to_skip_a_refused_record_outlives_the_process() {
    let mut bench = Bench::new(1);
    bench.own().await;
    bench.worker.refused(PartitionId(0), refusal(0));
    let Stage::Held(finding) = &bench.partition(0).stage else {
        panic!("held without a choice");
    };
    let id = finding.id.clone();

    let mut anew = Bench::new(1);
    anew.own().await;
    anew.worker.choices.insert(id, Choice::Skip);
    anew.worker.refused(PartitionId(0), refusal(0));
    assert!(matches!(anew.partition(0).stage, Stage::Due { .. }));
    let position = anew.partition(0).position().unwrap();
    assert_eq!((position.source_next, position.epoch), (1, 1));
}

#[tokio::test]
async fn only_the_refused_record_itself_is_left_out() {
    let mut bench = Bench::new(1);
    bench.own().await;
    bench.worker.link.spec.on_refused = model::link::OnRefused::Skip;
    bench.worker.refused(PartitionId(0), refusal(4));
    let position = bench.partition(0).position().unwrap();
    assert_eq!((position.source_next, position.epoch), (0, 0));
}

#[tokio::test]
async fn stores_first_what_waits_and_then_what_was_stored_longest_ago() {
    let mut bench = Bench::new(4);
    for (index, handed_ms) in [9, 7, 8, 9].into_iter().enumerate() {
        bench.partition(index).handed_ms = handed_ms;
    }
    bench.partition(3).store_due = true;
    assert_eq!(bench.worker.to_store(SLOT), [3, 1, 2, 0].map(PartitionId));
}

#[tokio::test]
async fn who_found_no_room_in_a_request_goes_first_in_the_next() {
    let mut bench = Bench::new(3);
    bench.own().await;
    let key = bench.line(0).await;
    let wall_ms = bench.worker.wire.wall_ms();
    for index in 0..3 {
        let batch = large(wall_ms, &bench.worker.budget).await;
        let bytes = batch.payload.batch.size_bytes();
        bench.partition(index).flow.as_mut().unwrap().push(batch);
        bench.partition(index).queued.add(bytes);
        // A position that was stored, and a request that was answered.
        let position = bench.partition(index).position().unwrap().clone();
        bench
            .partition(index)
            .flow
            .as_mut()
            .unwrap()
            .stored(&position);
        bench.wait_for(key, index);
    }
    assert!(bench.worker.send_request(key));
    assert_eq!(bench.producer(key).requests, 1);
    let ready: Vec<_> = bench.producer(key).ready.iter().map(|id| id.0).collect();
    assert_eq!(ready, [2, 0, 1]);
}

async fn large(wall_ms: i64, budget: &Budget) -> Outgoing<Payload> {
    budget.set_limit(16 << 20);
    let record = NewRecord::new(None, Some(Bytes::from(vec![7; 700 << 10])), wall_ms);
    let batch = build_batch(&[record], Codec::None, Patch::NOBODY).unwrap();
    Outgoing {
        source_from: 0,
        source_to: 1,
        leader_epoch: 0,
        runs: Runs::Dense(0, 1),
        explained: true,
        first_timestamp_ms: wall_ms,
        max_timestamp_ms: wall_ms,
        alone: false,
        payload: Payload {
            batch,
            credit: Arc::new(budget.take(1 << 20).await),
        },
    }
}

#[tokio::test]
async fn the_source_is_asked_once_whether_it_holds_what_was_fetched() {
    let mut bench = Bench::new(1);
    let before = bench.worker.jobs.len();
    bench.worker.verify(PartitionId(0), 3);
    let lane = bench.partition(0).lane;
    // What the tick does for partitions that nobody fetches.
    bench.worker.follow(PartitionId(0));
    assert_eq!(
        bench.partition(0).lane,
        lane,
        "nothing is fetched meanwhile"
    );
    assert_eq!(bench.worker.jobs.len(), before + 1);
    let generation = bench.partition(0).generation;
    bench
        .worker
        .verified(PartitionId(0), generation, 3, Ok(true));
    assert!(bench.partition(0).lane > lane);
}

#[tokio::test]
async fn a_batch_is_taken_for_damaged_when_it_arrived_so_three_times() {
    let mut bench = Bench::new(1);
    let id = PartitionId(0);
    let told = [4, 4, 9, 4, 4, 4].map(|from| bench.worker.is_corrupt(id, from));
    assert_eq!(told, [false, false, false, false, false, true]);
}

#[tokio::test]
async fn batches_near_what_the_mirror_takes_go_alone() {
    let mut bench = Bench::new(1);
    let id = PartitionId(0);
    assert_eq!(bench.worker.alone_bytes(id), 917_515);
    bench.worker.sizes(Ok(vec![("orders".into(), 80_000)]));
    assert_eq!(bench.worker.alone_bytes(id), 70_000);
    bench.worker.forget_size(id, ErrorCode::MESSAGE_TOO_LARGE.0);
    assert_eq!(bench.worker.alone_bytes(id), 917_515, "asked for again");
}
