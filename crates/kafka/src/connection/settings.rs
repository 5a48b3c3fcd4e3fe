//! What a connection needs to know besides its address.

use std::sync::Arc;
use std::time::Duration;

use model::Secret;
use model::cluster::{ClusterSpec, SaslMechanism};
use tokio_rustls::rustls::ClientConfig;

use crate::{Error, tls, token};

/// How connections to one cluster are opened; made once from its [`ClusterSpec`] and shared.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// A client certificate is shown where a broker asks for one.
    pub(crate) shows_certificate: bool,
    pub(crate) sasl: Option<Credentials>,
    pub(crate) client_id: Arc<str>,
    pub(crate) timeouts: Timeouts,
    pub(crate) purpose: Purpose,
}

/// How long is waited for the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the name to the end of the sign-in.
    pub connect: Duration,
    /// One request, from being the oldest unanswered of its connection.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
        }
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Questions, administration and fetches.
    #[default]
    Ask,
    /// Writing records: after a close nothing of ours may arrive late, so unsent bytes are discarded (linger 0) and
    /// unacknowledged ones given up after the request time-out (`TCP_USER_TIMEOUT`).
    Produce,
}

/// A SASL sign-in.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) mechanism: SaslMechanism,
    pub(crate) username: String,
    pub(crate) password: Option<Secret>,
    /// Where OAUTHBEARER's tokens come from.
    pub(crate) tokens: Option<token::Client>,
    /// What is sent beside a token, as `name=value`.
    pub(crate) extensions: Vec<String>,
}

impl Settings {
    /// Reads the settings of a cluster. Fails with [`Error::Settings`] when its certificates
    /// or its key cannot be read.
    pub fn from_spec(spec: &ClusterSpec, client_id: &str) -> Result<Self, Error> {
        let tokens = token::Client::of(spec)?;
        let extensions = spec.sasl.iter().filter_map(|sasl| sasl.oauth.as_ref());
        let extensions = extensions.flat_map(|oauth| &oauth.extensions);
        let extensions = extensions.map(|(name, value)| format!("{name}={value}"));
        let extensions = extensions.collect();
        let sasl = spec.sasl.as_ref().map(|sasl| Credentials {
            mechanism: sasl.mechanism,
            username: sasl.username.clone(),
            password: sasl.password.clone(),
            tokens,
            extensions,
        });
        Ok(Self {
            tls: tls::client_config(spec)?,
            shows_certificate: spec.client_certificate.is_some(),
            sasl,
            client_id: client_id.into(),
            timeouts: Timeouts::default(),
            purpose: Purpose::default(),
        })
    }

    /// Sets how long is waited.
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Sets what the connections are for.
    pub fn with_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }
}
