//! The connection test of a cluster over the API: each rung's verdict, code and advice; and a link over TLS with sign-in.

use std::net::TcpListener;

use serde_json::{Value, json};
use xtask::{
    cluster::{ClusterFacts, ClusterOptions, KafkaCluster, shared},
    proxy::Mode,
};

use crate::harness::{Console, Topic, link, unique};

const RUNGS: [&str; 8] = [
    "dns",
    "tcp",
    "tls",
    "sasl",
    "metadata",
    "advertised",
    "rights",
    "round_trip",
];

fn climb(bootstrap: &str, security: &Value) -> Value {
    let mut spec = json!({ "name": unique("probe"), "bootstrap": [bootstrap] });
    for (key, value) in security.as_object().unwrap() {
        spec[key] = value.clone();
    }
    Console::shared().post("clusters/test", &spec)
}

fn tls(facts: &ClusterFacts) -> Value {
    let ca_pem = std::fs::read_to_string(&facts.ca_file).unwrap();
    json!({ "mode": "ca", "ca_pem": ca_pem })
}

fn sasl(mechanism: &str, password: &str) -> Value {
    json!({ "mechanism": mechanism, "username": "causeway", "password": password })
}

/// Asserts that the ladder was climbed up to `failed`, which tells this code and gives this advice.
fn assert_fails(ladder: &Value, failed: &str, code: &str, advice: &str) {
    let at = RUNGS.iter().position(|rung| *rung == failed).unwrap();
    for (index, (rung, kind)) in ladder["rungs"]
        .as_array()
        .unwrap()
        .iter()
        .zip(RUNGS)
        .enumerate()
    {
        assert_eq!(rung["kind"], kind);
        let expected = match index {
            // The only ladder that ends there is one without TLS.
            _ if index < at && kind == "tls" && failed == "advertised" => "not_used",
            _ if index < at => "passed",
            _ if index == at => "failed",
            // No link needs any right, but rights are looked at wherever one broker answers.
            _ if kind == "rights" && failed == "advertised" => "not_used",
            _ => "not_reached",
        };
        assert_eq!(rung["state"], expected, "{kind}: {ladder:#}");
    }
    let rung = &ladder["rungs"][at];
    assert_eq!(rung["code"], code, "{ladder:#}");
    assert!(
        rung["advice"].as_str().unwrap().contains(advice),
        "{ladder:#}"
    );
    assert!(!rung["detail"].as_str().unwrap().is_empty());
    assert!(!ladder.to_string().contains("not-the-password"));
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn each_rung_of_the_ladder_names_what_is_wrong_and_what_to_do() {
    let east = shared("east").unwrap();
    let plain = json!({});
    let unknown = climb("no-such-host.invalid:9092", &plain);
    assert_fails(&unknown, "dns", "connect.dns", "Correct the name");

    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let closed = climb(&closed.to_string(), &plain);
    assert_fails(
        &closed,
        "tcp",
        "connect.tcp",
        "Check address, port and firewall",
    );

    let web = Console::shared()
        .process
        .url()
        .trim_start_matches("http://");
    assert_fails(
        &climb(web, &plain),
        "tls",
        "connect.not_kafka",
        "another service",
    );

    let to_plaintext = climb(&east.bootstrap, &json!({ "tls": tls(&east) }));
    assert_fails(
        &to_plaintext,
        "tls",
        "connect.tls_to_plaintext",
        "Use the TLS port",
    );

    let to_tls = climb(&east.ssl_bootstrap, &plain);
    assert_fails(
        &to_tls,
        "tls",
        "connect.plaintext_to_tls",
        "Set security to TLS",
    );

    let west = shared("west").unwrap();
    let stranger = climb(&east.ssl_bootstrap, &json!({ "tls": tls(&west) }));
    assert_fails(
        &stranger,
        "tls",
        "connect.tls",
        "certificate of the authority",
    );

    let unsigned = climb(&east.sasl_ssl_bootstrap, &json!({ "tls": tls(&east) }));
    assert_fails(
        &unsigned,
        "sasl",
        "auth.failed",
        "Add user name and password",
    );

    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let security = |password| json!({ "tls": tls(&east), "sasl": sasl(mechanism, password) });
        let refused = climb(&east.sasl_ssl_bootstrap, &security("not-the-password"));
        assert_fails(
            &refused,
            "sasl",
            "auth.failed",
            "Correct user name and password",
        );
        let passed = climb(&east.sasl_ssl_bootstrap, &security(&east.password));
        assert_passed(&passed, "passed");
    }
}

fn assert_passed(ladder: &Value, tls: &str) {
    for rung in ladder["rungs"].as_array().unwrap() {
        let expected = match rung["kind"].as_str().unwrap() {
            "tls" => tls,
            // No link uses what is not stored.
            "rights" => "not_used",
            _ => "passed",
        };
        assert_eq!(rung["state"], expected, "{ladder:#}");
        assert_eq!((&rung["code"], &rung["advice"]), (&Value::Null, &json!("")));
    }
    assert!(!ladder["cluster_id"].as_str().unwrap().is_empty());
    assert!(
        ladder["brokers"]
            .as_array()
            .unwrap()
            .iter()
            .all(|b| b["reachable"] == true)
    );
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn an_advertised_listener_out_of_reach_is_named_with_its_broker() {
    let cluster = KafkaCluster::start(ClusterOptions::new("hidden").behind_proxies()).unwrap();
    let proxy = cluster.proxy(0).unwrap();
    proxy.set(Mode::Refuse);
    let hidden = climb(&cluster.broker(0).address(), &json!({}));
    assert_fails(
        &hidden,
        "advertised",
        "connect.advertised",
        "advertised.listeners",
    );
    let detail = hidden["rungs"][5]["detail"].as_str().unwrap();
    assert!(
        detail.contains("Broker 1") && detail.contains(&cluster.bootstrap()),
        "{detail}"
    );
    assert_eq!(hidden["brokers"][0]["reachable"], false);
    proxy.set(Mode::Pass);
    let passed = climb(&cluster.broker(0).address(), &json!({}));
    assert_passed(&passed, "not_used");
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_link_over_tls_with_sign_in_on_both_sides_copies_every_record() {
    let console = Console::shared();
    let name = unique("secured");
    let ends = [("east", "SCRAM-SHA-512"), ("west", "SCRAM-SHA-256")].map(|(side, mechanism)| {
        let facts = shared(side).unwrap();
        let cluster = format!("{name}-{side}");
        let spec = json!({
            "name": cluster,
            "bootstrap": [facts.sasl_ssl_bootstrap],
            "tls": tls(&facts),
            "sasl": sasl(mechanism, &facts.password),
        });
        let made = console.post("clusters", &spec);
        assert!(!made.to_string().contains(&facts.password), "{made:#}");
        (cluster, Topic::new(&facts.bootstrap, &name))
    });
    let [(source_cluster, source), (destination_cluster, mirror)] = &ends;
    source.create(3);
    for partition in 0..3 {
        source.write(partition, "secured", 0..500);
    }
    console.post(
        "links",
        &link(&name, source_cluster, destination_cluster, &[source]),
    );
    console.verb(&name, "start");
    for partition in 0..3 {
        mirror.wait_for_end(partition, 500);
    }
    source.assert_mirrored_exactly(mirror);
    assert!(console.findings(&name).is_empty());
}
