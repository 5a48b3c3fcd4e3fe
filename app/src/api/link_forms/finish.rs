//! The last step: the plan of a form, and the link that is made or changed by it.

use model::{
    link::{LinkSpec, LinkView, Phase},
    plan::Plan,
    problem::Problem,
};

use super::{OpenForm, Person, faults, open, rebase, save, spec};
use crate::{
    Context,
    api::{links, plans},
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
        Finished::PlanChanged => format!("{plan}?agreed={}", super::in_query(fingerprint)),
        Finished::Conflict => plan,
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

/// Says whether the form's plan is still the one that was agreed to.
///
/// # Errors
/// `plan.refused` where it is, and refuses the whole link.
async fn is_agreed(
    context: &Context,
    person: &Person,
    open: &OpenForm,
    agreed: &str,
) -> Result<bool, Problem> {
    let plan = plan(context, person, open).await?;
    match plan.fingerprint == agreed {
        true if !plan.refusals.is_empty() => Err(links::refused_plan(&plan)),
        same => Ok(same),
    }
}

/// Makes the link of a form; with the `fingerprint` of a plan that plan is started. Posted again, it makes nothing more.
async fn make(
    context: &Context,
    person: &Person,
    id: &str,
    fingerprint: Option<&str>,
) -> Result<Finished, Problem> {
    let mut open = open(context, person, id).await?;
    let spec = spec(&open.form).map_err(invalid)?;
    let known = stored(context, person, &open, &spec).await?;
    if let Some(link) = known.as_ref().filter(|link| link.phase != Phase::Draft) {
        return already_started(link, &spec);
    }
    if let Some(agreed) = fingerprint
        && !is_agreed(context, person, &open, agreed).await?
    {
        // Another post of this form may have started the link while this one planned.
        return match stored(context, person, &open, &spec).await? {
            Some(link) if link.phase != Phase::Draft => already_started(&link, &spec),
            _ => Ok(Finished::PlanChanged),
        };
    }
    let link = match known {
        Some(link) if link.spec == spec => link,
        Some(link) => {
            let at = (link.spec.name.as_str(), open.form.base_revision);
            change_once(context, person, at, &spec).await?
        }
        None => create_once(context, person, &spec).await?,
    };
    let name = link.spec.name.to_string();
    if open.form.made.as_ref() != Some(&name) || open.form.base_revision != link.revision {
        open.form.made = Some(name.clone());
        open.form.base_revision = link.revision;
        save(context, person, &open).await?;
    }
    match fingerprint {
        Some(_) => start_draft(context, person, &link).await,
        None => Ok(Finished::Done(name)),
    }
}

/// Returns the link that this form made before, or one just like it, which another post of the form made.
async fn stored(
    context: &Context,
    person: &Person,
    open: &OpenForm,
    spec: &LinkSpec,
) -> Result<Option<LinkView>, Problem> {
    let made = open.form.made.as_deref();
    let name = made.unwrap_or(spec.name.as_str());
    match links::get(context, &person.actor, name).await {
        Ok(link) => Ok(Some(link).filter(|link| made.is_some() || link.spec == *spec)),
        Err(problem) if problem.status == 404 && made.is_none() => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// What a post comes to whose link was started before: done if it is this link. Who posts late does not resume what
/// somebody paused.
fn already_started(link: &LinkView, spec: &LinkSpec) -> Result<Finished, Problem> {
    let name = &link.spec.name;
    if link.spec == *spec {
        return Ok(Finished::Done(name.to_string()));
    }
    Err(Problem {
        code: "link.started".to_owned(),
        status: 409,
        title: "This form's link was started already.".to_owned(),
        detail: format!("Link `{name}` is not as this form says. Nothing was changed."),
        next_step: Some(format!("Open link `{name}` and change its settings there.")),
        ..Problem::default()
    })
}

/// Two posts at once make one link: the second finds the very link that it wanted.
async fn create_once(
    context: &Context,
    person: &Person,
    spec: &LinkSpec,
) -> Result<LinkView, Problem> {
    let made = links::create(context, &person.actor, spec).await;
    let name = spec.name.as_str();
    or_done_already(context, person, (name, spec), made).await
}

/// Two posts at once change a link once: the second finds the very link that it wanted.
async fn change_once(
    context: &Context,
    person: &Person,
    (name, revision): (&str, i64),
    spec: &LinkSpec,
) -> Result<LinkView, Problem> {
    let changed = links::change(context, &person.actor, name, revision, spec).await;
    or_done_already(context, person, (name, spec), changed).await
}

/// Returns the stored link for a save that came second, if it is what that wanted to save.
async fn or_done_already(
    context: &Context,
    person: &Person,
    (name, spec): (&str, &LinkSpec),
    saved: Result<LinkView, Problem>,
) -> Result<LinkView, Problem> {
    match saved {
        Err(problem) if matches!(problem.code.as_str(), "save.exists" | "save.conflict") => {
            let known = links::get(context, &person.actor, name).await?;
            match known.spec == *spec {
                true => Ok(known),
                false => Err(problem),
            }
        }
        other => other,
    }
}

/// Starts the very link that was planned. Where another post did that already, it is done.
async fn start_draft(
    context: &Context,
    person: &Person,
    link: &LinkView,
) -> Result<Finished, Problem> {
    let name = link.spec.name.to_string();
    match links::start_at(context, &person.actor, &name, link.revision).await {
        Err(problem) if problem.code == "save.conflict" => {
            let now = links::get(context, &person.actor, &name).await?;
            match now.phase {
                Phase::Draft => Err(problem),
                _ => already_started(&now, &link.spec),
            }
        }
        other => other.map(|_| Finished::Done(name)),
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
    let link = links::get(context, &person.actor, &name).await?;
    // Where another post changed the link just so, its plan is no longer the one that was agreed to.
    if link.spec != spec {
        if let Some(agreed) = fingerprint
            && !is_agreed(context, person, &open, agreed).await?
        {
            let now = links::get(context, &person.actor, &name).await?;
            return Ok(match now.spec == spec {
                true => Finished::Done(name),
                false => Finished::PlanChanged,
            });
        }
        let at = (name.as_str(), open.form.base_revision);
        match change_once(context, person, at, &spec).await {
            Ok(_) => {}
            Err(problem) if problem.code == "save.conflict" => return Ok(Finished::Conflict),
            Err(problem) => return Err(problem),
        }
    }
    super::discard(context, person, &open.place.id).await?;
    Ok(Finished::Done(name))
}

/// Returns the link of a form as the API takes it, `None` while the form has faults.
pub fn make_json(open: &OpenForm) -> Option<String> {
    let spec = spec(&open.form).ok()?;
    serde_json::to_string_pretty(&spec).ok()
}
