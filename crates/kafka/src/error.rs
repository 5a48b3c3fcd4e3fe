//! What can go wrong between us and a cluster, each with the code that people and machines know it by.
//!
//! **Invariant:** no error carries a secret, and none echoes text that a remote side made: what stands where a broker
//! was expected may be anything.

mod code;

use std::time::Duration;

pub use code::ErrorCode;

use crate::Address;

/// A failure of a connection or a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("cannot find `{address}`: its name does not resolve")]
    Resolve { address: Address },
    #[error("cannot connect to `{address}`: {reason}")]
    Connect {
        address: Address,
        reason: ConnectFailure,
    },
    #[error("`{address}` was reached, but TLS failed: {reason}")]
    Tls {
        address: Address,
        reason: TlsFailure,
    },
    #[error("`{address}` does not answer TLS, probably it is a plaintext listener")]
    TlsToPlaintext { address: Address },
    #[error("`{address}` expects TLS, but the cluster is set to plaintext")]
    PlaintextToTls { address: Address },
    #[error("`{address}` refused the sign-in: {reason}")]
    Auth {
        address: Address,
        reason: AuthFailure,
    },
    #[error("no token for the sign-in from `{host}`: {reason}")]
    Token { host: String, reason: TokenFailure },
    #[error("`{address}` did not answer {what} within {after:?}")]
    Timeout {
        address: Address,
        what: &'static str,
        after: Duration,
    },
    #[error("`{address}` closed the connection")]
    Disconnected { address: Address },
    #[error("the connection to `{address}` was closed by us")]
    Closed { address: Address },
    #[error("{what}: {code}")]
    Broker { code: ErrorCode, what: String },
    #[error("`{address}` does not offer a version of {api} that we speak")]
    Unsupported { address: Address, api: &'static str },
    #[error("`{address}` sent something that is not Kafka's protocol: {what}")]
    Protocol {
        address: Address,
        what: &'static str,
    },
    #[error("too many requests wait to be sent to `{address}`")]
    QueueFull { address: Address },
    #[error("the request was withheld: its right to be sent had ended")]
    Withheld,
    #[error("broker {id} is not part of the cluster")]
    UnknownBroker { id: i32 },
    #[error("no broker leads partition {partition} of `{topic}` now")]
    NoLeader { topic: String, partition: i32 },
    #[error("the cluster's settings cannot be used: {what}")]
    Settings { what: String },
}

/// Why no TCP connection came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFailure {
    #[error("the port is closed (connection refused)")]
    Refused,
    #[error("no answer within the time-out")]
    TimedOut,
    #[error("there is no route to it")]
    Unreachable,
    #[error("the connection was reset")]
    Reset,
    #[error("the operating system refused")]
    Other,
}

/// Why TLS was not established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    #[error("its certificate was not issued by a trusted authority")]
    UnknownIssuer,
    #[error("its certificate is for another host name")]
    NameMismatch,
    #[error("its certificate has expired")]
    Expired,
    #[error("its certificate is not valid yet")]
    NotYetValid,
    #[error("its certificate is not acceptable")]
    BadCertificate,
    #[error("it asks for a client certificate")]
    ClientCertificate,
    #[error("it refuses our client certificate")]
    ClientRefused,
    #[error("it shares no TLS version or cipher with us")]
    NothingInCommon,
    #[error("it broke off the handshake")]
    BrokenOff,
    #[error("the handshake failed")]
    Other,
}

/// Why a sign-in failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    #[error("user name or password is wrong (SASL_AUTHENTICATION_FAILED)")]
    Refused,
    #[error("the token is not accepted (SASL_AUTHENTICATION_FAILED)")]
    TokenRefused,
    #[error("it does not offer {wanted}, but {offered:?}")]
    Mechanism {
        wanted: &'static str,
        offered: Vec<String>,
    },
    #[error("this listener knows no sign-in")]
    NotAsked,
    #[error("it asks for a sign-in and offers {offered:?}")]
    Needed { offered: Vec<String> },
    #[error("it could not prove that it knows the password")]
    ServerSignature,
    #[error("its SCRAM answer breaks the rules: {0}")]
    Scram(&'static str),
    #[error("the cluster has no password")]
    NoPassword,
    #[error("{0}")]
    Broker(ErrorCode),
}

