//! Request bodies: JSON of at most 1 MiB, read whole, with faults named by line and column.
//!
//! Guarantee: no value of a body comes back in an answer, only names of fields and what was expected; a body may hold
//! a password in the wrong place.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use futures_util::StreamExt;
use model::problem::{FieldError, Problem};
use serde::de::DeserializeOwned;

use super::answer::Refusal;

/// Longest body that is read, bytes.
pub const LIMIT: usize = 1 << 20;

/// Longest body whose rest is taken off the wire, so that the sender sees the refusal rather than a reset.
const SWALLOWED: usize = 16 << 20;

/// A JSON body, read into `T`.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A JSON body that may be absent.
#[derive(Debug)]
pub struct MaybeJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        let is_json = is_json(request.headers());
        let bytes = read(request.into_body()).await?;
        if !is_json {
            return Err(not_json().into());
        }
        Ok(Self(parse(&bytes)?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeJson<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        let is_json = is_json(request.headers());
        let bytes = read(request.into_body()).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        if !is_json {
            return Err(not_json().into());
        }
        Ok(Self(Some(parse(&bytes)?)))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|text| text.split(';').next()).map(str::trim);
    essence.is_some_and(|text| text.eq_ignore_ascii_case("application/json"))
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut kept = Vec::new();
    let mut length = 0;
    // Ends with the body, with a broken connection, or when too much came.
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| cut_off())?;
        length += chunk.len();
        if length <= LIMIT {
            kept.extend_from_slice(&chunk);
        }
        if length > SWALLOWED {
            break;
        }
    }
    if length > LIMIT {
        Err(too_large())
    } else {
        Ok(kept.into())
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        let fault = if error.is_data() { unfit } else { malformed };
        fault(&error).into()
    })
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem {
        code: "request.malformed".to_owned(),
        status: 400,
        title: "The request's body is not JSON.".to_owned(),
        detail: format!(
            "Line {}, column {}: {}.",
            error.line(),
            error.column(),
            without_place(&error.to_string())
        ),
        next_step: Some("Correct the text at that place.".to_owned()),
        ..Problem::default()
    }
}

/// JSON, but not what is asked for here.
fn unfit(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let message = without_value(without_place(&text));
    let field = text
        .strip_prefix("unknown field `")
        .or_else(|| text.strip_prefix("missing field `"))
        .and_then(|rest| rest.split('`').next())
        .unwrap_or("");
    let place = format!(
        "Line {}, column {}: {message}.",
        error.line(),
        error.column()
    );
    Problem {
        code: "input.invalid".to_owned(),
        status: 422,
        title: "The request's body does not fit.".to_owned(),
        fields: vec![FieldError {
            field: field.to_owned(),
            message: place.clone(),
        }],
        detail: place,
        ..Problem::default()
    }
}

fn without_place(text: &str) -> &str {
    text.rfind(" at line ").map_or(text, |end| &text[..end])
}

/// `invalid type: string "…", expected u32` tells the value; keep what was expected.
fn without_value(text: &str) -> String {
    let tells_value = ["invalid type: ", "invalid value: ", "invalid length "]
        .iter()
        .any(|start| text.starts_with(start));
    match text.rfind(", expected ").filter(|_| tells_value) {
        Some(at) => format!("expected {}", &text[at + ", expected ".len()..]),
        None => text.to_owned(),
    }
}

fn not_json() -> Problem {
    Problem {
        code: "request.media_type".to_owned(),
        status: 415,
        title: "The request's body is not declared as JSON.".to_owned(),
        detail: "Send it with the header `content-type: application/json`.".to_owned(),
        ..Problem::default()
    }
}

fn too_large() -> Problem {
    Problem {
        code: "request.too_large".to_owned(),
        status: 413,
        title: "The request's body is too large.".to_owned(),
        detail: format!("At most {LIMIT} bytes are read."),
        ..Problem::default()
    }
}

fn cut_off() -> Problem {
    Problem {
        code: "request.cut_off".to_owned(),
        status: 400,
        title: "The request's body ended too early.".to_owned(),
        detail: "The connection broke while the body was read.".to_owned(),
        ..Problem::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Input {
        name: String,
        count: u32,
    }

    fn refusal(text: &str) -> Box<Problem> {
        parse::<Input>(text.as_bytes()).unwrap_err().problem
    }

    #[test]
    fn malformed_json_is_named_by_line_and_column() {
        let problem = refusal("{\n \"name\": }");
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (400, "request.malformed")
        );
        assert!(
            problem.detail.starts_with("Line 2, column 10: "),
            "{}",
            problem.detail
        );
    }

    #[test]
    fn an_unknown_field_is_named() {
        let problem = refusal(r#"{"name":"a","count":1,"nmae":"b"}"#);
        assert_eq!(
            (problem.status, problem.fields[0].field.as_str()),
            (422, "nmae")
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_not_repeated() {
        let problem = refusal(r#"{"name":"a","count":"canary, expected x"}"#);
        assert!(!format!("{problem:?}").contains("canary"));
        let problem = refusal(r#"{"name":["canary"],"count":1}"#);
        assert!(!format!("{problem:?}").contains("canary"));
    }

    #[test]
    fn nested_too_deep_is_refused_rather_than_followed() {
        let problem = parse::<serde_json::Value>("[".repeat(100_000).as_bytes())
            .unwrap_err()
            .problem;
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (400, "request.malformed")
        );
    }
}
