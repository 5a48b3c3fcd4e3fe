//! People: sign-in and who a session speaks for; below, the first one's set-up and one's own account.
//!
//! A session's secret goes into a cookie and is stored as a hash. Failures of a sign-in all read the same and take the
//! same time, and guessing is slowed down by [`Attempts`].

use model::{
    account::{self, LONGEST_AGENT, LONGEST_PASSWORD, PersonView},
    problem::Problem,
};
use store::{By, NewEvent, NewSession, StoreError, Subject, User};

use super::secrets::{hash, random_text};
use crate::{Context, access::Actor, problems::from_store};

mod attempts;
mod once;
mod own;
mod password;
mod setup;
mod tokens;

pub use attempts::{Attempt, Attempts};
pub use once::NewTokens;
pub use own::{NewPassword, change_password, revoke_session, sessions, sign_out};
pub use setup::{create_first_admin_with_password, new_setup_token, set_up, setup_needed};
pub use tokens::{OwnTokenInput, create_own_token, own_tokens, revoke_own_token};

/// Who stands in the audit log where nobody is signed in.
const STRANGER: &str = "not signed in";
/// Longest text of a cookie that is looked at, bytes.
const LONGEST_SECRET: usize = 100;

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who asks, for [`crate::access::authorize`].
    pub actor: Actor,
    pub user_id: String,
    /// Public id of the session.
    pub session_id: String,
}

impl Person {
    /// Returns what pages show of the person.
    pub fn view(&self) -> PersonView {
        PersonView {
            user_id: self.user_id.clone(),
            name: self.actor.name.clone(),
            role: self.actor.role,
        }
    }
}

/// A session just begun. The secret is for the cookie and is known nowhere else.
pub struct IssuedSession {
    /// 43 characters of base64url.
    pub secret: String,
    pub person: Person,
    /// Its end however busy it is, milliseconds since the epoch, UTC.
    pub expires_at_ms: i64,
}

impl std::fmt::Debug for IssuedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedSession")
            .field("person", &self.person)
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}

/// What somebody types to sign in.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    pub name: &'a str,
    pub password: &'a str,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Signs somebody in from `client_address`, with a browser that calls itself `agent`.
///
/// # Errors
/// `auth.sign_in` (401) whatever was wrong; `auth.wait` (429) after too many failures.
pub async fn sign_in(
    context: &Context,
    attempts: &Attempts,
    credentials: Credentials<'_>,
    client_address: &str,
    agent: &str,
) -> Result<IssuedSession, Problem> {
    let name = credentials.name;
    let attempt = attempts
        .begin(name, Some(client_address), context.now_ms)
        .map_err(|wait_ms| wait(wait_ms, context.now_ms))?;
    let outcome = match check(context, credentials).await {
        Ok((user, true)) => match user {
            Some(user) => begin(context, &user, agent).await,
            None => Err(wrong()),
        },
        Ok((user, false)) => {
            tell_failed(context, user.as_ref(), client_address).await;
            Err(wrong())
        }
        Err(problem) => Err(problem),
    };
    match &outcome {
        Ok(_) => attempt.succeeded(),
        Err(problem) if problem.status >= 500 => attempt.undecided(),
        Err(_) => {}
    }
    outcome
}

/// Returns who holds this cookie's secret, `None` where the session is unknown, over or ended.
pub async fn person_of(context: &Context, cookie_secret: &str) -> Result<Option<Person>, Problem> {
    if cookie_secret.len() > LONGEST_SECRET {
        return Ok(None);
    }
    let found = context
        .store
        .session_by_hash(&hash(cookie_secret), context.now_ms)
        .await
        .map_err(from_store)?;
    Ok(found.and_then(|(session, user)| person(&user, session.id)))
}

/// Says whether the person's session is still good, with the role that it had. The question counts as use of it.
pub async fn is_current(context: &Context, person: &Person) -> Result<bool, Problem> {
    let found = context
        .store
        .session(&person.session_id, context.now_ms)
        .await
        .map_err(from_store)?;
    Ok(found.is_some_and(|(session, user)| {
        session.user_id == person.user_id && user.role == person.actor.role.as_str()
    }))
}

/// Looks the user up and compares the password; takes the same time whether or not there is such a user.
async fn check(
    context: &Context,
    credentials: Credentials<'_>,
) -> Result<(Option<User>, bool), Problem> {
    // Neither can be anybody's, and Postgres would refuse some of them as faults.
    let possible = account::check_name(credentials.name).is_none()
        && credentials.password.chars().count() <= LONGEST_PASSWORD;
    let user = if possible {
        let found = context.store.user_by_name(credentials.name).await;
        found.map_err(from_store)?
    } else {
        None
    };
    let password = if possible { credentials.password } else { "" };
    let fits = password::fits(password, user.as_ref().map(|user| &user.password)).await?;
    Ok((user, fits))
}

