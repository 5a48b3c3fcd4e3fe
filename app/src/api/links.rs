//! Links: make, list, change, delete, and the verbs that run them.

use model::{
    link::{LinkSpec, LinkView, Phase, Verb},
    plan::Plan,
    problem::Problem,
};
use store::{Expect, Link, PageQuery, StoreError};

use super::{List, check_page, plans};
use crate::{
    Context,
    access::{Action, Actor, Resource, authorize},
    problems::{self, from_store, invalid_field},
};

/// What became of a verb.
#[derive(Debug)]
pub enum VerbOutcome {
    /// The link is in the phase that the verb leads to.
    Done(Box<LinkView>),
    /// The plan is no longer the one that was agreed to; nothing was started.
    PlanChanged(Box<Plan>),
}

/// Stores a new link as a draft.
pub async fn create(
    context: &Context,
    actor: &Actor,
    spec: &LinkSpec,
) -> Result<LinkView, Problem> {
    authorize(actor, Action::Create, Resource::Links)?;
    problems::check(spec.check())?;
    let created = context.store.create_link(spec, context.by(actor)).await;
    Ok(created.map_err(|error| refused_spec(spec, error))?.view())
}

/// Returns one page of all links, by name.
pub async fn list(
    context: &Context,
    actor: &Actor,
    page: &PageQuery,
) -> Result<List<LinkView>, Problem> {
    authorize(actor, Action::Read, Resource::Links)?;
    check_page(page)?;
    let page = context.store.links(page).await.map_err(from_store)?;
    Ok(List::of(page, |link| link.view()))
}

/// Returns one link.
pub async fn get(context: &Context, actor: &Actor, name: &str) -> Result<LinkView, Problem> {
    Ok(readable(context, actor, name).await?.view())
}

/// Returns one link's row to somebody who may read it.
pub(crate) async fn readable(
    context: &Context,
    actor: &Actor,
    name: &str,
) -> Result<Link, Problem> {
    authorize(actor, Action::Read, Resource::Link(name))?;
    context.store.link(name).await.map_err(from_store)
}

/// Changes a link that is at revision `revision`; a running one follows at once.
pub async fn change(
    context: &Context,
    actor: &Actor,
    name: &str,
    revision: i64,
    spec: &LinkSpec,
) -> Result<LinkView, Problem> {
    authorize(actor, Action::Change, Resource::Link(name))?;
    problems::check(spec.check())?;
    let expect = Expect::Revision(revision);
    let changed = context
        .store
        .update_link(name, spec, expect, context.by(actor))
        .await;
    let link = changed.map_err(|error| refused_spec(spec, error))?;
    context.engine.wake();
    Ok(link.view())
}

/// Deletes a link that does not run; `confirm` must repeat its name. Its mirror topics stay.
pub async fn delete(
    context: &Context,
    actor: &Actor,
    name: &str,
    revision: i64,
    confirm: Option<&str>,
) -> Result<(), Problem> {
    authorize(actor, Action::Delete, Resource::Link(name))?;
    if confirm != Some(name) {
        let message = format!("Repeat the link's name: `?confirm={name}`.");
        return Err(invalid_field("confirm", message));
    }
    let expect = Expect::Revision(revision);
    context
        .store
        .delete_link(name, expect, context.by(actor))
        .await
        .map_err(from_store)?;
    context.engine.wake();
    Ok(())
}

/// Starts a link. With the `fingerprint` of a plan the plan is made again, and only the same plan is started.
pub async fn start(
    context: &Context,
    actor: &Actor,
    name: &str,
    fingerprint: Option<&str>,
) -> Result<VerbOutcome, Problem> {
    authorize(actor, Action::Run, Resource::Link(name))?;
    let link = context.store.link(name).await.map_err(from_store)?;
    let Some(agreed) = fingerprint.filter(|_| link.phase != Phase::Running) else {
        return apply(context, actor, name, Verb::Start, Expect::Any).await;
    };
    let plan = plans::of_stored(context, actor, &link).await?;
    if plan.fingerprint != agreed {
        return Ok(VerbOutcome::PlanChanged(Box::new(plan)));
    }
    if !plan.refusals.is_empty() {
        return Err(refused_plan(&plan));
    }
    // What was planned is what starts: an edit since then is a conflict.
    apply(
        context,
        actor,
        name,
        Verb::Start,
        Expect::Revision(link.revision),
    )
    .await
}

/// Starts a link that is at revision `revision`, as somebody has planned it.
pub(super) async fn start_at(
    context: &Context,
    actor: &Actor,
    name: &str,
    revision: i64,
) -> Result<VerbOutcome, Problem> {
    authorize(actor, Action::Run, Resource::Link(name))?;
    let expect = Expect::Revision(revision);
    apply(context, actor, name, Verb::Start, expect).await
}

/// Pauses, resumes or stops a link; a verb whose end is reached already changes nothing.
pub async fn run(
    context: &Context,
    actor: &Actor,
    name: &str,
    verb: Verb,
) -> Result<VerbOutcome, Problem> {
    authorize(actor, Action::Run, Resource::Link(name))?;
    apply(context, actor, name, verb, Expect::Any).await
}

async fn apply(
    context: &Context,
    actor: &Actor,
    name: &str,
    verb: Verb,
    expect: Expect,
) -> Result<VerbOutcome, Problem> {
    let applied = context
        .store
        .apply_verb(name, verb, expect, context.by(actor))
        .await;
    let link = applied.map_err(from_store)?;
    context.engine.wake();
    Ok(VerbOutcome::Done(Box::new(link.view())))
}

/// The problem of a plan that refuses the whole link.
pub(super) fn refused_plan(plan: &Plan) -> Problem {
    Problem {
        code: "plan.refused".to_owned(),
        status: 409,
        title: "The link cannot start as things are.".to_owned(),
        detail: plan.refusals.join(" "),
        next_step: Some("Correct what the plan names, then plan again.".to_owned()),
        ..Problem::default()
    }
}

/// A cluster that is missing is a fault of the input, not of the address.
fn refused_spec(spec: &LinkSpec, error: StoreError) -> Problem {
    match error {
        StoreError::NotFound {
            kind: "cluster",
            name,
        } => {
            let field = if spec.source.as_str() == name {
                "source"
            } else {
                "destination"
            };
            invalid_field(
                field,
                format!("There is no cluster `{name}`; connect it first."),
            )
        }
        other => from_store(other),
    }
}
