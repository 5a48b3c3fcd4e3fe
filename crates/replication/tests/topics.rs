//! Plans made and carried out on real brokers, looked at with an independent client.

#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kafka::{
    Client, ErrorCode, Purpose, Timeouts,
    batch::Codec,
    build::{NewRecord, build_batch},
    client::{Options, Topics},
    patch::Patch,
    produce::{ProduceConnection, ProducePart},
};
use model::{
    cluster::ClusterSpec,
    link::{LinkSpec, OnFewerBrokers, ReplicationFactor, Row, RowKind},
    plan::{Plan, TopicAction, TopicPlan},
};
use replication::{
    plan::{PlanRequest, plan},
    protocol::control::{CONTROL_PRODUCER_ID, TopicRecord},
    topic_sync::{ApplyError, Sieve, apply, control_topic_facts, create_control_topic},
};
use uuid::Uuid;
use xtask::{
    admin::Admin,
    client::{Writer, WriterOptions},
    cluster::{ClusterOptions, KafkaCluster, shared},
};

fn cluster(name: &str, bootstrap: &str) -> ClusterSpec {
    serde_json::from_value(serde_json::json!({ "name": name, "bootstrap": [bootstrap] })).unwrap()
}

fn client(bootstrap: &str) -> Client {
    let options = Options {
        client_id: "test".to_owned(),
        timeouts: Timeouts::default(),
    };
    Client::new(&cluster("any", bootstrap), options).unwrap()
}

/// Names of one test's topics, which shares its clusters with others.
fn unique(test: &str) -> String {
    format!("{test}-{}", Uuid::new_v4().simple())
}

/// A link that copies every topic whose name begins with `prefix`.
fn request(prefix: &str, source: &str, destination: &str) -> PlanRequest {
    let json = serde_json::json!({
        "name": format!("link-{prefix}"), "source": "east", "destination": "west", "topics": {}
    });
    let mut spec: LinkSpec = serde_json::from_value(json).unwrap();
    spec.topics.include = vec![Row {
        kind: RowKind::Prefix,
        pattern: prefix.to_owned(),
    }];
    PlanRequest {
        spec,
        revision: 1,
        source: cluster("east", source),
        destination: cluster("west", destination),
        others: Vec::new(),
        timeout: Duration::from_secs(30),
    }
}

fn only(plan: &Plan) -> &TopicPlan {
    assert_eq!(plan.topics.len(), 1, "{plan:?}");
    &plan.topics[0]
}

fn write(bootstrap: &str, topic: &str) {
    let writer = Writer::new(bootstrap, &WriterOptions::default()).unwrap();
    let record = xtask::client::NewRecord {
        partition: 0,
        timestamp: None,
        key: None,
        value: Some(b"v".to_vec()),
        headers: Vec::new(),
    };
    writer.send(topic, &record).unwrap();
    writer.flush().unwrap();
}

/// A source cluster, a destination cluster and one topic at the source.
struct Bench {
    topic: String,
    east: String,
    west: String,
}

impl Bench {
    fn new(test: &str, partitions: i32, configs: &[(&str, &str)]) -> Self {
        let (east, west) = (
            shared("east").unwrap().bootstrap,
            shared("west").unwrap().bootstrap,
        );
        let topic = unique(test);
        Admin::new(&east)
            .unwrap()
            .create_topic(&topic, partitions, configs)
            .unwrap();
        Self { topic, east, west }
    }

    fn request(&self) -> PlanRequest {
        request(&self.topic, &self.east, &self.west)
    }

