//! Who reads a problem that no page and no function of the console told: a person, the console's script, a program.

use app::error::UiError;
use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use model::problem::Problem;

use super::{
    answer::{self, Refusal},
    document,
};

/// Code of the problem of a control database that does not answer.
pub const AWAY: &str = "store.unavailable";

/// How whoever sent a request reads an answer that went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A browser that shows what comes: a page.
    Person,
    /// The console in a browser, which called a server function: a [`UiError`].
    Console,
    /// Whoever uses the API: `application/problem+json`.
    Program,
}

impl Reader {
    /// Returns who sent a request.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let path = uri.path();
        let accepted = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
        let shows = accepted.is_some_and(|kinds| kinds.contains("text/html"));
        match (path.starts_with("/api/"), shows) {
            (false, true) => Self::Person,
            (false, false) if path.starts_with("/fn/") => Self::Console,
            _ => Self::Program,
        }
    }

    /// Returns who sent a request that is about to be answered.
    pub fn of_request(request: &Request) -> Self {
        Self::of(request.uri(), request.headers())
    }

    /// Answers with a problem, under its status.
    pub fn tell(self, problem: Problem) -> Response {
        match self {
            // A person who is not shown a page has sent a form.
            Self::Person if problem.code == AWAY => document::send_again(&problem),
            Self::Person => document::refused(&problem),
            Self::Console => {
                let status = StatusCode::from_u16(problem.status);
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                answer::json(status, &UiError::from(problem)).into_response()
            }
            Self::Program => Refusal::from(problem).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_in_a_form_that_they_can_read() {
        const PAGE: &str = "text/html,application/xhtml+xml";
        for (path, accepted, reader) in [
            ("/links", PAGE, Reader::Person),
            ("/fn/sign-in", PAGE, Reader::Person),
            ("/fn/overview", "application/json", Reader::Console),
            ("/fn/overview", "", Reader::Console),
            ("/api/v1/links", PAGE, Reader::Program),
            ("/api/v1/links", "*/*", Reader::Program),
            ("/metrics", "*/*", Reader::Program),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accepted.parse().unwrap());
            assert_eq!(
                Reader::of(&path.parse().unwrap(), &headers),
                reader,
                "{path}"
            );
        }
    }
}
