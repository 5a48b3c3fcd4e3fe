//! The bench itself on real brokers.

#![allow(clippy::unwrap_used)]

use xtask::{
    admin::Admin,
    cluster::{ClusterOptions, KafkaCluster},
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
