//! One request to a token endpoint: the client credentials grant (RFC 6749, 4.4.2).
//!
//! The host is resolved once, every address is checked, and the connection goes to exactly the address that was checked.
//! Redirects are not followed; time and size are limited. Nothing that the endpoint says is repeated to anybody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use model::token_url::TokenUrl;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConfig;

use super::Client;
use super::answer::{self, Answered};
use super::hosts::TokenHosts;
use crate::error::{ConnectFailure, TlsFailure, TokenFailure};
use crate::tls;

/// Longest time for one token, from the name to the end of the answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Asks for a token.
pub(super) async fn fetch(client: &Client, hosts: &TokenHosts) -> Result<Answered, TokenFailure> {
    hosts.check_url(&client.url)?;
    tokio::time::timeout(LIMIT, fetch_untimed(client, hosts))
        .await
        .map_err(|_| TokenFailure::TimedOut)?
}

async fn fetch_untimed(client: &Client, hosts: &TokenHosts) -> Result<Answered, TokenFailure> {
    let address = resolve(&client.url, hosts).await?;
    let tcp = TcpStream::connect(address)
        .await
        .map_err(|error| TokenFailure::Connect(ConnectFailure::from(&error)))?;
    let body = if client.url.is_https {
        let config = Arc::clone(
            client
                .tls
                .as_ref()
                .ok_or(TokenFailure::Tls(TlsFailure::Other))?,
        );
        ask(secure(tcp, &client.url, config).await?, client).await?
    } else {
        ask(tcp, client).await?
    };
    answer::read(&body).ok_or(TokenFailure::NoToken)
}

/// Looks the host up. One address that may not be reached refuses the host: a name that leads to both a public and an
/// inner address is not to be trusted.
async fn resolve(url: &TokenUrl, hosts: &TokenHosts) -> Result<SocketAddr, TokenFailure> {
    let found = tokio::net::lookup_host((url.host.as_str(), url.port))
        .await
        .map_err(|_| TokenFailure::Unresolved)?;
    let found: Vec<SocketAddr> = found.collect();
    if !found.iter().all(|address| hosts.may_reach(address.ip())) {
        return Err(TokenFailure::Inside);
    }
    found.first().copied().ok_or(TokenFailure::Unresolved)
}

async fn secure(
    tcp: TcpStream,
    url: &TokenUrl,
    config: Arc<ClientConfig>,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, TokenFailure> {
    tls::connect_to(tcp, &url.host, config)
        .await
        .map_err(TokenFailure::Tls)
}

async fn ask<S>(stream: S, client: &Client) -> Result<Bytes, TokenFailure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |_| TokenFailure::Http;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let exchange = async {
        let reply = sender
            .send_request(request(client)?)
            .await
            .map_err(broken)?;
        match reply.status() {
            StatusCode::OK => {}
            status => return Err(TokenFailure::Status(status.as_u16())),
        }
        let body = Limited::new(reply.into_body(), MAX_ANSWER).collect().await;
        body.map(|body| body.to_bytes())
            .map_err(|_| TokenFailure::Http)
    };
    tokio::pin!(exchange);
    tokio::select! {
        body = &mut exchange => body,
        // The connection may end with the last byte of the answer.
        _ = connection => exchange.await,
    }
}

fn request(client: &Client) -> Result<Request<Full<Bytes>>, TokenFailure> {
    let pair = format!(
        "{}:{}",
        encoded(&client.id),
        encoded(client.secret.expose())
    );
    let mut form = "grant_type=client_credentials".to_owned();
    if !client.scope.is_empty() {
        form.push_str("&scope=");
        form.push_str(&encoded(&client.scope));
    }
    Request::post(client.url.path.as_str())
        .header(header::HOST, host(&client.url))
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(
            header::AUTHORIZATION,
            format!("Basic {}", BASE64.encode(pair)),
        )
        .body(Full::new(Bytes::from(form)))
        .map_err(|_| TokenFailure::Http)
}

fn host(url: &TokenUrl) -> String {
    let authority = url.authority();
    let usual = if url.is_https { ":443" } else { ":80" };
    authority
        .strip_suffix(usual)
        .unwrap_or(&authority)
        .to_owned()
}

/// Encodes a value as forms do (RFC 6749, appendix B).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                out.push(byte as char)
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_forms_do() {
        assert_eq!(encoded("a b&c=ü*"), "a+b%26c%3D%C3%BC*");
    }

    #[test]
    fn the_usual_port_is_left_out_of_the_host() {
        for (url, named) in [
            ("https://idp/t", "idp"),
            ("https://idp:8443/t", "idp:8443"),
            ("http://idp/t", "idp"),
        ] {
            assert_eq!(host(&url.parse().unwrap()), named);
        }
    }
}
