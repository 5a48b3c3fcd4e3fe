//! Long forms that somebody has begun: seen by their owner alone, gone 14 days after the last change.
//!
//! Secrets typed into a form are sealed apart from its body, so that no page gets them back.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Secret,
    saved_draft::{DraftKind, KEPT_DAYS},
};
use serde_json::Value;

use crate::{Expect, Store, StoreError, database::Transaction, new_id};

mod row;

use row::{fetch, insert, listed, save};

const KIND: &str = "draft";
const KEPT_MS: i64 = KEPT_DAYS * 24 * 3_600 * 1_000;
/// Most drafts of one owner; a new one beyond replaces one that was never changed, or that was left alone the longest.
const MOST: i64 = 100;

/// A draft to be stored.
#[derive(Clone, Debug)]
pub struct NewDraft {
    pub kind: DraftKind,
    pub owner_id: String,
    /// Name of the object that is edited; empty for a new one.
    pub subject: String,
    /// The form as filled in, without secrets.
    pub body: Value,
    pub secrets: BTreeMap<String, Secret>,
}

/// What a save changes.
#[derive(Clone, Debug)]
pub struct DraftChange {
    /// Replaces the body.
    pub body: Value,
    /// Replace those of the same name; others stay.
    pub secrets: BTreeMap<String, Secret>,
    /// Names of secrets to forget.
    pub forget: BTreeSet<String>,
    pub expect: Expect,
}

/// A draft in a list; its secrets stay sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedDraft {
    pub id: String,
    pub kind: DraftKind,
    pub subject: String,
    pub body: Value,
    pub revision: i64,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// A stored draft, its secrets opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub id: String,
    pub kind: DraftKind,
    pub owner_id: String,
    pub subject: String,
    pub body: Value,
    pub secrets: BTreeMap<String, Secret>,
    pub revision: i64,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

impl Store {
    /// Stores a new draft, and forgets those that are over. Errors: none of its own.
    pub async fn create_draft(&self, new: NewDraft, now_ms: i64) -> Result<Draft, StoreError> {
        self.within(async {
            let draft = Draft {
                id: new_id(now_ms),
                kind: new.kind,
                owner_id: new.owner_id,
                subject: new.subject,
                body: new.body,
                secrets: new.secrets,
                revision: 1,
                created_at_ms: now_ms,
                updated_at_ms: now_ms,
            };
            let mut transaction = self.write().await?;
            make_room(&mut transaction, &draft.owner_id, now_ms).await?;
            insert(&mut transaction, &draft, &self.key).await?;
            transaction.commit().await?;
            Ok(draft)
        })
        .await
    }

    /// Returns a draft of this owner. Errors: `NotFound`, for others' drafts too.
    pub async fn draft(&self, owner_id: &str, id: &str, now_ms: i64) -> Result<Draft, StoreError> {
        self.within(async {
            let mut transaction = self.snapshot().await?;
            fetch(&mut transaction, &self.key, owner_id, id, now_ms - KEPT_MS).await
        })
        .await
    }

    /// Changes a draft of this owner. Errors: `NotFound`, for others' drafts too; `Conflict`.
    pub async fn save_draft(
        &self,
        owner_id: &str,
        id: &str,
        change: DraftChange,
        now_ms: i64,
    ) -> Result<Draft, StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            let before = fetch(&mut transaction, &self.key, owner_id, id, now_ms - KEPT_MS).await?;
            change.expect.check(KIND, id, before.revision)?;
            let seen = before.revision;
            let after = changed(before, change, now_ms);
            save(&mut transaction, &after, seen, &self.key).await?;
            transaction.commit().await?;
            Ok(after)
        })
        .await
    }

    /// Deletes a draft of this owner. Errors: `NotFound`, for others' drafts too.
    pub async fn delete_draft(&self, owner_id: &str, id: &str) -> Result<(), StoreError> {
        self.within(async {
            let done = sqlx::query("DELETE FROM drafts WHERE id = $1 AND owner_id = $2")
                .bind(id)
                .bind(owner_id)
                .execute(&self.pool)
                .await?;
            if done.rows_affected() == 0 {
                return Err(row::missing(id));
            }
            Ok(())
        })
        .await
    }

    /// Lists the drafts of one owner and kind, last changed first; there are at most 100. One that cannot be read is left
    /// out and logged: it must not take the others away.
    pub async fn drafts(
        &self,
        owner_id: &str,
        kind: DraftKind,
        now_ms: i64,
    ) -> Result<Vec<ListedDraft>, StoreError> {
        self.within(async {
            let rows = sqlx::query(
                "SELECT id, kind, subject, body, revision, created_at_ms, updated_at_ms FROM drafts \
                 WHERE owner_id = $1 AND kind = $2 AND updated_at_ms > $3 \
                 ORDER BY updated_at_ms DESC, id DESC LIMIT $4",
            )
            .bind(owner_id)
            .bind(kind.as_str())
            .bind(now_ms - KEPT_MS)
            .bind(MOST)
            .fetch_all(&self.pool)
            .await?;
            let told = rows.iter().map(listed).filter_map(|draft| {
                let unread = |error| tracing::error!(%error, "a draft cannot be read and is left out");
                draft.map_err(unread).ok()
            });
            Ok(told.collect())
        })
        .await
    }
}

/// Returns the draft after a change.
fn changed(before: Draft, change: DraftChange, now_ms: i64) -> Draft {
    let mut secrets = before.secrets;
    secrets.retain(|name, _| !change.forget.contains(name));
    secrets.extend(change.secrets);
    Draft {
        body: change.body,
        secrets,
        revision: before.revision + 1,
        updated_at_ms: now_ms,
        ..before
    }
}

/// Deletes what is over, and of this owner's drafts the oldest beyond the limit; those that were only begun go first.
async fn make_room(
    transaction: &mut Transaction,
    owner_id: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM drafts WHERE updated_at_ms <= $1")
        .bind(now_ms - KEPT_MS)
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "DELETE FROM drafts WHERE owner_id = $1 AND id NOT IN (SELECT id FROM drafts \
         WHERE owner_id = $1 ORDER BY CASE WHEN revision > 1 THEN 0 ELSE 1 END, updated_at_ms DESC, id DESC LIMIT $2)",
    )
    .bind(owner_id)
    .bind(MOST - 1)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
