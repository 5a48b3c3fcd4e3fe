//! The forms of clusters: a new one, and changes of a stored one. Each is a draft until it is saved.
//!
//! Guarantees: what was typed survives every refusal; a form posted twice makes one cluster; changes are laid over a
//! version that somebody else saved only after they were shown; a password or key enters a draft sealed and never leaves it.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Secret,
    cluster::ClusterView,
    draft::{ClusterDraft, Typed},
    problem::{FieldError, Problem},
    saved_draft::DraftKind,
};
use serde_json::Value;
use store::StoreError;

use super::{
    accounts::Person,
    clusters,
    drafts::{self, DraftInput, DraftSave, DraftView},
};
use crate::{
    Context,
    problems::{self, from_store},
};

mod body;
mod gone;
mod merge;
mod save;
mod unfinished;

pub use body::{Base, FormBody, Paste};
pub use merge::{Difference, differences};
pub use unfinished::{Unfinished, unfinished};

use gone::{Gone, gone};

/// Names of the password and of the client certificate's key among a draft's secrets, and of their inputs.
const PASSWORD: &str = "password";
const CLIENT_KEY: &str = "client_key";

/// Which button of the form was pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verb {
    /// Make the cluster, or change it.
    #[default]
    Save,
    /// Climb the connection ladder with what is typed.
    Test,
    /// Read the pasted client.properties into the form.
    Paste,
    /// Lay the form's changes over what somebody else saved meanwhile.
    OnTop,
    /// Forget the draft.
    Discard,
}

impl std::str::FromStr for Verb {
    type Err = UnknownVerb;

    fn from_str(word: &str) -> Result<Self, UnknownVerb> {
        match word {
            "save" => Ok(Self::Save),
            "test" => Ok(Self::Test),
            "paste" => Ok(Self::Paste),
            "on_top" => Ok(Self::OnTop),
            "discard" => Ok(Self::Discard),
            _ => Err(UnknownVerb),
        }
    }
}

/// No button of the form sends this word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no button of a cluster's form sends this")]
pub struct UnknownVerb;

/// A form as it was posted.
#[derive(Clone, Debug)]
pub struct Posted {
    pub draft: String,
    /// Name of the cluster that is edited, empty for a new one.
    pub subject: String,
    pub verb: Verb,
    pub form: ClusterDraft,
    /// Empty keeps the stored one.
    pub password: Secret,
    /// PEM; empty keeps the stored one.
    pub client_key: Secret,
    /// Pasted client.properties; they may hold a password.
    pub properties: Secret,
    /// Revision of the other version that the page showed beside the form's.
    pub seen: Option<i64>,
}

/// A draft with its form.
#[derive(Clone, Debug)]
pub struct OpenForm {
    pub draft: DraftView,
    pub body: FormBody,
}

impl OpenForm {
    fn of(draft: DraftView) -> Self {
        let body = body_of(draft.body.clone());
        Self { draft, body }
    }

    /// Returns the address of the form's page.
    pub fn path(&self) -> String {
        path(self.draft.kind, &self.draft.subject, &self.draft.id)
    }

    /// Returns the name of the cluster that is edited, `None` for a new one.
    pub fn subject(&self) -> Option<&str> {
        (self.draft.kind == DraftKind::ClusterEdit).then_some(self.draft.subject.as_str())
    }

    /// Says whether a password was typed into this form.
    pub fn has_password(&self) -> bool {
        self.draft.secret_names.contains(PASSWORD)
    }

    /// Says whether a client certificate's key was typed into this form.
    pub fn has_client_key(&self) -> bool {
        self.draft.secret_names.contains(CLIENT_KEY)
    }

    /// Returns the faults that the page shows, none before the form was first sent. `stored` is the edited cluster.
    pub fn faults(&self, stored: Option<&ClusterView>) -> Vec<FieldError> {
        if !self.body.checked {
            return Vec::new();
        }
        let made = match stored {
            Some(stored) => self.body.form.apply(stored, Typed::default()),
            None => self.body.form.spec(Typed::default()),
        };
        let mut faults = self.body.refused.clone();
        faults.extend(made.err().unwrap_or_default());
        faults
    }
}

/// Begins the form of a new cluster and returns its address. `then` is where saving leads, empty for the cluster's page.
/// Each time is a form of its own: one person may have two browsers, and neither may write into what the other one shows.
pub async fn begin_new(context: &Context, person: &Person, then: &str) -> Result<String, Problem> {
    let body = FormBody {
        then: then.to_owned(),
        ..FormBody::default()
    };
    let form = create(context, person, DraftKind::Cluster, "", body).await?;
    Ok(form.path())
}

