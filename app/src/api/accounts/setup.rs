//! The first user: made once, with a token of the log or a password of the settings.

use model::{account, problem::Problem};
use store::{By, NewUser, Store, StoreError};

use super::{IssuedSession, begin, password};
use crate::{
    Context,
    access::Role,
    api::secrets::{hash, random_text},
    problems::{self, from_store},
};

/// Name of the administrator whom a setting makes.
const FIRST_ADMIN: &str = "admin";

/// Says whether the first user is still to be made.
pub async fn setup_needed(context: &Context) -> Result<bool, Problem> {
    context
        .store
        .has_users()
        .await
        .map(|some| !some)
        .map_err(from_store)
}

/// Makes a one-time token for the set-up and returns its text; `None` once there is a user.
pub async fn new_setup_token(store: &Store, now_ms: i64) -> Result<Option<String>, Problem> {
    if store.has_users().await.map_err(from_store)? {
        return Ok(None);
    }
    let text = random_text()?;
    match store.create_setup_token(&hash(&text), now_ms).await {
        Ok(()) => Ok(Some(text)),
        Err(StoreError::AlreadySetUp) => Ok(None),
        Err(error) => Err(from_store(error)),
    }
}

/// Makes the administrator `admin` with a password from the settings, if there is no user. Says whether it did.
///
/// # Errors
/// `input.invalid` where the password breaks the rules.
pub async fn create_first_admin_with_password(
    store: &Store,
    password: &str,
    now_ms: i64,
) -> Result<bool, Problem> {
    if store.has_users().await.map_err(from_store)? {
        return Ok(false);
    }
    problems::check(account::check_password(FIRST_ADMIN, password, password))?;
    let new = administrator(FIRST_ADMIN, password).await?;
    let by = By {
        actor: "causeway",
        now_ms,
    };
    match store.create_first_user(&new, None, by).await {
        Ok(_) => Ok(true),
        Err(StoreError::AlreadySetUp) => Ok(false),
        Err(error) => Err(from_store(error)),
    }
}

/// Makes the first user, an administrator, and signs it in.
///
/// # Errors
/// `setup.done`, `setup.token`, and `input.invalid` at `name`, `password`, `password_again`.
pub async fn set_up(
    context: &Context,
    token: &str,
    name: &str,
    password: &str,
    password_again: &str,
    agent: &str,
) -> Result<IssuedSession, Problem> {
    let sha256 = hash(token);
    // Before anything costly: only who holds the token may have passwords hashed.
    let open = context.store.check_setup_token(&sha256).await;
    open.map_err(from_store)?;
    let mut faults = Vec::from_iter(account::check_name(name));
    faults.extend(account::check_password(name, password, password_again));
    problems::check(faults)?;
    let new = administrator(name, password).await?;
    let by = By {
        actor: name,
        now_ms: context.now_ms,
    };
    let made = context
        .store
        .create_first_user(&new, Some(&sha256), by)
        .await;
    begin(context, &made.map_err(from_store)?, agent).await
}

async fn administrator(name: &str, password: &str) -> Result<NewUser, Problem> {
    Ok(NewUser {
        name: name.to_owned(),
        role: Role::Administrator.as_str().to_owned(),
        password: password::hashed(password).await?,
    })
}
