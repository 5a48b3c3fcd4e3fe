//! API tokens, known by their hash alone.

use serde_json::json;
use sqlx::{Row, any::AnyRow};

use crate::{
    By, NewEvent, Page, PageQuery, Store, StoreError, Subject, database::Transaction, events,
    new_id, users,
};

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
    /// Whose it is, a user's id; `None`: nobody's in particular.
    pub owner_id: Option<String>,
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
    pub owner_id: Option<String>,
    /// The owner's role as it is now: the token may do no more.
    pub owner_role: Option<String>,
}

/// One SQL text that reads tokens, from its condition on.
macro_rules! select_tokens {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.name, t.role, t.created_at_ms, t.expires_at_ms, t.revoked_at_ms, t.owner_id, \
             u.role AS owner_role FROM tokens t LEFT JOIN users u ON u.id = t.owner_id ",
            $rest
        )
    };
}

impl Store {
    /// Stores a token. Errors: `Exists` (the same token text), `NotFound` (the owner).
    pub async fn create_token(&self, new: &NewToken, by: By<'_>) -> Result<Token, StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            let owner_role = match &new.owner_id {
                Some(owner) => Some(users::role(&mut transaction, owner).await?),
                None => None,
            };
            let token = Token {
                id: new_id(by.now_ms),
                name: new.name.clone(),
                role: new.role.clone(),
                created_at_ms: by.now_ms,
                expires_at_ms: new.expires_at_ms,
                revoked_at_ms: None,
                owner_id: new.owner_id.clone(),
                owner_role,
            };
            insert(&mut transaction, &token, &new.sha256).await?;
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
            let row = sqlx::query(select_tokens!(
                "WHERE t.hash = $1 AND t.revoked_at_ms IS NULL \
                 AND (t.expires_at_ms IS NULL OR t.expires_at_ms > $2)"
            ))
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
            let rows = sqlx::query(select_tokens!("WHERE t.id > $1 ORDER BY t.id LIMIT $2"))
                .bind(query.after_name())
                .bind(query.rows())
                .fetch_all(&self.pool)
                .await?;
            page(&rows, query)
        })
        .await
    }

    /// Lists the tokens of one user, in the same order.
    pub async fn tokens_of(
        &self,
        owner_id: &str,
        query: &PageQuery,
    ) -> Result<Page<Token>, StoreError> {
        self.within(async {
            let rows = sqlx::query(select_tokens!(
                "WHERE t.owner_id = $1 AND t.id > $2 ORDER BY t.id LIMIT $3"
            ))
            .bind(owner_id)
            .bind(query.after_name())
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            page(&rows, query)
        })
        .await
    }

    /// Revokes a token; doing it again changes nothing. Errors: `NotFound`.
    pub async fn revoke_token(&self, id: &str, by: By<'_>) -> Result<Token, StoreError> {
        self.within(self.revoke(id, None, by)).await
    }

    /// Revokes a token of this user; doing it again changes nothing. Errors: `NotFound`, for others' tokens too.
    pub async fn revoke_token_of(
        &self,
        owner_id: &str,
        id: &str,
        by: By<'_>,
    ) -> Result<Token, StoreError> {
        self.within(self.revoke(id, Some(owner_id), by)).await
    }

    async fn revoke(
        &self,
        id: &str,
        owner_id: Option<&str>,
        by: By<'_>,
    ) -> Result<Token, StoreError> {
        let mut transaction = self.write().await?;
        let row = sqlx::query(select_tokens!("WHERE t.id = $1"))
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let found = row.as_ref().map(token).transpose()?;
        let legal = |token: &Token| owner_id.is_none() || token.owner_id.as_deref() == owner_id;
        let mut token = found.filter(legal).ok_or_else(|| StoreError::NotFound {
            kind: "token",
            name: id.to_owned(),
        })?;
        let done = sqlx::query(
            "UPDATE tokens SET revoked_at_ms = $2 WHERE id = $1 AND revoked_at_ms IS NULL",
        )
        .bind(id)
        .bind(by.now_ms)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() > 0 {
            token.revoked_at_ms = Some(by.now_ms);
            let event = told(&token, "token.revoked", "was revoked");
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
        }
        Ok(token)
    }
}

async fn insert(
    transaction: &mut Transaction,
    token: &Token,
    sha256: &[u8; 32],
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO tokens (id, name, role, hash, created_at_ms, expires_at_ms, owner_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (hash) DO NOTHING",
    )
    .bind(&token.id)
    .bind(&token.name)
    .bind(&token.role)
    .bind(hex(sha256))
    .bind(token.created_at_ms)
    .bind(token.expires_at_ms)
    .bind(token.owner_id.as_deref())
    .execute(&mut **transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Exists {
            kind: "token",
            name: token.name.clone(),
        });
    }
    Ok(())
}

fn page(rows: &[AnyRow], query: &PageQuery) -> Result<Page<Token>, StoreError> {
    let items = rows.iter().map(token).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, query, |token: &Token| token.id.clone()))
}

fn told(token: &Token, kind: &str, verb: &str) -> NewEvent {
    let text = format!("Token {} {verb}.", token.name);
    NewEvent::new(Subject::Token(token.id.clone()), kind, text)
}

/// Returns a hash as SQL holds it.
pub(crate) fn hex(bytes: &[u8; 32]) -> String {
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
        owner_id: row.try_get("owner_id")?,
        owner_role: row.try_get("owner_role")?,
    })
}

#[cfg(test)]
mod tests;