/// Begins the form of changes of a cluster and returns its address.
pub async fn begin_edit(context: &Context, person: &Person, name: &str) -> Result<String, Problem> {
    let view = clusters::get(context, &person.actor, name).await?;
    let form = ClusterDraft::of(&view);
    let body = FormBody {
        base: Some(Base {
            form: form.clone(),
            revision: view.revision,
        }),
        form,
        ..FormBody::default()
    };
    let form = create(context, person, DraftKind::ClusterEdit, name, body).await?;
    Ok(form.path())
}

async fn create(
    context: &Context,
    person: &Person,
    kind: DraftKind,
    subject: &str,
    body: FormBody,
) -> Result<OpenForm, Problem> {
    let input = DraftInput {
        kind,
        subject: subject.to_owned(),
        body: body.json(),
        secrets: BTreeMap::new(),
    };
    Ok(OpenForm::of(drafts::create(context, person, input).await?))
}

/// Returns the form of a draft. Errors: `draft.not_found`, for drafts of links too.
pub async fn open(context: &Context, person: &Person, id: &str) -> Result<OpenForm, Problem> {
    let draft = drafts::get(context, person, id).await?;
    match draft.kind {
        DraftKind::Cluster | DraftKind::ClusterEdit => Ok(OpenForm::of(draft)),
        // Not one that this form could show.
        DraftKind::Link | DraftKind::LinkEdit => {
            let kind = "draft";
            let name = id.to_owned();
            Err(from_store(StoreError::NotFound { kind, name }))
        }
    }
}

fn path(kind: DraftKind, subject: &str, id: &str) -> String {
    match kind {
        DraftKind::ClusterEdit => format!("/clusters/{subject}/edit/{id}"),
        _ => format!("/clusters/new/{id}"),
    }
}

/// Reads a body. One that cannot be read was written by a newer version: the form begins anew.
fn body_of(json: Value) -> FormBody {
    serde_json::from_value(json).unwrap_or_default()
}

/// Takes a posted form and returns where to go: back to its page, or on to what was made.
///
/// # Errors
/// Only what the form itself cannot tell: a missing role, a database that is away.
pub async fn submit(context: &Context, person: &Person, posted: Posted) -> Result<String, Problem> {
    let taken = match open(context, person, &posted.draft).await {
        Ok(form) => take(context, person, form, posted.clone()).await,
        Err(problem) => Err(problem),
    };
    match taken {
        // Over, or the same form came twice and the other one was faster somewhere on the way.
        Err(problem) if problem.code == "draft.not_found" => {
            match gone(context, person, &posted).await? {
                Gone::Done(path) => Ok(path),
                Gone::Begun(form) => take(context, person, *form, posted).await,
            }
        }
        taken => taken,
    }
}

async fn take(
    context: &Context,
    person: &Person,
    form: OpenForm,
    posted: Posted,
) -> Result<String, Problem> {
    if posted.verb == Verb::Discard {
        return discard(context, person, &form).await;
    }
    let (verb, seen) = (posted.verb, posted.seen);
    let (form, sent) = keep(context, person, form, posted).await?;
    match verb {
        Verb::Test if sent.is_whole => test(context, person, form).await,
        Verb::Save if sent.is_whole => save::save(context, person, form, sent).await,
        Verb::OnTop if sent.is_whole => save::on_top(context, person, form, sent, seen).await,
        _ => Ok(form.path()),
    }
}

async fn discard(context: &Context, person: &Person, form: &OpenForm) -> Result<String, Problem> {
    drafts::delete(context, person, &form.draft.id).await?;
    context.ladders.forget(&form.draft.id);
    Ok(match form.subject() {
        Some(name) => format!("/clusters/{name}"),
        None if !form.body.then.is_empty() => form.body.then.clone(),
        None => "/clusters".to_owned(),
    })
}

/// What was posted, as far as saving needs it.
struct Sent {
    /// Typed now or before.
    typed: Typed,
    /// The form was kept as it was sent, nothing was cut off.
    is_whole: bool,
    /// Neither form nor secrets differ from the draft as it was.
    is_unchanged: bool,
}

