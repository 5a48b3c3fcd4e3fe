//! The last step: the plan of a form, and the link that is made or changed by it.

use model::{
    link::{LinkSpec, Phase},
    plan::Plan,
    problem::Problem,
};

use super::{OpenForm, Person, faults, open, rebase, save, spec};
use crate::{
    Context,
    api::{
        links::{self, VerbOutcome},
        plans,
    },
    pages::link_form::step::{Place, Step},
    problems::invalid,
};

/// What became of the last step.
#[derive(Debug)]
enum Finished {
    /// The link of this name is as the form says.
    Done(String),
    /// The plan is no longer the one that was agreed to; nothing was done.
    PlanChanged,
    /// Somebody saved the link meanwhile; nothing was done.
    Conflict,
}

/// Does what was pressed on the page of the plan, and returns the address to go on at.
pub async fn finish(
    context: &Context,
    person: &Person,
    id: &str,
    (go, link, fingerprint): (&str, &str, &str),
) -> Result<String, Problem> {
    let here = || Place {
        id: id.to_owned(),
        link: link.to_owned(),
    };
    let done = match go {
        "start" => make(context, person, id, Some(fingerprint)).await?,
        "save" => make(context, person, id, None).await?,
        "apply" => apply(context, person, here(), Some(fingerprint)).await?,
        "apply-unplanned" => apply(context, person, here(), None).await?,
        "rebase" => return rebase(context, person, id).await,
        other => {
            let step = other.strip_prefix("step-").and_then(Step::of);
            return Ok(open(context, person, id)
                .await?
                .place
                .path(step.unwrap_or(Step::Plan)));
        }
    };
    let plan = here().path(Step::Plan);
    Ok(match done {
        Finished::Done(name) if go == "start" => format!("/links/{name}/first"),
        Finished::Done(name) => format!("/links/{name}"),
        Finished::PlanChanged => format!("{plan}?agreed={}", super::url_encoded(fingerprint)),
        Finished::Conflict => format!("{plan}?conflict=1"),
    })
}

/// Plans what the form describes.
pub async fn plan(context: &Context, person: &Person, open: &OpenForm) -> Result<Plan, Problem> {
    let wrong = faults(context, &open.form, Step::Plan).await?;
    if !wrong.is_empty() {
        return Err(invalid(wrong));
    }
    let spec = spec(&open.form).map_err(invalid)?;
    if open.form.base.is_some() {
        let revision = open.form.base_revision;
        return plans::plan_edited(context, &person.actor, spec, revision).await;
    }
    plans::plan_unsaved(context, &person.actor, spec).await
}

/// Makes the link of a form; with the `fingerprint` of a plan that plan is started. Posted again, it makes nothing more.
async fn make(
    context: &Context,
    person: &Person,
    id: &str,
    fingerprint: Option<&str>,
) -> Result<Finished, Problem> {
    let mut open = open(context, person, id).await?;
    if open.form.made.is_none() {
        if let Some(agreed) = fingerprint {
            let plan = plan(context, person, &open).await?;
            if plan.fingerprint != agreed {
                return Ok(Finished::PlanChanged);
            }
            if !plan.refusals.is_empty() {
                return Err(links::refused_plan(&plan));
            }
        }
        let spec = spec(&open.form).map_err(invalid)?;
        create_once(context, person, &spec).await?;
        open.form.made = Some(spec.name.to_string());
        save(context, person, &open).await?;
    }
    let name = open.form.made.clone().unwrap_or_default();
    if fingerprint.is_some() {
        start_draft(context, person, &name).await?;
    }
    Ok(Finished::Done(name))
}

/// Two posts at once make one link: the second finds the very link that it wanted.
async fn create_once(context: &Context, person: &Person, spec: &LinkSpec) -> Result<(), Problem> {
    match links::create(context, &person.actor, spec).await {
        Err(problem) if problem.code == "save.exists" => {
            let known = links::get(context, &person.actor, spec.name.as_str()).await?;
            match known.spec == *spec {
                true => Ok(()),
                false => Err(problem),
            }
        }
        other => other.map(|_| ()),
    }
}

/// Starts the link unless it was started once: who posts late does not resume what somebody paused.
async fn start_draft(context: &Context, person: &Person, name: &str) -> Result<(), Problem> {
    let link = links::get(context, &person.actor, name).await?;
    if link.phase != Phase::Draft {
        return Ok(());
    }
    match links::start(context, &person.actor, name, None).await? {
        VerbOutcome::Done(_) | VerbOutcome::PlanChanged(_) => Ok(()),
    }
}

/// Changes the link of an edit as its form says; the draft is over then, and who posts it again is led to the link.
async fn apply(
    context: &Context,
    person: &Person,
    place: Place,
    fingerprint: Option<&str>,
) -> Result<Finished, Problem> {
    let open = match open(context, person, &place.id).await {
        Err(problem) if problem.status == 404 => {
            let link = links::get(context, &person.actor, &place.link).await;
            return link.map(|link| Finished::Done(link.spec.name.to_string()));
        }
        other => other?,
    };
    let name = open.place.link.clone();
    let spec = spec(&open.form).map_err(invalid)?;
    if let Some(agreed) = fingerprint {
        let plan = plan(context, person, &open).await?;
        if plan.fingerprint != agreed {
            return Ok(Finished::PlanChanged);
        }
        if !plan.refusals.is_empty() {
            return Err(links::refused_plan(&plan));
        }
    }
    let revision = open.form.base_revision;
    match links::change(context, &person.actor, &name, revision, &spec).await {
        Ok(_) => {}
        Err(problem) if problem.code == "save.conflict" => return Ok(Finished::Conflict),
        Err(problem) => return Err(problem),
    }
    super::discard(context, person, &open.place.id).await?;
    Ok(Finished::Done(name))
}

/// Returns the link of a form as the API takes it, `None` while the form has faults.
pub fn make_json(open: &OpenForm) -> Option<String> {
    let spec = spec(&open.form).ok()?;
    serde_json::to_string_pretty(&spec).ok()
}
