use std::collections::BTreeMap;

use super::*;
use crate::admin::{At, Isolation};

fn client(bootstrap: &[&str]) -> Result<Client, Error> {
    let spec = ClusterSpec {
        name: "east".parse().unwrap(),
        title: String::new(),
        bootstrap: bootstrap.iter().map(|&entry| entry.to_owned()).collect(),
        tls: model::cluster::Tls::Off,
        client_certificate: None,
        sasl: None,
    };
    let options = Options {
        client_id: "test".to_owned(),
        timeouts: Timeouts::default(),
    };
    Client::new(&spec, options)
}

#[test]
fn only_settings_that_can_never_work_are_refused() {
    assert!(client(&["no-such-host.invalid:9092"]).is_ok());
    let error = client(&["kafka-1"]).unwrap_err();
    assert_eq!(error.code(), "cluster.settings");
}

#[tokio::test]
async fn a_cluster_nobody_knows_is_an_error_and_a_back_off() {
    let client = client(&["no-such-host.invalid:9092", "127.0.0.1:1"]).unwrap();
    for _ in 0..3 {
        let error = client.metadata(Topics::None).await.unwrap_err();
        assert!(
            ["connect.dns", "connect.tcp"].contains(&error.code()),
            "{error}"
        );
    }
}

#[test]
fn questions_can_be_asked_from_any_thread() {
    fn send<T: Send>(_: T) {}
    let client = client(&["a:1"]).unwrap();
    send(client.metadata(Topics::All));
    send(client.list_offsets(Vec::new(), At::Latest, Isolation::Committed));
    send(client.delete_records(BTreeMap::new()));
    send(client.init_producer_id());
    send(client.describe_configs(&[]));
    send(client.open_to_broker(1, Purpose::Produce));
}