/// Keeps what was posted in its draft.
async fn keep(
    context: &Context,
    person: &Person,
    form: OpenForm,
    posted: Posted,
) -> Result<(OpenForm, Sent), Problem> {
    let before = &form.body;
    let mut body = FormBody {
        form: posted.form,
        checked: true,
        refused: Vec::new(),
        ..before.clone()
    };
    if let Some(subject) = form.subject() {
        // The name stands on the page of an edited cluster and is no input.
        body.form.name = subject.to_owned();
    }
    let is_typed = |secret: &Secret| !secret.expose().trim().is_empty();
    let mut password = Some(posted.password).filter(|typed| !typed.expose().is_empty());
    if posted.verb == Verb::Paste {
        // Properties seldom say all: the form is checked when it is sent.
        body.checked = before.checked;
        password = body.paste(posted.properties.expose()).or(password);
    }
    body.refused = body.cut();
    let fits = |secret: &Secret, longest| secret.expose().len() <= longest;
    if password
        .as_ref()
        .is_some_and(|typed| !fits(typed, body::LONGEST_LINE))
    {
        password = None;
        body.refuse(PASSWORD, "The password has at most 1,000 characters.");
    }
    let mut key = Some(posted.client_key).filter(is_typed);
    if key
        .as_ref()
        .is_some_and(|typed| !fits(typed, body::LONGEST_KEY))
    {
        key = None;
        body.refuse(
            CLIENT_KEY,
            "This is longer than any key: paste the key alone.",
        );
    }
    let is_unchanged = body.form == before.form && password.is_none() && key.is_none();
    if !is_unchanged {
        body.edits += 1;
    }
    let is_whole = body.refused.is_empty();
    let typed = [(PASSWORD, password), (CLIENT_KEY, key)].into_iter();
    let typed = typed.filter_map(|(name, secret)| Some((name.to_owned(), secret?)));
    let form = store(context, person, form, body, typed.collect()).await?;
    let sent = Sent {
        typed: typed_secrets(context, person, &form).await?,
        is_whole,
        is_unchanged,
    };
    Ok((form, sent))
}

/// Returns the secrets that were typed into a form.
async fn typed_secrets(
    context: &Context,
    person: &Person,
    form: &OpenForm,
) -> Result<Typed, Problem> {
    let mut secrets = drafts::secrets(context, person, &form.draft.id).await?;
    Ok(Typed {
        password: secrets.remove(PASSWORD),
        client_key: secrets.remove(CLIENT_KEY),
    })
}

async fn store(
    context: &Context,
    person: &Person,
    form: OpenForm,
    body: FormBody,
    secrets: BTreeMap<String, Secret>,
) -> Result<OpenForm, Problem> {
    if body == form.body && secrets.is_empty() {
        return Ok(form);
    }
    let change = DraftSave {
        body: body.json(),
        secrets,
        forget: BTreeSet::new(),
        revision: None,
    };
    let saved = drafts::save(context, person, &form.draft.id, change).await?;
    Ok(OpenForm::of(saved))
}

/// Tests what is typed and returns to the form.
async fn test(context: &Context, person: &Person, form: OpenForm) -> Result<String, Problem> {
    let path = format!("{}#ladder", form.path());
    let stored = save::stored(context, person, &form).await?;
    let typed = typed_secrets(context, person, &form).await?;
    let Ok(spec) = save::spec_of(&form.body.form, stored.as_ref(), typed) else {
        return Ok(form.path());
    };
    let tested = clusters::testable(context, &person.actor, form.subject(), spec).await;
    match tested {
        Ok(spec) => {
            let begun = crate::ladders::Climb::begun(context.now_ms, form.body.edits);
            let id = &form.draft.id;
            context
                .ladders
                .climb(id, context.engine.as_ref(), spec, begun)
                .await;
            Ok(path)
        }
        Err(problem) => refuse(context, person, form, problem).await,
    }
}

/// Keeps what only the service function found faulty, so that the page tells it; returns there.
async fn refuse(
    context: &Context,
    person: &Person,
    form: OpenForm,
    problem: Problem,
) -> Result<String, Problem> {
    if problem.fields.is_empty() {
        return Err(problem);
    }
    let path = form.path();
    let mut body = form.body.clone();
    body.refused = ClusterDraft::at_inputs(problem.fields);
    store(context, person, form, body, BTreeMap::new()).await?;
    Ok(path)
}

/// The problem of a name that another cluster has.
fn taken() -> Problem {
    problems::invalid_field("name", "Another cluster has this name: choose another one.")
}
