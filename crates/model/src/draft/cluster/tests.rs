use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    cluster::{ClientCertificateView, SaslView},
    draft::error_for,
};

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
        client_certificate: spec
            .client_certificate
            .as_ref()
            .map(|shown| ClientCertificateView {
                certificate_pem: shown.certificate_pem.clone(),
                has_key: true,
                subject: None,
                ends_at_ms: None,
            }),
        sasl: spec.sasl.as_ref().map(|sasl| SaslView {
            mechanism: sasl.mechanism,
            username: sasl.username.clone(),
            has_password: true,
            oauth: sasl.oauth.clone(),
        }),
        cluster_id: None,
        revision: 1,
    }
}

fn password(text: &str) -> Typed {
    Typed {
        password: Some(Secret::new(text)),
        client_key: None,
    }
}

#[test]
fn reads_bootstrap_entries_however_they_are_separated() {
    let spec = draft().spec(Typed::default()).unwrap();
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
    let errors = faulty.spec(Typed::default()).unwrap_err();
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
    let errors = faulty.spec(Typed::default()).unwrap_err();
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
    let spec = sasl.spec(password("")).unwrap();
    assert_eq!(spec.sasl.unwrap().password, None);
    let spec = sasl.spec(password("hunter2")).unwrap();
    assert_eq!(spec.sasl.unwrap().password.unwrap().expose(), "hunter2");
    let errors = sasl.spec(password("hunt\u{7}er2")).unwrap_err();
    assert_eq!(errors[0].field, "password");
    assert!(!format!("{errors:?}").contains("hunt"));
}

#[test]
fn a_token_sign_in_survives_the_way_through_the_form() {
    let typed = ClusterDraft {
        mechanism: "OAUTHBEARER".to_owned(),
        username: "client".to_owned(),
        token_url: " https://login.example.com/token ".to_owned(),
        scope: "kafka".to_owned(),
        extensions: "logicalCluster=lkc-1\r\n\r\nidentityPoolId = pool".to_owned(),
        ..draft()
    };
    let spec = typed.spec(password("secret")).unwrap();
    let oauth = spec.sasl.as_ref().unwrap().oauth.clone().unwrap();
    assert_eq!(oauth.token_url, "https://login.example.com/token");
    assert_eq!(oauth.extensions["identityPoolId"], "pool");
    let again = ClusterDraft::of(&view(&spec)).spec(password("secret"));
    assert_eq!(again, Ok(spec));
    let faulty = ClusterDraft {
        token_url: "https://user:hunter2@idp/".to_owned(),
        extensions: "auth=x\nnonsense".to_owned(),
        username: String::new(),
        ..typed
    };
    let errors = faulty.spec(password("secret")).unwrap_err();
    assert_eq!(
        error_for(&errors, "extensions"),
        Some("Write each extension as `name=value`.")
    );
    assert_eq!(
        error_for(&errors, "username"),
        Some("Enter the client's id.")
    );
    assert!(
        error_for(&errors, "token_url")
            .unwrap()
            .contains("before the `@`")
    );
    assert!(!format!("{errors:?}").contains("hunter2"));
}

#[test]
fn a_client_certificate_goes_with_tls_and_an_encrypted_key_is_refused_by_name() {
    let key = |label: &str| {
        let pem = format!("-----BEGIN {label}-----\r\nTUlJQg==\r\n-----END {label}-----\r\n");
        Typed {
            password: None,
            client_key: Some(Secret::new(pem)),
        }
    };
    let typed = ClusterDraft {
        security: "tls_system".to_owned(),
        client_certificate: PEM.to_owned(),
        ..draft()
    };
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        let spec = typed.spec(key(label)).unwrap();
        let stored = spec.client_certificate.unwrap().key_pem.unwrap();
        assert!(!stored.expose().contains('\r'));
    }
    let cases = [
        ("ENCRYPTED PRIVATE KEY", "Key: this key is encrypted"),
        ("OPENSSH PRIVATE KEY", "Key: a `PRIVATE KEY`"),
        ("CERTIFICATE", "Key: a `PRIVATE KEY`"),
    ];
    for (label, told) in cases {
        let errors = typed.spec(key(label)).unwrap_err();
        let message = error_for(&errors, "client_key").unwrap();
        assert!(message.starts_with(told), "{message}");
        assert!(!message.contains("TUlJ"));
    }
    let plain = ClusterDraft {
        security: "none".to_owned(),
        ..typed
    };
    assert_eq!(
        plain.spec(Typed::default()).unwrap().client_certificate,
        None
    );
    assert_eq!(plain.warnings()[0].field, "client_certificate");
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
    let base = view(&stored.spec(Typed::default()).unwrap());
    let mut posted = ClusterDraft::of(&base);
    posted.ca_pem = PEM.replace('\n', "\r\n").trim().to_owned();
    posted.name = String::new();
    let spec = posted.apply(&base, Typed::default()).unwrap();
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
        client_certificate: huge.clone(),
        mechanism: huge.clone(),
        username: huge.clone(),
        token_url: huge.clone(),
        scope: huge.clone(),
        extensions: huge,
        skip_hostname: true,
    };
    let errors = hostile.spec(Typed::default()).unwrap_err();
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
        shown in any::<bool>(),
    ) {
        let sasl = username.map(|username| Sasl {
            mechanism: SaslMechanism::ScramSha256,
            username,
            password: None,
            oauth: None,
        });
        let client_certificate = (shown && tls != Tls::Off).then(|| ClientCertificate {
            certificate_pem: PEM.to_owned(),
            key_pem: None,
        });
        let spec = ClusterSpec {
            name: "east".parse().unwrap(),
            title,
            bootstrap: hosts,
            tls,
            client_certificate,
            sasl,
        };
        let base = view(&spec);
        let draft = ClusterDraft::of(&base);
        prop_assert_eq!(draft.spec(Typed::default()), Ok(spec.clone()));
        prop_assert_eq!(draft.apply(&base, Typed::default()), Ok(spec));
    }
}
