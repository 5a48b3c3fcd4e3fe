//! Every way into a cluster, on a real broker with a listener for each: connect, ask, produce, fetch, be a group's member;
//! and sessions that end (KIP-368), which must be noticed by nobody.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::time::Duration;

use kafka::batch::{BatchView, walk};
use kafka::client::{Client, Options, Topics};
use kafka::fetch::{FetchConnection, FetchFrom, FetchKey, FetchOptions, Isolation};
use kafka::group::{GroupEvent, Membership};
use kafka::ladder::{climb, climb_for};
use kafka::patch::{Patch, Times};
use kafka::produce::{ProduceConnection, ProducePart};
use kafka::{Connection, Error, ErrorCode, Purpose, Settings, Timeouts, TlsFailure};
use model::Secret;
use model::cluster::{
    ClientCertificate, ClusterSpec, Ladder, OAuth, ProbeFor, Rung, RungKind, RungState, Sasl,
    SaslMechanism, Tls,
};
use tokio::time::Instant;
use xtask::admin::Admin;
use xtask::client::{NewRecord, ReadIsolation, Writer, WriterOptions, read_all};
use xtask::cluster::{ClusterOptions, KafkaCluster, PASSWORD, USER};
use xtask::tokens::{self, TokenEndpoint};

/// How long sessions last at the broker, in milliseconds.
const SESSION_MS: u64 = 4_000;

struct Bench {
    cluster: KafkaCluster,
    endpoint: TokenEndpoint,
}

/// One broker with every listener, whose sessions end soon, and a token endpoint that it trusts.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let endpoint = TokenEndpoint::start(Duration::from_secs(10)).unwrap();
        kafka::token::permit(endpoint.listed().parse().unwrap());
        let options = ClusterOptions::new("vault")
            .tokens(&endpoint)
            .property("connections.max.reauth.ms", &SESSION_MS.to_string());
        Bench {
            cluster: KafkaCluster::start(options).unwrap(),
            endpoint,
        }
    })
}

async fn ready() -> &'static Bench {
    tokio::task::spawn_blocking(bench).await.unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Plaintext,
    Tls,
    MutualTls,
}

const TRANSPORTS: [Transport; 3] = [Transport::Plaintext, Transport::Tls, Transport::MutualTls];

const SIGN_INS: [Option<SaslMechanism>; 5] = [
    None,
    Some(SaslMechanism::Plain),
    Some(SaslMechanism::ScramSha256),
    Some(SaslMechanism::ScramSha512),
    Some(SaslMechanism::OAuthBearer),
];

impl Bench {
    fn spec(&self, transport: Transport, sign_in: Option<SaslMechanism>) -> ClusterSpec {
        let cluster = &self.cluster;
        let bootstrap = match (transport, sign_in.is_some()) {
            (Transport::Plaintext, false) => cluster.bootstrap(),
            (Transport::Plaintext, true) => cluster.sasl_plaintext_bootstrap(),
            (Transport::Tls, false) => cluster.ssl_bootstrap(),
            (Transport::Tls, true) => cluster.sasl_bootstrap(),
            (Transport::MutualTls, false) => cluster.mtls_bootstrap(),
            (Transport::MutualTls, true) => cluster.sasl_mtls_bootstrap(),
        };
        ClusterSpec {
            name: "vault".parse().unwrap(),
            title: String::new(),
            bootstrap: vec![bootstrap],
            tls: match transport {
                Transport::Plaintext => Tls::Off,
                _ => self.authority(),
            },
            client_certificate: (transport == Transport::MutualTls).then(|| self.certificate()),
            sasl: sign_in.map(|mechanism| self.sasl(mechanism)),
        }
    }

    fn authority(&self) -> Tls {
        Tls::Ca {
            ca_pem: std::fs::read_to_string(self.cluster.ca_file()).unwrap(),
            verify_hostname: true,
        }
    }

    fn certificate(&self) -> ClientCertificate {
        let made = self.cluster.client_identity("causeway-mtls").unwrap();
        ClientCertificate {
            certificate_pem: made.certificate_pem,
            key_pem: Some(Secret::new(made.key_pem)),
        }
    }

