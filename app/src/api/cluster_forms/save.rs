//! From a form to the cluster that it describes.

use std::collections::BTreeMap;

use model::{
    cluster::{ClusterSpec, ClusterView},
    draft::{ClusterDraft, Typed},
    problem::{FieldError, Problem},
};

use super::{Base, OpenForm, Sent, merge, refuse, store, taken};
use crate::{
    Context,
    api::{accounts::Person, clusters, drafts},
};

/// Returns the edited cluster as it is stored now, `None` for a new one.
pub(super) async fn stored(
    context: &Context,
    person: &Person,
    form: &OpenForm,
) -> Result<Option<ClusterView>, Problem> {
    match form.subject() {
        Some(name) => clusters::get(context, &person.actor, name).await.map(Some),
        None => Ok(None),
    }
}

pub(super) fn spec_of(
    form: &ClusterDraft,
    stored: Option<&ClusterView>,
    typed: Typed,
) -> Result<ClusterSpec, Vec<FieldError>> {
    match stored {
        Some(stored) => form.apply(stored, typed),
        None => form.spec(typed),
    }
}

/// Makes or changes the cluster; where that is refused, the way leads back to the form.
pub(super) async fn save(
    context: &Context,
    person: &Person,
    form: OpenForm,
    sent: Sent,
) -> Result<String, Problem> {
    let stored = stored(context, person, &form).await?;
    let Ok(spec) = spec_of(&form.body.form, stored.as_ref(), sent.typed.clone()) else {
        return Ok(form.path());
    };
    let done = match (&stored, &form.body.base) {
        (Some(stored), Some(base)) => {
            let name = stored.name.as_str();
            clusters::change(context, &person.actor, name, base.revision, &spec).await
        }
        _ => clusters::create(context, &person.actor, &spec).await,
    };
    let view = match done {
        Ok(view) => view,
        // The same form came twice, and the other one was faster.
        Err(problem) if is_collision(&problem) => {
            if !clusters::is_stored(context, &person.actor, &spec).await {
                return collided(context, person, form, problem).await;
            }
            clusters::get(context, &person.actor, spec.name.as_str()).await?
        }
        Err(problem) => return refuse(context, person, form, problem).await,
    };
    finish(context, person, &form, &view, sent.is_unchanged).await
}

/// Lays the form's changes over the version that the page showed, and saves that.
pub(super) async fn on_top(
    context: &Context,
    person: &Person,
    form: OpenForm,
    sent: Sent,
    seen: Option<i64>,
) -> Result<String, Problem> {
    let stored = stored(context, person, &form).await?;
    let (Some(stored), Some(base)) = (stored, form.body.base.clone()) else {
        return save(context, person, form, sent).await;
    };
    if seen != Some(stored.revision) {
        // Saved once more since: the page shows that first.
        return Ok(form.path());
    }
    let theirs = ClusterDraft::of(&stored);
    let mut body = form.body.clone();
    body.form = merge::on_top(&base, body.form, &theirs);
    body.base = Some(Base {
        form: theirs,
        revision: stored.revision,
    });
    let form = store(context, person, form, body, BTreeMap::new()).await?;
    save(context, person, form, sent).await
}

fn is_collision(problem: &Problem) -> bool {
    matches!(problem.code.as_str(), "save.exists" | "save.conflict")
}

async fn collided(
    context: &Context,
    person: &Person,
    form: OpenForm,
    problem: Problem,
) -> Result<String, Problem> {
    if problem.code == "save.exists" {
        return refuse(context, person, form, taken()).await;
    }
    // The page compares the revisions and shows both versions.
    Ok(form.path())
}

/// Forgets the draft of a saved form and returns the way on.
async fn finish(
    context: &Context,
    person: &Person,
    form: &OpenForm,
    view: &ClusterView,
    is_unchanged: bool,
) -> Result<String, Problem> {
    let tested = context.ladders.last(&form.draft.id);
    let of_this = |seen: &crate::ladders::SeenClimb| seen.climb.revision == form.body.edits;
    if is_unchanged && let Some(seen) = tested.filter(of_this) {
        context
            .ladders
            .carry(&form.draft.id, &view.id, view.revision);
        if let Some(id) = seen.climb.ladder.and_then(|ladder| ladder.cluster_id) {
            clusters::note_cluster_id(context, &person.actor, view.name.as_str(), &id).await?;
        }
    }
    context.ladders.forget(&form.draft.id);
    match drafts::delete(context, person, &form.draft.id).await {
        Ok(()) => {}
        // The same form came twice.
        Err(problem) if problem.status == 404 => {}
        Err(problem) => return Err(problem),
    }
    Ok(match form.body.then.as_str() {
        "" => format!("/clusters/{}", view.name),
        then => {
            let mark = if then.contains('?') { '&' } else { '?' };
            format!("{then}{mark}cluster={}", view.name)
        }
    })
}
