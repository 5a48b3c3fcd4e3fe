//! New tokens on their way to the page that shows them, once.
//!
//! Held in memory alone: the text of a token is in no address, no cookie and no database. A restart in between loses it,
//! and a token that nobody saw can be revoked.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::problem::Problem;

use super::{OwnTokenInput, Person, create_own_token};
use crate::{
    Context,
    api::{secrets::random_text, tokens::IssuedToken},
    problems::invalid_field,
};

/// How long a form or a token waits.
const WAITS_MS: i64 = 10 * 60 * 1_000;
/// Most that wait; beyond, the oldest goes.
const MOST: usize = 1_000;
/// Longest text of a form's key, bytes.
const LONGEST_KEY: usize = 100;

/// Tokens that nobody has seen yet, by the key of the form that asked for them.
#[derive(Debug, Default)]
pub struct NewTokens(Mutex<HashMap<String, Waiting>>);

#[derive(Debug)]
struct Waiting {
    user_id: String,
    since_ms: i64,
    /// `None` while it is being made, and once it was shown.
    token: Option<IssuedToken>,
}

impl NewTokens {
    /// Returns a key for a form that makes a token.
    ///
    /// # Errors
    /// `internal` where the operating system gives no random numbers.
    pub fn form_key() -> Result<String, Problem> {
        random_text()
    }

    /// Makes a token for the form `key`; the same form sent again makes no second one.
    ///
    /// # Errors
    /// Those of [`create_own_token`].
    pub async fn make(
        &self,
        context: &Context,
        person: &Person,
        key: &str,
        input: &OwnTokenInput,
    ) -> Result<(), Problem> {
        if key.is_empty() || key.len() > LONGEST_KEY {
            let message = "The form arrived incomplete. Load the page again.";
            return Err(invalid_field("form", message));
        }
        if !self.begin(key, &person.user_id, context.now_ms) {
            return Ok(());
        }
        match create_own_token(context, person, input).await {
            Ok(token) => {
                if let Some(waiting) = self.lock().get_mut(key) {
                    waiting.token = Some(token);
                }
                Ok(())
            }
            Err(problem) => {
                self.lock().remove(key);
                Err(problem)
            }
        }
    }

    /// Returns the token of that form to the person who made it, and never again.
    pub fn take(&self, person: &Person, key: &str, now_ms: i64) -> Option<IssuedToken> {
        let mut waiting = self.lock();
        let found = waiting.get_mut(key)?;
        let own = found.user_id == person.user_id && now_ms - found.since_ms < WAITS_MS;
        if own { found.token.take() } else { None }
    }

    /// Notes that a token is being made; says no where this form was sent before.
    fn begin(&self, key: &str, user_id: &str, now_ms: i64) -> bool {
        let mut waiting = self.lock();
        waiting.retain(|_, known| now_ms - known.since_ms < WAITS_MS);
        if waiting.contains_key(key) {
            return false;
        }
        if waiting.len() >= MOST {
            let oldest = waiting.iter().min_by_key(|(_, known)| known.since_ms);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                waiting.remove(&oldest);
            }
        }
        let begun = Waiting {
            user_id: user_id.to_owned(),
            since_ms: now_ms,
            token: None,
        };
        waiting.insert(key.to_owned(), begun);
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        // The map is whole between any two steps, so a panic elsewhere left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Actor, Role};
    use model::account::TokenView;

    fn person(user_id: &str) -> Person {
        Person {
            actor: Actor {
                id: user_id.to_owned(),
                name: "ann".to_owned(),
                role: Role::Viewer,
            },
            user_id: user_id.to_owned(),
            session_id: "s".to_owned(),
        }
    }

    fn with_token(tokens: &NewTokens, key: &str) {
        assert!(tokens.begin(key, "ann", 0));
        let view = TokenView {
            id: "1".to_owned(),
            name: "ci".to_owned(),
            role: "viewer".to_owned(),
            created_at_ms: 0,
            expires_at_ms: None,
            revoked_at_ms: None,
            owner_id: None,
        };
        let token = "cw_canary".to_owned();
        tokens.lock().get_mut(key).unwrap().token = Some(IssuedToken { view, token });
    }

    #[test]
    fn a_token_is_shown_to_its_maker_once() {
        let tokens = NewTokens::default();
        with_token(&tokens, "a");
        assert!(!format!("{tokens:?}").contains("canary"));
        assert!(tokens.take(&person("eve"), "a", 1).is_none());
        assert!(tokens.take(&person("ann"), "b", 1).is_none());
        assert!(tokens.take(&person("ann"), "a", 1).is_some());
        assert!(tokens.take(&person("ann"), "a", 2).is_none());
        assert!(!tokens.begin("a", "ann", 3), "the form was sent before");
    }

    #[test]
    fn what_nobody_fetches_is_forgotten_and_the_number_is_bounded() {
        let tokens = NewTokens::default();
        with_token(&tokens, "a");
        assert!(tokens.take(&person("ann"), "a", WAITS_MS).is_none());
        assert!(tokens.begin("a", "ann", WAITS_MS));
        for number in 0..2 * MOST {
            tokens.begin(&format!("k{number}"), "ann", WAITS_MS + number as i64 % 7);
        }
        assert_eq!(tokens.lock().len(), MOST);
    }
}