    fn sasl(&self, mechanism: SaslMechanism) -> Sasl {
        let with_token = mechanism == SaslMechanism::OAuthBearer;
        let (username, password) = match with_token {
            true => (tokens::CLIENT, tokens::SECRET),
            false => (USER, PASSWORD),
        };
        Sasl {
            mechanism,
            username: username.to_owned(),
            password: Some(Secret::new(password)),
            oauth: with_token.then(|| OAuth {
                token_url: self.endpoint.url(),
                ..OAuth::default()
            }),
        }
    }

    fn topic(&self, name: &str) -> String {
        let name = format!("{name}-{}", fastrand::u32(..));
        let admin = Admin::new(&self.cluster.bootstrap()).unwrap();
        admin.create_topic(&name, 1, &[]).unwrap();
        name
    }

    /// Returns a topic with one batch of one record, written by the independent client.
    fn seeded(&self) -> String {
        let name = self.topic("seed");
        let writer = Writer::new(&self.cluster.bootstrap(), &WriterOptions::default()).unwrap();
        let record = NewRecord {
            partition: 0,
            value: Some(b"hello".to_vec()),
            ..NewRecord::default()
        };
        writer.send(&name, &record).unwrap();
        writer.flush().unwrap();
        name
    }

    fn values(&self, topic: &str) -> Vec<Vec<u8>> {
        let all = read_all(&self.cluster.bootstrap(), topic, ReadIsolation::Committed).unwrap();
        all.into_iter()
            .map(|record| record.value.unwrap())
            .collect()
    }
}

fn client(spec: &ClusterSpec) -> Client {
    let options = Options {
        client_id: "security-test".to_owned(),
        timeouts: Timeouts::default(),
    };
    Client::new(spec, options).unwrap()
}

async fn key(client: &Client, topic: &str) -> FetchKey {
    let names = [topic.to_owned()];
    let metadata = client.metadata(Topics::Named(&names)).await.unwrap();
    FetchKey {
        topic: topic.into(),
        topic_id: metadata.topics[0].id,
        partition: 0,
    }
}

/// Reads the first batch of a topic.
async fn first_batch(client: &Client, topic: &str) -> BatchView {
    let key = key(client, topic).await;
    let options = FetchOptions {
        isolation: Isolation::ReadCommitted,
        max_wait: Duration::from_millis(200),
        min_bytes: 1,
        max_bytes: 1 << 20,
        rack: String::new(),
    };
    let leader = client.leader(topic, 0).await.unwrap();
    let connection = client
        .open_to_broker(leader.broker, Purpose::Ask)
        .await
        .unwrap();
    let mut fetch = FetchConnection::new(connection, options).unwrap();
    let from = FetchFrom {
        offset: 0,
        leader_epoch: -1,
        last_fetched_epoch: -1,
        max_bytes: 100_000,
    };
    fetch.set(key, from);
    for _ in 0..50 {
        for news in fetch.fetch().await.unwrap().partitions {
            assert_eq!(news.error, ErrorCode::NONE);
            if let Some(batch) = walk(news.records).next() {
                return batch.unwrap();
            }
        }
    }
    panic!("`{topic}` stayed empty");
}

/// A pipelined produce connection that appends one batch again and again.
struct Appender {
    produce: ProduceConnection,
    key: FetchKey,
    batch: BatchView,
    sequence: i32,
}

impl Appender {
    async fn new(client: &Client, topic: &str, batch: BatchView) -> Self {
        let leader = client.leader(topic, 0).await.unwrap();
        let connection = client
            .open_to_broker(leader.broker, Purpose::Produce)
            .await
            .unwrap();
        Self {
            produce: ProduceConnection::new(connection, Duration::from_secs(30)).unwrap(),
            key: key(client, topic).await,
            batch,
            sequence: 0,
        }
    }

