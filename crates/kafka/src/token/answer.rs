//! What a token endpoint answers (RFC 6749, 5.1), and how long the token is good.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Secret;
use serde::Deserialize;

/// A token is good for so long where neither the answer nor the token says.
const USUAL: Duration = Duration::from_secs(300);

/// Longest time that is believed.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Longest token, in bytes: what a broker takes by default is 512 KiB.
const MAX_TOKEN: usize = 64 * 1024;

/// A token as the endpoint gave it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) token: Secret,
    /// Who the token is for (its claim `sub`), where it is a JWT that says so.
    pub(super) subject: Option<String>,
    pub(super) lifetime: Duration,
}

#[derive(Deserialize)]
struct Body {
    access_token: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
struct Claims {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
}

/// Reads the endpoint's answer; `None` where it holds no token that could be sent (RFC 6750, `b64token`).
pub(super) fn read(body: &[u8]) -> Option<Answered> {
    let body: Body = serde_json::from_slice(body).ok()?;
    let token = body.access_token;
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(legal) {
        return None;
    }
    let claims = claims(&token).unwrap_or_default();
    let stated = body.expires_in.and_then(|stated| match stated {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    });
    // Issued and ending are times of the same clock, which need not be ours.
    let claimed = claims.exp.zip(claims.iat).map(|(end, begin)| end - begin);
    let seconds = stated
        .or(claimed)
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let lifetime = seconds.map_or(USUAL, |seconds| {
        Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()))
    });
    Some(Answered {
        token: Secret::new(token),
        subject: claims.sub,
        lifetime,
    })
}

/// Reads a JWT's claims without believing them: the broker checks the signature.
fn claims(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokens_life_is_what_the_answer_says_else_what_the_token_says() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"causeway","iat":1000,"exp":1600}"#);
        let jwt = format!("e30.{claims}.c2ln");
        let cases = [
            (format!(r#"{{"access_token":"{jwt}","expires_in":60}}"#), 60),
            (
                format!(r#"{{"access_token":"{jwt}","expires_in":"60"}}"#),
                60,
            ),
            (format!(r#"{{"access_token":"{jwt}"}}"#), 600),
            (r#"{"access_token":"opaque"}"#.to_owned(), 300),
            (
                r#"{"access_token":"opaque","expires_in":-5}"#.to_owned(),
                300,
            ),
            (
                r#"{"access_token":"opaque","expires_in":1e300}"#.to_owned(),
                86_400,
            ),
        ];
        for (body, seconds) in cases {
            let read = read(body.as_bytes()).unwrap();
            assert_eq!(read.lifetime.as_secs(), seconds, "{body}");
        }
        let body = format!(r#"{{"access_token":"{jwt}"}}"#);
        assert_eq!(
            read(body.as_bytes()).unwrap().subject.as_deref(),
            Some("causeway")
        );
    }

    #[test]
    fn what_holds_no_token_is_none() {
        let control = r#"{"access_token":"a\u0001auth=Bearer b"}"#;
        for body in [
            "",
            "null",
            "{}",
            r#"{"access_token":""}"#,
            control,
            "<html>",
        ] {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
