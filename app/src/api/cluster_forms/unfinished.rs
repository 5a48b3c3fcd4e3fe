//! The forms of clusters that somebody has sent and not finished.

use model::{draft::ClusterDraft, problem::Problem, saved_draft::DraftKind};

use super::{body_of, path};
use crate::{
    Context,
    api::{accounts::Person, drafts},
};

/// A form in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    pub id: String,
    /// Address of the form's page.
    pub path: String,
    pub is_edit: bool,
    pub form: ClusterDraft,
    pub updated_at_ms: i64,
}

/// Lists the person's forms of one kind that were sent at least once, last changed first.
pub async fn unfinished(
    context: &Context,
    person: &Person,
    kind: DraftKind,
) -> Result<Vec<Unfinished>, Problem> {
    let all = drafts::list(context, person, kind).await?.into_iter();
    // Revision 1 was begun and never sent: nothing is lost with it.
    let sent = all.filter(|draft| draft.revision > 1);
    let told = sent.map(|draft| Unfinished {
        path: path(draft.kind, &draft.subject, &draft.id),
        is_edit: draft.kind == DraftKind::ClusterEdit,
        form: body_of(draft.body).form,
        id: draft.id,
        updated_at_ms: draft.updated_at_ms,
    });
    Ok(told.collect())
}
