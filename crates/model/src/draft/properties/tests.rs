use proptest::prelude::*;

use super::*;

fn keys(pasted: &Pasted) -> Vec<&str> {
    pasted.refused.iter().map(|r| r.key.as_str()).collect()
}

fn why<'p>(pasted: &'p Pasted, key: &str) -> &'p str {
    let found = pasted.refused.iter().find(|r| r.key == key);
    &found.expect("the key was refused").why
}

#[test]
fn reads_a_java_client() {
    let pasted = paste(concat!(
        "# made by hand\n! also a comment\r\n\n",
        "bootstrap.servers = kafka-1:9092,kafka-2:9092\n",
        "security.protocol:SASL_SSL\n",
        "sasl.mechanism SCRAM-SHA-256\n",
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n",
        "    username=\"causeway\" \\\n    password=\"hunt\\\\\"er;2\";\n",
        "client.id=tool\n",
    ));
    assert_eq!(pasted.draft.bootstrap, "kafka-1:9092\nkafka-2:9092");
    assert_eq!(pasted.draft.security, "tls_system");
    assert_eq!(pasted.draft.mechanism, "SCRAM-SHA-256");
    assert_eq!(pasted.draft.username, "causeway");
    assert_eq!(pasted.password.as_ref().unwrap().expose(), "hunt\"er;2");
    let expected = ["bootstrap.servers", "security.protocol", "sasl.mechanism"];
    assert_eq!(pasted.recognised, expected);
    let translated = "`sasl.jaas.config`: user name and password were taken from it.";
    assert_eq!(pasted.translated, [translated]);
    assert_eq!(
        why(&pasted, "client.id"),
        "Ignored: it is not needed to connect."
    );
    assert!(!format!("{pasted:?}").contains("hunt"));
}

#[test]
fn reads_a_librdkafka_client() {
    let pasted = paste(
        "metadata.broker.list=k:9092\nsecurity.protocol=sasl_plaintext\nsasl.mechanisms=PLAIN\n\
         sasl.username=u\nsasl.password=p=w d\nenable.ssl.certificate.verification=false",
    );
    let draft = &pasted.draft;
    assert_eq!(
        (draft.security.as_str(), draft.mechanism.as_str()),
        ("none", "PLAIN")
    );
    assert_eq!(pasted.password.as_ref().unwrap().expose(), "p=w d");
    assert!(
        why(&pasted, "enable.ssl.certificate.verification").starts_with("Certificates are always")
    );
}

#[test]
fn takes_certificates_that_stand_in_the_settings() {
    let expected = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n";
    for value in [
        "-----BEGIN CERTIFICATE-----\\nTUlJQg==\\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE----- \\\n  TUlJ \\\n  Qg== \\\n  -----END CERTIFICATE-----",
    ] {
        let text = format!(
            "ssl.truststore.type=PEM\nssl.truststore.certificates={value}\nsecurity.protocol=SSL"
        );
        let pasted = paste(&text);
        assert_eq!(pasted.draft.ca_pem, expected);
        assert_eq!(pasted.draft.security, "tls_ca");
        assert!(pasted.refused.is_empty(), "{:?}", pasted.refused);
    }
    let key = paste("ssl.ca.pem=-----BEGIN PRIVATE KEY-----abc-----END PRIVATE KEY-----");
    assert_eq!(keys(&key), ["ssl.ca.pem"]);
    assert!(!format!("{key:?}").contains("abc"));
}

#[test]
fn refuses_what_runs_code_or_stands_in_files_and_says_why() {
    for (line, why_refused) in [
        (
            "sasl.kerberos.kinit.cmd=/bin/sh",
            "It runs a command on the server.",
        ),
        ("sasl.kerberos.service.name=kafka", KERBEROS),
        ("sasl.mechanism=GSSAPI", KERBEROS),
        ("sasl.oauthbearer.token.endpoint.url=http://x", OAUTH),
        ("sasl.login.callback.handler.class=Evil", LOADS_CODE),
        ("ssl.engine.factory.class=Evil", LOADS_CODE),
        ("ssl.truststore.location=/etc/t.jks", PASTE_PEM),
        ("ssl.truststore.type=JKS", PASTE_PEM),
        ("ssl.keystore.location=/etc/k.jks", CLIENT_KEY),
        ("ssl.key.password=hunter2", CLIENT_KEY),
        ("sasl.password=${file:/etc/secret:pw}", ELSEWHERE),
        (
            "sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required;",
            KERBEROS,
        ),
        ("sasl.jaas.config=a.OAuthBearerLoginModule required;", OAUTH),
        (
            "sasl.jaas.config=a.PlainLoginModule required;",
            "It names no user.",
        ),
    ] {
        let pasted = paste(line);
        assert_eq!(
            why(&pasted, line.split_once('=').unwrap().0),
            why_refused,
            "{line}"
        );
        assert!(!format!("{pasted:?}").contains("hunter2"));
        assert!(pasted.recognised.is_empty() && pasted.password.is_none());
    }
    let broken =
        paste("sasl.jaas.config=a.PlainLoginModule required username=\"u password=hunter2;");
    assert!(why(&broken, "sasl.jaas.config").starts_with("This is not a JAAS entry"));
}

#[test]
fn a_stray_line_is_told_by_its_number() {
    let pasted = paste("sasl.username=u\nhunter2\npassword=\"hunter2\";\nHunter.2=a");
    assert_eq!(keys(&pasted), ["line 2", "line 3", "line 4"]);
    assert!(!format!("{pasted:?}").contains("unter"));
}

#[test]
fn the_protocol_decides_whether_the_user_counts() {
    let pasted =
        paste("security.protocol=SSL\nsasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=p");
    assert!(pasted.draft.mechanism.is_empty() && pasted.password.is_none());
    assert_eq!(keys(&pasted), ["sasl"]);
    let unstated = paste("sasl.jaas.config=x.PlainLoginModule required username=u password='p q';");
    assert_eq!(unstated.draft.mechanism, "PLAIN");
    assert_eq!(unstated.password.unwrap().expose(), "p q");
}

#[test]
fn a_later_line_wins_and_the_host_name_check_can_be_off() {
    let pasted = paste(
        "bootstrap.servers=a:1\nssl.endpoint.identification.algorithm=\nbootstrap.servers=b\\u003a2",
    );
    assert_eq!(pasted.draft.bootstrap, "b:2");
    assert!(pasted.draft.skip_hostname);
    assert_eq!(pasted.recognised, ["bootstrap.servers"]);
}

#[test]
fn large_texts_are_refused_as_a_whole() {
    assert_eq!(keys(&paste(&"x".repeat(MAX_TEXT + 1))), ["the text"]);
    assert_eq!(
        keys(&paste(&"x\n".repeat(MAX_PROPERTIES + 1))),
        ["the text"]
    );
}

proptest! {
    #[test]
    fn no_value_is_ever_repeated(key in "[a-z.]{1,20}", separator in "[=: ]", quoting in "['\"\\\\]?") {
        let text = format!("{key}{separator}{quoting}hunter2{quoting}\nsasl.jaas.config=a.B required password={quoting}hunter2");
        let shown = format!("{:?}", paste(&text));
        prop_assert!(!shown.contains("hunter2") || key == "bootstrap.servers");
    }

    #[test]
    fn whatever_is_pasted_is_answered(text in "[a-z.=:\\\\\\r\\n\"'u0-9 ]{0,80}") {
        let _ = paste(&text);
    }
}