/// Begins a session of a user whose password was just checked.
async fn begin(context: &Context, user: &User, agent: &str) -> Result<IssuedSession, Problem> {
    let secret = random_text()?;
    let agent = printable(agent);
    let new = NewSession {
        user_id: &user.id,
        password: &user.password,
        sha256: hash(&secret),
        user_agent: &agent,
    };
    let by = By {
        actor: &user.name,
        now_ms: context.now_ms,
    };
    let session = match context.store.create_session(new, by).await {
        Ok(session) => session,
        // The password was changed in this moment.
        Err(StoreError::NotFound { .. }) => return Err(wrong()),
        Err(error) => return Err(from_store(error)),
    };
    Ok(IssuedSession {
        secret,
        expires_at_ms: session.expires_at_ms,
        person: person(user, session.id).ok_or_else(wrong)?,
    })
}

/// Records a failed sign-in. The name is left out where nobody has it: people type passwords into the wrong field.
async fn tell_failed(context: &Context, user: Option<&User>, client_address: &str) {
    let address = printable(client_address);
    let (subject, text) = match user {
        Some(user) => (
            Subject::User(user.id.clone()),
            format!("A sign-in as {} from {address} failed.", user.name),
        ),
        None => (
            Subject::Installation,
            format!("A sign-in from {address} with an unknown name failed."),
        ),
    };
    let by = By {
        actor: STRANGER,
        now_ms: context.now_ms,
    };
    let event = NewEvent::new(subject, "sign_in.failed", text);
    if let Err(error) = context.store.append_event(&event, by).await {
        tracing::warn!(%error, "a failed sign-in could not be recorded");
    }
}

/// Returns the person of a session; `None` where the role is one that this version does not know.
fn person(user: &User, session_id: String) -> Option<Person> {
    Some(Person {
        actor: Actor {
            id: user.id.clone(),
            name: user.name.clone(),
            role: user.role.parse().ok()?,
        },
        user_id: user.id.clone(),
        session_id,
    })
}

/// Returns foreign text without control characters and of bounded length.
fn printable(text: &str) -> String {
    let shown = text.chars().filter(|character| !character.is_control());
    shown.take(LONGEST_AGENT).collect()
}

fn wrong() -> Problem {
    Problem {
        code: "auth.sign_in".to_owned(),
        status: 401,
        title: "Name or password is wrong.".to_owned(),
        detail: "Nobody was signed in.".to_owned(),
        ..Problem::default()
    }
}

/// The problem of an attempt that came too soon.
fn wait(wait_ms: i64, now_ms: i64) -> Problem {
    Problem {
        code: "auth.wait".to_owned(),
        status: 429,
        title: "Too many attempts failed.".to_owned(),
        detail: format!("Try again in {}.", rounded_up(wait_ms)),
        next_try_ms: Some(now_ms + wait_ms),
        ..Problem::default()
    }
}

fn rounded_up(wait_ms: i64) -> String {
    let seconds = (wait_ms + 999).div_euclid(1_000);
    match seconds {
        ..=90 => format!("{seconds} s"),
        _ => format!("{} min", (seconds + 59) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    #[test]
    fn a_wait_is_told_in_whole_seconds_or_minutes_and_never_too_short() {
        for (wait_ms, text) in [
            (1, "1 s"),
            (19_001, "20 s"),
            (90_000, "90 s"),
            (90_001, "2 min"),
            (900_000, "15 min"),
        ] {
            assert_eq!(rounded_up(wait_ms), text);
        }
        let problem = wait(20_000, 5);
        assert_eq!((problem.status, problem.next_try_ms), (429, Some(20_005)));
        assert_eq!(problem.detail, "Try again in 20 s.");
    }

    #[test]
    fn debug_output_shows_neither_passwords_nor_secrets() {
        let credentials = Credentials {
            name: "ann",
            password: "canary",
        };
        let issued = IssuedSession {
            secret: "canary".to_owned(),
            person: Person {
                actor: Actor {
                    id: "1".to_owned(),
                    name: "ann".to_owned(),
                    role: Role::Viewer,
                },
                user_id: "1".to_owned(),
                session_id: "2".to_owned(),
            },
            expires_at_ms: 3,
        };
        assert!(!format!("{credentials:?} {issued:?}").contains("canary"));
    }

    #[test]
    fn foreign_text_is_cut_and_loses_control_characters() {
        assert_eq!(printable("a\r\n\0b"), "ab");
        assert_eq!(printable(&"é".repeat(500)).chars().count(), LONGEST_AGENT);
    }
}
