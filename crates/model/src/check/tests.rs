use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{cluster::ClusterSpec, link::LinkSpec, problem::FieldError};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n";

/// Returns a sound cluster with `changes` laid over it.
fn cluster(changes: Value) -> ClusterSpec {
    let sound = json!({
        "name": "east",
        "title": "East",
        "bootstrap": ["kafka-1:9092", "[::1]:9093"],
        "tls": { "mode": "ca", "ca_pem": PEM },
        "sasl": { "mechanism": "SCRAM-SHA-512", "username": "causeway", "password": "hunter2" },
    });
    serde_json::from_value(laid_over(sound, changes)).unwrap()
}

fn link(changes: Value) -> LinkSpec {
    let sound = json!({
        "name": "east-west",
        "source": "east",
        "destination": "west",
        "topics": { "include": [{ "kind": "prefix", "pattern": "orders" }] },
    });
    serde_json::from_value(laid_over(sound, changes)).unwrap()
}

fn laid_over(mut sound: Value, changes: Value) -> Value {
    let (Value::Object(fields), Value::Object(changes)) = (&mut sound, changes) else {
        panic!("objects are expected");
    };
    fields.extend(changes);
    sound
}

fn lines(errors: Vec<FieldError>) -> Vec<String> {
    errors
        .into_iter()
        .map(|e| format!("{} | {}", e.field, e.message))
        .collect()
}

fn sasl(username: &str, password: &str) -> Value {
    json!({ "sasl": { "mechanism": "PLAIN", "username": username, "password": password } })
}

fn ca(pem: &str) -> Value {
    json!({ "tls": { "mode": "ca", "ca_pem": pem } })
}

#[test]
fn accepts_sound_settings() {
    assert!(cluster(json!({})).check().is_empty());
    assert!(
        cluster(json!({ "tls": { "mode": "off" }, "sasl": null }))
            .check()
            .is_empty()
    );
    assert!(link(json!({})).check().is_empty());
}

#[test]
fn says_what_is_wrong_with_a_cluster() {
    let long = "x".repeat(201);
    let cases = [
        (
            json!({ "bootstrap": [] }),
            "bootstrap | Enter at least one broker's address, as `kafka-1:9092`.",
        ),
        (
            json!({ "bootstrap": ["a:1", "kafka-1"] }),
            "bootstrap[1] | Entry 2, `kafka-1`: add a port, as `kafka-1:9092`.",
        ),
        (
            json!({ "bootstrap": [""] }),
            "bootstrap[0] | Entry 1: enter a broker's address, as `kafka-1:9092`.",
        ),
        (
            json!({ "bootstrap": ["kafka\r\nx:1"] }),
            "bootstrap[0] | Entry 1, `kafka\\u{d}\\u{a}x:1`: it holds a space or control character, remove it.",
        ),
        (
            json!({ "bootstrap": vec!["a:1"; 101] }),
            "bootstrap | 101 entries, at most 100 are allowed.",
        ),
        (
            json!({ "title": long }),
            "title | The title has 201 characters, at most 200 are allowed.",
        ),
        (
            json!({ "title": "a\nb" }),
            "title | The title, character 2: remove this control character.",
        ),
        (sasl("", "x"), "sasl.username | Enter the user name."),
        (
            sasl("a\0b", "x"),
            "sasl.username | The user name, character 2: remove this control character.",
        ),
        (sasl("a", ""), "sasl.password | Enter the password."),
        (
            sasl("a", "x\r\n"),
            "sasl.password | The password, character 2: remove this control character.",
        ),
    ];
    for (changes, expected) in cases {
        assert_eq!(
            lines(cluster(changes.clone()).check()),
            [expected],
            "{changes}"
        );
    }
}

#[test]
fn looks_at_the_shape_of_certificates() {
    let cut = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n";
    let key = "-----BEGIN PRIVATE KEY-----\nTUlJQg==\n-----END PRIVATE KEY-----\n";
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let cases = [
        ("", "paste at least one certificate"),
        ("hello", "paste at least one certificate"),
        (cut, "line 1: this certificate has no end"),
        (
            &format!("{cut}{PEM}"),
            "line 1: this certificate has no end",
        ),
        (
            &PEM.replace("TUlJQg==", "TUl*"),
            "line 2: this is not base64",
        ),
        (
            &PEM.replace("TUlJQg==", "TUlJQ"),
            "line 3: this is not base64",
        ),
        (
            &PEM.replace("TUlJQg==", ""),
            "line 1: this certificate has no content",
        ),
        (
            &PEM.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
            "line 1: only `CERTIFICATE` blocks",
        ),
        (&format!("{PEM}{key}"), "this holds a private key"),
        (&encrypted, "this holds a private key"),
        (&format!("{PEM}\0"), "line 4: remove this control character"),
        (
            &"A".repeat(300_000),
            "300,000 bytes, at most 262,144 are allowed",
        ),
    ];
    for (pem, expected) in cases {
        let lines = lines(cluster(ca(pem)).check());
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with(&format!("tls.ca_pem | Certificates: {expected}")),
            "{lines:?}"
        );
    }
    let chain = format!("subject=CN = a\n{PEM}\r\n{}", PEM.replace('\n', "\r\n"));
    assert!(cluster(ca(&chain)).check().is_empty());
}

