//! Signing in: SaslHandshake version 1, then SaslAuthenticate (KIP-43, KIP-152), with PLAIN (RFC 4616), SCRAM or
//! OAUTHBEARER (RFC 7628, KIP-255).

mod scram;

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::{Encodable, StrBytes};
use model::Secret;
use model::cluster::SaslMechanism;

use crate::connection::{Connection, Credentials, Settings};
use crate::error::AuthFailure;
use crate::token::Token;
use crate::{Error, ErrorCode};
use scram::{Hash, Scram};

/// What a sign-in needs from elsewhere: a token, or nothing.
pub(crate) type Prepared = Option<Token>;

/// Gets what a sign-in needs from elsewhere.
pub(crate) async fn prepare(settings: &Settings) -> Result<Prepared, Error> {
    match settings.sasl.as_ref().and_then(|sasl| sasl.tokens.as_ref()) {
        Some(tokens) => tokens.token().await.map(Some),
        None => Ok(None),
    }
}

/// Signs in where the settings ask for it. Leaves a connection on which every request is allowed to be asked, and returns
/// for how long, where the broker sets an end to it (KIP-368).
pub(crate) async fn sign_in(
    connection: &Connection,
    settings: &Settings,
) -> Result<Option<Duration>, Error> {
    let prepared = prepare(settings).await?;
    sign_in_with(connection, settings, prepared).await
}

/// As [`sign_in`], with what was prepared.
pub(crate) async fn sign_in_with(
    connection: &Connection,
    settings: &Settings,
    prepared: Prepared,
) -> Result<Option<Duration>, Error> {
    let Some(credentials) = &settings.sasl else {
        return Ok(None);
    };
    let password = credentials
        .password
        .as_ref()
        .ok_or_else(|| refused(connection, AuthFailure::NoPassword))?;
    handshake(connection, credentials).await?;
    let username = &credentials.username;
    let lifetime = match credentials.mechanism {
        SaslMechanism::Plain => {
            let token = format!("\0{username}\0{}", password.expose());
            authenticate(connection, token.into_bytes()).await?.lifetime
        }
        SaslMechanism::ScramSha256 => scram(connection, Hash::Sha256, username, password).await?,
        SaslMechanism::ScramSha512 => scram(connection, Hash::Sha512, username, password).await?,
        SaslMechanism::OAuthBearer => oauth(connection, credentials, prepared).await?,
    };
    Ok(Some(lifetime).filter(|lifetime| !lifetime.is_zero()))
}

/// Shows a token. A broker that does not take it says why first, which is remote text and stays unread; the answer to a
/// lone separator is then the refusal (RFC 7628, 3.2.3).
async fn oauth(
    connection: &Connection,
    credentials: &Credentials,
    token: Prepared,
) -> Result<Duration, Error> {
    let token = token.ok_or_else(|| refused(connection, AuthFailure::NoPassword))?;
    let message = bearer(token.text.expose(), &credentials.extensions);
    let answer = match authenticate(connection, message).await {
        Ok(answer) if answer.bytes.is_empty() => return Ok(answer.lifetime),
        Ok(_) => authenticate(connection, vec![SEPARATOR]).await.map(drop),
        Err(error) => Err(error),
    };
    if let Some(tokens) = &credentials.tokens {
        tokens.refused(&token).await;
    }
    Err(match answer {
        Err(Error::Auth {
            reason: AuthFailure::Refused,
            ..
        })
        | Ok(()) => refused(connection, AuthFailure::TokenRefused),
        Err(error) => error,
    })
}

const SEPARATOR: u8 = 1;

/// Writes the first message of OAUTHBEARER (RFC 7628, 3.1).
fn bearer(token: &str, extensions: &[String]) -> Vec<u8> {
    let mut message = format!("n,,\x01auth=Bearer {token}\x01");
    for extension in extensions {
        message.push_str(extension);
        message.push('\x01');
    }
    message.push('\x01');
    message.into_bytes()
}

/// Returns the mechanisms that a listener offers when it asks for a sign-in, `None` when it lets everybody in.
pub(crate) async fn offered(connection: &Connection) -> Result<Option<Vec<String>>, Error> {
    // A listener without SASL answers ILLEGAL_SASL_STATE; the name stands for no mechanism, so that one with SASL
    // refuses and lists its own.
    let answer = ask(connection, "NONE").await?;
    Ok((answer.code != ErrorCode::ILLEGAL_SASL_STATE).then_some(answer.mechanisms))
}

