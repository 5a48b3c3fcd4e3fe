//! What a server function answers when it cannot do what was asked.

use std::collections::BTreeMap;

use leptos::{
    prelude::{Signal, WithUntracked},
    server_fn::{
        Bytes, ServerFn,
        codec::JsonEncoding,
        error::{FromServerFnError, ServerFnErrorErr, ServerFnUrlError},
    },
};
use leptos_router::hooks::use_query_map;
use model::problem::Problem;
use serde::{Deserialize, Serialize};

use crate::json;

/// Code of the problem of a session that ended or never began.
pub const SIGNED_OUT: &str = "auth.signed_out";

/// A [`Problem`] on its way to a page, with the input that the page shows again.
///
/// Without JavaScript it travels in the address of the page that it returns to, so it is short and holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", .problem.title)]
pub struct UiError {
    pub problem: Problem,
    /// Harmless input by the name of its field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, String>,
}

impl UiError {
    /// Returns the message of one field, if that field is faulty.
    pub fn of_field(&self, field: &str) -> Option<String> {
        let fault = self.problem.fields.iter().find(|f| f.field == field)?;
        Some(fault.message.clone())
    }

    /// Keeps the input of one field, so that nobody types it again.
    #[must_use]
    pub fn keep(mut self, field: &str, value: &str) -> Self {
        const LONGEST: usize = 200;
        let value = value.chars().take(LONGEST).collect();
        self.kept.insert(field.to_owned(), value);
        self
    }

    /// Returns what was kept of a field, empty where nothing was.
    pub fn kept(&self, field: &str) -> String {
        self.kept.get(field).cloned().unwrap_or_default()
    }

    /// Says whether the session is over, so that the way on leads through the sign-in.
    pub fn is_signed_out(&self) -> bool {
        self.problem.code == SIGNED_OUT
    }
}

/// Returns what the last post of a plain form to `F` answered, if it failed: the error comes back in the page's address.
///
/// [`Post`](crate::components::post::Post) begins with it, for forms that are sent without loading a page.
pub fn answered<F: ServerFn<Error = UiError>>() -> Signal<Option<UiError>> {
    Signal::stored(answered_at(F::PATH))
}

fn answered_at(path: &str) -> Option<UiError> {
    use_query_map().with_untracked(|query| {
        let error = query.get_str("__err")?;
        (query.get_str("__path") == Some(path)).then(|| ServerFnUrlError::decode_err(error))
    })
}

impl From<Problem> for UiError {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            kept: BTreeMap::new(),
        }
    }
}

impl FromServerFnError for UiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let (code, status, title, next_step) = match error {
            ServerFnErrorErr::Request(_) => (
                "console.unreachable",
                503,
                "Causeway does not answer.",
                "Nothing was changed as far as this page knows. Try again.",
            ),
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => (
                "input.incomplete",
                422,
                "The form arrived incomplete.",
                "Load the page again, then send it once more.",
            ),
            _ => (
                "internal",
                500,
                "Causeway failed to answer.",
                "Load the page again; the reason is in the log.",
            ),
        };
        Problem {
            code: code.to_owned(),
            status,
            title: title.to_owned(),
            next_step: Some(next_step.to_owned()),
            ..Problem::default()
        }
        .into()
    }

    /// Reads an error that came back. All actions and resources of a browser pass here, so this is where a session that
    /// is over leads to the sign-in.
    fn de(data: Bytes) -> Self {
        let error = str::from_utf8(&data)
            .map_err(|error| error.to_string())
            .and_then(|text| json::from_str(text).map_err(|error| error.to_string()))
            .unwrap_or_else(|why| unreadable(&why));
        #[cfg(feature = "hydrate")]
        if error.is_signed_out() {
            crate::live::lead_to_sign_in();
        }
        error
    }
}

/// The error of an answer that is none of ours, such as a proxy's page.
fn unreadable(why: &str) -> UiError {
    UiError::from_server_fn_error(ServerFnErrorErr::Deserialization(why.to_owned()))
}
