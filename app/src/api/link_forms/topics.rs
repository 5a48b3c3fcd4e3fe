//! The step of the topics: saved when it is sent, and while somebody types in it.

use model::{
    draft::{LinkDraft, Part},
    problem::Problem,
};

use super::{OpenForm, Person, Pressed, faults, in_query, onward, open, preview, save, store};
use crate::{
    Context,
    pages::link_form::{
        step::Step,
        view::{FormQuery, PreviewView},
    },
};

/// Saves the step of the topics and returns the address to go on at.
pub async fn save_topics(
    context: &Context,
    person: &Person,
    id: &str,
    (posted, filter, pressed): (LinkDraft, &str, Pressed),
) -> Result<String, Problem> {
    let mut open = open(context, person, id).await?;
    let draft = std::mem::take(&mut open.form.draft);
    open.form.draft = draft.with(Part::Topics, posted);
    match pressed {
        Pressed::AddRow => open.form.draft.add_row(),
        Pressed::RemoveRow(row) => open.form.draft.remove_row(row),
        _ => {}
    }
    save(context, person, &open).await?;
    let here = open.place.path(Step::Topics);
    let filter = in_query(filter);
    match pressed {
        Pressed::Continue => {
            let faults = faults(context, &open.form, Step::Topics).await?;
            Ok(onward(&open.place, Step::Topics, faults.is_empty()))
        }
        Pressed::Step(step) => Ok(open.place.path(step)),
        Pressed::AddRow => {
            let last = open.form.draft.rows.len().saturating_sub(1);
            Ok(format!("{here}?filter={filter}#field-rows-{last}--pattern"))
        }
        Pressed::RemoveRow(_) => Ok(format!("{here}?filter={filter}")),
        Pressed::Preview { at, fresh } => {
            let fresh = if fresh { "&fresh=1" } else { "" };
            Ok(format!("{here}?filter={filter}&at={at}{fresh}#preview"))
        }
    }
}

/// What somebody types in the step of the topics.
#[derive(Clone, Debug, Default)]
pub struct Typing {
    pub draft: LinkDraft,
    pub filter: String,
    /// How often the form had been sent when its page was made.
    pub sent: u32,
}

/// Saves the rows and names as they are being typed, and returns what they match. What arrives after the form was sent is
/// not saved: it would undo what the form's button did.
pub async fn typed(
    context: &Context,
    person: &Person,
    id: &str,
    typing: Typing,
) -> Result<PreviewView, Problem> {
    let Typing {
        draft: posted,
        filter,
        sent,
    } = typing;
    let mut open = open(context, person, id).await?;
    let before = open.form.draft.clone();
    open.form.draft = before.clone().with(Part::Topics, posted);
    if sent == open.form.sent && open.form.draft != before {
        save_typed(context, person, &open).await?;
    }
    let query = FormQuery {
        filter,
        ..FormQuery::default()
    };
    preview(context, &person.actor, &open.form, &query).await
}

/// Saves what was typed so far, unless the form was saved since it was opened.
async fn save_typed(context: &Context, person: &Person, open: &OpenForm) -> Result<(), Problem> {
    let revision = Some(open.revision);
    match store(context, person, open, (&open.form, revision)).await {
        Err(problem) if problem.code == "save.conflict" => Ok(()),
        other => other,
    }
}
