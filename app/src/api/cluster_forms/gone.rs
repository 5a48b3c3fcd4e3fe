//! A form that is posted after its draft is gone: it came twice, or the draft was over.

use model::{
    draft::{ClusterDraft, Typed},
    problem::Problem,
    saved_draft::DraftKind,
};

use super::{Base, FormBody, OpenForm, Posted, Verb, create};
use crate::{
    Context,
    api::{accounts::Person, clusters},
};

/// What became of a form whose draft is gone.
pub(super) enum Gone {
    /// It was saved already: it came twice.
    Done(String),
    /// The draft was over: here is a new one, so that nothing is typed again.
    Begun(Box<OpenForm>),
}

pub(super) async fn gone(
    context: &Context,
    person: &Person,
    posted: &Posted,
) -> Result<Gone, Problem> {
    if !posted.subject.is_empty() {
        return gone_edit(context, person, posted).await;
    }
    if let Ok(spec) = posted.form.spec(typed(posted))
        && clusters::is_stored(context, &person.actor, &spec).await
    {
        return Ok(Gone::Done(format!("/clusters/{}", spec.name)));
    }
    if posted.verb == Verb::Discard {
        return Ok(Gone::Done("/clusters".to_owned()));
    }
    let body = FormBody::default();
    let form = create(context, person, DraftKind::Cluster, "", body).await?;
    Ok(Gone::Begun(Box::new(form)))
}

fn typed(posted: &Posted) -> Typed {
    Typed {
        password: Some(posted.password.clone()),
        client_key: Some(posted.client_key.clone()),
    }
}

/// What became of changes whose draft is gone. Where the cluster is not as they say, the new draft knows no version that
/// they began with: its page shows the cluster's beside them, and nothing is laid over it unseen.
async fn gone_edit(context: &Context, person: &Person, posted: &Posted) -> Result<Gone, Problem> {
    let name = posted.subject.as_str();
    let stored = clusters::get(context, &person.actor, name).await?;
    let form = ClusterDraft {
        name: name.to_owned(),
        ..posted.form.clone()
    };
    let is_done = match form.apply(&stored, typed(posted)) {
        Ok(spec) => clusters::is_stored(context, &person.actor, &spec).await,
        Err(_) => false,
    };
    if is_done || posted.verb == Verb::Discard {
        return Ok(Gone::Done(format!("/clusters/{name}")));
    }
    let body = FormBody {
        base: Some(Base {
            form: ClusterDraft::default(),
            revision: 0,
        }),
        ..FormBody::default()
    };
    let form = create(context, person, DraftKind::ClusterEdit, name, body).await?;
    Ok(Gone::Begun(Box::new(form)))
}
