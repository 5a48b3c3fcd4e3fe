//! What the ladder says.

use std::time::Duration;

use model::acl::AclResource;
use model::cluster::{ClusterSpec, Rung, RungKind, RungState};

use super::Trip;
use super::in_sync::InSync;
use super::rights::Missing;
use crate::Error;
use crate::client::{Broker, ClusterMetadata};
use crate::error::{AuthFailure, TlsFailure, TokenFailure};

/// What was seen of one entry or broker, as a sentence.
pub(super) fn detail(label: &str, error: &Error) -> String {
    let seen = match error {
        Error::Resolve { .. } => "its name is unknown here".to_owned(),
        Error::Connect { reason, .. } => format!("no connection, {reason}"),
        Error::Tls { reason, .. } => format!("TLS failed, {reason}"),
        Error::TlsToPlaintext { .. } => {
            "it does not answer TLS; probably a plaintext listener".to_owned()
        }
        Error::PlaintextToTls { .. } => "it expects TLS".to_owned(),
        Error::Auth { reason, .. } => reason.to_string(),
        Error::Token { host, reason } => format!("no token from `{host}`, {reason}"),
        Error::Timeout { .. } => "no answer in time".to_owned(),
        Error::Disconnected { .. } | Error::Closed { .. } => "it closed the connection".to_owned(),
        Error::Broker { code, .. } => format!("it answered {code}"),
        Error::Unsupported { api, .. } => format!("its version of {api} is not one that we speak"),
        Error::Protocol { .. } => "what answers there is not Kafka".to_owned(),
        Error::Settings { what } => what.clone(),
        Error::UnknownBroker { .. } => "what it advertises is no address".to_owned(),
        other => other.to_string(),
    };
    format!("{label}: {seen}.")
}

/// What to do about it, as a sentence.
pub(super) fn advice(kind: RungKind, error: &Error) -> &'static str {
    match (kind, error) {
        (_, Error::Settings { .. }) => "Correct the cluster's settings.",
        (RungKind::Advertised, error) if error.is_connection() => {
            "Open the route to it, or mend `advertised.listeners` on that broker."
        }
        (_, Error::Resolve { .. }) => "Correct the name, or make it known to this host's resolver.",
        (_, Error::Connect { .. }) => "Check address, port and firewall, and that the broker runs.",
        (_, Error::TlsToPlaintext { .. }) => {
            "Use the TLS port, often 9093, or set security to None."
        }
        (_, Error::PlaintextToTls { .. }) => {
            "Set security to TLS, or use the plaintext port, often 9092."
        }
        (_, Error::Tls { reason, .. }) => tls_advice(*reason),
        (_, Error::Auth { reason, .. }) => auth_advice(reason),
        (_, Error::Token { reason, .. }) => token_advice(reason),
        (_, Error::Protocol { .. }) => "Check the port: it belongs to another service.",
        (RungKind::Metadata, Error::Broker { .. }) => "Give the user DESCRIBE on the cluster.",
        (_, Error::Unsupported { .. }) => "Use a cluster of Kafka 2.1 or newer.",
        _ => "Check that the broker is well and that nothing on the way cuts connections.",
    }
}

fn tls_advice(reason: TlsFailure) -> &'static str {
    match reason {
        TlsFailure::UnknownIssuer => {
            "Give the certificate of the authority that signed the broker's."
        }
        TlsFailure::NameMismatch => {
            "Use a name that the certificate holds, or have one issued with this name; turning the host-name check off \
             is the last resort."
        }
        TlsFailure::Expired => "Renew the broker's certificate.",
        TlsFailure::NotYetValid => "Check the clocks of this host and of the broker.",
        TlsFailure::ClientCertificate => {
            "Give a client certificate and its key, or use a listener that asks for none."
        }
        TlsFailure::ClientRefused => {
            "Give a client certificate that is still valid and comes from an authority which the broker trusts."
        }
        TlsFailure::BadCertificate => "Have a certificate issued for server use.",
        TlsFailure::NothingInCommon => "Allow TLS 1.2 or 1.3 on the broker.",
        TlsFailure::BrokenOff | TlsFailure::Other => "Check that the port is a TLS listener.",
    }
}

