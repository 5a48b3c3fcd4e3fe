//! Connections, questions, the ladder and group membership, against real brokers.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use kafka::admin::{At, ConfigChange, ConfigResource, Isolation, NewTopic, Run, TopicPartition};
use kafka::client::{Client, Options, Topics};
use kafka::group::{GroupEvent, Membership};
use kafka::ladder::climb;
use kafka::{AuthFailure, Connection, Error, ErrorCode, Purpose, Settings, Timeouts, TlsFailure};
use model::Secret;
use model::cluster::{ClusterSpec, Ladder, RungState, Sasl, SaslMechanism, Tls};
use xtask::cluster::{ClusterFacts, ClusterOptions, KafkaCluster};

fn east() -> ClusterFacts {
    xtask::cluster::shared("east").expect("the shared cluster `east` must start")
}

fn spec(bootstrap: &str, tls: Tls, sasl: Option<Sasl>) -> ClusterSpec {
    ClusterSpec {
        name: "east".parse().unwrap(),
        title: String::new(),
        bootstrap: bootstrap.split(',').map(str::to_owned).collect(),
        tls,
        client_certificate: None,
        sasl,
    }
}

fn plaintext() -> ClusterSpec {
    spec(&east().bootstrap, Tls::Off, None)
}

fn client() -> Client {
    Client::new(&plaintext(), options()).unwrap()
}

fn options() -> Options {
    Options {
        client_id: "test".to_owned(),
        timeouts: Timeouts::default(),
    }
}

fn ca(verify_hostname: bool) -> Tls {
    let ca_pem = std::fs::read_to_string(east().ca_file).unwrap();
    Tls::Ca {
        ca_pem,
        verify_hostname,
    }
}

fn sasl(mechanism: SaslMechanism, password: &str) -> Option<Sasl> {
    let username = east().user;
    Some(Sasl {
        mechanism,
        username,
        password: Some(Secret::new(password)),
        oauth: None,
    })
}

async fn open(spec: &ClusterSpec) -> Result<Connection, Error> {
    let address = spec.bootstrap[0].parse().unwrap();
    Connection::open(&address, &Settings::from_spec(spec, "test").unwrap()).await
}

