//! API tokens, known by their hash alone.

use serde_json::json;
use sqlx::{Row, any::AnyRow};

use crate::{By, NewEvent, Page, PageQuery, Store, StoreError, Subject, events, new_id};

/// A token to be stored; its text is the caller's secret.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    /// What it may do.
    pub role: String,
    /// SHA-256 of the token's text.
    pub sha256: [u8; 32],
    /// First moment at which it is no longer good, `None`: never.
    pub expires_at_ms: Option<i64>,
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub role: String,
    pub created_at_ms: i64,
    pub expires_at_ms: Option<i64>,
    pub revoked_at_ms: Option<i64>,
}

impl Store {
    /// Stores a token. Errors: `Exists` (the same token text).
    pub async fn create_token(&self, new: &NewToken, by: By<'_>) -> Result<Token, StoreError> {
        self.within(async {
            let token = Token {
                id: new_id(by.now_ms),
                name: new.name.clone(),
                role: new.role.clone(),
                created_at_ms: by.now_ms,
                expires_at_ms: new.expires_at_ms,
                revoked_at_ms: None,
            };
            let mut transaction = self.write().await?;
            let done = sqlx::query(
                "INSERT INTO tokens (id, name, role, hash, created_at_ms, expires_at_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hash) DO NOTHING",
            )
            .bind(&token.id)
            .bind(&token.name)
            .bind(&token.role)
            .bind(hex(&new.sha256))
            .bind(token.created_at_ms)
            .bind(token.expires_at_ms)
            .execute(&mut *transaction)
            .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::Exists {
                    kind: "token",
                    name: token.name,
                });
            }
            let after = json!({
                "name": token.name, "role": token.role, "expires_at_ms": token.expires_at_ms
            });
            let event = NewEvent {
                after: Some(after),
                ..told(&token, "token.created", "was made")
            };
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(token)
        })
        .await
    }

    /// Returns the token with this SHA-256 if it is good at `now_ms`, `None` if it is unknown, expired or revoked.
    pub async fn token_by_hash(
        &self,
        sha256: &[u8; 32],
        now_ms: i64,
    ) -> Result<Option<Token>, StoreError> {
        self.within(async {
            let row = sqlx::query(
                "SELECT id, name, role, created_at_ms, expires_at_ms, revoked_at_ms FROM tokens \
                 WHERE hash = $1 AND revoked_at_ms IS NULL AND (expires_at_ms IS NULL OR expires_at_ms > $2)",
            )
            .bind(hex(sha256))
            .bind(now_ms)
            .fetch_optional(&self.pool)
            .await?;
            row.as_ref().map(token).transpose()
        })
        .await
    }

    /// Lists tokens in the order in which they were made, expired and revoked ones included.
    pub async fn tokens(&self, query: &PageQuery) -> Result<Page<Token>, StoreError> {
        self.within(async {
            let rows = sqlx::query(
                "SELECT id, name, role, created_at_ms, expires_at_ms, revoked_at_ms FROM tokens \
                 WHERE id > $1 ORDER BY id LIMIT $2",
            )
            .bind(query.after_name())
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            let items = rows.iter().map(token).collect::<Result<_, _>>()?;
            Ok(Page::cut(items, query, |token: &Token| token.id.clone()))
        })
        .await
    }

    /// Revokes a token; doing it again changes nothing. Errors: `NotFound`.
    pub async fn revoke_token(&self, id: &str, by: By<'_>) -> Result<Token, StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            let done = sqlx::query(
                "UPDATE tokens SET revoked_at_ms = $2 WHERE id = $1 AND revoked_at_ms IS NULL",
            )
            .bind(id)
            .bind(by.now_ms)
            .execute(&mut *transaction)
            .await?;
            let row = sqlx::query(
                "SELECT id, name, role, created_at_ms, expires_at_ms, revoked_at_ms FROM tokens WHERE id = $1",
            )
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
            let missing = || StoreError::NotFound { kind: "token", name: id.to_owned() };
            let token = token(&row.ok_or_else(missing)?)?;
            if done.rows_affected() > 0 {
                let event = told(&token, "token.revoked", "was revoked");
                events::append(&mut transaction, &event, by).await?;
                transaction.commit().await?;
            }
            Ok(token)
        })
        .await
    }
}

fn told(token: &Token, kind: &str, verb: &str) -> NewEvent {
    let text = format!("Token {} {verb}.", token.name);
    NewEvent::new(Subject::Token(token.id.clone()), kind, text)
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn token(row: &AnyRow) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: row.try_get("role")?,
        created_at_ms: row.try_get("created_at_ms")?,
        expires_at_ms: row.try_get("expires_at_ms")?,
        revoked_at_ms: row.try_get("revoked_at_ms")?,
    })
}

#[cfg(test)]
mod tests;
