//! What every request of a browser passes: where it came from, whose session it is, and whether it may go on.
//!
//! Invariants: a request that changes something comes from a page of this console (cross-site posts are refused by
//! `Sec-Fetch-Site` and `Origin`); no page but sign-in and set-up is made for somebody who is not signed in.

use std::net::SocketAddr;

use app::{
    api::{accounts, counts},
    caller::Caller,
    pages::address::encoded,
    visitor::{Counts, THEME_COOKIE, Theme, Visitor},
};
use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use model::problem::Problem;

use super::{Api, calls, client, document, reader::Reader};

/// Lets a request of a browser in, with its [`Caller`] among its extensions.
pub async fn enter(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let reader = Reader::of(&parts.uri, &parts.headers);
    if let Err(problem) = same_site(&parts) {
        return reader.tell(problem);
    }
    let mut caller = match caller_of(&api, &parts).await {
        Ok(caller) => caller,
        Err(problem) => return unavailable(&parts, reader, problem),
    };
    if let Some(elsewhere) = way_elsewhere(&caller, &parts).await {
        return elsewhere;
    }
    if is_page(&parts) {
        count(&mut caller).await;
    }
    parts.extensions.insert(caller);
    next.run(Request::from_parts(parts, body)).await
}

/// The answer while the control database gives none: a page tries again by itself, a form waits to be sent again.
fn unavailable(request: &Parts, reader: Reader, problem: Problem) -> Response {
    let is_call = request.uri.path().starts_with("/fn/");
    match (is_call, reader) {
        (false, _) => document::unavailable(&problem),
        (true, Reader::Person) => document::send_again(&problem),
        (true, reader) => reader.tell(problem),
    }
}

async fn caller_of(api: &Api, request: &Parts) -> Result<Caller, Problem> {
    let context = api.context().map_err(|refusal| *refusal.problem)?;
    let headers = &request.headers;
    let cookies = api.cookies();
    let person = match cookie(headers, cookies.session()) {
        Some(secret) => accounts::person_of(&context, secret).await?,
        None => None,
    };
    let theme = cookie(headers, THEME_COOKIE).unwrap_or_default();
    let visitor = Visitor {
        actor: person.as_ref().map(|person| person.actor.clone()),
        theme: Theme::of(theme),
        counts: Counts::default(),
    };
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    let address = peer.map(|info| client::address_of(info.0.ip(), headers, api.trusted_proxies()));
    Ok(Caller {
        context,
        person,
        visitor,
        client: address.map_or_else(String::new, |address| address.to_string()),
        agent: text(headers, header::USER_AGENT).to_owned(),
        cookies,
        attempts: api.attempts(),
        new_tokens: api.new_tokens(),
    })
}

/// Says whether a document is asked for, and no function or stream.
fn is_page(request: &Parts) -> bool {
    let path = request.uri.path();
    !path.starts_with("/fn/") && path != "/live"
}

/// Counts what the rail shows. A page is worth more than its rail: without numbers it is shown all the same.
async fn count(caller: &mut Caller) {
    if let Some(person) = &caller.person
        && let Ok(counts) = counts::of(&caller.context, &person.actor).await
    {
        caller.visitor.counts = counts;
    }
}

/// Where somebody is sent who may not see what was asked for yet.
async fn way_elsewhere(caller: &Caller, request: &Parts) -> Option<Response> {
    // Server functions and streams answer for themselves.
    if !is_page(request) {
        return None;
    }
    let path = request.uri.path();
    let wants_set_up = path == "/setup";
    if caller.person.is_none() || wants_set_up {
        match accounts::setup_needed(&caller.context).await {
            Ok(true) if wants_set_up => return None,
            Ok(true) => return Some(Redirect::to("/setup").into_response()),
            Ok(false) => {}
            Err(problem) => return Some(document::unavailable(&problem)),
        }
    }
    if wants_set_up {
        return Some(document::refused(&set_up_already()));
    }
    match (path == "/sign-in", &caller.person) {
        (true, Some(_)) => Some(Redirect::to("/").into_response()),
        (true, None) | (false, Some(_)) => None,
        (false, None) => Some(to_sign_in(caller, request)),
    }
}

/// The problem of a set-up where there is a user.
fn set_up_already() -> Problem {
    Problem {
        code: "setup.done".to_owned(),
        status: StatusCode::NOT_FOUND.as_u16(),
        title: "There is nothing at this address.".to_owned(),
        detail: "Somebody has set this installation up already.".to_owned(),
        ..Problem::default()
    }
}

/// Leads to the sign-in and from there to what was asked for.
fn to_sign_in(caller: &Caller, request: &Parts) -> Response {
    let wanted = request.uri.path_and_query().map_or("/", |p| p.as_str());
    // Slashes may stand in a query and are read more easily.
    let next = encoded(&calls::without_failure(wanted)).replace("%2F", "/");
    let had_session = cookie(&request.headers, caller.cookies.session()).is_some();
    let ended = if had_session { "ended=1&" } else { "" };
    Redirect::to(&format!("/sign-in?{ended}next={next}")).into_response()
}

/// Refuses what changes something and does not come from a page of this console.
///
/// Browsers say where a request comes from: `Sec-Fetch-Site` (Fetch Metadata), and `Origin` (RFC 6454) in all of them.
#[expect(
    clippy::result_large_err,
    reason = "a problem ends its request, so nothing is won by boxing it"
)]
fn same_site(request: &Parts) -> Result<(), Problem> {
    if matches!(request.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let headers = &request.headers;
    let site = text(headers, header::HeaderName::from_static("sec-fetch-site"));
    let foreign_site = !matches!(site, "" | "same-origin" | "none");
    let origin = text(headers, header::ORIGIN);
    let host = text(headers, header::HOST);
    let foreign_origin = !origin.is_empty()
        && origin.split_once("://").map(|(_, authority)| authority) != Some(host);
    if !foreign_site && !foreign_origin {
        return Ok(());
    }
    tracing::warn!("a request from another site was refused");
    Err(Problem {
        code: "request.cross_site".to_owned(),
        status: StatusCode::FORBIDDEN.as_u16(),
        title: "The request comes from another site.".to_owned(),
        detail: "Nothing was changed. Causeway takes changes only from its own pages.".to_owned(),
        next_step: Some(
            "Open Causeway itself; behind a proxy, let it pass the header `host` on.".to_owned(),
        ),
        ..Problem::default()
    })
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value: &HeaderValue| value.to_str().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn post(headers: &[(&str, &str)]) -> Parts {
        let mut request = axum::http::Request::builder().method("POST").uri("/fn/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap().into_parts().0
    }

    #[test]
    fn only_this_sites_own_pages_change_something() {
        let own: [&[(&str, &str)]; 3] = [
            &[("host", "a:8080"), ("origin", "http://a:8080")],
            &[("host", "a"), ("sec-fetch-site", "same-origin")],
            &[("host", "a")],
        ];
        for headers in own {
            assert!(same_site(&post(headers)).is_ok(), "{headers:?}");
        }
        let foreign: [&[(&str, &str)]; 4] = [
            &[("host", "a"), ("origin", "https://evil")],
            &[("host", "a"), ("origin", "null")],
            &[("host", "a"), ("sec-fetch-site", "cross-site")],
            &[
                ("host", "a"),
                ("origin", "http://a"),
                ("sec-fetch-site", "same-site"),
            ],
        ];
        for headers in foreign {
            assert!(same_site(&post(headers)).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("xcauseway=1; causeway=2"),
        );
        assert_eq!(cookie(&headers, "causeway"), Some("2"));
        assert_eq!(cookie(&headers, "cause"), None);
    }
}
