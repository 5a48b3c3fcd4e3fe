//! Who asks for a page or calls a server function: put into the request by the server, read here.

use http::request::Parts;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use model::problem::Problem;

use crate::{
    Context,
    api::accounts::{NewTokens, Person},
    error::UiError,
    visitor::Visitor,
};

/// One request as pages and server functions see it. The server puts it into the request's extensions.
#[derive(Clone, Debug)]
pub struct Caller {
    pub context: Context,
    /// `None` before sign-in.
    pub person: Option<Person>,
    pub visitor: Visitor,
    /// Address that the request came from, for the limit on attempts.
    pub client: String,
    /// `User-Agent` of the request, for the list of sessions.
    pub agent: String,
    pub cookies: Cookies,
    pub attempts: std::sync::Arc<crate::api::accounts::Attempts>,
    /// API tokens that their makers have not seen yet.
    pub new_tokens: std::sync::Arc<NewTokens>,
}

/// How cookies are named and marked: `__Host-` and `Secure` where the console is reached over HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    Plain,
    Secure,
}

impl Cookies {
    /// Name of the session's cookie.
    pub fn session(self) -> &'static str {
        match self {
            Self::Plain => "causeway",
            Self::Secure => "__Host-causeway",
        }
    }

    /// Returns a `Set-Cookie` value (RFC 6265) that lives for `seconds`; 0 takes the cookie away.
    pub fn set(self, name: &str, value: &str, seconds: i64) -> String {
        let secure = match self {
            Self::Plain => "",
            Self::Secure => "; Secure",
        };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }
}

/// Returns the caller of the current request.
///
/// # Errors
/// `internal` outside of a request, and `store.unavailable` while the control database has not answered yet.
pub fn caller() -> Result<Caller, UiError> {
    let parts = use_context::<Parts>();
    let found = parts.and_then(|parts| parts.extensions.get::<Caller>().cloned());
    found.ok_or_else(|| crate::problems::store_unavailable().into())
}

/// Returns the caller and the person, who must be signed in.
///
/// # Errors
/// `auth.signed_out` (401) without a session, and those of [`caller`].
pub fn signed_in() -> Result<(Caller, Person), UiError> {
    let caller = caller()?;
    match caller.person.clone() {
        Some(person) => Ok((caller, person)),
        None => Err(signed_out().into()),
    }
}

/// The problem of a session that ended or never began.
pub fn signed_out() -> Problem {
    Problem {
        code: crate::error::SIGNED_OUT.to_owned(),
        status: 401,
        title: "You are signed out.".to_owned(),
        detail: "The session ended or was revoked. Nothing was changed.".to_owned(),
        next_step: Some("Sign in again.".to_owned()),
        ..Problem::default()
    }
}

/// Adds a `Set-Cookie` header to the answer.
pub fn set_cookie(cookie: &str) {
    let options = use_context::<ResponseOptions>();
    let value = http::HeaderValue::from_str(cookie);
    if let (Some(options), Ok(value)) = (options, value) {
        options.append_header(http::header::SET_COOKIE, value);
    }
}

/// Sets the status of the page that is being made.
pub fn set_status(status: u16) {
    let options = use_context::<ResponseOptions>();
    let status = http::StatusCode::from_u16(status);
    if let (Some(options), Ok(status)) = (options, status) {
        options.set_status(status);
    }
}
