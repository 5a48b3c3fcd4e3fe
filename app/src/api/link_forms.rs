//! The form of a link, step by step: drafts of new links and of changes to one.
//!
//! Guarantees: what was typed is saved before it is looked at, faulty or not; posting a step twice does it once; the last
//! step makes one link however often it is posted.

mod check;
mod conflict;
mod finish;
mod preview;
mod topics;

use std::collections::{BTreeMap, BTreeSet};

use model::{
    draft::{LinkDraft, Part, proposed_name},
    link::LinkSpec,
    problem::Problem,
    saved_draft::DraftKind,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::StoreError;

use super::{
    accounts::Person,
    drafts::{self, DraftInput, DraftSave, DraftView},
    links,
};
use crate::{
    Context,
    access::{Action, Resource, authorize},
    pages::{
        address::encoded,
        link_form::step::{Place, Step},
    },
    problems::from_store,
};

pub use check::{faults, spec};
pub use conflict::{differences, rebase};
pub use finish::{finish, make_json, plan};
pub use preview::preview;
pub use topics::{Typing, save_topics, typed};

/// Longest name of a cluster that is kept, characters; longer ones are faulty all the same.
const LONGEST_NAME: usize = 100;

/// A form as it is saved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkForm {
    pub draft: LinkDraft,
    /// The link that is edited, as it was when the editing began.
    pub base: Option<LinkSpec>,
    /// Revision of the link that is edited or was made, as this form knows it.
    pub base_revision: i64,
    /// The link that was made of this form.
    pub made: Option<String>,
    /// How often the form was sent. A page knows how often it was when the page was made, so that what was typed there
    /// and arrives after the form was sent is known to be out of date.
    pub sent: u32,
}

/// A saved form.
#[derive(Clone, Debug)]
pub struct OpenForm {
    pub place: Place,
    pub form: LinkForm,
    /// Revision of the draft.
    pub revision: i64,
    pub saved_at_ms: i64,
}

impl OpenForm {
    fn of(view: DraftView) -> Result<Self, Problem> {
        let place = Place {
            id: view.id,
            link: view.subject,
        };
        Self::read(place, view.body, (view.revision, view.updated_at_ms))
    }

    fn read(
        place: Place,
        body: Value,
        (revision, saved_at_ms): (i64, i64),
    ) -> Result<Self, Problem> {
        let form = serde_json::from_value(body);
        Ok(Self {
            place,
            form: form.map_err(|error| unreadable(&error))?,
            revision,
            saved_at_ms,
        })
    }
}

/// Begins the form of a new link. Each time is a form of its own: one person may have two browsers, and neither may write
/// into what the other one shows.
pub async fn begin(context: &Context, person: &Person) -> Result<Place, Problem> {
    authorize(&person.actor, Action::Create, Resource::Links)?;
    create(context, person, DraftKind::Link, "", LinkForm::default()).await
}

/// Begins to edit a link, in a form of its own; what was begun before stands on the list of links.
pub async fn begin_edit(context: &Context, person: &Person, name: &str) -> Result<Place, Problem> {
    authorize(&person.actor, Action::Change, Resource::Link(name))?;
    let link = links::get(context, &person.actor, name).await?;
    let form = LinkForm {
        draft: LinkDraft::of(&link.spec),
        base: Some(link.spec),
        base_revision: link.revision,
        ..LinkForm::default()
    };
    create(context, person, DraftKind::LinkEdit, name, form).await
}

async fn create(
    context: &Context,
    person: &Person,
    kind: DraftKind,
    subject: &str,
    form: LinkForm,
) -> Result<Place, Problem> {
    let input = DraftInput {
        kind,
        subject: subject.to_owned(),
        body: json(&form)?,
        secrets: BTreeMap::new(),
    };
    let view = drafts::create(context, person, input).await?;
    Ok(OpenForm::of(view)?.place)
}

/// Returns a saved form of this person. Errors: `draft.not_found`.
pub async fn open(context: &Context, person: &Person, id: &str) -> Result<OpenForm, Problem> {
    let view = drafts::get(context, person, id).await?;
    match view.kind {
        DraftKind::Link | DraftKind::LinkEdit => OpenForm::of(view),
        DraftKind::Cluster | DraftKind::ClusterEdit => Err(from_store(StoreError::NotFound {
            kind: "draft",
            name: id.to_owned(),
        })),
    }
}

/// Saves a form that was sent, whatever was saved of it before.
pub(crate) async fn save(
    context: &Context,
    person: &Person,
    open: &OpenForm,
) -> Result<(), Problem> {
    let form = LinkForm {
        sent: open.form.sent.wrapping_add(1),
        ..open.form.clone()
    };
    store(context, person, open, (&form, None)).await
}

async fn store(
    context: &Context,
    person: &Person,
    open: &OpenForm,
    (form, revision): (&LinkForm, Option<i64>),
) -> Result<(), Problem> {
    let change = DraftSave {
        body: json(form)?,
        secrets: BTreeMap::new(),
        forget: BTreeSet::new(),
        revision,
    };
    drafts::save(context, person, &open.place.id, change)
        .await
        .map(|_| ())
}

/// Throws a form away; one that is gone already is no error.
pub async fn discard(context: &Context, person: &Person, id: &str) -> Result<(), Problem> {
    match drafts::delete(context, person, id).await {
        Err(problem) if problem.status == 404 => Ok(()),
        other => other,
    }
}

