//! `/api/v1/clusters`.

use app::api::clusters;
use axum::http::StatusCode;
use model::{Name, cluster::ClusterSpec};

use super::{
    answer::{self, Answer},
    body::Json,
    extract::{At, Caller, IfMatch, ListParams, Params},
};

pub async fn list(caller: Caller, Params(params): Params<ListParams>) -> Answer {
    let page = clusters::list(&caller.context, &caller.actor, &params.page()?).await?;
    answer::json(StatusCode::OK, &page)
}

pub async fn create(caller: Caller, Json(spec): Json<ClusterSpec>) -> Answer {
    let view = clusters::create(&caller.context, &caller.actor, &spec).await?;
    answer::created(
        &format!("/api/v1/clusters/{}", view.name),
        view.revision,
        &view,
    )
}

pub async fn get(caller: Caller, At(name): At<Name>) -> Answer {
    let view = clusters::get(&caller.context, &caller.actor, name.as_str()).await?;
    answer::object(StatusCode::OK, view.revision, &view)
}

pub async fn change(
    caller: Caller,
    At(name): At<Name>,
    IfMatch(revision): IfMatch,
    Json(spec): Json<ClusterSpec>,
) -> Answer {
    let Caller { actor, context } = &caller;
    let view = clusters::change(context, actor, name.as_str(), revision, &spec).await?;
    answer::object(StatusCode::OK, view.revision, &view)
}

pub async fn delete(caller: Caller, At(name): At<Name>, IfMatch(revision): IfMatch) -> Answer {
    clusters::delete(&caller.context, &caller.actor, name.as_str(), revision).await?;
    answer::done()
}

/// `?round_trip=true` asks for a record to go to the cluster and back.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestParams {
    #[serde(default)]
    round_trip: bool,
}

pub async fn test(caller: Caller, At(name): At<Name>, Params(asked): Params<TestParams>) -> Answer {
    let Caller { actor, context } = &caller;
    let ladder = clusters::test(context, actor, name.as_str(), asked.round_trip).await?;
    answer::json(StatusCode::OK, &ladder)
}

/// `POST /clusters/test`. A route of its own would hide a cluster that is named `test`.
pub async fn on_all(caller: Caller, At(verb): At<Name>, Json(spec): Json<ClusterSpec>) -> Answer {
    if verb.as_str() != "test" {
        return Err(answer::no_such_method().await);
    }
    let ladder = clusters::test_unsaved(&caller.context, &caller.actor, spec).await?;
    answer::json(StatusCode::OK, &ladder)
}
