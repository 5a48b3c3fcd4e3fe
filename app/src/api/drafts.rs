//! Drafts: long forms that somebody has begun. Each is its owner's alone; others' read as not there.

use std::collections::{BTreeMap, BTreeSet};

use model::{Secret, problem::Problem, saved_draft::DraftKind};
use serde_json::Value;
use store::{Draft, DraftChange, Expect, ListedDraft, NewDraft};

use super::{accounts::Person, legal_id};
use crate::{
    Context,
    access::{Action, Resource, authorize},
    problems::{from_store, invalid_field},
};

/// Longest name of a link or cluster, bytes.
const LONGEST_SUBJECT: usize = 100;
/// Longest form, bytes of JSON.
const LONGEST_BODY: usize = 512 * 1024;
/// Longest secret, bytes: room for a certificate chain with its key.
const LONGEST_SECRET: usize = 64 * 1024;
/// Most secrets of one draft.
const MOST_SECRETS: usize = 16;

/// A draft to be begun.
#[derive(Clone, Debug)]
pub struct DraftInput {
    pub kind: DraftKind,
    /// Name of the object that is edited; empty for a new one.
    pub subject: String,
    /// The form as filled in, without secrets.
    pub body: Value,
    pub secrets: BTreeMap<String, Secret>,
}

/// What a save changes.
#[derive(Clone, Debug)]
pub struct DraftSave {
    /// Replaces the form.
    pub body: Value,
    /// Replace those of the same name; others stay.
    pub secrets: BTreeMap<String, Secret>,
    /// Names of secrets to forget.
    pub forget: BTreeSet<String>,
    /// The revision that the form was made from; `None`: whatever it is.
    pub revision: Option<i64>,
}

/// A draft as its owner's pages see it, without the secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftView {
    pub id: String,
    pub kind: DraftKind,
    /// Name of the object that is edited; empty for a new one.
    pub subject: String,
    pub body: Value,
    /// Names of the secrets that are stored.
    pub secret_names: BTreeSet<String>,
    pub revision: i64,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

impl From<Draft> for DraftView {
    fn from(draft: Draft) -> Self {
        Self {
            id: draft.id,
            kind: draft.kind,
            subject: draft.subject,
            body: draft.body,
            secret_names: draft.secrets.into_keys().collect(),
            revision: draft.revision,
            created_at_ms: draft.created_at_ms,
            updated_at_ms: draft.updated_at_ms,
        }
    }
}

/// Begins a draft.
pub async fn create(
    context: &Context,
    person: &Person,
    input: DraftInput,
) -> Result<DraftView, Problem> {
    authorize(&person.actor, Action::Create, Resource::Drafts(input.kind))?;
    check(&input.body, &input.secrets)?;
    if input.subject.len() > LONGEST_SUBJECT || input.subject.chars().any(char::is_control) {
        return Err(invalid_field(
            "subject",
            "This is no name of a link or cluster.",
        ));
    }
    let new = NewDraft {
        kind: input.kind,
        owner_id: person.user_id.clone(),
        subject: input.subject,
        body: input.body,
        secrets: input.secrets,
    };
    let made = context.store.create_draft(new, context.now_ms).await;
    made.map(DraftView::from).map_err(from_store)
}

/// Returns one of the person's drafts. Errors: `draft.not_found`.
pub async fn get(context: &Context, person: &Person, id: &str) -> Result<DraftView, Problem> {
    let draft = own(context, person, id, Action::Read).await?;
    Ok(draft.into())
}

/// Returns the secrets of one of the person's drafts, for making from it what it is a draft of. No page gets them.
pub async fn secrets(
    context: &Context,
    person: &Person,
    id: &str,
) -> Result<BTreeMap<String, Secret>, Problem> {
    Ok(own(context, person, id, Action::Change).await?.secrets)
}

/// Changes one of the person's drafts. Errors: `draft.not_found`, `save.conflict`.
pub async fn save(
    context: &Context,
    person: &Person,
    id: &str,
    change: DraftSave,
) -> Result<DraftView, Problem> {
    let before = own(context, person, id, Action::Change).await?;
    check(&change.body, &change.secrets)?;
    let kept = before
        .secrets
        .keys()
        .filter(|name| !change.forget.contains(*name));
    let names: BTreeSet<&String> = kept.chain(change.secrets.keys()).collect();
    if names.len() > MOST_SECRETS {
        return Err(too_many_secrets());
    }
    let change = DraftChange {
        body: change.body,
        secrets: change.secrets,
        forget: change.forget,
        expect: change.revision.map_or(Expect::Any, Expect::Revision),
    };
    let saved = context
        .store
        .save_draft(&person.user_id, &before.id, change, context.now_ms)
        .await;
    saved.map(DraftView::from).map_err(from_store)
}

/// Deletes one of the person's drafts. Errors: `draft.not_found`.
pub async fn delete(context: &Context, person: &Person, id: &str) -> Result<(), Problem> {
    let draft = own(context, person, id, Action::Delete).await?;
    let deleted = context.store.delete_draft(&person.user_id, &draft.id).await;
    deleted.map_err(from_store)
}

/// Lists the person's drafts of one kind, last changed first, without those that cannot be read.
pub async fn list(
    context: &Context,
    person: &Person,
    kind: DraftKind,
) -> Result<Vec<ListedDraft>, Problem> {
    authorize(&person.actor, Action::Read, Resource::Drafts(kind))?;
    let drafts = context
        .store
        .drafts(&person.user_id, kind, context.now_ms)
        .await;
    drafts.map_err(from_store)
}

/// Reads one of the person's drafts. What it is a draft of, and so which role it needs, only the draft itself tells.
async fn own(
    context: &Context,
    person: &Person,
    id: &str,
    action: Action,
) -> Result<Draft, Problem> {
    let id = legal_id(id, "draft")?;
    let found = context
        .store
        .draft(&person.user_id, id, context.now_ms)
        .await;
    let draft = found.map_err(from_store)?;
    authorize(&person.actor, action, Resource::Drafts(draft.kind))?;
    Ok(draft)
}

fn check(body: &Value, secrets: &BTreeMap<String, Secret>) -> Result<(), Problem> {
    if body.to_string().len() > LONGEST_BODY {
        return Err(invalid_field("body", "The form is longer than 512 KiB."));
    }
    if secrets.len() > MOST_SECRETS {
        return Err(too_many_secrets());
    }
    let too_long = secrets
        .iter()
        .find(|(_, secret)| secret.expose().len() > LONGEST_SECRET);
    match too_long {
        Some((name, _)) => Err(invalid_field(name, "This is longer than 64 KiB.")),
        None => Ok(()),
    }
}

fn too_many_secrets() -> Problem {
    invalid_field(
        "secrets",
        format!("A form has at most {MOST_SECRETS} secrets."),
    )
}
