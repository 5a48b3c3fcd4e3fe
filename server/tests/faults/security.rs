//! Secured clusters through the whole product: sessions and tokens that end, credentials that are replaced while a link
//! runs, and rights that are missing until somebody runs the line that the console names.
//!
//! One broker serves all: it has a listener of every kind, trusts a token endpoint of the bench, ends sessions after a
//! few seconds, and asks an authorizer before it does anything.

use std::{
    collections::BTreeSet,
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use xtask::{
    cluster::{ClusterOptions, KafkaCluster, PASSWORD, USER, shared},
    tokens::{self, TokenEndpoint},
};

use crate::{
    harness::{Console, Topic, link, unique, until},
    traffic::Traffic,
};

/// How long sessions last at the broker.
const SESSION: Duration = Duration::from_secs(5);
/// How long tokens are good.
const TOKEN: Duration = Duration::from_secs(8);
/// How long anything may take here: the machine may be busy, and back-offs have grown meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);
const PARTITIONS: i32 = 2;

/// Users that may do everything; all others have the rights that they were granted.
const SUPER_USERS: &str =
    "User:ANONYMOUS;User:causeway;User:causeway-oauth;User:CN=first;User:CN=second;User:rotated";

struct Vault {
    cluster: KafkaCluster,
    endpoint: TokenEndpoint,
    console: Console,
}

fn vault() -> &'static Vault {
    static VAULT: OnceLock<Vault> = OnceLock::new();
    VAULT.get_or_init(|| {
        let endpoint = TokenEndpoint::start(TOKEN).unwrap();
        let options = ClusterOptions::new("vault")
            .tokens(&endpoint)
            .property(
                "connections.max.reauth.ms",
                &SESSION.as_millis().to_string(),
            )
            .property(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            )
            .property("super.users", SUPER_USERS);
        let cluster = KafkaCluster::start(options).unwrap();
        let listed = (
            "CAUSEWAY_TOKEN_HOSTS".to_owned(),
            endpoint.listed().to_owned(),
        );
        let console = Console::start_with(vec![listed]);
        console.connect("east", &shared("east").unwrap().bootstrap);
        Vault {
            cluster,
            endpoint,
            console,
        }
    })
}

impl Vault {
    fn tls(&self) -> Value {
        let ca_pem = std::fs::read_to_string(self.cluster.ca_file()).unwrap();
        json!({ "mode": "ca", "ca_pem": ca_pem })
    }

    fn certificate(&self, name: &str) -> Value {
        let made = self.cluster.client_identity(name).unwrap();
        json!({ "certificate_pem": made.certificate_pem, "key_pem": made.key_pem })
    }

    /// Connects the broker under a name of its own, by one of its listeners.
    fn connect(&self, bootstrap: &str, security: &Value) -> String {
        let name = unique("vault");
        let mut spec = json!({ "name": name, "bootstrap": [bootstrap] });
        for (key, value) in security.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let made = self.console.post("clusters", &spec);
        let told = made.to_string();
        for secret in [PASSWORD, tokens::SECRET, "PRIVATE KEY"] {
            assert!(!told.contains(secret), "{made:#}");
        }
        name
    }

    /// Changes a cluster over the API.
    fn change(&self, cluster: &str, change: impl FnOnce(&mut Value)) {
        let path = format!("clusters/{cluster}");
        let seen = self.console.get(&path);
        let mut spec = json!({});
        for key in ["name", "bootstrap", "tls"] {
            spec[key] = seen[key].clone();
        }
        change(&mut spec);
        let revision = seen["revision"].as_i64().unwrap();
        self.console.process.put(&path, &spec, revision).unwrap();
    }

    fn topic(&self, name: &str) -> Topic {
        Topic::new(&self.cluster.bootstrap(), name)
    }
}

/// A link under traffic from `east` into the vault.
struct Stream {
    link: String,
    source: Topic,
    mirror: Topic,
    traffic: Option<Traffic>,
}

