//! Two people edit one link: what the other one changed, and how both changes come together.

use model::{draft::LinkDraft, problem::Problem};
use serde_json::Value;
use store::Link;

use super::{LinkForm, OpenForm, Person, open, save};
use crate::{
    Context,
    access::{Action, Resource, authorize},
    live::merge,
    pages::link_form::{step::Step, view::Difference},
    problems::from_store,
};

/// Longest value of a setting that is shown, characters.
const LONGEST: usize = 300;

/// Returns what others changed in the link since this form was opened; empty where nobody did.
pub async fn differences(context: &Context, form: &LinkForm) -> Result<Vec<Difference>, Problem> {
    let Some(base) = &form.base else {
        return Ok(Vec::new());
    };
    let link = current(context, base.name.as_str()).await?;
    if link.revision == form.base_revision {
        return Ok(Vec::new());
    }
    let (before, theirs, mine) = (
        json(&LinkDraft::of(base)),
        json(&LinkDraft::of(&link.spec)),
        json(&form.draft),
    );
    let Value::Object(fields) = &theirs else {
        return Ok(Vec::new());
    };
    let changed = fields
        .keys()
        .filter(|field| before[*field] != theirs[*field]);
    let told = changed.map(|field| Difference {
        field: field.clone(),
        before: words(&before[field]),
        theirs: words(&theirs[field]),
        mine: words(&mine[field]),
    });
    Ok(told.collect())
}

/// Puts this form's changes on top of the link as it is now, and returns the address of the plan.
pub async fn rebase(context: &Context, person: &Person, id: &str) -> Result<String, Problem> {
    let mut open = open(context, person, id).await?;
    authorize(
        &person.actor,
        Action::Change,
        Resource::Link(&open.place.link),
    )?;
    if let Some(base) = open.form.base.clone() {
        let link = current(context, base.name.as_str()).await?;
        lay_on_top(&mut open, &link, &LinkDraft::of(&base))?;
        save(context, person, &open).await?;
    }
    Ok(open.place.path(Step::Plan))
}

fn lay_on_top(open: &mut OpenForm, link: &Link, before: &LinkDraft) -> Result<(), Problem> {
    let mut draft = json(&LinkDraft::of(&link.spec));
    if let Some(mine) = merge::diff(&json(before), &json(&open.form.draft)) {
        merge::apply(&mut draft, mine);
    }
    open.form.draft = serde_json::from_value(draft).map_err(|error| super::unreadable(&error))?;
    open.form.base = Some(link.spec.clone());
    open.form.base_revision = link.revision;
    Ok(())
}

async fn current(context: &Context, name: &str) -> Result<Link, Problem> {
    context.store.link(name).await.map_err(from_store)
}

fn json(draft: &LinkDraft) -> Value {
    serde_json::to_value(draft).unwrap_or_default()
}

/// Returns a setting as people read it.
fn words(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(words).collect();
            items.join("; ")
        }
        Value::Object(members) => {
            let members: Vec<String> = members.values().map(words).collect();
            members.join(" ")
        }
        other => other.to_string(),
    };
    match text.is_empty() {
        true => "nothing".to_owned(),
        false => text.chars().take(LONGEST).collect(),
    }
}
