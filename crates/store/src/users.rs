//! People who sign in, their passwords as hashes alone.

use model::Secret;
use sqlx::{Row, any::AnyRow};

use crate::{
    By, NewEvent, Store, StoreError, Subject, database::Transaction, events, new_id, sessions,
    tokens::hex, wake,
};

const KIND: &str = "user";

/// A user to be stored.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: String,
    /// What it may do.
    pub role: String,
    /// Argon2id hash in PHC form; whoever reads it may guess at leisure, hence a secret.
    pub password: Secret,
}

/// A stored user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub name: String,
    pub role: String,
    /// Argon2id hash in PHC form.
    pub password: Secret,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    pub password_changed_at_ms: i64,
}

/// A change of one's own password.
#[derive(Clone, Copy, Debug)]
pub struct PasswordChange<'a> {
    pub user_id: &'a str,
    /// The stored hash that the present password was checked against.
    pub before: &'a Secret,
    pub after: &'a Secret,
    /// The one session that stays.
    pub session_id: &'a str,
}

impl Store {
    /// Says whether anybody can sign in yet.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        self.within(async {
            let row = sqlx::query("SELECT id FROM users LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
            Ok(row.is_some())
        })
        .await
    }

    /// Stores the first user and forgets all setup tokens. Of several calls at once one wins.
    ///
    /// With `setup_token`, the SHA-256 of a token, that token must be a good one; without, the caller answers for it.
    /// Errors: `AlreadySetUp`, `SetupToken`.
    pub async fn create_first_user(
        &self,
        new: &NewUser,
        setup_token: Option<&[u8; 32]>,
        by: By<'_>,
    ) -> Result<User, StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            // Without it, two transactions on Postgres would both see no user.
            wake::lock(&mut transaction).await?;
            let user = sqlx::query("SELECT id FROM users LIMIT 1")
                .fetch_optional(&mut *transaction)
                .await?;
            if user.is_some() {
                return Err(StoreError::AlreadySetUp);
            }
            if let Some(sha256) = setup_token {
                let token = sqlx::query("SELECT hash FROM setup_tokens WHERE hash = $1")
                    .bind(hex(sha256))
                    .fetch_optional(&mut *transaction)
                    .await?;
                token.ok_or(StoreError::SetupToken)?;
            }
            sqlx::query("DELETE FROM setup_tokens")
                .execute(&mut *transaction)
                .await?;
            let user = insert(&mut transaction, new, by.now_ms).await?;
            let event = told(&user, "user.created", "was made as the first user");
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(user)
        })
        .await
    }

    /// Returns the user of this name, `None` where there is none.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.within(async {
            let row = sqlx::query(
                "SELECT id, name, role, password, created_at_ms, updated_at_ms, password_changed_at_ms \
                 FROM users WHERE name = $1",
            )
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
            row.as_ref().map(user).transpose()
        })
        .await
    }

    /// Returns a user. Errors: `NotFound`.
    pub async fn user(&self, id: &str) -> Result<User, StoreError> {
        self.within(async {
            let row = sqlx::query(
                "SELECT id, name, role, password, created_at_ms, updated_at_ms, password_changed_at_ms \
                 FROM users WHERE id = $1",
            )
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
            user(&row.ok_or_else(|| missing(id))?)
        })
        .await
    }

    /// Replaces a password and ends all other sessions of its user. Returns how many ended.
    ///
    /// Errors: `Conflict` where the password is no longer the one that was checked.
    pub async fn change_password(
        &self,
        change: PasswordChange<'_>,
        by: By<'_>,
    ) -> Result<usize, StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            let done = sqlx::query(
                "UPDATE users SET password = $3, updated_at_ms = $4, password_changed_at_ms = $4 \
                 WHERE id = $1 AND password = $2",
            )
            .bind(change.user_id)
            .bind(change.before.expose())
            .bind(change.after.expose())
            .bind(by.now_ms)
            .execute(&mut *transaction)
            .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::Conflict {
                    kind: "password of user",
                    name: by.actor.to_owned(),
                    current: 0,
                });
            }
            let user = fetch(&mut transaction, change.user_id).await?;
            let event = told(&user, "user.password_changed", "changed the password");
            events::append(&mut transaction, &event, by).await?;
            let ended =
                sessions::end_others(&mut transaction, &user, change.session_id, by).await?;
            transaction.commit().await?;
            Ok(ended)
        })
        .await
    }
}

/// Returns the role of a user inside a transaction.
pub(crate) async fn role(transaction: &mut Transaction, id: &str) -> Result<String, StoreError> {
    Ok(fetch(transaction, id).await?.role)
}

/// Makes the event that tells what `verb` says of a user.
pub(crate) fn told(user: &User, kind: &str, verb: &str) -> NewEvent {
    let text = format!("User {} {verb}.", user.name);
    NewEvent::new(Subject::User(user.id.clone()), kind, text)
}

fn missing(id: &str) -> StoreError {
    StoreError::NotFound {
        kind: KIND,
        name: id.to_owned(),
    }
}

async fn insert(
    transaction: &mut Transaction,
    new: &NewUser,
    now_ms: i64,
) -> Result<User, StoreError> {
    let user = User {
        id: new_id(now_ms),
        name: new.name.clone(),
        role: new.role.clone(),
        password: new.password.clone(),
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
        password_changed_at_ms: now_ms,
    };
    sqlx::query(
        "INSERT INTO users (id, name, role, password, created_at_ms, updated_at_ms, password_changed_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $5, $5)",
    )
    .bind(&user.id)
    .bind(&user.name)
    .bind(&user.role)
    .bind(user.password.expose())
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(user)
}

/// Reads one user inside a transaction.
pub(crate) async fn fetch(transaction: &mut Transaction, id: &str) -> Result<User, StoreError> {
    let row = sqlx::query(
        "SELECT id, name, role, password, created_at_ms, updated_at_ms, password_changed_at_ms \
         FROM users WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(&mut **transaction)
    .await?;
    user(&row.ok_or_else(|| missing(id))?)
}

fn user(row: &AnyRow) -> Result<User, StoreError> {
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: row.try_get("role")?,
        password: Secret::new(row.try_get::<String, _>("password")?),
        created_at_ms: row.try_get("created_at_ms")?,
        updated_at_ms: row.try_get("updated_at_ms")?,
        password_changed_at_ms: row.try_get("password_changed_at_ms")?,
    })
}

#[cfg(test)]
pub(crate) mod tests;
