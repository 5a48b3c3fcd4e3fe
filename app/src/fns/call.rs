//! How a browser calls a server function: what a form would post goes out, JSON comes back.
//!
//! All functions share one exchange and one reader of answers: each other way to read them would be in the
//! browser's file once more. Forms that are sent without loading a page go the same way, without a type of their own.

use std::future::Future;

use leptos::server_fn::{
    Http, Protocol,
    client::Client,
    codec::{FromReq, FromRes, IntoReq, IntoRes, Json, PostUrl},
    error::{FromServerFnError, ServerFnErrorErr},
    redirect::call_redirect_hook,
    response::ClientRes,
    server::Server,
};
use serde::de::DeserializeOwned;

use crate::{error::UiError, json};

const JSON: &str = "application/json";

/// The protocol of all server functions: a form's fields in, JSON out.
#[derive(Debug)]
pub struct Call;

impl<Input, Output, C, S> Protocol<Input, Output, C, S, UiError> for Call
where
    Input: IntoReq<PostUrl, C::Request, UiError> + FromReq<PostUrl, S::Request, UiError> + Send,
    Output: IntoRes<Json, S::Response, UiError>
        + FromRes<Json, C::Response, UiError>
        + DeserializeOwned
        + Send,
    C: Client<UiError>,
    S: Server<UiError>,
{
    const METHOD: http::Method = http::Method::POST;

    fn run_server<F, Fut>(
        request: S::Request,
        function: F,
    ) -> impl Future<Output = Result<S::Response, UiError>> + Send
    where
        F: Fn(Input) -> Fut + Send,
        Fut: Future<Output = Result<Output, UiError>> + Send,
    {
        type Usual = Http<PostUrl, Json>;
        <Usual as Protocol<Input, Output, C, S, UiError>>::run_server(request, function)
    }

    async fn run_client(path: &str, input: Input) -> Result<Output, UiError> {
        let answer = exchange::<C>(input.into_req(path, JSON)?).await?;
        read(&answer)
    }
}

/// Posts the fields of a form, encoded as in an address, to the function at `path` and returns its answer as JSON.
///
/// # Errors
/// Those of the function; `console.unreachable` where no answer came.
#[cfg(feature = "hydrate")]
pub async fn post(path: &str, fields: &str) -> Result<String, UiError> {
    use leptos::server_fn::{
        client::browser::BrowserClient,
        request::{ClientReq, browser::BrowserRequest},
    };
    const FORM: &str = "application/x-www-form-urlencoded";
    let request: Result<_, UiError> =
        BrowserRequest::try_new_post(path, FORM, JSON, fields.to_owned());
    exchange::<BrowserClient>(request?).await
}

/// Reads what a function takes from the fields of a form, as its server does.
///
/// # Errors
/// `input.incomplete` where a field is missing or of another kind.
#[cfg(not(feature = "hydrate"))]
pub fn input<F: DeserializeOwned>(fields: &str) -> Result<F, UiError> {
    // A form of ours nests its fields no deeper.
    const DEEPEST: usize = 5;
    let input = serde_qs::Config::new(DEEPEST, false).deserialize_str(fields);
    input.map_err(|error| UiError::from_server_fn_error(ServerFnErrorErr::Args(error.to_string())))
}

/// Reads an answer.
///
/// # Errors
/// `internal` where it is none of ours.
pub fn read<T: DeserializeOwned>(answer: &str) -> Result<T, UiError> {
    json::from_str(answer).map_err(|error| {
        UiError::from_server_fn_error(ServerFnErrorErr::Deserialization(error.to_string()))
    })
}

/// Sends a request and returns the answer's text; goes where the answer leads.
async fn exchange<C: Client<UiError>>(request: C::Request) -> Result<String, UiError> {
    let response = C::send(request).await?;
    let (status, location) = (response.status(), response.location());
    let redirected = (300..=399).contains(&status) || response.has_redirect();
    let answer = response.try_into_string().await?;
    if (400..=599).contains(&status) {
        return Err(UiError::de(answer.into()));
    }
    if redirected {
        call_redirect_hook(&location);
    }
    Ok(answer)
}
