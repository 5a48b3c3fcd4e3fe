//! Kafka clusters as operators connect them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Name, Secret};

/// How to reach one Kafka cluster. Both Kafka clients take their settings from this and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSpec {
    pub name: Name,
    #[serde(default)]
    pub title: String,
    /// `host:port` entries, at least one.
    pub bootstrap: Vec<String>,
    #[serde(default)]
    pub tls: Tls,
    /// How we show who we are in the TLS handshake (mutual TLS).
    #[serde(default)]
    pub client_certificate: Option<ClientCertificate>,
    #[serde(default)]
    pub sasl: Option<Sasl>,
}

/// Transport security of a cluster's listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tls {
    /// No TLS.
    #[default]
    Off,
    /// TLS, verified against the operating system's certificate authorities.
    System {
        #[serde(default = "yes")]
        verify_hostname: bool,
    },
    /// TLS, verified against these certificate authorities only.
    Ca {
        /// One or more PEM certificates.
        ca_pem: String,
        #[serde(default = "yes")]
        verify_hostname: bool,
    },
}

fn yes() -> bool {
    true
}

/// The certificate by which Causeway shows who it is, and its key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// PEM: the certificate, then the authorities between it and the one that brokers trust.
    pub certificate_pem: String,
    /// PEM: the certificate's key as PKCS#8, PKCS#1 or SEC 1 (EC), not encrypted. Absent only in an update, where it
    /// means "keep the stored one".
    #[serde(default)]
    pub key_pem: Option<Secret>,
}

/// SASL sign-in of a cluster. `password` is absent only in an update, where it means "keep the stored one".
///
/// With OAUTHBEARER the user name is the client's id and the password its secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    pub mechanism: SaslMechanism,
    pub username: String,
    #[serde(default)]
    pub password: Option<Secret>,
    /// Where tokens come from; with OAUTHBEARER only.
    #[serde(default)]
    pub oauth: Option<OAuth>,
}

/// Where OAUTHBEARER's tokens come from: the client credentials grant (RFC 6749, 4.4; KIP-768).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    /// The token endpoint. Its host must be one that this server's settings list.
    pub token_url: String,
    /// Scopes with spaces between, empty for the endpoint's default.
    #[serde(default)]
    pub scope: String,
    /// Extensions sent to the broker beside the token (KIP-342), such as `logicalCluster`.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
}

/// SASL mechanisms that Causeway speaks (RFC 4616, RFC 5802, RFC 7628, KIP-84, KIP-255).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaslMechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    #[serde(rename = "OAUTHBEARER")]
    OAuthBearer,
}

impl SaslMechanism {
    /// Returns the mechanism's registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OAuthBearer => "OAUTHBEARER",
        }
    }
}

/// A cluster as it is shown: everything but its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    pub id: String,
    pub name: Name,
    pub title: String,
    pub bootstrap: Vec<String>,
    pub tls: Tls,
    #[serde(default)]
    pub client_certificate: Option<ClientCertificateView>,
    pub sasl: Option<SaslView>,
    /// Kafka's own `cluster.id`, once it was seen.
    pub cluster_id: Option<String>,
    pub revision: i64,
}

/// A cluster's sign-in without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaslView {
    pub mechanism: SaslMechanism,
    pub username: String,
    pub has_password: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuth>,
}

/// A client certificate without its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificateView {
    pub certificate_pem: String,
    pub has_key: bool,
    /// Its subject as brokers name it in ACLs (RFC 2253), where it can be read.
    pub subject: Option<String>,
    /// When it ends, milliseconds since the epoch, UTC, where it can be read.
    pub ends_at_ms: Option<i64>,
}

/// How a cluster answered the last light question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reachability {
    pub answer: Reach,
    /// First moment of an unbroken time of such answers, milliseconds since the epoch, UTC.
    pub since_ms: i64,
    /// When it was asked last, milliseconds since the epoch, UTC.
    pub measured_at_ms: i64,
}

/// What came of asking a cluster for its brokers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reach {
    Reachable {
        brokers: u32,
        /// Id of the controller, where the cluster tells.
        controller: Option<i32>,
        took_ms: u64,
        /// Brokers that belong to the cluster, up or not, where it tells.
        registered: Option<u32>,
        /// Release of the brokers' software such as `4.1`, where they tell.
        release: Option<String>,
        /// When the certificate of the broker that answered ends, milliseconds since the epoch, UTC; none without TLS.
        certificate_ends_ms: Option<i64>,
    },
    Unreachable {
        /// Problem code such as `connect.dns`.
        code: String,
        /// What was seen, one sentence; no text of the remote side.
        detail: String,
    },
}

/// What links do at a cluster, for the rungs that look beyond reaching it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeFor {
    /// Topics that links read; `None` where the cluster is no link's source.
    pub reads: Option<Vec<String>>,
    /// Mirror topics that links write; `None` where the cluster is no link's destination.
    pub writes: Option<Vec<String>>,
    /// The consumer group of the workers at this destination; empty where there is none.
    pub group: String,
    /// Write a record to a topic of our own, read it and remove the topic.
    pub round_trip: bool,
}

/// The connection test of a cluster: one verdict per rung (UX: connection ladder).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    pub rungs: Vec<Rung>,
    pub cluster_id: Option<String>,
    pub brokers: Vec<LadderBroker>,
}

impl Ladder {
    /// Says whether no rung failed.
    pub fn passed(&self) -> bool {
        self.rungs
            .iter()
            .all(|rung| !matches!(rung.state, RungState::Failed | RungState::NotReached))
    }
}

/// One broker as the ladder met it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderBroker {
    pub id: i32,
    pub host: String,
    pub port: u16,
    pub rack: Option<String>,
    pub reachable: bool,
}

/// One rung of the ladder, in the order in which it is climbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    pub kind: RungKind,
    pub state: RungState,
    pub took_ms: Option<u64>,
    /// Problem code such as `connect.dns`, when the state is a warning or failed.
    pub code: Option<String>,
    /// What was seen, one sentence; names the bootstrap entry or broker.
    pub detail: String,
    /// What to do, one sentence; empty when nothing is to be done.
    pub advice: String,
}

/// The rungs, from name resolution to every advertised listener, then what links need there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungKind {
    Dns,
    Tcp,
    Tls,
    Sasl,
    Metadata,
    Advertised,
    /// What links may not do that they must.
    Rights,
    /// How fast brokers answer and what they ask of writes; where it was asked for, a record to a topic of our own and back,
    /// and how far the clocks are apart.
    RoundTrip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungState {
    Passed,
    Warning,
    Failed,
    /// Nothing is asked for there: TLS at a cluster without it, rights where no link is.
    NotUsed,
    NotReached,
}
