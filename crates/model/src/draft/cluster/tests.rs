use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{cluster::SaslView, draft::error_for};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n";

fn draft() -> ClusterDraft {
    ClusterDraft {
        name: "east".to_owned(),
        bootstrap: "kafka-1:9092, kafka-2:9092\r\nkafka-3:9092".to_owned(),
        ..ClusterDraft::default()
    }
}

fn view(spec: &ClusterSpec) -> ClusterView {
    ClusterView {
        id: "1".to_owned(),
        name: spec.name.clone(),
        title: spec.title.clone(),
        bootstrap: spec.bootstrap.clone(),
        tls: spec.tls.clone(),
        sasl: spec.sasl.as_ref().map(|sasl| SaslView {
            mechanism: sasl.mechanism,
            username: sasl.username.clone(),
            has_password: true,
        }),
        cluster_id: None,
        revision: 1,
    }
}

#[test]
fn reads_bootstrap_entries_however_they_are_separated() {
    let spec = draft().spec(None).unwrap();
    assert_eq!(
        spec.bootstrap,
        ["kafka-1:9092", "kafka-2:9092", "kafka-3:9092"]
    );
    assert_eq!((spec.tls, spec.sasl), (Tls::Off, None));
}

#[test]
fn puts_every_fault_at_its_input() {
    let faulty = ClusterDraft {
        name: String::new(),
        title: "x".repeat(201),
        bootstrap: "kafka-1".to_owned(),
        security: "tls_ca".to_owned(),
        mechanism: "PLAIN".to_owned(),
        ..ClusterDraft::default()
    };
    let errors = faulty.spec(None).unwrap_err();
    for (input, message) in [
        ("name", "Enter a name, such as `east`."),
        (
            "bootstrap",
            "Entry 1, `kafka-1`: add a port, as `kafka-1:9092`.",
        ),
        ("username", "Enter the user name."),
    ] {
        assert_eq!(error_for(&errors, input), Some(message), "{errors:?}");
    }
    assert!(error_for(&errors, "title").is_some());
    assert!(
        error_for(&errors, "ca_pem")
            .unwrap()
            .starts_with("Certificates: paste")
    );
}

#[test]
fn refuses_words_that_no_form_offers() {
    let faulty = ClusterDraft {
        security: "ssl".to_owned(),
        mechanism: "GSSAPI".to_owned(),
        ..draft()
    };
    let errors = faulty.spec(None).unwrap_err();
    let inputs: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(inputs, ["mechanism", "security"]);
}

#[test]
fn an_empty_password_keeps_the_stored_one_and_none_is_shown_in_messages() {
    let sasl = ClusterDraft {
        mechanism: "SCRAM-SHA-512".to_owned(),
        username: "causeway".to_owned(),
        ..draft()
    };
    let spec = sasl.spec(Some(Secret::new(""))).unwrap();
    assert_eq!(spec.sasl.unwrap().password, None);
    let spec = sasl.spec(Some(Secret::new("hunter2"))).unwrap();
    assert_eq!(spec.sasl.unwrap().password.unwrap().expose(), "hunter2");
    let errors = sasl.spec(Some(Secret::new("hunt\u{7}er2"))).unwrap_err();
    assert_eq!(errors[0].field, "password");
    assert!(!format!("{errors:?}").contains("hunt"));
}

#[test]
fn an_unticked_checkbox_is_absent_and_a_ticked_one_is_on() {
    let read = |value| serde_json::from_value::<ClusterDraft>(value).unwrap();
    assert_eq!(read(json!({})), ClusterDraft::default());
    assert!(read(json!({ "skip_hostname": "on" })).skip_hostname);
    assert!(read(json!({ "skip_hostname": true })).skip_hostname);
    assert!(!read(json!({ "skip_hostname": "false", "surplus": 1 })).skip_hostname);
}

#[test]
fn warns_of_what_is_allowed_and_dangerous() {
    let warnings = |security: &str, mechanism: &str, skip_hostname, username: &str| {
        let draft = ClusterDraft {
            security: security.to_owned(),
            mechanism: mechanism.to_owned(),
            username: username.to_owned(),
            skip_hostname,
            ..draft()
        };
        let found = draft.warnings();
        found.into_iter().map(|w| w.field).collect::<Vec<_>>()
    };
    assert!(warnings("none", "", true, "").is_empty());
    assert_eq!(warnings("tls_ca", "", true, ""), ["skip_hostname"]);
    assert_eq!(warnings("none", "PLAIN", false, "u"), ["security"]);
    assert_eq!(warnings("none", "SCRAM-SHA-256", false, "u"), ["security"]);
    assert!(warnings("tls_system", "PLAIN", false, "u").is_empty());
    assert_eq!(warnings("none", "", false, "u"), ["mechanism"]);
    let plain = ClusterDraft {
        mechanism: "PLAIN".to_owned(),
        ..draft()
    };
    assert_eq!(
        plain.warnings()[0].message,
        "The password crosses the network readable."
    );
}

#[test]
fn posted_line_ends_do_not_change_the_stored_certificates() {
    let stored = ClusterDraft {
        security: "tls_ca".to_owned(),
        ca_pem: PEM.to_owned(),
        ..draft()
    };
    let base = view(&stored.spec(None).unwrap());
    let mut posted = ClusterDraft::of(&base);
    posted.ca_pem = PEM.replace('\n', "\r\n").trim().to_owned();
    posted.name = String::new();
    let spec = posted.apply(&base, None).unwrap();
    assert_eq!((spec.tls, spec.name), (base.tls, base.name));
}

#[test]
fn answers_hostile_texts_shortly() {
    let huge = "é".repeat(500_000);
    let hostile = ClusterDraft {
        name: huge.clone(),
        title: huge.clone(),
        bootstrap: huge.clone(),
        security: huge.clone(),
        ca_pem: huge.clone(),
        mechanism: huge.clone(),
        username: huge,
        skip_hostname: true,
    };
    let errors = hostile.spec(None).unwrap_err();
    assert!(errors.iter().all(|e| e.message.len() < 300), "{errors:?}");
}

proptest! {
    #[test]
    fn survives_the_way_through_the_form(
        tls in prop_oneof![
            Just(Tls::Off),
            any::<bool>().prop_map(|verify_hostname| Tls::System { verify_hostname }),
            any::<bool>().prop_map(|verify_hostname| Tls::Ca { ca_pem: PEM.to_owned(), verify_hostname }),
        ],
        hosts in prop::collection::vec("[a-z]{1,8}:[1-9][0-9]{0,3}", 1..5),
        username in proptest::option::of("[a-z@ ]{1,9}"),
        title in "[a-zA-Z]([a-z ]{0,9}[a-z])?",
    ) {
        let sasl = username.map(|username| Sasl {
            mechanism: SaslMechanism::ScramSha256,
            username,
            password: None,
        });
        let spec = ClusterSpec { name: "east".parse().unwrap(), title, bootstrap: hosts, tls, sasl };
        let base = view(&spec);
        let draft = ClusterDraft::of(&base);
        prop_assert_eq!(draft.spec(None), Ok(spec.clone()));
        prop_assert_eq!(draft.apply(&base, None), Ok(spec));
    }
}
