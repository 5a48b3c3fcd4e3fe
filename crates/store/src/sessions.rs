//! Signed-in browsers: a session is good for 30 days at most, and ends after 12 hours without a request.
//!
//! Ending a session deletes its row, so it is over at once in every process; its event remains.

use std::time::Duration;

use model::Secret;
use sqlx::{Row, any::AnyRow};

use crate::{
    By, Store, StoreError, User, database::Transaction, events, new_id, tokens::hex, users,
};

/// Longest life of a session, however busy.
pub const LIFE_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Longest time between two requests.
pub const IDLE_MS: i64 = 12 * 3_600 * 1_000;
/// Requests that come sooner after the last noted one are not noted.
const NOTED_EVERY_MS: i64 = 60 * 1_000;
/// Longest that noting may hold up a page.
const NOTED_WITHIN: Duration = Duration::from_millis(200);
/// Most sessions that a list shows.
const LISTED: i64 = 200;

/// The query for the session that is good now, by a column that tells it from all others.
macro_rules! live_by {
    ($column:literal) => {
        concat!(
            "SELECT id, user_id, created_at_ms, last_seen_at_ms, expires_at_ms, user_agent FROM sessions WHERE ",
            $column,
            " = $1 AND expires_at_ms > $2 AND last_seen_at_ms > $3"
        )
    };
}

/// A session to be stored; its secret is the caller's.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    pub user_id: &'a str,
    /// The stored hash that the password was checked against.
    pub password: &'a Secret,
    /// SHA-256 of the cookie's secret.
    pub sha256: [u8; 32],
    /// What the browser calls itself, at most 200 characters.
    pub user_agent: &'a str,
}

/// A stored session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub user_id: String,
    pub created_at_ms: i64,
    pub last_seen_at_ms: i64,
    pub expires_at_ms: i64,
    pub user_agent: String,
}