    fn send(&mut self) -> impl Future<Output = (ErrorCode, i64)> + use<> {
        let patch = Patch {
            producer_id: 4_242,
            producer_epoch: 0,
            base_sequence: self.sequence,
        };
        self.sequence += self.batch.records_count();
        let patched = self.batch.patch(patch, Times::Visible).unwrap();
        let part = ProducePart {
            topic: self.key.topic.clone(),
            topic_id: self.key.topic_id,
            partition: 0,
            header: patched.header,
            payload: patched.payload,
        };
        let reply = self.produce.send(&[part], None).unwrap();
        async move {
            let ack = reply.answer().await.unwrap().acks.remove(0);
            (ack.error, ack.base_offset)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs brokers: cargo xtask test"]
async fn every_transport_with_every_sign_in_copies_a_batch() {
    let bench = ready().await;
    let source = bench.seeded();
    for transport in TRANSPORTS {
        for sign_in in SIGN_INS {
            let client = client(&bench.spec(transport, sign_in));
            let mirror = bench.topic("mirror");
            let batch = first_batch(&client, &source).await;
            let mut appender = Appender::new(&client, &mirror, batch).await;
            let answer = appender.send().await;
            assert_eq!(answer, (ErrorCode::NONE, 0), "{transport:?} {sign_in:?}");
            assert_eq!(bench.values(&mirror), [b"hello".to_vec()]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs brokers: cargo xtask test"]
async fn every_transport_with_every_sign_in_makes_a_member_of_a_group() {
    let bench = ready().await;
    for transport in TRANSPORTS {
        let mut members = Vec::new();
        for sign_in in SIGN_INS {
            let topic = bench.topic("member");
            let spec = bench.spec(transport, sign_in);
            let (member, events) =
                Membership::join(&spec, format!("g-{topic}"), "member".to_owned());
            member.subscribe(vec![topic.clone()]);
            members.push((sign_in, topic, member, events));
        }
        for (sign_in, topic, member, mut events) in members {
            let slots = assigned(&mut events).await;
            assert_eq!(slots, [(topic, 0)], "{transport:?} {sign_in:?}");
            drop(events);
            member.leave().await;
        }
    }
}

async fn assigned(events: &mut tokio::sync::mpsc::Receiver<GroupEvent>) -> Vec<(String, i32)> {
    let first = async {
        loop {
            match events.recv().await.unwrap() {
                GroupEvent::Assigned(slots) => return slots,
                GroupEvent::Error(error) => eprintln!("group: {error}"),
                other => panic!("{other:?}"),
            }
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, first)
        .await
        .expect("assigned within a minute")
}

/// Requests that are open at a time.
const PIPELINE: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs brokers: cargo xtask test"]
async fn pipelined_connections_outlive_their_sessions_without_losing_a_request() {
    let bench = ready().await;
    let source = bench.seeded();
    let before = bench.endpoint.handed_out();
    let mut running = Vec::new();
    for mechanism in SIGN_INS.into_iter().flatten() {
        let client = client(&bench.spec(Transport::Tls, Some(mechanism)));
        let mirror = bench.topic("session");
        let batch = first_batch(&client, &source).await;
        running.push(tokio::spawn(async move {
            let mut appender = Appender::new(&client, &mirror, batch).await;
            let ends = Instant::now() + Duration::from_millis(SESSION_MS * 7 / 2);
            let (mut open, mut next) = (VecDeque::new(), 0);
            while Instant::now() < ends || !open.is_empty() {
                while open.len() < PIPELINE && Instant::now() < ends {
                    open.push_back(appender.send());
                }
                let answer = open.pop_front().unwrap().await;
                assert_eq!(answer, (ErrorCode::NONE, next), "{mechanism:?}");
                next += 1;
            }
            (mechanism, mirror, next)
        }));
    }
    for appended in running {
        let (mechanism, mirror, count) = appended.await.unwrap();
        let found = bench.values(&mirror).len();
        assert_eq!(i64::try_from(found).unwrap(), count, "{mechanism:?}");
    }
    assert!(
        bench.endpoint.handed_out() > before,
        "no token was fetched anew"
    );
}

async fn open(spec: &ClusterSpec) -> Result<Connection, Error> {
    let address = spec.bootstrap[0].parse().unwrap();
    Connection::open(&address, &Settings::from_spec(spec, "test").unwrap()).await
}

/// Returns the only rung that failed.
fn failed(ladder: &Ladder) -> &Rung {
    let mut failed = ladder
        .rungs
        .iter()
        .filter(|rung| rung.state == RungState::Failed);
    let rung = failed
        .next()
        .unwrap_or_else(|| panic!("nothing failed: {ladder:#?}"));
    assert!(failed.next().is_none(), "{ladder:#?}");
    rung
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn the_ladder_tells_what_a_broker_thinks_of_our_certificate() {
    let bench = ready().await;
    let mut spec = bench.spec(Transport::MutualTls, None);
    let good = spec.client_certificate.take();
    let ladder = climb(&spec, "test").await;
    let rung = failed(&ladder);
    assert_eq!(
        (rung.kind, rung.code.as_deref()),
        (RungKind::Tls, Some("connect.tls"))
    );
    assert!(
        rung.detail.contains("asks for a client certificate"),
        "{rung:#?}"
    );
    assert!(
        rung.advice.contains("Give a client certificate"),
        "{rung:#?}"
    );

    // Of an authority that the broker does not know.
    let key = rcgen::KeyPair::generate().unwrap();
    let stranger = rcgen::CertificateParams::new(Vec::new()).unwrap();
    spec.client_certificate = Some(ClientCertificate {
        certificate_pem: stranger.self_signed(&key).unwrap().pem(),
        key_pem: Some(Secret::new(key.serialize_pem())),
    });
    let error = open(&spec).await.unwrap_err();
    let reason = TlsFailure::ClientRefused;
    assert!(
        matches!(&error, Error::Tls { reason: told, .. } if *told == reason),
        "{error}"
    );

    spec.client_certificate = good;
    let ladder = climb(&spec, "test").await;
    assert!(ladder.passed(), "{ladder:#?}");
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn the_ladder_tells_what_became_of_a_token() {
    let bench = ready().await;
    let spec = |change: &dyn Fn(&mut Sasl)| {
        let mut spec = bench.spec(Transport::Tls, Some(SaslMechanism::OAuthBearer));
        change(spec.sasl.as_mut().unwrap());
        spec
    };
    let to = |url: &'static str| {
        move |sasl: &mut Sasl| sasl.oauth.as_mut().unwrap().token_url = url.to_owned()
    };
    let wrong = |sasl: &mut Sasl| sasl.password = Some(Secret::new("not-the-secret"));
    let cases: [(ClusterSpec, &str, &str); 3] = [
        (
            spec(&wrong),
            "refuses this client (status 401)",
            "Correct the client's id",
        ),
        (
            spec(&to("https://login.example.com/t")),
            "not one of this server's",
            "token_hosts",
        ),
        (
            spec(&to("http://127.0.0.1:1/t")),
            "connection refused",
            "token endpoint's address",
        ),
    ];
    for (spec, detail, advice) in cases {
        let ladder = climb(&spec, "test").await;
        let rung = failed(&ladder);
        assert_eq!(
            (rung.kind, rung.code.as_deref()),
            (RungKind::Sasl, Some("auth.token"))
        );
        assert!(rung.detail.contains(detail), "{rung:#?}");
        assert!(rung.advice.contains(advice), "{rung:#?}");
        assert!(!format!("{ladder:?}").contains("not-the-secret"));
    }
    let other = TokenEndpoint::start(Duration::from_secs(60)).unwrap();
    let foreign = spec(&|sasl| sasl.oauth.as_mut().unwrap().token_url = other.url());
    let ladder = climb(&foreign, "test").await;
    let rung = failed(&ladder);
    assert_eq!(rung.code.as_deref(), Some("auth.failed"));
    assert!(rung.detail.contains("token is not accepted"), "{rung:#?}");
}

/// Returns the rung of this kind.
fn rung(ladder: &Ladder, kind: RungKind) -> &Rung {
    ladder.rungs.iter().find(|rung| rung.kind == kind).unwrap()
}

#[tokio::test]
#[ignore = "needs brokers: cargo xtask test"]
async fn the_ladder_names_missing_rights_and_goes_the_round_trip_where_it_is_asked_for() {
    let start = || {
        let options = ClusterOptions::new("guarded")
            .property(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            )
            .property("super.users", "User:ANONYMOUS");
        let cluster = KafkaCluster::start(options).unwrap();
        let admin = Admin::new(&cluster.bootstrap()).unwrap();
        admin.create_topic("orders", 1, &[]).unwrap();
        cluster
    };
    let cluster = tokio::task::spawn_blocking(start).await.unwrap();
    let mut spec = ClusterSpec {
        name: "guarded".parse().unwrap(),
        title: String::new(),
        bootstrap: vec![cluster.sasl_plaintext_bootstrap()],
        tls: Tls::Off,
        client_certificate: None,
        sasl: Some(Sasl {
            mechanism: SaslMechanism::Plain,
            username: USER.to_owned(),
            password: Some(Secret::new(PASSWORD)),
            oauth: None,
        }),
    };
    let asked = ProbeFor {
        reads: Some(vec!["orders".to_owned()]),
        writes: Some(vec!["orders".to_owned(), "not-made-yet".to_owned()]),
        group: "causeway.workers.test".to_owned(),
        round_trip: true,
    };
    let look = async |spec: &ClusterSpec| climb_for(spec, "test", &asked, &|_| {}).await;

    let ladder = look(&spec).await;
    let rights = rung(&ladder, RungKind::Rights);
    assert_eq!(rights.state, RungState::Failed, "{ladder:#?}");
    assert_eq!(rights.code.as_deref(), Some("acl.missing"));
    for part in [
        "Read, DescribeConfigs on topic `orders`",
        "on topic `not-made-yet`",
        "on topics that begin with `causeway.`",
        "Read on group `causeway.workers.test`",
    ] {
        assert!(rights.detail.contains(part), "{rights:#?}");
    }
    let trip = rung(&ladder, RungKind::RoundTrip);
    assert_eq!(trip.state, RungState::Failed, "{trip:#?}");
    assert!(
        trip.advice
            .contains("--operation Delete --topic causeway.test."),
        "{trip:#?}"
    );

    // Every line as it stands, but for who runs it and where.
    let advice = format!("{} {}", rights.advice, trip.advice);
    let lines = advice
        .split('`')
        .filter(|part| part.starts_with("kafka-acls.sh "));
    for line in lines {
        let words: Vec<&str> = line.split(' ').skip(3).collect();
        cluster.acls(&words).unwrap();
    }
    let ladder = look(&spec).await;
    assert!(ladder.passed(), "{ladder:#?}");
    for kind in [RungKind::Rights, RungKind::RoundTrip] {
        assert_eq!(rung(&ladder, kind).state, RungState::Passed, "{ladder:#?}");
    }
    let trip = &rung(&ladder, RungKind::RoundTrip).detail;
    for part in [
        "An answer takes ",
        "A record was written in ",
        "clock agrees with ours",
    ] {
        assert!(trip.contains(part), "{trip}");
    }
    let left = Admin::new(&cluster.bootstrap()).unwrap().topics().unwrap();
    assert!(
        !left.iter().any(|topic| topic.starts_with("causeway.test.")),
        "{left:?}"
    );

    // Where nothing asks for rights, all of them are there.
    spec.bootstrap = vec![bench_of_nobody().await];
    spec.sasl = None;
    let ladder = look(&spec).await;
    assert!(ladder.passed(), "{ladder:#?}");
    // Who may read a broker's settings learns what writes need.
    let trip = &rung(&ladder, RungKind::RoundTrip).detail;
    let limits = "New topics get 1 replica, of which 1 must be in sync.";
    assert!(trip.contains(limits), "{trip}");
}

/// A listener of the bench that asks neither for a sign-in nor for rights, with the topic of the test.
async fn bench_of_nobody() -> String {
    let bench = ready().await;
    let bootstrap = bench.cluster.bootstrap();
    let admin = Admin::new(&bootstrap).unwrap();
    if !admin.topics().unwrap().contains(&"orders".to_owned()) {
        admin.create_topic("orders", 1, &[]).unwrap();
    }
    bootstrap
}
