//! `/api/v1/tokens`.

use app::api::tokens::{self, TokenInput};
use axum::http::StatusCode;
use uuid::Uuid;

use super::{
    answer::{self, Answer},
    body::Json,
    extract::{At, Caller, ListParams, Params},
};

pub async fn list(caller: Caller, Params(params): Params<ListParams>) -> Answer {
    let page = tokens::list(&caller.context, &caller.actor, &params.page()?).await?;
    answer::json(StatusCode::OK, &page)
}

pub async fn create(caller: Caller, Json(input): Json<TokenInput>) -> Answer {
    let issued = tokens::create(&caller.context, &caller.actor, &input).await?;
    answer::json(StatusCode::CREATED, &issued)
}

pub async fn revoke(caller: Caller, At(id): At<Uuid>) -> Answer {
    tokens::revoke(&caller.context, &caller.actor, &id.to_string()).await?;
    answer::done()
}
