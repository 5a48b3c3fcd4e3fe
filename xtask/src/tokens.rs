//! A token endpoint of our own: hands out signed tokens (ES256) to one client, and tells brokers its key (JWKS).
//!
//! It speaks plain HTTP on a loopback port: the product talks to such a host only where its settings list it.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};

/// The only client that gets tokens.
pub const CLIENT: &str = "causeway-client";
/// That client's secret, with signs that must be encoded on their way.
pub const SECRET: &str = "s3cret:/+ &=";
/// Whom its tokens are for: the user that brokers see.
pub const SUBJECT: &str = "causeway-oauth";

/// A running token endpoint. Its thread ends with the process.
#[derive(Debug)]
pub struct TokenEndpoint {
    port: u16,
    key: Arc<KeyPair>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    life_s: AtomicU64,
    asked: AtomicUsize,
    refuses: AtomicBool,
}

impl TokenEndpoint {
    /// Starts an endpoint whose tokens are good for `life`.
    ///
    /// # Errors
    /// Fails when no port or key can be had.
    pub fn start(life: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for a token endpoint")?;
        let port = listener.local_addr()?.port();
        let key = Arc::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?);
        let state = Arc::new(State {
            life_s: AtomicU64::new(life.as_secs()),
            asked: AtomicUsize::new(0),
            refuses: AtomicBool::new(false),
        });
        let (signer, answering) = (Arc::clone(&key), Arc::clone(&state));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up meanwhile gets no token, and asks again.
                let _ = answer(stream, &signer, &answering);
            }
        });
        Ok(Self { port, key, state })
    }

    /// Returns the endpoint's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/oauth2/token", self.port)
    }

    /// Returns what the product's setting `token_hosts` must hold.
    pub fn listed(&self) -> &'static str {
        "http://127.0.0.1"
    }

    /// Returns how many tokens were handed out.
    pub fn handed_out(&self) -> usize {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// Refuses every client from now on, or not.
    pub fn set_refusing(&self, refuses: bool) {
        self.state.refuses.store(refuses, Ordering::Relaxed);
    }

    /// Returns the key by which brokers check tokens, as a JSON web key set.
    pub fn jwks(&self) -> String {
        // An uncompressed point: a tag, x, y.
        let point = self.key.der_bytes();
        let (x, y) = point[1..].split_at(32);
        let text = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        serde_json::json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "bench", "x": text(x), "y": text(y),
        }] })
        .to_string()
    }
}

fn answer(mut stream: TcpStream, key: &KeyPair, state: &State) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let request = request(&mut stream)?;
    let pair = request
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("authorization")
                .then(|| value.trim())
        })
        .and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok());
    let expected = format!("{CLIENT}:{}", "s3cret%3A%2F%2B+%26%3D");
    let known = pair.as_deref() == Some(expected.as_bytes());
    let granted = known
        && request.contains("grant_type=client_credentials")
        && !state.refuses.load(Ordering::Relaxed);
    let (status, body) = if granted {
        state.asked.fetch_add(1, Ordering::Relaxed);
        let life_s = state.life_s.load(Ordering::Relaxed);
        let token = token(key, life_s)?;
        let body = serde_json::json!({ "access_token": token, "token_type": "Bearer", "expires_in": life_s });
        ("200 OK", body.to_string())
    } else {
        (
            "401 Unauthorized",
            r#"{"error":"invalid_client"}"#.to_owned(),
        )
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}

/// Reads a request with its body, whose length is stated.
fn request(stream: &mut TcpStream) -> Result<String> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk)?;
        text.extend_from_slice(&chunk[..read]);
        let so_far = String::from_utf8_lossy(&text);
        let whole = so_far.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let length = name.eq_ignore_ascii_case("content-length");
                length.then(|| value.trim().parse::<usize>().ok())?
            });
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            return Ok(so_far.into_owned());
        }
    }
}

/// Makes a token for [`SUBJECT`].
fn token(key: &KeyPair, life_s: u64) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let head = serde_json::json!({ "alg": "ES256", "typ": "JWT", "kid": "bench" });
    let claims = serde_json::json!({
        "sub": SUBJECT, "iss": "bench", "iat": now, "exp": now + life_s, "scope": "kafka",
    });
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(head), part(claims));
    let signature = raw_signature(&key.sign(signed.as_bytes())?).context("a broken signature")?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Takes the two numbers of an ECDSA signature out of its DER, 32 bytes each as JWS wants them (RFC 7518, 3.4).
fn raw_signature(der: &[u8]) -> Option<Vec<u8>> {
    let mut rest = der.strip_prefix(&[0x30])?.get(1..)?;
    let mut raw = Vec::with_capacity(64);
    for _ in 0..2 {
        let body = rest.strip_prefix(&[0x02])?;
        let (length, body) = body.split_first()?;
        let (number, behind) = body.split_at_checked(usize::from(*length))?;
        let number: Vec<u8> = number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        raw.extend(std::iter::repeat_n(0, 32_usize.checked_sub(number.len())?));
        raw.extend(number);
        rest = behind;
    }
    Some(raw)
}
