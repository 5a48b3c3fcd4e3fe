//! SQL: what operators want, and what happened.
//!
//! Holds clusters, links, decisions, tokens (intent), users, sessions, drafts (the console's people) and findings,
//! events (history) on SQLite or Postgres, with one SQL text for both. Guarantees:
//!
//! - Every change of intent is one transaction that also writes its audit event and bumps the wake revision
//!   ([`Store::wake_revision`]); all such transactions stand in one order.
//! - Secrets are sealed ([`Key`]) before they reach SQL, and no error of this crate carries a stored value.
//! - Every call answers within the time-out of 5 s.
//!
//! Not here: positions and offset maps (they live in control topics), the wire, permissions, validation of what is
//! stored. Row layouts stay inside; see `migrations/` for the tables.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clusters;
pub mod counts;
pub mod decisions;
pub mod drafts;
pub mod events;
pub mod findings;
pub mod installation;
pub mod intent;
pub mod links;
pub mod sessions;
pub mod setup_tokens;
pub mod tokens;
pub mod users;
pub mod wake;

mod database;
mod error;
mod id;
mod json;
mod migrate;
mod page;
mod secret;
#[cfg(test)]
mod testing;
mod url;

pub use clusters::Cluster;
pub use counts::Counts;
pub use database::{By, Expect, Store};
pub use decisions::Decision;
pub use drafts::{Draft, DraftChange, ListedDraft, NewDraft};
pub use error::StoreError;
pub use events::{Event, NewEvent, Subject};
pub use findings::FindingCounts;
pub use id::new_id;
pub use intent::{Intent, LinkIntent};
pub use links::Link;
pub use page::{Page, PageQuery};
pub use secret::{Key, KeyError};
pub use sessions::{NewSession, Session};
pub use tokens::{NewToken, Token};
pub use url::{DatabaseUrl, DatabaseUrlError};
pub use users::{NewUser, PasswordChange, User};