/// Lists this person's unfinished forms, last changed first; one of another version of Causeway is left out and logged.
pub async fn unfinished(context: &Context, person: &Person) -> Result<Vec<OpenForm>, Problem> {
    let mut all = Vec::new();
    for kind in [DraftKind::Link, DraftKind::LinkEdit] {
        for draft in drafts::list(context, person, kind).await? {
            // Revision 1 was begun and never sent: nothing is lost with it.
            if draft.revision == 1 {
                continue;
            }
            let place = Place {
                id: draft.id,
                link: draft.subject,
            };
            let at = (draft.revision, draft.updated_at_ms);
            let open = OpenForm::read(place, draft.body, at);
            all.extend(open.ok().filter(|open| open.form.made.is_none()));
        }
    }
    all.sort_by_key(|open| std::cmp::Reverse(open.saved_at_ms));
    Ok(all)
}

/// Chooses a cluster for the source or the destination and returns the address to go on at.
pub async fn save_end(
    context: &Context,
    person: &Person,
    id: &str,
    ((step, cluster), pressed): ((Step, &str), Pressed),
) -> Result<String, Problem> {
    let mut open = open(context, person, id).await?;
    if open.form.base.is_some() {
        return Ok(open.place.path(Step::Topics));
    }
    let draft = &mut open.form.draft;
    let proposed = proposed_name(&draft.source, &draft.destination);
    let cluster: String = cluster.chars().take(LONGEST_NAME).collect();
    match step {
        // Nothing chosen: what was chosen before stays.
        _ if cluster.is_empty() => {}
        Step::Source => draft.source = cluster,
        _ => draft.destination = cluster,
    }
    if draft.name.is_empty() || draft.name == proposed {
        draft.name = free_name(context, proposed_name(&draft.source, &draft.destination)).await?;
    }
    save(context, person, &open).await?;
    if let Pressed::Step(step) = pressed {
        return Ok(open.place.path(step));
    }
    let faults = faults(context, &open.form, step).await?;
    Ok(onward(&open.place, step, faults.is_empty()))
}

/// Returns the proposal, with a number where a link has that name.
async fn free_name(context: &Context, proposed: String) -> Result<String, Problem> {
    if proposed.is_empty() {
        return Ok(proposed);
    }
    for number in 1..20 {
        let name = match number {
            1 => proposed.clone(),
            number => format!("{proposed}-{number}"),
        };
        match context.store.link(&name).await {
            Err(StoreError::NotFound { .. }) => return Ok(name),
            Err(error) => return Err(from_store(error)),
            Ok(_) => {}
        }
    }
    Ok(proposed)
}

/// What was pressed on a step's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    Continue,
    /// Saves and goes to another step without a look at faults.
    Step(Step),
    AddRow,
    RemoveRow(usize),
    /// Shows the page again, from this row of the preview on.
    Preview {
        at: u32,
        fresh: bool,
    },
}

impl Pressed {
    /// Reads the value of a submit button: `continue`, `add`, `remove-3`, `page-50`, `refresh`, `step-source`.
    pub fn of(word: &str) -> Self {
        let (verb, rest) = word.split_once('-').unwrap_or((word, ""));
        let preview = |at, fresh| Self::Preview { at, fresh };
        match (verb, rest.parse::<u32>().ok(), Step::of(rest)) {
            ("continue", ..) => Self::Continue,
            ("add", ..) => Self::AddRow,
            ("remove", Some(row), _) => Self::RemoveRow(row as usize),
            ("page", Some(at), _) => preview(at, false),
            ("refresh", ..) => preview(0, true),
            ("step", _, Some(step)) => Self::Step(step),
            _ => preview(0, false),
        }
    }
}

/// Saves the step of the options, with the link's name and title, and returns the address to go on at.
pub async fn save_options(
    context: &Context,
    person: &Person,
    id: &str,
    (posted, pressed): (LinkDraft, Pressed),
) -> Result<String, Problem> {
    let mut open = open(context, person, id).await?;
    let draft = std::mem::take(&mut open.form.draft);
    let (name, title) = (posted.name.clone(), posted.title.clone());
    open.form.draft = draft.with(Part::Options, posted);
    open.form.draft.title = title;
    // A link keeps its name.
    if open.form.base.is_none() {
        open.form.draft.name = name;
    }
    save(context, person, &open).await?;
    match pressed {
        Pressed::Step(step) => Ok(open.place.path(step)),
        _ => {
            let faults = faults(context, &open.form, Step::Options).await?;
            Ok(onward(&open.place, Step::Options, faults.is_empty()))
        }
    }
}

fn onward(place: &Place, step: Step, good: bool) -> String {
    if good {
        place.path(place.after(step))
    } else {
        format!("{}?check=1", place.path(step))
    }
}

/// Returns `text` for the query of an address, cut to a length that addresses may have.
fn in_query(text: &str) -> String {
    const LONGEST: usize = 100;
    let cut: String = text.chars().take(LONGEST).collect();
    encoded(&cut)
}

fn json(form: &LinkForm) -> Result<Value, Problem> {
    serde_json::to_value(form).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> Problem {
    tracing::error!(%error, "a draft cannot be read or written");
    Problem {
        code: "draft.unreadable".to_owned(),
        status: 500,
        title: "This draft cannot be read.".to_owned(),
        detail: "It was saved by another version of Causeway.".to_owned(),
        next_step: Some("Begin a new one.".to_owned()),
        ..Problem::default()
    }
}

#[cfg(test)]
mod tests;