fn token_advice(reason: &TokenFailure) -> &'static str {
    match reason {
        TokenFailure::NotListed => {
            "Add the host to the setting `token_hosts`, and start Causeway again."
        }
        TokenFailure::NotHttps => {
            "Use https; where that cannot be, list the host as `http://<host>` in the setting `token_hosts`."
        }
        TokenFailure::Inside => {
            "List its address or network in the setting `token_hosts`, if it is meant, and start Causeway again."
        }
        TokenFailure::Unresolved => {
            "Correct the token endpoint's host, or make it known to this host's resolver."
        }
        TokenFailure::Status(400 | 401 | 403) => "Correct the client's id, secret and scope.",
        TokenFailure::Tls(_) => {
            "Its certificate must come from an authority of this system, or from the one given for the brokers."
        }
        _ => "Check the token endpoint's address, and that it is well.",
    }
}

fn auth_advice(reason: &AuthFailure) -> &'static str {
    match reason {
        AuthFailure::TokenRefused => {
            "Check that the broker trusts this token endpoint, and expects this audience and scope."
        }
        AuthFailure::Refused => "Correct user name and password.",
        AuthFailure::Mechanism { .. } => "Choose a mechanism that the listener offers.",
        AuthFailure::NotAsked => "Remove the sign-in, or use the listener that asks for one.",
        AuthFailure::Needed { .. } => "Add user name and password, or use another listener.",
        AuthFailure::NoPassword => "Enter the password.",
        AuthFailure::ServerSignature | AuthFailure::Scram(_) => {
            "Check that the address is really the cluster's: somebody may stand in between."
        }
        AuthFailure::Broker(_) => "Check the listener's SASL settings.",
    }
}

/// What is said of a rung without trouble.
pub(super) fn passed(kind: RungKind, count: usize) -> String {
    let of = |one: &str, many: &str| {
        if count == 1 {
            one.to_owned()
        } else {
            format!("{count} {many}")
        }
    };
    match kind {
        RungKind::Dns => of("The name resolves.", "names resolve."),
        RungKind::Tcp => of("The port answers.", "ports answer."),
        RungKind::Tls => of("The listener speaks Kafka.", "listeners speak Kafka."),
        RungKind::Sasl => of("We may come in.", "listeners let us in."),
        RungKind::Metadata => "The cluster answers.".to_owned(),
        RungKind::Advertised => of("The broker can be reached.", "brokers can be reached."),
        RungKind::Rights => "No right is missing.".to_owned(),
        RungKind::RoundTrip => "The brokers answer.".to_owned(),
    }
}

/// Says which cluster it is.
pub(super) fn cluster(cluster: &ClusterMetadata) -> String {
    let id = cluster.cluster_id.as_deref().unwrap_or("without an id");
    match cluster.brokers.len() {
        1 => format!("Cluster `{id}` with 1 broker."),
        count => format!("Cluster `{id}` with {count} brokers."),
    }
}

/// Names a broker and where it says that it listens.
pub(super) fn broker(broker: &Broker) -> String {
    match broker.address() {
        Some(address) => format!("Broker {}, which advertises `{address}`", broker.id),
        None => format!("Broker {}", broker.id),
    }
}

/// Missing rights that are told one by one.
const TOLD: usize = 5;

fn rung(kind: RungKind, state: RungState, detail: String) -> Rung {
    Rung {
        kind,
        state,
        took_ms: None,
        code: None,
        detail,
        advice: String::new(),
    }
}

/// Which rights are needed is not known yet.
pub(super) fn no_rights_needed() -> Rung {
    rung(
        RungKind::Rights,
        RungState::NotUsed,
        "No link uses this cluster yet.".to_owned(),
    )
}

/// A rung whose question was not answered.
pub(super) fn broken(kind: RungKind, error: &Error) -> Rung {
    Rung {
        code: Some(error.code().to_owned()),
        advice: "Test again; if it stays so, look at the brokers' logs.".to_owned(),
        ..rung(kind, RungState::Warning, detail("The cluster", error))
    }
}

