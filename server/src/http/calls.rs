//! Around the server functions: how long a form may be, the address that it came from, and the status of what went wrong.

use app::error::UiError;
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use leptos::server_fn::error::ServerFnUrlError;
use model::problem::Problem;

use super::reader::{AWAY, Reader};

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
    let reader = Reader::of_request(&request);
    let (mut parts, body) = request.into_parts();
    forget_earlier_failure(&mut parts.headers);
    // A body that breaks off ends here too: there is nobody to answer then.
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return reader.tell(too_long());
    };
    let request = Request::from_parts(parts, Body::from(body));
    let mut response = next.run(request).await;
    end_without_empty_query(response.headers_mut());
    let failed = response.headers().contains_key(FAILED);
    if let Some(problem) = lost_input(response.headers()) {
        return reader.tell(problem);
    }
    match response.status() {
        StatusCode::INTERNAL_SERVER_ERROR if failed => with_status_of_problem(response).await,
        // What Leptos says of a function that does not exist is meant for its developers.
        StatusCode::BAD_REQUEST if !failed => reader.tell(no_such_function()),
        _ => response,
    }
}

/// Returns why a form could not be taken, where no page has its input: the control database is away, and the way back to
/// the form leads to what was saved last.
fn lost_input(headers: &HeaderMap) -> Option<Problem> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let (_, query) = location.split_once('?')?;
    let error = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("__err="))?;
    let error: UiError = ServerFnUrlError::decode_err(&error.replace("%3D", "="));
    (error.problem.code == AWAY && error.kept.is_empty()).then_some(error.problem)
}

/// The problem of a call that this version does not know.
fn no_such_function() -> Problem {
    Problem {
        code: "console.outdated".to_owned(),
        status: StatusCode::NOT_FOUND.as_u16(),
        title: "This page is of another version of Causeway.".to_owned(),
        detail: "Nothing was changed.".to_owned(),
        next_step: Some("Load the page again.".to_owned()),
        ..Problem::default()
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

/// Takes the bare `?` off the way back to a page, which server functions leave there when they take the failures out.
fn end_without_empty_query(headers: &mut HeaderMap) {
    let location = headers.get(header::LOCATION).and_then(|v| v.to_str().ok());
    let bare = location.and_then(|location| location.strip_suffix('?'));
    if let Some(Ok(value)) = bare.map(HeaderValue::from_str) {
        headers.insert(header::LOCATION, value);
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
    fn the_way_back_has_a_query_or_no_mark_of_one() {
        for (location, clean) in [("/clusters?", "/clusters"), ("/links?a=1", "/links?a=1")] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_static(location));
            end_without_empty_query(&mut headers);
            assert_eq!(headers[header::LOCATION], clean);
        }
    }

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
