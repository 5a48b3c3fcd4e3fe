//! How often a password may be guessed: after five failures under one name or from one address, each further one
//! doubles a wait.
//!
//! Held in memory: a restart forgets. An attempt counts as failed from its beginning, so many at once win nothing.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::account::LONGEST_NAME;

/// Failures without a wait.
const FREE: u32 = 5;
const FIRST_WAIT_MS: i64 = 10_000;
const LONGEST_WAIT_MS: i64 = 15 * 60 * 1_000;
/// Time without a failure after which all is forgotten.
const FORGOTTEN_AFTER_MS: i64 = 3_600 * 1_000;
/// Most names and addresses remembered; beyond, those whose last failure is the longest ago go.
const MOST: usize = 10_000;

/// Remembers failed attempts.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Key, Failures>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Address(String),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last_ms: i64,
}

impl Failures {
    /// Returns the moment from which the next attempt is welcome.
    fn open_at_ms(self) -> i64 {
        let Some(doublings) = self.count.checked_sub(FREE) else {
            return self.last_ms;
        };
        let wait_ms = FIRST_WAIT_MS
            .checked_shl(doublings.min(20))
            .unwrap_or(LONGEST_WAIT_MS);
        self.last_ms + wait_ms.min(LONGEST_WAIT_MS)
    }

    fn is_forgotten(self, now_ms: i64) -> bool {
        now_ms - self.last_ms >= FORGOTTEN_AFTER_MS
    }
}

/// An attempt that was let through.
#[derive(Debug)]
#[must_use = "an attempt that is not settled counts as failed"]
pub struct Attempt<'a> {
    attempts: &'a Attempts,
    /// What it was counted under, and what was known before.
    counted: Vec<(Key, Failures)>,
}

impl Attempts {
    /// Begins an attempt under `name` from `address` (none: from somebody signed in), and counts it as failed.
    ///
    /// # Errors
    /// Milliseconds until the next attempt is welcome.
    pub fn begin(
        &self,
        name: &str,
        address: Option<&str>,
        now_ms: i64,
    ) -> Result<Attempt<'_>, i64> {
        let mut keys = vec![Key::Name(name.chars().take(LONGEST_NAME + 1).collect())];
        keys.extend(address.map(|address| Key::Address(network(address))));
        let mut failures = self.lock();
        let open_at_ms = keys
            .iter()
            .filter_map(|key| failures.get(key))
            .filter(|known| !known.is_forgotten(now_ms))
            .map(|known| known.open_at_ms())
            .max();
        if let Some(wait_ms) = open_at_ms.map(|at_ms| at_ms - now_ms).filter(|ms| *ms > 0) {
            return Err(wait_ms);
        }
        make_room(&mut failures, now_ms);
        let mut count = |key: Key| {
            let known = failures.entry(key.clone()).or_insert(Failures {
                count: 0,
                last_ms: now_ms,
            });
            if known.is_forgotten(now_ms) {
                known.count = 0;
            }
            let before = *known;
            known.count = known.count.saturating_add(1);
            known.last_ms = now_ms;
            (key, before)
        };
        Ok(Attempt {
            attempts: self,
            counted: keys.into_iter().map(&mut count).collect(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        // The map is whole between any two steps, so a panic elsewhere left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Forgets all failures under this name. Of those from this address it takes back its own alone: who has a password
    /// must not clear the way for guessing at others'.
    pub fn succeeded(self) {
        let mut failures = self.attempts.lock();
        for (key, before) in &self.counted {
            match key {
                Key::Name(_) => {
                    failures.remove(key);
                }
                Key::Address(_) => take_back(&mut failures, key, *before),
            }
        }
    }

    /// Takes the attempt back: whether it was right could not be found out.
    pub fn undecided(self) {
        let mut failures = self.attempts.lock();
        for (key, before) in &self.counted {
            take_back(&mut failures, key, *before);
        }
    }
}

/// Takes an attempt back. Where nothing was counted since, its moment goes too, so that nobody waits for it.
fn take_back(failures: &mut HashMap<Key, Failures>, key: &Key, before: Failures) {
    let Some(known) = failures.get_mut(key) else {
        return;
    };
    if known.count == before.count.saturating_add(1) {
        *known = before;
    } else {
        known.count = known.count.saturating_sub(1);
    }
}

fn make_room(failures: &mut HashMap<Key, Failures>, now_ms: i64) {
    if failures.len() + 2 <= MOST {
        return;
    }
    failures.retain(|_, known| !known.is_forgotten(now_ms));
    if failures.len() + 2 <= MOST {
        return;
    }
    // A tenth goes at once, so that the next attempts need no search.
    let mut moments: Vec<i64> = failures.values().map(|known| known.last_ms).collect();
    moments.sort_unstable();
    let newest_to_go = moments[MOST / 10];
    failures.retain(|_, known| known.last_ms > newest_to_go);
}

/// Returns the part of an address that one party holds: of IPv6 the first 64 bits.
fn network(address: &str) -> String {
    match address
        .parse()
        .map(|address: IpAddr| address.to_canonical())
    {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(address) => address.to_string(),
        Err(_) => address.chars().take(LONGEST_NAME).collect(),
    }
}

#[cfg(test)]
mod tests;
