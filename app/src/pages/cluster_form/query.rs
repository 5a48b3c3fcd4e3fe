//! What the form of a cluster shows, read from its draft.

use model::{cluster::ClusterView, draft::ClusterDraft, problem::Problem};

use super::{ClusterFormView, ConflictRow, ConflictView, PasteView};
use crate::{
    Context,
    api::{
        self,
        accounts::Person,
        cluster_forms::{self, Base, Difference, OpenForm, differences},
    },
    components::ladder::LadderView,
};

/// Longest value that a conflict shows whole, characters.
const LONGEST: usize = 120;

/// Returns the form of a draft.
pub async fn view(
    context: &Context,
    person: &Person,
    draft: &str,
) -> Result<ClusterFormView, Problem> {
    let form = cluster_forms::open(context, person, draft).await?;
    let stored = match form.subject() {
        Some(name) => match api::clusters::get(context, &person.actor, name).await {
            Ok(view) => Some(view),
            Err(problem) if problem.status == 404 => None,
            Err(problem) => return Err(problem),
        },
        None => None,
    };
    let kept = stored.as_ref().and_then(|view| view.sasl.as_ref());
    let shown = stored
        .as_ref()
        .and_then(|view| view.client_certificate.as_ref());
    let pasted = form.body.pasted.clone().map(|paste| PasteView {
        recognised: paste.recognised,
        translated: paste.translated,
        refused: paste.refused,
        password: paste.password,
    });
    let back = match form.subject() {
        Some(name) => format!("/clusters/{name}"),
        None if form.body.then.is_empty() => "/clusters".to_owned(),
        None => form.body.then.clone(),
    };
    Ok(ClusterFormView {
        path: form.path(),
        subject: form.subject().map(str::to_owned),
        has_client_key: form.has_client_key() || shown.is_some_and(|shown| shown.has_key),
        has_password: form.has_password() || kept.is_some_and(|sasl| sasl.has_password),
        faults: form.faults(stored.as_ref()),
        warnings: form.body.form.warnings(),
        pasted,
        ladder: ladder_of(context, &form),
        conflict: conflict(&form, stored.as_ref()),
        back,
        draft: form.draft.id,
        form: form.body.form,
    })
}

/// Returns the last test of a draft's settings.
pub async fn ladder(
    context: &Context,
    person: &Person,
    draft: &str,
) -> Result<Option<LadderView>, Problem> {
    let form = cluster_forms::open(context, person, draft).await?;
    Ok(ladder_of(context, &form))
}

fn ladder_of(context: &Context, form: &OpenForm) -> Option<LadderView> {
    let seen = context.ladders.last(&form.draft.id)?;
    Some(LadderView::of(seen, form.body.edits, context.now_ms))
}

fn conflict(form: &OpenForm, stored: Option<&ClusterView>) -> Option<ConflictView> {
    let base = form.body.base.as_ref()?;
    let Some(stored) = stored else {
        return Some(ConflictView::default());
    };
    (stored.revision != base.revision).then(|| ConflictView {
        revision: Some(stored.revision),
        rows: rows(base, &form.body.form, &ClusterDraft::of(stored)),
    })
}

fn rows(base: &Base, mine: &ClusterDraft, theirs: &ClusterDraft) -> Vec<ConflictRow> {
    differences(base, mine, theirs)
        .into_iter()
        .map(row)
        .collect()
}

fn row(difference: Difference) -> ConflictRow {
    let result = match (difference.by_me, difference.by_them) {
        (true, true) => "yours; both changed it",
        (true, false) => "yours",
        _ => "theirs",
    };
    ConflictRow {
        label: label(difference.input).to_owned(),
        theirs: shown(&difference.theirs),
        mine: shown(&difference.mine),
        result: result.to_owned(),
    }
}

fn label(input: &str) -> &str {
    match input {
        "title" => "Title",
        "bootstrap" => "Bootstrap addresses",
        "security" => "Encryption",
        "ca_pem" => "Certificates",
        "skip_hostname" => "Host names",
        "mechanism" => "Sign-in",
        "username" => "User",
        "client_certificate" => "Client certificate",
        "token_url" => "Token endpoint",
        "scope" => "Scope",
        "extensions" => "Extensions",
        input => input,
    }
}

/// *Nothing* has a word of its own, and a certificate is not shown whole.
fn shown(value: &str) -> String {
    let short = match value {
        "" => "none",
        "tls_system" => "TLS",
        "tls_ca" => "TLS, own CA",
        value => value,
    };
    let line = short.replace('\n', ", ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
