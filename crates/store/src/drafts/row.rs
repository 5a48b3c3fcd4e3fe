//! Drafts as rows, their secrets sealed.

use std::collections::BTreeMap;

use model::{Secret, saved_draft::DraftKind};
use serde_json::Value;
use sqlx::{Row, any::AnyRow};

use super::{Draft, KIND, ListedDraft};
use crate::{
    Key, StoreError,
    database::Transaction,
    json::{self, Place},
};

pub(super) fn missing(id: &str) -> StoreError {
    StoreError::NotFound {
        kind: KIND,
        name: id.to_owned(),
    }
}

/// Reads a draft of this owner that was changed after `since_ms`.
pub(super) async fn fetch(
    transaction: &mut Transaction,
    key: &Key,
    owner_id: &str,
    id: &str,
    since_ms: i64,
) -> Result<Draft, StoreError> {
    let row = sqlx::query(
        "SELECT id, kind, owner_id, subject, body, secrets, revision, created_at_ms, updated_at_ms \
         FROM drafts WHERE id = $1 AND owner_id = $2 AND updated_at_ms > $3",
    )
    .bind(id)
    .bind(owner_id)
    .bind(since_ms)
    .fetch_optional(&mut **transaction)
    .await?;
    draft(&row.ok_or_else(|| missing(id))?, key)
}

pub(super) async fn insert(
    transaction: &mut Transaction,
    draft: &Draft,
    key: &Key,
) -> Result<(), StoreError> {
    // `base_revision` stays empty: forms keep the revision that they began with in their bodies.
    sqlx::query(
        "INSERT INTO drafts \
         (id, kind, owner_id, subject, body, secrets, revision, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    )
    .bind(&draft.id)
    .bind(draft.kind.as_str())
    .bind(&draft.owner_id)
    .bind(&draft.subject)
    .bind(json::write(&draft.body))
    .bind(sealed(draft, key)?)
    .bind(draft.revision)
    .bind(draft.created_at_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Writes a draft that was at revision `seen`. Errors: `Conflict` where another save came in between.
pub(super) async fn save(
    transaction: &mut Transaction,
    draft: &Draft,
    seen: i64,
    key: &Key,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE drafts SET body = $3, secrets = $4, revision = $5, updated_at_ms = $6 \
         WHERE id = $1 AND revision = $2",
    )
    .bind(&draft.id)
    .bind(seen)
    .bind(json::write(&draft.body))
    .bind(sealed(draft, key)?)
    .bind(draft.revision)
    .bind(draft.updated_at_ms)
    .execute(&mut **transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Conflict {
            kind: KIND,
            name: draft.id.clone(),
            current: draft.revision,
        });
    }
    Ok(())
}

fn place<'a>(id: &'a str, column: &'static str) -> Place<'a> {
    Place {
        table: "drafts",
        id,
        column,
    }
}

fn sealed(draft: &Draft, key: &Key) -> Result<Option<String>, StoreError> {
    if draft.secrets.is_empty() {
        return Ok(None);
    }
    let exposed: BTreeMap<&str, &str> = draft
        .secrets
        .iter()
        .map(|(name, secret)| (name.as_str(), secret.expose()))
        .collect();
    let text = Secret::new(json::write(&exposed));
    Ok(Some(key.seal(&text, place(&draft.id, "secrets"))?))
}

fn kind(row: &AnyRow, id: &str) -> Result<DraftKind, StoreError> {
    json::from_word(row.try_get("kind")?, place(id, "kind"))
}

fn body(row: &AnyRow, id: &str) -> Result<Value, StoreError> {
    let body: String = row.try_get("body")?;
    json::read(&body, place(id, "body"))
}

pub(super) fn listed(row: &AnyRow) -> Result<ListedDraft, StoreError> {
    let id: String = row.try_get("id")?;
    Ok(ListedDraft {
        kind: kind(row, &id)?,
        subject: row.try_get("subject")?,
        body: body(row, &id)?,
        revision: row.try_get("revision")?,
        created_at_ms: row.try_get("created_at_ms")?,
        updated_at_ms: row.try_get("updated_at_ms")?,
        id,
    })
}

fn draft(row: &AnyRow, key: &Key) -> Result<Draft, StoreError> {
    let id: String = row.try_get("id")?;
    let sealed: Option<String> = row.try_get("secrets")?;
    let secrets = match sealed {
        Some(sealed) => {
            let opened = key.open(&sealed, place(&id, "secrets"))?;
            json::read(opened.expose(), place(&id, "secrets"))?
        }
        None => BTreeMap::new(),
    };
    Ok(Draft {
        kind: kind(row, &id)?,
        owner_id: row.try_get("owner_id")?,
        subject: row.try_get("subject")?,
        body: body(row, &id)?,
        secrets,
        revision: row.try_get("revision")?,
        created_at_ms: row.try_get("created_at_ms")?,
        updated_at_ms: row.try_get("updated_at_ms")?,
        id,
    })
}
