//! What `/links` shows.

use model::problem::Problem;

use super::{DraftRow, LinksView};
use crate::{
    Context,
    api::{
        accounts::Person,
        link_forms::{self, OpenForm},
    },
    pages::overview,
};

/// Returns the links that the person may see, and the person's own drafts.
pub async fn view(context: &Context, person: &Person) -> Result<LinksView, Problem> {
    let drafts = match link_forms::unfinished(context, person).await {
        Ok(drafts) => drafts,
        // Who may not make links has no drafts of them.
        Err(problem) if problem.status == 403 => Vec::new(),
        Err(problem) => return Err(problem),
    };
    Ok(LinksView {
        links: overview::query::view(context, &person.actor).await?,
        drafts: drafts.iter().map(row).collect(),
        now_ms: context.now_ms,
    })
}

fn row(open: &OpenForm) -> DraftRow {
    let draft = &open.form.draft;
    let title = match (open.place.link.as_str(), draft.name.as_str()) {
        ("", "") => "New link".to_owned(),
        ("", name) => format!("New link {name}"),
        (link, _) => format!("Changes of {link}"),
    };
    let from_to = match (draft.source.as_str(), draft.destination.as_str()) {
        ("", _) => String::new(),
        (source, "") => format!("from {source},"),
        (source, destination) => format!("{source} → {destination},"),
    };
    DraftRow {
        id: open.place.id.clone(),
        title,
        from_to,
        path: open.place.path(open.place.steps()[0]),
        saved_at_ms: open.saved_at_ms,
    }
}
