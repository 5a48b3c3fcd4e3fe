use model::cluster::{Sasl, SaslMechanism};
use model::{Name, Secret};

use super::*;

fn spec(tls: Tls, sasl: Option<Sasl>) -> ClusterSpec {
    ClusterSpec {
        name: Name::try_from("east".to_owned()).unwrap(),
        title: String::new(),
        bootstrap: vec!["a:9092".to_owned(), "b:9092".to_owned()],
        tls,
        client_certificate: None,
        sasl,
    }
}

fn scram() -> Sasl {
    Sasl {
        mechanism: SaslMechanism::ScramSha512,
        username: "causeway".to_owned(),
        password: Some(Secret::new("pw")),
        oauth: None,
    }
}

#[test]
fn settings_reach_librdkafka_under_its_names() {
    let tls = Tls::Ca {
        ca_pem: "PEM".to_owned(),
        verify_hostname: false,
    };
    let config = client_config(&spec(tls, Some(scram())), "causeway-w1");
    let expected = [
        ("bootstrap.servers", "a:9092,b:9092"),
        ("client.id", "causeway-w1"),
        ("security.protocol", "sasl_ssl"),
        ("ssl.ca.pem", "PEM"),
        ("ssl.endpoint.identification.algorithm", "none"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", "causeway"),
        ("sasl.password", "pw"),
    ];
    for (name, value) in expected {
        assert_eq!(config.get(name), Some(value), "{name}");
    }
    assert_eq!(config.config_map().len(), expected.len());
}

#[test]
fn the_security_protocol_follows_from_tls_and_sign_in() {
    let system = || Tls::System {
        verify_hostname: true,
    };
    let cases = [
        (Tls::Off, None, "plaintext"),
        (Tls::Off, Some(scram()), "sasl_plaintext"),
        (system(), None, "ssl"),
        (system(), Some(scram()), "sasl_ssl"),
    ];
    for (tls, sasl, protocol) in cases {
        assert_eq!(
            client_config(&spec(tls, sasl), "c").get("security.protocol"),
            Some(protocol)
        );
    }
}

#[tokio::test]
async fn settings_that_librdkafka_refuses_come_as_an_event_and_leaving_still_works() {
    let tls = Tls::Ca {
        ca_pem: "no certificate".to_owned(),
        verify_hostname: true,
    };
    let (membership, mut events) =
        Membership::join(&spec(tls, None), "g".to_owned(), "c".to_owned());
    assert!(matches!(events.recv().await, Some(GroupEvent::Error(_))));
    membership.leave().await;
    assert!(events.recv().await.is_none());
}
