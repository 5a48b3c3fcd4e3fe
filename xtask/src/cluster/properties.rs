//! The settings of one broker: small, quick to start, every listener that a test may want.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use super::{ClusterOptions, PASSWORD, USER};

/// The ports of one broker on the loopback address.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    pub plaintext: u16,
    pub ssl: u16,
    pub sasl_plaintext: u16,
    pub sasl_ssl: u16,
    pub mtls: u16,
    pub sasl_mtls: u16,
    pub internal: u16,
    pub controller: u16,
    /// What clients are told for the plaintext listener: itself, or the fault proxy before it.
    pub advertised_plaintext: u16,
}

/// What all brokers of a cluster share.
pub(super) struct Shared<'a> {
    pub options: &'a ClusterOptions,
    /// `id@host:port` of every controller.
    pub voters: String,
    pub certificates: &'a Path,
}

/// Writes the `server.properties` of broker `id`, whose log lies in `log_dir`.
pub(super) fn text(shared: &Shared<'_>, id: i32, ports: &Ports, log_dir: &Path) -> String {
    let mut all = BTreeMap::new();
    roles_and_listeners(&mut all, shared, id, ports);
    security(&mut all, shared.certificates);
    if shared.options.jwks.is_some() {
        tokens(&mut all, shared.certificates);
    }
    sizes(&mut all, shared.options.brokers);
    all.insert("log.dirs".to_owned(), log_dir.display().to_string());
    all.extend(shared.options.properties.clone());
    all.iter().fold(String::new(), |mut text, (key, value)| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key}={value}");
        text
    })
}

fn set(all: &mut BTreeMap<String, String>, pairs: &[(&str, &str)]) {
    all.extend(
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
    );
}

fn roles_and_listeners(
    all: &mut BTreeMap<String, String>,
    shared: &Shared<'_>,
    id: i32,
    ports: &Ports,
) {
    let listeners = |plaintext: u16| {
        format!(
            "PLAINTEXT://127.0.0.1:{plaintext},SSL://127.0.0.1:{},SASL_PLAINTEXT://127.0.0.1:{},\
             SASL_SSL://127.0.0.1:{},MTLS://127.0.0.1:{},SASL_MTLS://127.0.0.1:{},INTERNAL://127.0.0.1:{}",
            ports.ssl,
            ports.sasl_plaintext,
            ports.sasl_ssl,
            ports.mtls,
            ports.sasl_mtls,
            ports.internal
        )
    };
    let own = format!(
        "{},CONTROLLER://127.0.0.1:{}",
        listeners(ports.plaintext),
        ports.controller
    );
    set(
        all,
        &[
            ("process.roles", "broker,controller"),
            ("node.id", &id.to_string()),
            ("controller.quorum.voters", &shared.voters),
            ("controller.listener.names", "CONTROLLER"),
            // Replication goes around the fault proxy: a fault there is a fault of clients only.
            ("inter.broker.listener.name", "INTERNAL"),
            ("listeners", &own),
            (
                "advertised.listeners",
                &listeners(ports.advertised_plaintext),
            ),
            (
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,\
                 MTLS:SSL,SASL_MTLS:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            ),
        ],
    );
}

fn security(all: &mut BTreeMap<String, String>, certificates: &Path) {
    let key_store = certificates.join("broker.pem").display().to_string();
    let authority = certificates.join("ca.pem").display().to_string();
    for listener in ["mtls", "sasl_mtls"] {
        let key = |name: &str| format!("listener.name.{listener}.ssl.{name}");
        set(
            all,
            &[
                (&key("client.auth"), "required"),
                (&key("truststore.type"), "PEM"),
                (&key("truststore.location"), &authority),
            ],
        );
    }
    set(
        all,
        &[
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", &key_store),
            (
                "sasl.enabled.mechanisms",
                "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            ),
        ],
    );
    let plain = format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";"
    );
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    for listener in SASL_LISTENERS {
        let key =
            |mechanism: &str| format!("listener.name.{listener}.{mechanism}.sasl.jaas.config");
        set(
            all,
            &[
                (&key("plain"), &plain),
                (&key("scram-sha-256"), scram),
                (&key("scram-sha-512"), scram),
            ],
        );
    }
}

/// File with the keys that tokens are checked by, in the folder of the certificates.
pub(super) const JWKS_FILE: &str = "jwks.json";

/// The listeners that ask for a sign-in.
const SASL_LISTENERS: [&str; 3] = ["sasl_plaintext", "sasl_ssl", "sasl_mtls"];

fn tokens(all: &mut BTreeMap<String, String>, certificates: &Path) {
    let keys = format!("file://{}", certificates.join(JWKS_FILE).display());
    set(
        all,
        &[
            (
                "sasl.enabled.mechanisms",
                "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            ),
            ("sasl.oauthbearer.jwks.endpoint.url", &keys),
        ],
    );
    let package = "org.apache.kafka.common.security.oauthbearer";
    for listener in SASL_LISTENERS {
        let key = |name: &str| format!("listener.name.{listener}.oauthbearer.sasl.{name}");
        set(
            all,
            &[
                (
                    &key("jaas.config"),
                    &format!("{package}.OAuthBearerLoginModule required;"),
                ),
                (
                    &key("server.callback.handler.class"),
                    &format!("{package}.OAuthBearerValidatorCallbackHandler"),
                ),
            ],
        );
    }
}

fn sizes(all: &mut BTreeMap<String, String>, brokers: u16) {
    let factor = brokers.min(3).to_string();
    let min_isr = if brokers >= 3 { "2" } else { "1" };
    set(
        all,
        &[
            ("default.replication.factor", &factor),
            ("offsets.topic.replication.factor", &factor),
            ("transaction.state.log.replication.factor", &factor),
            ("transaction.state.log.min.isr", min_isr),
            ("share.coordinator.state.topic.replication.factor", &factor),
            ("share.coordinator.state.topic.min.isr", min_isr),
            ("offsets.topic.num.partitions", "4"),
            ("transaction.state.log.num.partitions", "4"),
            ("share.coordinator.state.topic.num.partitions", "1"),
            ("auto.create.topics.enable", "false"),
            ("group.initial.rebalance.delay.ms", "0"),
            ("num.network.threads", "2"),
            ("num.io.threads", "4"),
            // Compaction and retention show within seconds instead of minutes.
            ("log.initial.task.delay.ms", "500"),
            ("log.cleaner.backoff.ms", "500"),
            ("log.cleaner.dedupe.buffer.size", "8388608"),
            ("log.retention.check.interval.ms", "1000"),
            ("log.segment.delete.delay.ms", "1000"),
            // A killed broker is noticed in 6 s: short for a test, long enough for a busy machine.
            ("broker.session.timeout.ms", "6000"),
            ("broker.heartbeat.interval.ms", "1000"),
        ],
    );
}