/// Why a token endpoint gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    #[error("this host is not one of this server's token endpoints")]
    NotListed,
    #[error("tokens are fetched over https only")]
    NotHttps,
    #[error("its name does not resolve")]
    Unresolved,
    #[error("its name leads to an address of an inner network")]
    Inside,
    #[error("no connection, {0}")]
    Connect(ConnectFailure),
    #[error("TLS failed, {0}")]
    Tls(TlsFailure),
    #[error("no answer in time")]
    TimedOut,
    #[error("{}", status(*.0))]
    Status(u16),
    #[error("what answers there is no token endpoint")]
    Http,
    #[error("its answer holds no token")]
    NoToken,
}

fn status(code: u16) -> String {
    match code {
        300..=399 => format!("it answers with a redirect (status {code}), which is not followed"),
        400 | 401 | 403 => format!("it refuses this client (status {code})"),
        _ => format!("it answers with status {code}"),
    }
}

impl Error {
    /// Returns the problem code under which pages, API, log and mail show this error, such as `connect.dns`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "connect.dns",
            Self::Connect { .. } => "connect.tcp",
            Self::Tls { .. } => "connect.tls",
            Self::TlsToPlaintext { .. } => "connect.tls_to_plaintext",
            Self::PlaintextToTls { .. } => "connect.plaintext_to_tls",
            Self::Auth { .. } => "auth.failed",
            Self::Token { .. } => "auth.token",
            Self::Timeout { .. } => "connect.timeout",
            Self::Disconnected { .. } | Self::Closed { .. } => "connect.lost",
            Self::Broker { code, .. } if code.is_authorization() => "acl.missing",
            Self::Broker { .. } => "broker.error",
            Self::Unsupported { .. } => "broker.unsupported",
            Self::Protocol { .. } => "connect.not_kafka",
            Self::QueueFull { .. } => "connect.busy",
            Self::Withheld => "request.withheld",
            Self::UnknownBroker { .. } | Self::NoLeader { .. } => "broker.no_leader",
            Self::Settings { .. } => "cluster.settings",
        }
    }

    /// Makes the error of a broker's answer; `what` names the request and what it was about.
    pub fn broker(code: ErrorCode, what: impl Into<String>) -> Self {
        Self::Broker {
            code,
            what: what.into(),
        }
    }

    /// Returns Kafka's error code, where a broker gave one.
    pub fn broker_code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            Self::Auth {
                reason: AuthFailure::Broker(code),
                ..
            } => Some(*code),
            Self::Auth {
                reason: AuthFailure::Refused | AuthFailure::TokenRefused,
                ..
            } => Some(ErrorCode::SASL_AUTHENTICATION_FAILED),
            _ => None,
        }
    }

    /// Says whether the same question may get an answer later without anybody changing a setting.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Broker { code, .. } => code.is_retriable(),
            Self::Auth { .. } | Self::Settings { .. } | Self::Unsupported { .. } => false,
            Self::TlsToPlaintext { .. } | Self::PlaintextToTls { .. } | Self::Tls { .. } => false,
            _ => true,
        }
    }

    /// Says whether the connection, not the request, is at fault.
    pub fn is_connection(&self) -> bool {
        matches!(
            self,
            Self::Resolve { .. }
                | Self::Connect { .. }
                | Self::Timeout { .. }
                | Self::Disconnected { .. }
                | Self::Closed { .. }
                | Self::Protocol { .. }
        )
    }
}

impl From<&std::io::Error> for ConnectFailure {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Self::Unreachable,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Self::Reset,
            _ => Self::Other,
        }
    }
}
