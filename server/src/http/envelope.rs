//! What is around every request: an id, a span, a time limit, a net for panics, the security headers.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use model::problem::Problem;
use tracing::Instrument;

use super::{
    answer::{self, SECURITY_HEADERS},
    reader::Reader,
};

/// Runs the rest of the stack inside the envelope; `limit` is the longest time it may take.
pub async fn wrap(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let id = uuid::Uuid::new_v4().to_string();
    // The address itself stays out of the log: a query may hold what a person typed.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("-", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", request.id = %id, method = %request.method(), route);
    let mut response = guarded(limit, request, next).instrument(span).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", value);
    }
    response
}

async fn guarded(limit: Duration, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let reader = Reader::of_request(&request);
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    let response = match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("a request ended in a panic");
            reader.tell(answer::internal())
        }
        Err(_) => reader.tell(too_slow(limit)),
    };
    let status = response.status().as_u16();
    let took_ms = started.elapsed().as_millis();
    if response.status().is_server_error() {
        tracing::warn!(status, took_ms, "request failed");
    } else {
        tracing::debug!(status, took_ms, "request answered");
    }
    response
}

fn too_slow(limit: Duration) -> Problem {
    Problem {
        code: "request.timeout".to_owned(),
        status: 504,
        title: "The request took too long.".to_owned(),
        detail: format!(
            "It was given up after {} s; what it asked for may still happen.",
            limit.as_secs()
        ),
        next_step: Some("Look at the object's state, then ask again.".to_owned()),
        ..Problem::default()
    }
}
