use std::sync::atomic::{AtomicUsize, Ordering};

use model::cluster::{OAuth, Sasl, SaslMechanism};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// An endpoint that answers every request with `answer` and counts them.
async fn endpoint(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
            assert!(request.ends_with("grant_type=client_credentials&scope=a+b"));
            assert!(request.contains("Basic Y2xpZW50OnMlM0FjcmV0"), "{request}");
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, asked)
}

fn client(url: &str) -> Client {
    let spec = ClusterSpec {
        name: "east".parse().unwrap(),
        title: String::new(),
        bootstrap: Vec::new(),
        tls: Tls::Off,
        client_certificate: None,
        sasl: Some(Sasl {
            mechanism: SaslMechanism::OAuthBearer,
            username: "client".to_owned(),
            password: Some(Secret::new("s:cret")),
            oauth: Some(OAuth {
                token_url: url.to_owned(),
                scope: "a b".to_owned(),
                ..OAuth::default()
            }),
        }),
    };
    Client::of(&spec).unwrap().unwrap()
}

fn local() -> TokenHosts {
    "http://127.0.0.1,http://localhost".parse().unwrap()
}

async fn failure(answer: &'static str) -> TokenFailure {
    let (port, _) = endpoint(answer).await;
    let client = client(&format!("http://127.0.0.1:{port}/token"));
    request::fetch(&client, &local()).await.unwrap_err()
}

const TOKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 41\r\nConnection: close\r\n\r\n{\"access_token\":\"abc\", \"expires_in\":3600}";

#[tokio::test]
async fn a_token_is_fetched_once_and_again_after_a_broker_refused_it() {
    permit(local());
    let (port, asked) = endpoint(TOKEN).await;
    let url = format!("http://127.0.0.1:{port}/token");
    let first = client(&url).token().await.unwrap();
    assert_eq!(first.text.expose(), "abc");
    let others = futures_util::future::join_all((0..10).map(|_| {
        let client = client(&url);
        async move { client.token().await }
    }));
    assert!(others.await.iter().all(Result::is_ok));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    client(&url).refused(&first).await;
    client(&url).token().await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn redirects_refusals_and_what_is_no_token_are_told_apart_and_not_repeated() {
    let redirect =
        "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(failure(redirect).await, TokenFailure::Status(302));
    let refused = "HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\n<script/>";
    assert_eq!(failure(refused).await, TokenFailure::Status(401));
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    assert_eq!(failure(page).await, TokenFailure::NoToken);
    assert_eq!(failure("SSH-2.0-OpenSSH\r\n").await, TokenFailure::Http);
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}";
    assert_eq!(failure(endless).await, TokenFailure::Http);
}

#[tokio::test]
async fn a_listed_name_that_leads_inside_is_refused_before_anything_is_sent() {
    let (port, asked) = endpoint(TOKEN).await;
    let named: TokenHosts = "http://localhost".parse().unwrap();
    let client = client(&format!("http://localhost:{port}/token"));
    let refused = request::fetch(&client, &named).await.unwrap_err();
    assert_eq!(refused, TokenFailure::Inside);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn a_token_serves_to_its_end_and_is_fetched_anew_before() {
    let now = Instant::now();
    let token = Token {
        text: Secret::new("abc"),
        subject: None,
        fetched: now,
        ends: now + Duration::from_secs(100),
    };
    assert!(token.is_fresh(now + Duration::from_secs(79)));
    assert!(!token.is_fresh(now + Duration::from_secs(81)));
    let known = Known {
        token: Some(token),
        failed: None,
    };
    assert!(known.usable(now + Duration::from_secs(99)).is_some());
    assert!(known.usable(now + Duration::from_secs(101)).is_none());
}