/// What is missing, and the lines that grant it.
pub(super) fn rights(spec: &ClusterSpec, missing: &[Missing]) -> Rung {
    if missing.is_empty() {
        return rung(
            RungKind::Rights,
            RungState::Passed,
            passed(RungKind::Rights, 0),
        );
    }
    let shown = &missing[..missing.len().min(TOLD)];
    let mut told: Vec<String> = shown.iter().map(lacking).collect();
    if let Some(more @ 1..) = missing.len().checked_sub(TOLD) {
        told.push(format!("{more} more"));
    }
    let lines = shown.iter().map(|missing| {
        let line = spec.grant(&missing.operations, missing.resource.clone());
        format!("`{line}`")
    });
    let lines: Vec<String> = lines.collect();
    Rung {
        code: Some("acl.missing".to_owned()),
        advice: format!("Grant it: {}.", lines.join(" and ")),
        ..rung(
            RungKind::Rights,
            RungState::Failed,
            format!("Missing: {}.", told.join("; ")),
        )
    }
}

fn lacking(missing: &Missing) -> String {
    let operations = missing.operations.join(", ");
    match &missing.resource {
        AclResource::Topic(name) => format!("{operations} on topic `{name}`"),
        AclResource::TopicPrefix(prefix) => {
            format!("{operations} on topics that begin with `{prefix}`")
        }
        AclResource::Group(name) => format!("{operations} on group `{name}`"),
        AclResource::TransactionalId(id) => format!("{operations} on transactional id `{id}`"),
        AclResource::Cluster => format!("{operations} on the cluster"),
    }
}

/// How long the brokers take, what they ask of writes, and what became of a record.
pub(super) fn trip(spec: &ClusterSpec, trip: &Trip) -> Rung {
    let mut told = vec![format!("An answer takes {}.", span(trip.slowest))];
    let mut rung = rung(RungKind::RoundTrip, RungState::Passed, String::new());
    // What is told first is what must be mended first.
    let mut warn = |code: &str, advice: &str| {
        if rung.code.is_none() {
            rung.state = RungState::Warning;
            rung.code = Some(code.to_owned());
            advice.clone_into(&mut rung.advice);
        }
    };
    if let Some(limits) = trip.in_sync {
        told.push(in_sync(limits));
        if !limits.suffices() {
            warn(
                "destination.in_sync",
                "Start the brokers that are missing, or let new topics have as many replicas as there are brokers and no fewer than writes need.",
            );
        }
    }
    match &trip.written {
        None => {}
        Some(Ok(written)) => {
            let took = span(written.took);
            told.push(format!("A record was written in {took}, read and removed."));
            if let Some(ahead_ms) = written.ahead_ms {
                told.push(clock(ahead_ms, written.took));
                if ahead_ms.unsigned_abs() > FAR_MS + millis(written.took) {
                    warn(
                        "clock.skew",
                        "Set the clocks by NTP: latency and lag in time are wrong by as much.",
                    );
                }
            }
        }
        Some(Err(error)) => {
            let failed = not_round(spec, error);
            told.push(failed.detail.clone());
            rung = failed;
        }
    }
    rung.detail = told.join(" ");
    rung
}

/// From which difference of clocks on it is told as trouble, milliseconds.
const FAR_MS: u64 = 1_000;

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn span(span: Duration) -> String {
    match millis(span) {
        0 => "less than 1 ms".to_owned(),
        ms @ 1..1_000 => format!("{ms} ms"),
        _ => format!("{:.1} s", span.as_secs_f64()),
    }
}