    fn west(&self) -> Admin {
        Admin::new(&self.west).unwrap()
    }
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_plan_makes_what_it_shows_and_leaves_nothing_to_do() {
    let bench = Bench::new(
        "creates",
        6,
        &[("retention.ms", "-1"), ("max.message.bytes", "2000000")],
    );
    write(&bench.east, &bench.topic);
    let before = plan(bench.request()).await.unwrap();
    assert_eq!(only(&before).backlog_records, Some(1));
    assert!(
        before.refusals.is_empty() && before.source_cluster_id != before.destination_cluster_id
    );
    assert!(
        !bench.west().topics().unwrap().contains(&bench.topic),
        "a plan changes nothing"
    );
    assert_eq!(
        plan(bench.request()).await.unwrap().fingerprint,
        before.fingerprint
    );

    let destination = client(&bench.west);
    let applied = apply(&destination, only(&before), &Sieve::default())
        .await
        .unwrap();
    assert_eq!((applied.partitions, applied.warnings), (6, Vec::new()));
    assert!(!applied.topic_id.is_nil());
    assert_eq!(bench.west().partitions(&bench.topic).unwrap().len(), 6);
    let configs = bench.west().configs(&bench.topic).unwrap();
    for (property, value) in [
        ("retention.ms", "-1"),
        ("max.message.bytes", "2000000"),
        ("compression.type", "producer"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ] {
        assert_eq!(configs[property], value, "{property}");
    }
    let after = plan(bench.request()).await.unwrap();
    assert_eq!(only(&after).action, TopicAction::Adopt);
    assert_ne!(after.fingerprint, before.fingerprint);
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_topic_that_appeared_meanwhile_is_taken_over_only_while_it_is_empty() {
    let bench = Bench::new("appears", 2, &[]);
    let planned = plan(bench.request()).await.unwrap();
    let destination = client(&bench.west);
    let first = apply(&destination, only(&planned), &Sieve::default())
        .await
        .unwrap();
    let again = apply(&destination, only(&planned), &Sieve::default())
        .await
        .unwrap();
    assert_eq!(again.topic_id, first.topic_id);
    write(&bench.west, &bench.topic);
    let refused = apply(&destination, only(&planned), &Sieve::default())
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        ApplyError::Appeared {
            topic: bench.topic.clone()
        }
    );

    let mut request = bench.request();
    let code = |plan: &Plan| match &only(plan).action {
        TopicAction::Refuse { code, .. } => code.clone(),
        action => panic!("{action:?}"),
    };
    assert_eq!(
        code(&plan(request.clone()).await.unwrap()),
        "topic.has_records"
    );
    request.spec.append_to = vec![bench.topic.clone()];
    assert_eq!(
        only(&plan(request).await.unwrap()).action,
        TopicAction::Adopt
    );
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_mirror_grows_with_its_source() {
    let bench = Bench::new("grows", 2, &[]);
    bench.west().create_topic(&bench.topic, 1, &[]).unwrap();
    let planned = plan(bench.request()).await.unwrap();
    assert_eq!(only(&planned).action, TopicAction::Grow { from: 1, to: 2 });
    let destination = client(&bench.west);
    for _ in 0..2 {
        let applied = apply(&destination, only(&planned), &Sieve::default())
            .await
            .unwrap();
        assert_eq!(applied.partitions, 2, "growing twice is growing once");
    }
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn replicas_beyond_the_brokers_are_refused_or_reduced() {
    let bench = Bench::new("replicas", 1, &[]);
    let mut request = bench.request();
    request.spec.replication_factor = ReplicationFactor::Exactly(9);
    let refused = plan(request.clone()).await.unwrap();
    assert!(
        matches!(&only(&refused).action, TopicAction::Refuse { code, .. } if code == "topic.replication_factor")
    );
    request.spec.on_fewer_brokers = OnFewerBrokers::Reduce;
    let reduced = plan(request).await.unwrap();
    assert!(matches!(
        only(&reduced).action,
        TopicAction::Create {
            replication_factor: 1,
            ..
        }
    ));
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn one_cluster_under_two_names_and_silent_clusters_are_named() {
    let bench = Bench::new("ids", 1, &[]);
    let same = plan(request(&bench.topic, &bench.east, &bench.east))
        .await
        .unwrap();
    assert_eq!(same.refusals.len(), 1);
    let problem = plan(request(&bench.topic, &bench.east, "127.0.0.1:1"))
        .await
        .unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.status),
        ("connect.tcp", 503)
    );
    assert!(problem.detail.contains("`west`"), "{problem:?}");
    let problem = plan(request(&bench.topic, "127.0.0.1:1", &bench.west))
        .await
        .unwrap_err();
    assert!(problem.detail.contains("`east`"), "{problem:?}");
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_segment_too_small_for_newer_brokers_is_raised_there() {
    let old = KafkaCluster::start(ClusterOptions::new("old").version("3.9.1")).unwrap();
    let west = shared("west").unwrap().bootstrap;
    let topic = unique("segments");
    let small = [("segment.bytes", "65536"), ("cleanup.policy", "compact")];
    Admin::new(&old.bootstrap())
        .unwrap()
        .create_topic(&topic, 1, &small)
        .unwrap();

    let planned = plan(request(&topic, &old.bootstrap(), &west))
        .await
        .unwrap();
    let warned = |plan: &TopicPlan| {
        plan.warnings
            .iter()
            .any(|warning| warning.contains("raised from `65536`"))
    };
    assert!(warned(only(&planned)), "{planned:?}");
    apply(&client(&west), only(&planned), &Sieve::default())
        .await
        .unwrap();
    let configs = Admin::new(&west).unwrap().configs(&topic).unwrap();
    assert_eq!(
        (
            configs["segment.bytes"].as_str(),
            configs["cleanup.policy"].as_str()
        ),
        ("1048576", "compact")
    );

    // What the plan did not know of, making the topic finds out; older brokers take the value as it is.
    for (bootstrap, taken, rows) in [(west.clone(), "1048576", 2), (old.bootstrap(), "65536", 1)] {
        let mut unseen = only(&planned).clone();
        unseen.mirror_topic = unique("unseen");
        let configs = [small[0], ("retention.ms", "never")];
        unseen.action = TopicAction::Create {
            partitions: 1,
            replication_factor: -1,
            configs: configs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        let applied = apply(&client(&bootstrap), &unseen, &Sieve::default())
            .await
            .unwrap();
        assert_eq!(applied.warnings.len(), rows, "{:?}", applied.warnings);
        assert!(
            applied
                .warnings
                .contains(&"Not applied: `retention.ms` = `never`: INVALID_CONFIG.".to_owned())
        );
        let made = Admin::new(&bootstrap)
            .unwrap()
            .configs(&unseen.mirror_topic)
            .unwrap();
        assert_eq!(made["segment.bytes"], taken);
    }
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_control_topic_is_made_once_and_told_apart() {
    let west = shared("west").unwrap().bootstrap;
    let (destination, name) = (
        client(&west),
        format!("causeway.link.{}", unique("control")),
    );
    assert_eq!(
        control_topic_facts(&destination, &name).await.unwrap(),
        None
    );
    let id = create_control_topic(&destination, &name, 4).await.unwrap();
    let facts = control_topic_facts(&destination, &name)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (facts.id, facts.partitions, facts.keeps_all()),
        (id, 4, true)
    );
    let again = create_control_topic(&destination, &name, 4)
        .await
        .unwrap_err();
    assert_eq!(
        again,
        ApplyError::Exists {
            topic: name.clone()
        }
    );
    let configs = Admin::new(&west).unwrap().configs(&name).unwrap();
    for (property, value) in [
        ("message.timestamp.type", "LogAppendTime"),
        ("min.cleanable.dirty.ratio", "0.1"),
        ("segment.bytes", "33554432"),
        ("segment.ms", "3600000"),
        ("min.insync.replicas", "1"),
    ] {
        assert_eq!(configs[property], value, "{property}");
    }
}

/// Writes what a link remembers of a mirror into its control topic.
async fn remember(destination: &Client, control: &str, topic_id: Uuid, record: &TopicRecord) {
    let write = record.write(&topic_id.to_string());
    let patch = Patch {
        producer_id: CONTROL_PRODUCER_ID,
        producer_epoch: 0,
        base_sequence: 0,
    };
    let bytes = |text: String| Some(Bytes::from(text));
    let records = [NewRecord::new(
        bytes(write.key),
        write.value.map(Bytes::from),
        1,
    )];
    let batch = build_batch(&records, Codec::None, patch).unwrap();
    let leader = destination.leader(control, 0).await.unwrap();
    let connection = destination
        .open_to_broker(leader.broker, Purpose::Produce)
        .await
        .unwrap();
    let producer = ProduceConnection::new(connection, Duration::from_secs(10)).unwrap();
    let names = [control.to_owned()];
    let metadata = destination.metadata(Topics::Named(&names)).await.unwrap();
    let part = ProducePart {
        topic: Arc::from(control),
        topic_id: metadata.topic(control).unwrap().id,
        partition: 0,
        header: Bytes::copy_from_slice(&batch.header()),
        payload: batch.payload(),
    };
    let reply = producer
        .send(&[part], None)
        .unwrap()
        .answer()
        .await
        .unwrap();
    assert_eq!(reply.acks[0].error, ErrorCode::NONE);
}

async fn topic_id(bootstrap: &str, topic: &str) -> Uuid {
    let names = [topic.to_owned()];
    client(bootstrap)
        .metadata(Topics::Named(&names))
        .await
        .unwrap()
        .topic(topic)
        .unwrap()
        .id
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_plan_knows_the_links_mirrors_and_those_of_others_from_the_control_topics() {
    let bench = Bench::new("remembers", 1, &[]);
    let destination = client(&bench.west);
    bench.west().create_topic(&bench.topic, 1, &[]).unwrap();
    write(&bench.west, &bench.topic);
    let control = format!("causeway.link.link-{}", bench.topic);
    create_control_topic(&destination, &control, 1)
        .await
        .unwrap();
    let record = TopicRecord {
        topic: bench.topic.clone(),
        mirror_topic: bench.topic.clone(),
        mirror_topic_id: topic_id(&bench.west, &bench.topic).await.to_string(),
        partitions: 1,
        at_first_start: true,
        properties: None,
    };
    remember(
        &destination,
        &control,
        topic_id(&bench.east, &bench.topic).await,
        &record,
    )
    .await;
    assert_eq!(
        only(&plan(bench.request()).await.unwrap()).action,
        TopicAction::Keep
    );

    let mut another = bench.request();
    another.spec.name = format!("other-{}", bench.topic).parse().unwrap();
    let taken = plan(another).await.unwrap();
    assert!(
        matches!(&only(&taken).action, TopicAction::Refuse { code, .. } if code == "rename.collision"),
        "{taken:?}"
    );

    Admin::new(&bench.east)
        .unwrap()
        .delete_topic(&bench.topic)
        .unwrap();
    Admin::new(&bench.east)
        .unwrap()
        .create_topic(&bench.topic, 1, &[])
        .unwrap();
    let recreated = plan(bench.request()).await.unwrap();
    assert!(
        matches!(&only(&recreated).action, TopicAction::Refuse { code, .. } if code == "source.topic_recreated"),
        "{recreated:?}"
    );
}