impl Stream {
    fn start(vault: &Vault, stem: &str, destination: &str) -> Self {
        let link_name = unique(stem);
        let source = Topic::new(&shared("east").unwrap().bootstrap, &link_name);
        source.create(PARTITIONS);
        let traffic = Some(Traffic::start(&source, PARTITIONS));
        let spec = link(&link_name, "east", destination, &[&source]);
        vault.console.post("links", &spec);
        vault.console.verb(&link_name, "start");
        let stream = Self {
            mirror: vault.topic(&link_name),
            link: link_name,
            source,
            traffic,
        };
        stream.wait_for_more(vault);
        stream
    }

    /// Waits until more was copied than now.
    fn wait_for_more(&self, vault: &Vault) {
        let ends = || {
            let ends = self.mirror.admin().all_watermarks(&self.mirror.name);
            ends.map_or(0, |ends| ends.iter().map(|(_, end)| *end).sum::<i64>())
        };
        let before = ends();
        let status = || vault.console.status(&self.link);
        until("records flow", PATIENCE, status, || {
            (ends() > before + 100).then_some(())
        });
    }

    /// Ends the traffic, and asserts that every record arrived once and nothing was noted.
    fn finish(mut self, vault: &Vault) {
        if let Some(traffic) = self.traffic.take() {
            traffic.stop();
        }
        for partition in 0..PARTITIONS {
            let end = self.source.end(partition);
            let status = || vault.console.status(&self.link);
            until("all is copied", PATIENCE, status, || {
                (self.mirror.end(partition) == end).then_some(())
            });
        }
        self.source.assert_mirrored_exactly(&self.mirror);
        assert!(vault.console.findings(&self.link).is_empty());
        vault.console.verb(&self.link, "stop");
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn links_outlive_the_sessions_and_tokens_of_their_destination() {
    let vault = vault();
    let oauth = json!({
        "mechanism": "OAUTHBEARER", "username": tokens::CLIENT, "password": tokens::SECRET,
        "oauth": { "token_url": vault.endpoint.url() },
    });
    let scram = json!({ "mechanism": "SCRAM-SHA-512", "username": USER, "password": PASSWORD });
    let bootstrap = vault.cluster.sasl_bootstrap();
    let signed_in = |sasl: &Value| {
        let security = json!({ "tls": vault.tls(), "sasl": sasl });
        vault.connect(&bootstrap, &security)
    };
    let streams = [("oauth", oauth), ("scram", scram)]
        .map(|(stem, sasl)| Stream::start(vault, stem, &signed_in(&sasl)));
    let fetched = vault.endpoint.handed_out();
    let ends = Instant::now() + SESSION * 5;
    while Instant::now() < ends {
        for stream in &streams {
            stream.wait_for_more(vault);
        }
    }
    assert!(
        vault.endpoint.handed_out() > fetched,
        "no token was fetched anew"
    );
    for stream in streams {
        stream.finish(vault);
    }
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_rotated_password_takes_effect_on_a_running_link_without_loss() {
    let vault = vault();
    vault
        .cluster
        .set_scram_password("rotated", "before")
        .unwrap();
    let sasl = |password: &str| json!({ "mechanism": "SCRAM-SHA-256", "username": "rotated", "password": password });
    let bootstrap = vault.cluster.sasl_plaintext_bootstrap();
    let cluster = vault.connect(&bootstrap, &json!({ "sasl": sasl("before") }));
    let stream = Stream::start(vault, "rotated", &cluster);
    // At the broker first, as it happens: sessions end and cannot be renewed.
    vault
        .cluster
        .set_scram_password("rotated", "after")
        .unwrap();
    let status = || vault.console.status(&stream.link);
    until("the refusal is told", PATIENCE, status, || {
        status().to_string().contains("auth.failed").then_some(())
    });
    vault.change(&cluster, |spec| spec["sasl"] = sasl("after"));
    stream.wait_for_more(vault);
    stream.finish(vault);
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_replaced_client_certificate_takes_effect_on_a_running_link_without_loss() {
    let vault = vault();
    let security = json!({ "tls": vault.tls(), "client_certificate": vault.certificate("first") });
    let cluster = vault.connect(&vault.cluster.mtls_bootstrap(), &security);
    let seen = vault.console.get(&format!("clusters/{cluster}"));
    let shown = &seen["client_certificate"];
    assert_eq!(
        (&shown["subject"], &shown["has_key"]),
        (&json!("CN=first"), &json!(true))
    );
    assert!(shown["ends_at_ms"].as_i64().unwrap() > seen["revision"].as_i64().unwrap());
    let stream = Stream::start(vault, "certificate", &cluster);
    vault.change(&cluster, |spec| {
        spec["client_certificate"] = vault.certificate("second");
    });
    stream.wait_for_more(vault);
    stream.finish(vault);
}

/// Collects every line to copy that a status names.
fn lines(status: &Value, found: &mut BTreeSet<String>) {
    match status {
        Value::Array(all) => all.iter().for_each(|value| lines(value, found)),
        Value::Object(all) => all.values().for_each(|value| lines(value, found)),
        Value::String(text) => {
            let parts = text
                .split('`')
                .filter(|part| part.starts_with("kafka-acls.sh "));
            found.extend(parts.map(str::to_owned));
        }
        _ => {}
    }
}

/// Runs a line as it stands, but for the broker's address: the user of that listener may grant nothing.
fn run(vault: &Vault, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(
        words[..2],
        ["kafka-acls.sh", "--bootstrap-server"],
        "{line}"
    );
    assert_eq!(words[2], vault.cluster.sasl_plaintext_bootstrap());
    vault.cluster.acls(&words[3..]).unwrap();
}

/// Does what the console says until everything is copied; returns the lines.
fn follow_advice(vault: &Vault, stream: &Stream) -> BTreeSet<String> {
    let mut done = BTreeSet::new();
    let status = || vault.console.status(&stream.link);
    until("every right is granted", PATIENCE * 2, status, || {
        let mut told = BTreeSet::new();
        lines(&status(), &mut told);
        for line in told {
            if done.insert(line.clone()) {
                run(vault, &line);
            }
        }
        let admin = stream.mirror.admin();
        let is_there = admin.topics().unwrap().contains(&stream.mirror.name);
        let copied = |partition| {
            let end = admin.watermarks(&stream.mirror.name, partition);
            end.is_ok_and(|(_, end)| end == stream.source.end(partition))
        };
        (is_there && (0..PARTITIONS).all(copied)).then_some(())
    });
    done
}

#[test]
#[ignore = "needs brokers: cargo xtask test"]
fn a_missing_right_is_named_by_the_line_that_grants_it_and_the_link_goes_on() {
    let vault = vault();
    let user = unique("limited");
    vault.cluster.set_scram_password(&user, "pw").unwrap();
    let sasl = json!({ "mechanism": "SCRAM-SHA-256", "username": user, "password": "pw" });
    let bootstrap = vault.cluster.sasl_plaintext_bootstrap();
    let cluster = vault.connect(&bootstrap, &json!({ "sasl": sasl }));
    let name = unique("rights");
    let source = Topic::new(&shared("east").unwrap().bootstrap, &name);
    source.create(PARTITIONS);
    let stream = Stream {
        mirror: vault.topic(&name),
        link: name.clone(),
        source,
        traffic: None,
    };
    let write = |numbers: std::ops::Range<usize>| {
        for partition in 0..PARTITIONS {
            stream.source.write(partition, "rights", numbers.clone());
        }
    };
    write(0..100);
    let spec = link(&name, "east", &cluster, &[&stream.source]);
    vault.console.post("links", &spec);
    vault.console.verb(&name, "start");

    let done = follow_advice(vault, &stream);
    for part in [
        "--operation Create --operation Read --operation Write",
        "--topic causeway. --resource-pattern-type prefixed",
        "--operation Read --group causeway.workers.",
        &format!("--topic {name}"),
        &format!("--allow-principal User:{user} "),
    ] {
        assert!(
            done.iter().any(|line| line.contains(part)),
            "no `{part}` in {done:#?}"
        );
    }

    // Taken away while the link runs.
    let principal = format!("User:{user}");
    let taken = [
        "--remove",
        "--force",
        "--allow-principal",
        &principal,
        "--operation",
        "Write",
        "--topic",
        &name,
    ];
    vault.cluster.acls(&taken).unwrap();
    write(100..200);
    let done = follow_advice(vault, &stream);
    assert_eq!(done.len(), 1, "{done:#?}");
    let line = done.first().unwrap();
    assert!(
        line.ends_with(&format!("--operation Write --topic {name}")),
        "{line}"
    );
    stream.finish(vault);
}
