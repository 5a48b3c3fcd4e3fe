//! Answers: JSON for results, `application/problem+json` (RFC 9457) for everything else.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use model::problem::Problem;
use serde::Serialize;

/// A problem on its way out, with members of its own where one is needed.
#[derive(Debug)]
pub struct Refusal {
    pub problem: Box<Problem>,
    /// An extension member (RFC 9457, 3.2).
    pub extra: Option<(&'static str, serde_json::Value)>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            extra: None,
        }
    }
}

/// What handlers return.
pub type Answer = Result<Response, Refusal>;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut body = serde_json::to_value(&self.problem).unwrap_or_default();
        if let Some(members) = body.as_object_mut() {
            members.insert(
                "type".to_owned(),
                format!("/problems/{}", self.problem.code).into(),
            );
            if let Some((name, value)) = self.extra {
                members.insert(name.to_owned(), value);
            }
        }
        let mut response = with_type(status, body.to_string(), "application/problem+json");
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn with_type(status: StatusCode, body: String, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Answers with a value as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let text = serde_json::to_string(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        internal()
    })?;
    Ok(with_type(status, text, "application/json"))
}

/// Answers with one stored object: its revision is the `ETag`.
pub fn object(status: StatusCode, revision: i64, value: &impl Serialize) -> Answer {
    let mut response = json(status, value)?;
    response.headers_mut().insert(header::ETAG, etag(revision));
    Ok(response)
}

/// Answers with a new object: `201` and where it is from now on.
pub fn created(path: &str, revision: i64, value: &impl Serialize) -> Answer {
    let mut response = object(StatusCode::CREATED, revision, value)?;
    if let Ok(location) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Answers that it is done and nothing is to be said.
pub fn done() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Answers with plain text.
pub fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    with_type(status, body, content_type)
}

fn etag(revision: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The problem of a fault of our own; what happened is in the log, under the request's id.
pub fn internal() -> Problem {
    Problem {
        code: "internal".to_owned(),
        status: 500,
        title: "Causeway failed to answer.".to_owned(),
        detail: "The reason is in the log, under this answer's request id (header `x-request-id`)."
            .to_owned(),
        ..Problem::default()
    }
}

/// The fallback of the router.
pub async fn no_such_route() -> Refusal {
    let problem = Problem {
        code: "request.not_found".to_owned(),
        status: 404,
        title: "There is nothing at this address.".to_owned(),
        detail: "The API lies under `/api/v1`, with `clusters`, `links` and `tokens`.".to_owned(),
        ..Problem::default()
    };
    problem.into()
}

/// The fallback for a known address with another method.
pub async fn no_such_method() -> Refusal {
    let problem = Problem {
        code: "request.method".to_owned(),
        status: 405,
        title: "This address does not take that method.".to_owned(),
        detail: "The header `allow` lists the methods it takes.".to_owned(),
        ..Problem::default()
    };
    problem.into()
}

/// Headers that every answer carries.
pub const SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];
