//! Tokens for OAUTHBEARER: fetched by the client credentials grant (KIP-768), shared by all connections of a process.
//!
//! Guarantees: a token is fetched anew after four fifths of its life, by one caller at a time; while the endpoint is away
//! the old one serves until its end; an endpoint that is not on the process's list is never talked to ([`TokenHosts`]).

mod answer;
mod hosts;
mod request;

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex, OnceLock, PoisonError};
use std::time::Duration;

use model::Secret;
use model::cluster::{ClusterSpec, Tls};
use model::token_url::TokenUrl;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_rustls::rustls::ClientConfig;

pub use hosts::{NoHost, TokenHosts, permit};

use crate::error::TokenFailure;
use crate::{Error, tls};

/// Whose tokens are remembered at most; beyond, those that serve nobody are forgotten.
const MOST: usize = 200;

/// How long an endpoint that failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// A client of a token endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    url: TokenUrl,
    id: String,
    secret: Secret,
    scope: String,
    /// Authorities that the endpoint's certificate may come from, as PEM: they tell clients apart.
    authorities: String,
    tls: Option<Arc<ClientConfig>>,
}

/// What tells the tokens of two clients apart.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    url: String,
    id: String,
    secret: String,
    scope: String,
    authorities: String,
}

/// A token that is good now.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) text: Secret,
    /// Who it is for, where it says so.
    pub(crate) subject: Option<String>,
    /// When it was fetched, and when it ends.
    fetched: Instant,
    pub(crate) ends: Instant,
}

type Slot = Arc<Mutex<Known>>;

#[derive(Default)]
struct Known {
    token: Option<Token>,
    failed: Option<(TokenFailure, Instant)>,
}

/// Where the tokens of the process are, by client.
static TOKENS: OnceLock<SyncMutex<HashMap<Key, Slot>>> = OnceLock::new();

impl Client {
    /// Makes the client that a cluster's settings describe, `None` where it signs in otherwise.
    pub(crate) fn of(spec: &ClusterSpec) -> Result<Option<Self>, Error> {
        let Some((sasl, oauth)) = spec
            .sasl
            .as_ref()
            .and_then(|s| Some((s, s.oauth.as_ref()?)))
        else {
            return Ok(None);
        };
        let url: TokenUrl = oauth.token_url.parse().map_err(|error| Error::Settings {
            what: format!("the token endpoint: {error}"),
        })?;
        let secret = sasl.password.clone().ok_or_else(|| Error::Settings {
            what: "the client's secret is missing".to_owned(),
        })?;
        let authorities = match &spec.tls {
            Tls::Ca { ca_pem, .. } => ca_pem.clone(),
            Tls::Off | Tls::System { .. } => String::new(),
        };
        let tls = url
            .is_https
            .then(|| tls::web_config(&authorities))
            .transpose()?;
        Ok(Some(Self {
            url,
            id: sasl.username.clone(),
            secret,
            scope: oauth.scope.clone(),
            authorities,
            tls,
        }))
    }

    /// Returns a token that is good for a while, fetched anew if need be.
    pub(crate) async fn token(&self) -> Result<Token, Error> {
        let slot = self.slot();
        let mut known = slot.lock().await;
        let now = Instant::now();
        if let Some(token) = known.token.as_ref().filter(|token| token.is_fresh(now)) {
            return Ok(token.clone());
        }
        if let Some((failure, until)) = &known.failed
            && now < *until
        {
            let failure = failure.clone();
            return known.usable(now).ok_or_else(|| self.error(failure));
        }
        match request::fetch(self, &hosts::permitted()).await {
            Ok(answered) => {
                let token = Token {
                    text: answered.token,
                    subject: answered.subject,
                    fetched: now,
                    ends: now + answered.lifetime,
                };
                known.failed = None;
                known.token = Some(token.clone());
                Ok(token)
            }
            Err(failure) => {
                tracing::debug!(host = self.url.host, error = %failure, "no token");
                known.failed = Some((failure.clone(), Instant::now() + PAUSE));
                known
                    .usable(Instant::now())
                    .ok_or_else(|| self.error(failure))
            }
        }
    }

    /// Forgets a token that a broker refused, unless another was fetched since.
    pub(crate) async fn refused(&self, token: &Token) {
        let slot = self.slot();
        let mut known = slot.lock().await;
        known.token.take_if(|known| known.fetched == token.fetched);
    }

    fn error(&self, reason: TokenFailure) -> Error {
        Error::Token {
            host: self.url.host.clone(),
            reason,
        }
    }

    fn slot(&self) -> Slot {
        let key = Key {
            url: self.url.to_string(),
            id: self.id.clone(),
            secret: self.secret.expose().to_owned(),
            scope: self.scope.clone(),
            authorities: self.authorities.clone(),
        };
        let all = TOKENS.get_or_init(SyncMutex::default);
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(&key) {
            all.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(all.entry(key).or_default())
    }
}

impl Known {
    fn usable(&self, now: Instant) -> Option<Token> {
        self.token.clone().filter(|token| now < token.ends)
    }
}

impl Token {
    fn is_fresh(&self, now: Instant) -> bool {
        now < self.fetched + self.ends.duration_since(self.fetched).mul_f64(0.8)
    }
}

#[cfg(test)]
mod tests;
