//! What the ladder says.

use model::cluster::RungKind;

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
        RungKind::Advertised => of("The broker can be reached.", "brokers can be reached."),
        RungKind::Metadata | RungKind::Rights | RungKind::RoundTrip => {
            "The cluster answers.".to_owned()
        }
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