impl Store {
    /// Stores a session, and forgets this user's sessions that are over.
    ///
    /// Errors: `NotFound` where the password is no longer the one that was checked.
    pub async fn create_session(
        &self,
        new: NewSession<'_>,
        by: By<'_>,
    ) -> Result<Session, StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            lock_user(&mut transaction, &new).await?;
            sqlx::query(
                "DELETE FROM sessions WHERE user_id = $1 AND (expires_at_ms <= $2 OR last_seen_at_ms <= $3)",
            )
            .bind(new.user_id)
            .bind(by.now_ms)
            .bind(by.now_ms - IDLE_MS)
            .execute(&mut *transaction)
            .await?;
            let session = Session {
                id: new_id(by.now_ms),
                user_id: new.user_id.to_owned(),
                created_at_ms: by.now_ms,
                last_seen_at_ms: by.now_ms,
                expires_at_ms: by.now_ms + LIFE_MS,
                user_agent: new.user_agent.to_owned(),
            };
            insert(&mut transaction, &session, &new.sha256).await?;
            let user = users::fetch(&mut transaction, new.user_id).await?;
            let event = users::told(&user, "session.created", "signed in");
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(session)
        })
        .await
    }

    /// Returns the session with this SHA-256 and its user if it is good at `now_ms`, and notes the request at most once
    /// a minute. A note that cannot be written at once is left out.
    pub async fn session_by_hash(
        &self,
        sha256: &[u8; 32],
        now_ms: i64,
    ) -> Result<Option<(Session, User)>, StoreError> {
        let sha256 = hex(sha256);
        self.used_session((live_by!("hash"), &sha256), now_ms).await
    }

    /// Returns the session with this id and its user if it is good at `now_ms`, and notes the use like
    /// [`Store::session_by_hash`]: an open page counts as used.
    pub async fn session(
        &self,
        id: &str,
        now_ms: i64,
    ) -> Result<Option<(Session, User)>, StoreError> {
        self.used_session((live_by!("id"), id), now_ms).await
    }

    /// Lists the sessions of a user that are good at `now_ms`, last seen first.
    pub async fn sessions_of(
        &self,
        user_id: &str,
        now_ms: i64,
    ) -> Result<Vec<Session>, StoreError> {
        self.within(async {
            let rows = sqlx::query(
                "SELECT id, user_id, created_at_ms, last_seen_at_ms, expires_at_ms, user_agent FROM sessions \
                 WHERE user_id = $1 AND expires_at_ms > $2 AND last_seen_at_ms > $3 \
                 ORDER BY last_seen_at_ms DESC, id DESC LIMIT $4",
            )
            .bind(user_id)
            .bind(now_ms)
            .bind(now_ms - IDLE_MS)
            .bind(LISTED)
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(session).collect()
        })
        .await
    }

    /// Ends a session of this user. Errors: `NotFound`, for others' sessions too.
    pub async fn end_session(&self, user_id: &str, id: &str, by: By<'_>) -> Result<(), StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            let done = sqlx::query("DELETE FROM sessions WHERE id = $1 AND user_id = $2")
                .bind(id)
                .bind(user_id)
                .execute(&mut *transaction)
                .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound {
                    kind: "session",
                    name: id.to_owned(),
                });
            }
            let user = users::fetch(&mut transaction, user_id).await?;
            tell_ended(&mut transaction, &user, id, by).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Finds a session by a query of [`live_by`] with its value, and notes that it was used.
    async fn used_session(
        &self,
        by: (&'static str, &str),
        now_ms: i64,
    ) -> Result<Option<(Session, User)>, StoreError> {
        let found = self.within(self.live_session(by, now_ms)).await?;
        if let Some((session, _)) = &found
            && now_ms - session.last_seen_at_ms >= NOTED_EVERY_MS
        {
            let noted = tokio::time::timeout(NOTED_WITHIN, self.note_seen(&session.id, now_ms));
            if !matches!(noted.await, Ok(Ok(()))) {
                tracing::debug!("a session's last request was not noted, the next one will be");
            }
        }
        Ok(found)
    }

    async fn live_session(
        &self,
        (query, value): (&'static str, &str),
        now_ms: i64,
    ) -> Result<Option<(Session, User)>, StoreError> {
        let mut transaction = self.snapshot().await?;
        let row = sqlx::query(query)
            .bind(value)
            .bind(now_ms)
            .bind(now_ms - IDLE_MS)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let session = session(&row)?;
        let user = users::fetch(&mut transaction, &session.user_id).await?;
        Ok(Some((session, user)))
    }

    async fn note_seen(&self, id: &str, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sessions SET last_seen_at_ms = $2 WHERE id = $1 AND last_seen_at_ms < $2",
        )
        .bind(id)
        .bind(now_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// Ends all sessions of a user but one; returns how many.
pub(crate) async fn end_others(
    transaction: &mut Transaction,
    user: &User,
    kept_id: &str,
    by: By<'_>,
) -> Result<usize, StoreError> {
    let rows = sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id")
        .bind(&user.id)
        .bind(kept_id)
        .fetch_all(&mut **transaction)
        .await?;
    for row in &rows {
        let id: String = row.try_get("id")?;
        tell_ended(transaction, user, &id, by).await?;
    }
    Ok(rows.len())
}

/// Locks the user's row, so that a session is stored either before a change of the password, which ends it, or never.
async fn lock_user(transaction: &mut Transaction, new: &NewSession<'_>) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE users SET updated_at_ms = updated_at_ms WHERE id = $1 AND password = $2",
    )
    .bind(new.user_id)
    .bind(new.password.expose())
    .execute(&mut **transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound {
            kind: "user",
            name: new.user_id.to_owned(),
        });
    }
    Ok(())
}

async fn insert(
    transaction: &mut Transaction,
    session: &Session,
    sha256: &[u8; 32],
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sessions (id, user_id, hash, created_at_ms, last_seen_at_ms, expires_at_ms, user_agent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&session.id)
    .bind(&session.user_id)
    .bind(hex(sha256))
    .bind(session.created_at_ms)
    .bind(session.last_seen_at_ms)
    .bind(session.expires_at_ms)
    .bind(&session.user_agent)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn tell_ended(
    transaction: &mut Transaction,
    user: &User,
    id: &str,
    by: By<'_>,
) -> Result<(), StoreError> {
    let mut event = users::told(user, "session.ended", "was signed out of a session");
    event.before = Some(serde_json::json!({ "session_id": id }));
    events::append(transaction, &event, by).await
}

fn session(row: &AnyRow) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        created_at_ms: row.try_get("created_at_ms")?,
        last_seen_at_ms: row.try_get("last_seen_at_ms")?,
        expires_at_ms: row.try_get("expires_at_ms")?,
        user_agent: row.try_get("user_agent")?,
    })
}

#[cfg(test)]
mod tests;
