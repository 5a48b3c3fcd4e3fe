//! The bench itself on real brokers.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use xtask::{
    admin::Admin,
    client::{NewRecord, ReadIsolation, Writer, WriterOptions, read_all},
    cluster::{ClusterOptions, KafkaCluster},
    proxy::Mode,
    setup::{KAFKA_NEWEST, KAFKA_OLDER},
};

#[test]
#[ignore = "starts real brokers"]
fn both_kafka_lines_start_and_serve_topics() {
    for version in [KAFKA_NEWEST, KAFKA_OLDER] {
        let cluster = KafkaCluster::start(ClusterOptions::new("single").version(version)).unwrap();
        eprintln!("one broker of {version}: {:?}", cluster.took());
        let admin = Admin::new(&cluster.bootstrap()).unwrap();
        admin
            .create_topic("orders", 3, &[("retention.ms", "-1")])
            .unwrap();
        assert_eq!(admin.partitions("orders").unwrap().len(), 3);
        assert_eq!(admin.configs("orders").unwrap()["retention.ms"], "-1");
        admin.grow_topic("orders", 5).unwrap();
        assert_eq!(admin.all_watermarks("orders").unwrap(), vec![(0, 0); 5]);
        admin.delete_topic("orders").unwrap();
        let pid = cluster.broker(0).pid().unwrap();
        let dir = cluster.dir().to_path_buf();
        drop(cluster);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        assert!(!dir.exists());
    }
}

#[test]
#[ignore = "starts real brokers"]
fn three_brokers_survive_the_loss_and_return_of_one() {
    let cluster = KafkaCluster::start(ClusterOptions::new("trio").brokers(3)).unwrap();
    eprintln!("three brokers: {:?}", cluster.took());
    let admin = Admin::new(&cluster.bootstrap()).unwrap();
    admin.create_topic("orders", 6, &[]).unwrap();
    let first = cluster.broker(0);
    first.kill();
    assert!(first.pid().is_none());
    first.restart().unwrap();
    cluster.wait_ready().unwrap();
    assert_eq!(admin.partitions("orders").unwrap()[0].replicas.len(), 3);
}

#[test]
#[ignore = "starts real brokers"]
fn records_come_back_as_they_were_written() {
    let cluster = KafkaCluster::start(ClusterOptions::new("raw")).unwrap();
    let admin = Admin::new(&cluster.bootstrap()).unwrap();
    admin
        .create_topic("raw", 2, &[("retention.ms", "-1")])
        .unwrap();
    let odd = NewRecord {
        partition: 1,
        timestamp: Some(1_700_000_000_123),
        key: Some(Vec::new()),
        value: None,
        headers: vec![
            (b"twice".to_vec(), Some(b"1".to_vec())),
            (b"twice".to_vec(), None),
            (b"".to_vec(), Some(Vec::new())),
            (vec![0xff, 0xfe, b'x'], Some(vec![0, 1, 2])),
        ],
    };
    let plain = NewRecord {
        value: Some(Vec::new()),
        ..NewRecord::default()
    };
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let options = WriterOptions {
            codec: codec.to_owned(),
            ..WriterOptions::default()
        };
        let writer = Writer::new(&cluster.bootstrap(), &options).unwrap();
        writer.send("raw", &odd).unwrap();
        writer.send("raw", &plain).unwrap();
        writer.flush().unwrap();
        assert_eq!(writer.deliveries().acknowledged, 2);
    }
    let records = read_all(&cluster.bootstrap(), "raw", ReadIsolation::Committed).unwrap();
    assert_eq!(records.len(), 10);
    for record in &records[5..] {
        assert_eq!(
            (
                record.partition,
                record.timestamp,
                &record.key,
                &record.value,
                &record.headers
            ),
            (1, 1_700_000_000_123, &odd.key, &odd.value, &odd.headers)
        );
    }
    assert_eq!(
        (&records[0].key, &records[0].value),
        (&None, &Some(Vec::new()))
    );
}

#[test]
#[ignore = "starts real brokers"]
fn aborted_records_are_seen_by_uncommitted_readers_only() {
    let cluster = KafkaCluster::start(ClusterOptions::new("txn")).unwrap();
    Admin::new(&cluster.bootstrap())
        .unwrap()
        .create_topic("transfers", 1, &[])
        .unwrap();
    let options = WriterOptions {
        transactional_id: Some("t".to_owned()),
        ..WriterOptions::default()
    };
    let writer = Writer::new(&cluster.bootstrap(), &options).unwrap();
    for round in 0..6 {
        writer.begin().unwrap();
        writer.send("transfers", &NewRecord::default()).unwrap();
        if round % 3 == 2 {
            writer.abort()
        } else {
            writer.commit()
        }
        .unwrap();
    }
    let count = |isolation| {
        read_all(&cluster.bootstrap(), "transfers", isolation)
            .unwrap()
            .len()
    };
    assert_eq!(count(ReadIsolation::Committed), 4);
    assert_eq!(count(ReadIsolation::Uncommitted), 6);
}

#[test]
#[ignore = "starts real brokers"]
fn every_listener_takes_its_clients_and_the_proxy_stands_before_plaintext() {
    let cluster = KafkaCluster::start(ClusterOptions::new("doors").behind_proxies()).unwrap();
    let facts = cluster.facts();
    let count = |bootstrap: &str, settings: &[(&str, &str)]| {
        let mut config = xtask::admin::client_config(bootstrap);
        for (key, value) in settings {
            config.set(*key, *value);
        }
        config.set("ssl.ca.location", facts.ca_file.to_str().unwrap());
        let client: BaseConsumer = config.create().unwrap();
        client
            .fetch_metadata(None, Duration::from_secs(10))
            .map(|m| m.brokers().len())
    };
    let user = [
        ("sasl.username", facts.user.as_str()),
        ("sasl.password", facts.password.as_str()),
    ];
    assert_eq!(count(&facts.bootstrap, &[]), Ok(1));
    assert_eq!(
        count(&facts.ssl_bootstrap, &[("security.protocol", "ssl")]),
        Ok(1)
    );
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for (protocol, bootstrap) in [
            ("sasl_plaintext", &facts.sasl_plaintext_bootstrap),
            ("sasl_ssl", &facts.sasl_ssl_bootstrap),
        ] {
            let with = [
                ("security.protocol", protocol),
                ("sasl.mechanisms", mechanism),
            ];
            let got = count(bootstrap, &[&with[..], &user[..]].concat());
            assert_eq!(got, Ok(1), "{protocol} {mechanism}");
        }
    }
    assert!(cluster.proxy(0).unwrap().accepted_connections() > 0);
    cluster.proxy(0).unwrap().set(Mode::BlackHole);
    let client: BaseConsumer = xtask::admin::client_config(&facts.bootstrap)
        .create()
        .unwrap();
    assert!(client.fetch_metadata(None, Duration::from_secs(1)).is_err());
}
