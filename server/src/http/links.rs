//! `/api/v1/links`.

use app::api::{
    events, findings,
    links::{self, VerbOutcome},
    plans, status as statuses,
};
use axum::http::StatusCode;
use model::{
    Name,
    finding::Choice,
    link::{LinkSpec, Verb},
    plan::Plan,
    problem::Problem,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    answer::{self, Answer, Refusal},
    body::{Json, MaybeJson},
    extract::{At, Caller, IfMatch, ListParams, Params},
};

pub async fn list(caller: Caller, Params(params): Params<ListParams>) -> Answer {
    let page = links::list(&caller.context, &caller.actor, &params.page()?).await?;
    answer::json(StatusCode::OK, &page)
}

pub async fn create(caller: Caller, Json(spec): Json<LinkSpec>) -> Answer {
    let view = links::create(&caller.context, &caller.actor, &spec).await?;
    answer::created(
        &format!("/api/v1/links/{}", view.spec.name),
        view.revision,
        &view,
    )
}

pub async fn get(caller: Caller, At(name): At<Name>) -> Answer {
    let view = links::get(&caller.context, &caller.actor, name.as_str()).await?;
    answer::object(StatusCode::OK, view.revision, &view)
}

pub async fn change(
    caller: Caller,
    At(name): At<Name>,
    IfMatch(revision): IfMatch,
    Json(spec): Json<LinkSpec>,
) -> Answer {
    let Caller { actor, context } = &caller;
    let view = links::change(context, actor, name.as_str(), revision, &spec).await?;
    answer::object(StatusCode::OK, view.revision, &view)
}

/// The query of a deletion.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteParams {
    confirm: Option<String>,
}

pub async fn delete(
    caller: Caller,
    At(name): At<Name>,
    Params(params): Params<DeleteParams>,
    IfMatch(revision): IfMatch,
) -> Answer {
    let Caller { actor, context } = &caller;
    links::delete(
        context,
        actor,
        name.as_str(),
        revision,
        params.confirm.as_deref(),
    )
    .await?;
    answer::done()
}

pub async fn plan(caller: Caller, At(name): At<Name>) -> Answer {
    let plan = plans::plan(&caller.context, &caller.actor, name.as_str()).await?;
    answer::json(StatusCode::OK, &plan)
}

/// `POST /links/plan`. A route of its own would hide a link that is named `plan`.
pub async fn on_all(caller: Caller, At(verb): At<Name>, Json(spec): Json<LinkSpec>) -> Answer {
    if verb.as_str() != "plan" {
        return Err(answer::no_such_method().await);
    }
    let plan = plans::plan_unsaved(&caller.context, &caller.actor, spec).await?;
    answer::json(StatusCode::OK, &plan)
}

/// The body of a start.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartInput {
    /// Of the plan that was agreed to.
    fingerprint: Option<String>,
}

pub async fn start(
    caller: Caller,
    At(name): At<Name>,
    MaybeJson(input): MaybeJson<StartInput>,
) -> Answer {
    let Caller { actor, context } = &caller;
    let input = input.unwrap_or_default();
    let outcome = links::start(context, actor, name.as_str(), input.fingerprint.as_deref()).await?;
    outcome_of(outcome)
}

pub async fn pause(caller: Caller, At(name): At<Name>) -> Answer {
    run(caller, &name, Verb::Pause).await
}

pub async fn resume(caller: Caller, At(name): At<Name>) -> Answer {
    run(caller, &name, Verb::Resume).await
}

pub async fn stop(caller: Caller, At(name): At<Name>) -> Answer {
    run(caller, &name, Verb::Stop).await
}

async fn run(caller: Caller, name: &Name, verb: Verb) -> Answer {
    outcome_of(links::run(&caller.context, &caller.actor, name.as_str(), verb).await?)
}

fn outcome_of(outcome: VerbOutcome) -> Answer {
    match outcome {
        VerbOutcome::Done(view) => answer::object(StatusCode::OK, view.revision, &view),
        VerbOutcome::PlanChanged(plan) => Err(plan_changed(&plan)),
    }
}

/// The new plan travels with the refusal, so that it can be agreed to at once.
fn plan_changed(plan: &Plan) -> Refusal {
    let problem = Problem {
        code: "plan.changed".to_owned(),
        status: 409,
        title: "The plan is no longer the one that was agreed to.".to_owned(),
        detail: "A cluster or the link's settings changed since; nothing was started.".to_owned(),
        next_step: Some("Read the new plan and start with its fingerprint.".to_owned()),
        ..Problem::default()
    };
    let extra = serde_json::to_value(plan).ok().map(|plan| ("plan", plan));
    Refusal {
        extra,
        ..problem.into()
    }
}

pub async fn status(caller: Caller, At(name): At<Name>) -> Answer {
    let status = statuses::of_link(&caller.context, &caller.actor, name.as_str()).await?;
    answer::json(StatusCode::OK, &status)
}

pub async fn events(
    caller: Caller,
    At(name): At<Name>,
    Params(params): Params<ListParams>,
) -> Answer {
    let Caller { actor, context } = &caller;
    let page = events::of_link(context, actor, name.as_str(), &params.page()?).await?;
    answer::json(StatusCode::OK, &page)
}

pub async fn findings(
    caller: Caller,
    At(name): At<Name>,
    Params(params): Params<ListParams>,
) -> Answer {
    let Caller { actor, context } = &caller;
    let page = findings::list(context, actor, name.as_str(), &params.page()?).await?;
    answer::json(StatusCode::OK, &page)
}

/// The body of a decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionInput {
    choice: Choice,
}

pub async fn decide(
    caller: Caller,
    At((name, id)): At<(Name, Uuid)>,
    Json(input): Json<DecisionInput>,
) -> Answer {
    let Caller { actor, context } = &caller;
    let id = id.to_string();
    let finding = findings::decide(context, actor, name.as_str(), &id, input.choice).await?;
    answer::json(StatusCode::OK, &finding)
}
