//! Parts of a request besides its body: who asks, path, query, `If-Match`.

use app::{Context, access::Actor};
use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{HeaderMap, header, request::Parts},
};
use model::problem::Problem;
use serde::{Deserialize, de::DeserializeOwned};
use store::PageQuery;

use super::{Api, answer::Refusal};

/// Who asks, and what the service functions need to answer.
#[derive(Debug)]
pub struct Caller {
    pub actor: Actor,
    pub context: Context,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let context = api.context()?;
        let token = bearer(&parts.headers).unwrap_or_default();
        let actor = app::api::tokens::authenticate(&context, token).await?;
        Ok(Self { actor, context })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Parts of the path.
#[derive(Debug)]
pub struct At<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(super::answer::no_such_route().await),
        }
    }
}

/// The query.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(_) => Err(Refusal::from(Problem {
                code: "request.query".to_owned(),
                status: 400,
                title: "The address's query does not fit.".to_owned(),
                detail:
                    "Lists take `after` and a whole number `limit`, a deletion of a link `confirm`."
                        .to_owned(),
                ..Problem::default()
            })),
        }
    }
}

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    after: Option<String>,
    limit: Option<u32>,
}

/// Items of a page, unless asked for otherwise.
const PAGE: u32 = 100;
/// Items of the longest page.
const LONGEST_PAGE: u32 = 1_000;

impl ListParams {
    /// Returns the page that is asked for.
    pub fn page(self) -> Result<PageQuery, Refusal> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=LONGEST_PAGE).contains(&limit) {
            let message = format!("A page has 1 to {LONGEST_PAGE} items.");
            return Err(app::problems::invalid_field("limit", message).into());
        }
        Ok(PageQuery {
            after: self.after,
            limit,
        })
    }
}

/// The revision that `If-Match` names, as `"7"`.
#[derive(Debug)]
pub struct IfMatch(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Err(Refusal::from(Problem {
                code: "request.precondition".to_owned(),
                status: 428,
                title: "The header `if-match` is missing.".to_owned(),
                detail: "A change names the revision that it was made from.".to_owned(),
                next_step: Some("Get the object and send its `etag` as `if-match`.".to_owned()),
                ..Problem::default()
            }));
        };
        // Anything that is none of our tags matches no revision.
        let text = value.to_str().unwrap_or_default().trim();
        let text = text.strip_prefix("W/").unwrap_or(text);
        let quoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        Ok(Self(
            quoted.and_then(|number| number.parse().ok()).unwrap_or(-1),
        ))
    }
}