/// Creates a topic of its own for a test.
async fn topic(client: &Client, name: &str, partitions: i32) -> String {
    let name = format!("connections-{name}-{}", std::process::id());
    let topic = NewTopic {
        name: name.clone(),
        partitions,
        replication_factor: 1,
        configs: Vec::new(),
    };
    let created = client.create_topics(&[topic], Run::Carry).await.unwrap();
    assert!(!created[&name].as_ref().unwrap().id.is_nil());
    // A broker learns of a new topic a moment after the controller has made it, and tells of a leader a moment before
    // that leader answers.
    let all: Vec<_> = (0..partitions)
        .map(|partition| TopicPartition::new(name.clone(), partition))
        .collect();
    for _ in 0..100 {
        let ends = client
            .list_offsets(all.clone(), At::Latest, Isolation::Committed)
            .await;
        if ends.values().all(Result::is_ok) {
            return name;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("`{name}` never answered");
}

const MECHANISMS: [SaslMechanism; 3] = [
    SaslMechanism::Plain,
    SaslMechanism::ScramSha256,
    SaslMechanism::ScramSha512,
];

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn every_security_setting_lets_us_in() {
    let east = east();
    open(&plaintext()).await.unwrap();
    for verify in [true, false] {
        open(&spec(&east.ssl_bootstrap, ca(verify), None))
            .await
            .unwrap();
    }
    for mechanism in MECHANISMS {
        let sasl = sasl(mechanism, &east.password);
        open(&spec(
            &east.sasl_plaintext_bootstrap,
            Tls::Off,
            sasl.clone(),
        ))
        .await
        .unwrap();
        open(&spec(&east.sasl_ssl_bootstrap, ca(true), sasl))
            .await
            .unwrap();
    }
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_wrong_password_is_refused_by_name() {
    for mechanism in MECHANISMS {
        let spec = spec(
            &east().sasl_plaintext_bootstrap,
            Tls::Off,
            sasl(mechanism, "wrong"),
        );
        let error = open(&spec).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Auth {
                    reason: AuthFailure::Refused,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(error.code(), "auth.failed");
    }
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_sign_in_nobody_asks_for_is_told_apart() {
    let east = east();
    let error = open(&spec(
        &east.bootstrap,
        Tls::Off,
        sasl(SaslMechanism::Plain, "x"),
    ))
    .await
    .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Auth {
                reason: AuthFailure::NotAsked,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn tls_and_plaintext_are_told_apart_both_ways() {
    let east = east();
    let error = open(&spec(&east.bootstrap, ca(true), None))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "connect.tls_to_plaintext", "{error}");
    let error = open(&spec(&east.ssl_bootstrap, Tls::Off, None))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "connect.plaintext_to_tls", "{error}");
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_certificate_of_another_name_is_refused_unless_names_are_not_checked() {
    // The certificate names localhost and 127.0.0.1; 127.0.0.2 reaches nobody, so a name is needed that resolves.
    let by_address = east().ssl_bootstrap;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .unwrap()
        .trim()
        .to_owned();
    let other = by_address.replace("127.0.0.1", &host);
    let authority = rcgen::KeyPair::generate().unwrap();
    let stranger = rcgen::CertificateParams::new(Vec::new())
        .unwrap()
        .self_signed(&authority)
        .unwrap()
        .pem();
    let strange = Tls::Ca {
        ca_pem: stranger,
        verify_hostname: false,
    };
    let error = open(&spec(&by_address, strange, None)).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Tls {
                reason: TlsFailure::UnknownIssuer,
                ..
            }
        ),
        "{error}"
    );
    match open(&spec(&other, ca(true), None)).await.unwrap_err() {
        Error::Tls { reason, .. } => {
            assert_eq!(reason, TlsFailure::NameMismatch);
            open(&spec(&other, ca(false), None)).await.unwrap();
        }
        // This machine's name leads to an address on which the broker does not listen.
        Error::Connect { .. } | Error::Resolve { .. } => {}
        error => panic!("{error}"),
    }
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn topics_are_created_grown_described_and_deleted() {
    let client = client();
    let name = topic(&client, "life", 2).await;
    assert_eq!(
        client.leader(&name, 1).await.unwrap().broker,
        client.leader(&name, 0).await.unwrap().broker
    );

    let again = NewTopic {
        name: name.clone(),
        partitions: 1,
        replication_factor: 1,
        configs: Vec::new(),
    };
    let exists = client
        .create_topics(std::slice::from_ref(&again), Run::CheckOnly)
        .await
        .unwrap();
    assert_eq!(
        exists[&name].as_ref().unwrap_err().broker_code(),
        Some(ErrorCode::TOPIC_ALREADY_EXISTS)
    );

    let grown = client
        .create_partitions(&[(name.clone(), 5)], Run::Carry)
        .await
        .unwrap();
    assert_eq!(grown[&name], Ok(()));

    let resource = ConfigResource::Topic(name.clone());
    let set = vec![ConfigChange::Set(
        "retention.ms".to_owned(),
        "1234567".to_owned(),
    )];
    let changes = BTreeMap::from([(resource.clone(), set)]);
    assert_eq!(
        client
            .incremental_alter_configs(&changes, Run::Carry)
            .await
            .unwrap()[&resource],
        Ok(())
    );
    assert_eq!(
        overrides_once_there(&client, &resource).await,
        [("retention.ms".to_owned(), Some("1234567".to_owned()))]
    );
    let configs = client
        .describe_configs(&[ConfigResource::Broker(1)])
        .await
        .unwrap();
    assert!(
        configs[&ConfigResource::Broker(1)]
            .as_ref()
            .unwrap()
            .iter()
            .any(|e| e.name == "log.dirs")
    );

    assert_eq!(
        client
            .delete_topics(std::slice::from_ref(&name))
            .await
            .unwrap()[&name],
        Ok(())
    );
}

/// Reads what was set on a topic; a broker learns of it a moment after the controller has taken the change.
async fn overrides_once_there(
    client: &Client,
    resource: &ConfigResource,
) -> Vec<(String, Option<String>)> {
    for _ in 0..100 {
        let configs = client
            .describe_configs(std::slice::from_ref(resource))
            .await
            .unwrap();
        let entries = configs[resource].as_ref().unwrap();
        let overrides = entries.iter().filter(|entry| entry.is_override());
        let overrides: Vec<_> = overrides
            .map(|entry| (entry.name.clone(), entry.value.clone()))
            .collect();
        if !overrides.is_empty() {
            return overrides;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the change never arrived");
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn one_bad_partition_fails_alone() {
    let client = client();
    let name = topic(&client, "alone", 3).await;
    let absent = TopicPartition::new("no-such-topic-here", 0);
    let beyond = TopicPartition::new(name.clone(), 77);
    let mut partitions: Vec<_> = (0..3)
        .map(|p| TopicPartition::new(name.clone(), p))
        .collect();
    partitions.extend([absent.clone(), beyond.clone()]);
    for at in [At::Earliest, At::Latest, At::Time(0)] {
        let found = client
            .list_offsets(partitions.clone(), at, Isolation::Committed)
            .await;
        for partition in &partitions[..3] {
            let offset = found[partition].as_ref().unwrap().offset;
            assert_eq!(
                offset,
                if matches!(at, At::Time(_)) {
                    None
                } else {
                    Some(0)
                }
            );
        }
        assert_eq!(
            found[&absent].as_ref().unwrap_err().broker_code(),
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        );
        assert!(
            matches!(found[&beyond], Err(Error::NoLeader { .. })),
            "{:?}",
            found[&beyond]
        );
    }
    let topics = client.metadata(Topics::All).await.unwrap();
    assert!(
        topics.topic(&absent.topic).is_none(),
        "asking for a topic must not create it"
    );
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn facts_about_a_partition_agree() {
    let client = client();
    let name = topic(&client, "facts", 1).await;
    let at = TopicPartition::new(name, 0);
    let epoch = client.leader(&at.topic, 0).await.unwrap().epoch;
    let end = client
        .offset_for_leader_epoch(BTreeMap::from([(at.clone(), epoch)]))
        .await;
    assert_eq!(end[&at].as_ref().unwrap().end_offset, 0);
    let producers = client.describe_producers(vec![at.clone()]).await;
    assert_eq!(producers[&at], Ok(Vec::new()));
    let start = client
        .delete_records(BTreeMap::from([(at.clone(), 0)]))
        .await;
    assert_eq!(start[&at], Ok(0));
    let beyond = client
        .delete_records(BTreeMap::from([(at.clone(), 5)]))
        .await;
    assert_eq!(
        beyond[&at].as_ref().unwrap_err().broker_code(),
        Some(ErrorCode::OFFSET_OUT_OF_RANGE)
    );
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn producer_ids_are_new_each_time() {
    let client = client();
    let first = client.init_producer_id().await.unwrap();
    let second = client.init_producer_id().await.unwrap();
    assert_eq!(first.epoch, 0);
    assert_ne!(first.id, second.id);
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn the_cluster_tells_the_same_in_both_ways() {
    let client = client();
    let described = client.describe_cluster().await.unwrap();
    let metadata = client.metadata(Topics::None).await.unwrap();
    assert_eq!(
        metadata.cluster_id.as_deref(),
        Some(described.cluster_id.as_str())
    );
    assert_eq!(metadata.brokers, described.brokers);
    assert_eq!(client.cluster_id(), metadata.cluster_id);
    let own = client
        .open_to_broker(metadata.brokers[0].id, Purpose::Produce)
        .await
        .unwrap();
    assert!(own.api(0).is_some());
    own.close().await;
    let nobody = client.open_to_broker(4711, Purpose::Ask).await.unwrap_err();
    assert_eq!(nobody, Error::UnknownBroker { id: 4711 });
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn a_dead_bootstrap_entry_does_not_keep_us_out() {
    let mut spec = plaintext();
    spec.bootstrap.insert(0, "127.0.0.1:1".to_owned());
    spec.bootstrap
        .insert(0, "no-such-host.invalid:9092".to_owned());
    let client = Client::new(&spec, options()).unwrap();
    for _ in 0..5 {
        client.metadata(Topics::None).await.unwrap();
    }
    let ladder = climb(&spec, "test").await;
    assert!(ladder.passed(), "{ladder:#?}");
    assert_eq!(
        states(&ladder)[..2],
        [RungState::Warning, RungState::Warning]
    );
}

fn states(ladder: &Ladder) -> Vec<RungState> {
    ladder.rungs.iter().map(|rung| rung.state).collect()
}

/// All is well, and no link needs any right.
fn with_tls() -> [RungState; 8] {
    let mut states = [RungState::Passed; 8];
    states[6] = RungState::NotUsed;
    states
}

/// All is well, and there is no TLS to be tried.
fn without_tls() -> [RungState; 8] {
    let mut states = with_tls();
    states[2] = RungState::NotUsed;
    states
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn the_ladder_passes_where_we_get_in_and_names_the_rung_where_not() {
    let east = east();
    let scram = |password| sasl(SaslMechanism::ScramSha512, password);
    let sasl_ssl = |password| spec(&east.sasl_ssl_bootstrap, ca(true), scram(password));
    for (spec, expected) in [
        (plaintext(), without_tls()),
        (sasl_ssl(&east.password), with_tls()),
    ] {
        let ladder = climb(&spec, "test").await;
        assert_eq!(states(&ladder), expected, "{ladder:#?}");
        assert!(ladder.cluster_id.is_some());
        assert!(ladder.brokers.iter().all(|broker| broker.reachable));
    }
    let cases = [
        (
            spec(&east.bootstrap, ca(true), None),
            2,
            "connect.tls_to_plaintext",
        ),
        (
            spec(&east.ssl_bootstrap, Tls::Off, None),
            2,
            "connect.plaintext_to_tls",
        ),
        (sasl_ssl("not-the-password"), 3, "auth.failed"),
        (
            spec(&east.sasl_ssl_bootstrap, ca(true), None),
            3,
            "auth.failed",
        ),
        (
            spec(&east.bootstrap, Tls::Off, scram("x")),
            3,
            "auth.failed",
        ),
    ];
    for (spec, rung, code) in cases {
        let ladder = climb(&spec, "test").await;
        assert_eq!(states(&ladder)[rung], RungState::Failed, "{ladder:#?}");
        assert_eq!(
            ladder.rungs[rung].code.as_deref(),
            Some(code),
            "{ladder:#?}"
        );
        assert!(
            ladder.rungs[..rung]
                .iter()
                .all(|rung| matches!(rung.state, RungState::Passed | RungState::NotUsed))
        );
        assert!(
            ladder.rungs[rung + 1..]
                .iter()
                .all(|rung| rung.state == RungState::NotReached)
        );
        let shown = format!("{ladder:?}");
        assert!(
            !shown.contains("not-the-password"),
            "a password in the ladder: {shown}"
        );
    }
}

async fn next(events: &mut tokio::sync::mpsc::Receiver<GroupEvent>) -> GroupEvent {
    loop {
        match tokio::time::timeout(Duration::from_secs(30), events.recv())
            .await
            .unwrap()
            .unwrap()
        {
            GroupEvent::Error(error) => eprintln!("group: {error}"),
            event => return event,
        }
    }
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn two_members_share_the_partitions_and_hand_them_over_only_when_drained() {
    let client = client();
    let name = topic(&client, "group", 4).await;
    let group = format!("causeway.workers.{name}");
    let join = |id: &str| {
        let (member, events) = Membership::join(&plaintext(), group.clone(), id.to_owned());
        member.subscribe(vec![name.clone()]);
        (member, events)
    };
    let (first, mut first_events) = join("first");
    let GroupEvent::Assigned(all) = next(&mut first_events).await else {
        panic!("not assigned")
    };
    assert_eq!(all.len(), 4);

    let (second, mut second_events) = join("second");
    let GroupEvent::Revoked(given, ack) = next(&mut first_events).await else {
        panic!("not revoked")
    };
    assert_eq!(given.len(), 2);
    // The other one gets nothing while we have not answered.
    let early = tokio::time::timeout(Duration::from_secs(1), next(&mut second_events)).await;
    assert!(early.is_err(), "{early:?}");
    ack.drained();
    let GroupEvent::Assigned(mut got) = next(&mut second_events).await else {
        panic!("not assigned")
    };
    got.sort();
    let mut given = given;
    given.sort();
    assert_eq!(got, given);

    let leaving = tokio::spawn(second.leave());
    let GroupEvent::Revoked(back, ack) = next(&mut second_events).await else {
        panic!("not revoked")
    };
    assert_eq!(back.len(), 2);
    drop(ack);
    leaving.await.unwrap();
    let GroupEvent::Assigned(again) = next(&mut first_events).await else {
        panic!("not assigned")
    };
    assert_eq!(again.len(), 2);
    drop(first_events);
    first.leave().await;
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn membership_works_over_tls_with_a_sign_in() {
    let client = client();
    let name = topic(&client, "secure-group", 1).await;
    let east = east();
    let spec = spec(
        &east.sasl_ssl_bootstrap,
        ca(true),
        sasl(SaslMechanism::ScramSha256, &east.password),
    );
    let (member, mut events) = Membership::join(&spec, format!("g-{name}"), "secure".to_owned());
    member.subscribe(vec![name.clone()]);
    let GroupEvent::Assigned(slots) = next(&mut events).await else {
        panic!("not assigned")
    };
    assert_eq!(slots, [(name, 0)]);
    drop(events);
    member.leave().await;
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn the_oldest_line_answers_the_same_questions() {
    let start = || KafkaCluster::start(ClusterOptions::new("oldest").version("3.9.1")).unwrap();
    let cluster = tokio::task::spawn_blocking(start).await.unwrap();
    let spec = spec(&cluster.bootstrap(), Tls::Off, None);
    let ladder = climb(&spec, "test").await;
    assert_eq!(states(&ladder), without_tls(), "{ladder:#?}");

    let client = Client::new(&spec, options()).unwrap();
    let at = TopicPartition::new(topic(&client, "oldest", 1).await, 0);
    let end = client
        .list_offsets(vec![at.clone()], At::Latest, Isolation::Committed)
        .await;
    assert_eq!(end[&at].as_ref().unwrap().offset, Some(0));
    let producers = client.describe_producers(vec![at.clone()]).await;
    assert_eq!(producers[&at], Ok(Vec::new()));
    let epoch = client.leader(&at.topic, 0).await.unwrap().epoch;
    let end = client
        .offset_for_leader_epoch(BTreeMap::from([(at.clone(), epoch)]))
        .await;
    assert_eq!(end[&at].as_ref().unwrap().end_offset, 0);
    assert_eq!(client.init_producer_id().await.unwrap().epoch, 0);
    let deleted = client
        .delete_topics(std::slice::from_ref(&at.topic))
        .await
        .unwrap();
    assert_eq!(deleted[&at.topic], Ok(()));
    tokio::task::spawn_blocking(|| drop(cluster)).await.unwrap();
}
