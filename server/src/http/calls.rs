//! Around the server functions: how long a form may be, the address that it came from, and the status of what went wrong.

use app::error::UiError;
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use model::problem::Problem;

use super::{
    answer::{self, Refusal},
    document,
};

/// Longest body of a form, bytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// Header that marks the answer of a server function that failed.
const FAILED: &str = "serverfnerror";
/// Longest error of a server function, bytes.
const LONGEST_ERROR: usize = 64 * 1024;
/// What an address carries from a form that failed.
const OF_FAILURE: [&str; 2] = ["__path=", "__err="];

/// Lets pages through as they are, and calls of server functions within bounds.
pub async fn pass(request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/fn/") {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    forget_earlier_failure(&mut parts.headers);
    // A body that breaks off ends here too: there is nobody to answer then.
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return refused(&parts.headers, too_long());
    };
    let request = Request::from_parts(parts, Body::from(body));
    let response = next.run(request).await;
    let failed = response.headers().contains_key(FAILED);
    match response.status() {
        StatusCode::INTERNAL_SERVER_ERROR if failed => with_status_of_problem(response).await,
        // What Leptos says of a function that does not exist is meant for its developers.
        StatusCode::BAD_REQUEST if !failed => answer::no_such_route().await.into_response(),
        _ => response,
    }
}

/// Tells a problem as a page to whoever sent a form, else as a problem.
fn refused(headers: &HeaderMap, problem: Problem) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    match accepted.is_some_and(|kinds| kinds.contains("text/html")) {
        true => document::refused(&problem),
        false => Refusal::from(problem).into_response(),
    }
}

fn too_long() -> Problem {
    Problem {
        code: "request.too_long".to_owned(),
        status: StatusCode::PAYLOAD_TOO_LARGE.as_u16(),
        title: "The form is too long.".to_owned(),
        detail: "Nothing was changed. A form may hold 1 MiB.".to_owned(),
        next_step: Some("Go back, shorten it, send it again.".to_owned()),
        ..Problem::default()
    }
}

/// Takes what an earlier failure left out of the address of the form, or the next one would be told under it.
fn forget_earlier_failure(headers: &mut HeaderMap) {
    let referer = headers.get(header::REFERER).and_then(|v| v.to_str().ok());
    let Some(clean) = referer.map(without_failure) else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(&clean) {
        headers.insert(header::REFERER, value);
    }
}

/// Returns an address without what a failed form left in it.
pub fn without_failure(address: &str) -> String {
    let (address, _fragment) = address.split_once('#').unwrap_or((address, ""));
    let Some((path, query)) = address.split_once('?') else {
        return address.to_owned();
    };
    let pairs = query.split('&');
    let kept: Vec<&str> = pairs
        .filter(|pair| !pair.is_empty() && !OF_FAILURE.iter().any(|key| pair.starts_with(key)))
        .collect();
    match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    }
}

/// Gives the answer the status of its problem: by itself every failure is a 500.
async fn with_status_of_problem(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // Errors are held whole in memory already; one that is longer is none of ours.
    let Ok(bytes) = to_bytes(body, LONGEST_ERROR).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let error = serde_json::from_slice::<UiError>(&bytes).ok();
    let status = error.and_then(|error| StatusCode::from_u16(error.problem.status).ok());
    if let Some(status) = status.filter(|s| s.is_client_error() || s.is_server_error()) {
        parts.status = status;
    }
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_what_a_failed_form_left_and_nothing_else() {
        for (address, clean) in [
            ("http://a/sign-in", "http://a/sign-in"),
            ("http://a/x?__path=%2Ffn&__err=e30", "http://a/x"),
            ("/x?next=%2F&__path=p&__err=e&b=1#c", "/x?next=%2F&b=1"),
            ("/x?__error=1", "/x?__error=1"),
            ("?", ""),
        ] {
            assert_eq!(without_failure(address), clean, "{address}");
        }
    }
}