async fn handshake(connection: &Connection, credentials: &Credentials) -> Result<(), Error> {
    let wanted = credentials.mechanism.as_str();
    let answer = ask(connection, wanted).await?;
    let reason = match answer.code {
        ErrorCode::NONE => return Ok(()),
        ErrorCode::UNSUPPORTED_SASL_MECHANISM => AuthFailure::Mechanism {
            wanted,
            offered: answer.mechanisms,
        },
        ErrorCode::ILLEGAL_SASL_STATE => AuthFailure::NotAsked,
        code => AuthFailure::Broker(code),
    };
    Err(refused(connection, reason))
}

struct Offer {
    code: ErrorCode,
    mechanisms: Vec<String>,
}

async fn ask(connection: &Connection, mechanism: &'static str) -> Result<Offer, Error> {
    let version = connection.negotiate(ApiKey::SaslHandshake, 1..=1)?;
    let request =
        SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
    let mut body = BytesMut::new();
    request
        .encode(&mut body, version)
        .map_err(|_| connection.protocol("a request that cannot be encoded"))?;
    let reply = connection
        .send(ApiKey::SaslHandshake as i16, version, vec![body.freeze()])?
        .await?;
    read_offer(reply.body).ok_or_else(|| connection.protocol("a broken list of mechanisms"))
}

/// Reads a SaslHandshake answer; only what looks like a mechanism's name is kept.
fn read_offer(mut body: Bytes) -> Option<Offer> {
    let code = ErrorCode(body.try_get_i16().ok()?);
    let mut mechanisms = Vec::new();
    for _ in 0..body.try_get_u32().ok()? {
        let len = usize::try_from(body.try_get_i16().ok()?).ok()?;
        let name = (body.remaining() >= len).then(|| body.split_to(len))?;
        let plausible =
            |c: &u8| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_');
        if (1..=20).contains(&len) && name.iter().all(plausible) {
            mechanisms.push(String::from_utf8_lossy(&name).into_owned());
        }
    }
    Some(Offer { code, mechanisms })
}

/// What a broker says to one step of a sign-in.
struct Answer {
    bytes: Bytes,
    /// How long the sign-in is good for; zero for ever. Of the last step only.
    lifetime: Duration,
}

async fn authenticate(connection: &Connection, token: Vec<u8>) -> Result<Answer, Error> {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(token.into());
    let answer = connection.call(&request, 0..=2).await?;
    match ErrorCode(answer.error_code) {
        ErrorCode::NONE => Ok(Answer {
            bytes: answer.auth_bytes,
            lifetime: Duration::from_millis(u64::try_from(answer.session_lifetime_ms).unwrap_or(0)),
        }),
        // The broker's own message stays unread: it is remote text.
        ErrorCode::SASL_AUTHENTICATION_FAILED => Err(refused(connection, AuthFailure::Refused)),
        code => Err(refused(connection, AuthFailure::Broker(code))),
    }
}

async fn scram(
    connection: &Connection,
    hash: Hash,
    username: &str,
    password: &Secret,
) -> Result<Duration, Error> {
    let broken = |error: AuthFailure| refused(connection, error);
    let scram = Scram::new(hash, username, scram::nonce().map_err(broken)?);
    let server_first = authenticate(connection, scram.client_first()).await?.bytes;
    // PBKDF2 with the server's number of rounds is work for milliseconds to a second: not on the runtime's threads.
    let secret = password.clone();
    let proved = tokio::task::spawn_blocking(move || scram.prove(&server_first, secret.expose()))
        .await
        .map_err(|_| broken(AuthFailure::Scram("the proof was interrupted")))?;
    let (client_final, expected) = proved.map_err(broken)?;
    let server_final = authenticate(connection, client_final).await?;
    expected.verify(&server_final.bytes).map_err(broken)?;
    Ok(server_final.lifetime)
}

fn refused(connection: &Connection, reason: AuthFailure) -> Error {
    Error::Auth {
        address: connection.address().clone(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_as_rfc_7628_says() {
        assert_eq!(bearer("abc", &[]), b"n,,\x01auth=Bearer abc\x01\x01");
        let extensions = ["a=b".to_owned(), "c=d e".to_owned()];
        assert_eq!(
            bearer("abc", &extensions),
            b"n,,\x01auth=Bearer abc\x01a=b\x01c=d e\x01\x01"
        );
    }

    #[test]
    fn only_plausible_mechanisms_are_kept() {
        let body =
            Bytes::from_static(b"\0\x21\0\0\0\x03\0\x05PLAIN\0\x08<script>\0\x0dSCRAM-SHA-256");
        let offer = read_offer(body).unwrap();
        assert_eq!(offer.code, ErrorCode::UNSUPPORTED_SASL_MECHANISM);
        assert_eq!(offer.mechanisms, ["PLAIN", "SCRAM-SHA-256"]);
        assert!(read_offer(Bytes::from_static(b"\0\0\xff\xff\xff\xff")).is_none());
    }
}