#[test]
fn repeats_no_secret() {
    let mut changes = sasl("user", "hunter2\n");
    changes["bootstrap"] = json!(["user:hunter2@kafka"]);
    changes["tls"] = json!({ "mode": "ca", "ca_pem": "hunter2" });
    let cluster = cluster(changes);
    let lines = lines(cluster.check());
    assert_eq!(lines.len(), 3);
    assert!(!format!("{lines:?}").contains("hunter2"));
    assert!(!format!("{:?}", cluster.sasl).contains("hunter2"));
}

#[test]
fn says_what_is_wrong_with_a_link() {
    let detect =
        "detect_interval_ms | Look for new topics every 1 s to 1 h (1,000 to 3,600,000 ms).";
    let always = "There is no safe way to go on by itself here: this finding always asks.";
    let start = "start.timestamp | The start is in milliseconds since 1970 UTC, from 0 to the end of the year 9999.";
    let cases = [
        (
            json!({ "destination": "east" }),
            "destination | Source and destination are both `east`: choose two clusters.".to_owned(),
        ),
        (json!({ "detect_interval_ms": 999 }), detect.to_owned()),
        (
            json!({ "detect_interval_ms": 3_600_001 }),
            detect.to_owned(),
        ),
        (
            json!({ "limit_bytes_per_s": 999 }),
            "limit_bytes_per_s | A limit is 1,000 to 1,000,000,000,000 bytes a second; leave it out for none.".to_owned(),
        ),
        (
            json!({ "slots": 0 }),
            "slots | Take 1 to 256 slots.".to_owned(),
        ),
        (
            json!({ "slots": 257 }),
            "slots | Take 1 to 256 slots.".to_owned(),
        ),
        (
            json!({ "replication_factor": { "exactly": 0 } }),
            "replication_factor | A replication factor is 1 or more.".to_owned(),
        ),
        (json!({ "start": { "timestamp": -1 } }), start.to_owned()),
        (
            json!({ "start": { "timestamp": i64::MAX } }),
            start.to_owned(),
        ),
        (
            json!({ "append_to": ["ok", ".."] }),
            "append_to[1] | `..`: `.` and `..` are no topic names.".to_owned(),
        ),
        (
            json!({ "configs": { "include": ["a=b"] } }),
            "configs.include[0] | `a=b` is no topic configuration, such as `retention.ms`."
                .to_owned(),
        ),
        (
            json!({ "configs": { "include": ["message.format.version"] } }),
            "configs.include[0] | `message.format.version` is never copied: remove it.".to_owned(),
        ),
        (
            json!({ "policies": { "source_recreated": "continue" } }),
            format!("policies.source_recreated | {always}"),
        ),
        (
            json!({ "policies": { "destination_changed": "continue" } }),
            format!("policies.destination_changed | {always}"),
        ),
        (
            json!({ "policies": { "refused": "continue" } }),
            "policies.refused | What happens with a refused record is set by `on_refused`."
                .to_owned(),
        ),
    ];
    for (changes, expected) in cases {
        assert_eq!(
            lines(link(changes.clone()).check()),
            [expected],
            "{changes}"
        );
    }
}

#[test]
fn accepts_the_ends_of_every_range() {
    let changes = [
        json!({ "detect_interval_ms": 1_000, "slots": 1, "start": { "timestamp": 0 } }),
        json!({ "detect_interval_ms": 3_600_000, "slots": 256, "start": "latest" }),
        json!({ "replication_factor": { "exactly": 1 } }),
        json!({ "policies": { "loss": "ask", "divergence": "continue", "foreign_write": "ask", "refused": "ask" } }),
    ];
    for changes in changes {
        assert_eq!(
            lines(link(changes.clone()).check()),
            Vec::<String>::new(),
            "{changes}"
        );
    }
}

#[test]
fn reports_selection_and_rename_together() {
    let changes = json!({
        "topics": { "include": [{ "kind": "exact", "pattern": "a b" }] },
        "rename": { "format": "mirror" },
    });
    let fields: Vec<String> = link(changes).check().into_iter().map(|e| e.field).collect();
    assert_eq!(fields, ["topics.include[0].pattern", "rename.format"]);
}

#[cfg(feature = "pattern")]
#[test]
fn names_the_place_in_a_pattern() {
    let rows = json!({ "topics": { "exclude": [{ "kind": "regex", "pattern": "foo(?!bar)" }] } });
    let expected = "topics.exclude[0].pattern | Pattern, character 4: look-ahead is not supported.";
    assert_eq!(lines(link(rows).check()), [expected]);
}

#[test]
fn looks_at_the_length_of_a_pattern_with_or_without_its_compiler() {
    let rows =
        json!({ "topics": { "include": [{ "kind": "regex", "pattern": "a".repeat(1 << 20) }] } });
    let expected = "topics.include[0].pattern | Pattern too large: 1,048,576 bytes, at most 1,024 are allowed.";
    assert_eq!(lines(link(rows).check()), [expected]);
}

proptest! {
    #[test]
    fn never_shows_a_raw_control_character(entry in any::<String>(), title in any::<String>(), pem in any::<String>()) {
        let mut changes = ca(&pem);
        changes["bootstrap"] = json!([entry]);
        changes["title"] = json!(title);
        for line in lines(cluster(changes).check()) {
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }
}