fn in_sync(limits: InSync) -> String {
    let InSync {
        brokers,
        replicas,
        least,
    } = limits;
    let given = counted(replicas, "replica");
    match limits.suffices() {
        true => format!("New topics get {given}, of which {least} must be in sync."),
        false if replicas > brokers => {
            let up = counted(brokers, "broker");
            format!("New topics get {given}, and {up} can be reached: none can be made.")
        }
        false => format!(
            "New topics get {given}, but writes need {least} in sync: nothing could be written to them."
        ),
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// The difference can be told no finer than what the record took.
fn clock(ahead_ms: i64, took: Duration) -> String {
    let far = span(Duration::from_millis(ahead_ms.unsigned_abs()));
    match ahead_ms {
        _ if ahead_ms.unsigned_abs() <= millis(took).max(1) => {
            "Its clock agrees with ours.".to_owned()
        }
        1.. => format!("Its clock is {far} ahead of ours."),
        _ => format!("Its clock is {far} behind ours."),
    }
}

/// A record did not come back.
fn not_round(spec: &ClusterSpec, error: &Error) -> Rung {
    let refused = error
        .broker_code()
        .is_some_and(|code| code.is_authorization());
    let operations = ["Create", "Write", "Read", "Delete"];
    let prefix = AclResource::TopicPrefix("causeway.test.".to_owned());
    let advice = match refused {
        true => format!("Grant it: `{}`.", spec.grant(&operations, prefix)),
        false => "Look at the brokers' logs; links may fare the same.".to_owned(),
    };
    Rung {
        code: Some(error.code().to_owned()),
        advice,
        ..rung(
            RungKind::RoundTrip,
            RungState::Failed,
            detail("The round trip", error),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::round_trip::Written;
    use super::*;

    fn spec() -> ClusterSpec {
        ClusterSpec {
            name: "west".parse().unwrap(),
            title: String::new(),
            bootstrap: vec!["west-1:9092".to_owned()],
            tls: model::cluster::Tls::Off,
            client_certificate: None,
            sasl: None,
        }
    }

    fn told(in_sync: Option<InSync>, written: Option<(u64, i64)>) -> Rung {
        let written = written.map(|(took_ms, ahead_ms)| {
            Ok(Written {
                took: Duration::from_millis(took_ms),
                ahead_ms: Some(ahead_ms),
            })
        });
        let slowest = Duration::from_micros(2_300);
        trip(
            &spec(),
            &Trip {
                slowest,
                in_sync,
                written,
            },
        )
    }

    #[test]
    fn what_writes_need_is_a_warning_where_it_cannot_be_had() {
        let limits = |brokers, replicas, least| {
            Some(InSync {
                brokers,
                replicas,
                least,
            })
        };
        let rung = told(limits(3, 3, 2), None);
        assert_eq!(rung.state, RungState::Passed);
        assert_eq!(
            rung.detail,
            "An answer takes 2 ms. New topics get 3 replicas, of which 2 must be in sync."
        );
        assert_eq!((rung.code, rung.advice.as_str()), (None, ""));
        for (limits, words) in [
            (
                limits(3, 1, 2),
                "writes need 2 in sync: nothing could be written",
            ),
            (
                limits(1, 3, 2),
                "3 replicas, and 1 broker can be reached: none can be made",
            ),
            (limits(2, 3, 2), "3 replicas, and 2 brokers can be reached"),
        ] {
            // A clock that is far off as well is not what must be mended first.
            let rung = told(limits, Some((1, 7_200_000)));
            assert_eq!(rung.state, RungState::Warning, "{rung:#?}");
            assert_eq!(rung.code.as_deref(), Some("destination.in_sync"));
            assert!(rung.detail.contains(words), "{rung:#?}");
            assert!(rung.detail.contains("ahead of ours"));
            assert!(rung.advice.starts_with("Start the brokers"));
        }
    }

    #[test]
    fn a_clock_is_compared_no_finer_than_the_record_allows_and_warned_of_when_it_is_far_off() {
        for (took_ms, ahead_ms, words, state) in [
            (40, 0, "agrees with ours", RungState::Passed),
            (40, -40, "agrees with ours", RungState::Passed),
            (40, 41, "is 41 ms ahead of ours", RungState::Passed),
            (40, -1_040, "is 1.0 s behind ours", RungState::Passed),
            (40, -1_041, "is 1.0 s behind ours", RungState::Warning),
            (
                0,
                7_200_000,
                "is 7200.0 s ahead of ours",
                RungState::Warning,
            ),
        ] {
            let rung = told(None, Some((took_ms, ahead_ms)));
            assert_eq!(rung.state, state, "{rung:#?}");
            assert!(rung.detail.contains(words), "{rung:#?}");
            let warned = state == RungState::Warning;
            assert_eq!(rung.code.as_deref(), warned.then_some("clock.skew"));
        }
    }

    #[test]
    fn a_record_that_did_not_come_back_fails_whatever_the_limits_are() {
        let refused = Error::broker(crate::ErrorCode::TOPIC_AUTHORIZATION_FAILED, "creating `x`");
        let rung = trip(
            &spec(),
            &Trip {
                slowest: Duration::ZERO,
                in_sync: None,
                written: Some(Err(refused)),
            },
        );
        assert_eq!(rung.state, RungState::Failed);
        assert!(rung.advice.contains("--operation Create"), "{rung:#?}");
    }
}
