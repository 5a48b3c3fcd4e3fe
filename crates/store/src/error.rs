//! What can go wrong, in words that name the place and the remedy but never a stored value.

use std::path::PathBuf;

use model::link::{Phase, Verb};

use crate::KeyError;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("there is no {kind} `{name}`")]
    NotFound { kind: &'static str, name: String },
    #[error("a {kind} `{name}` exists already, take another name")]
    Exists { kind: &'static str, name: String },
    /// The caller's revision is not the current one.
    #[error(
        "the {kind} `{name}` was changed meanwhile (it is at revision {current}), read it again"
    )]
    Conflict {
        kind: &'static str,
        name: String,
        current: i64,
    },
    #[error("cluster `{cluster}` is used by {}, delete them first", quoted(.links))]
    InUse { cluster: String, links: Vec<String> },
    /// `field` can no longer be changed.
    #[error("`{field}` of the {kind} `{name}` cannot be changed{when}")]
    Immutable {
        kind: &'static str,
        name: String,
        field: &'static str,
        when: &'static str,
    },
    #[error("`{verb:?}` does not apply to link `{link}`, which is `{phase:?}`")]
    VerbRefused {
        link: String,
        phase: Phase,
        verb: Verb,
    },
    #[error("link `{link}` is `{phase:?}`, stop it before deleting it")]
    NotStopped { link: String, phase: Phase },
    /// Somebody made the first user already.
    #[error("this installation is set up already, sign in instead")]
    AlreadySetUp,
    /// Not a setup token of this installation, or one that was used.
    #[error("the setup token is not a good one, the log of the last start has it")]
    SetupToken,
    /// The text did not come from [`crate::Page::next`].
    #[error("the page cursor is not one that this list gave out, start from the first page")]
    Cursor,
    /// No answer now; the same call may work later. A write may or may not have been stored.
    #[error("the control database does not answer: {0}")]
    Unavailable(String),
    /// The SQLite file cannot be made, opened or written.
    #[error("the database file `{}` cannot be written: {reason}", .path.display())]
    Unwritable { path: PathBuf, reason: String },
    /// A row does not hold what this version writes.
    #[error("{table} `{id}` holds an unreadable `{column}`: {reason}")]
    Corrupt {
        table: &'static str,
        id: String,
        column: &'static str,
        reason: String,
    },
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Made by a later version.
    #[error(
        "the database is at version {database}, this program knows version {program}: use the program that \
         last ran on it, or a later one"
    )]
    Newer { database: i64, program: i64 },
    /// A statement failed for a reason that is not listed above.
    #[error("the control database refused a statement: {0}")]
    Refused(String),
}

impl StoreError {
    /// Says whether the same call may work later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

fn quoted(links: &[String]) -> String {
    let names: Vec<String> = links.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "{} {}",
        if links.len() == 1 { "link" } else { "links" },
        names.join(", ")
    )
}

impl From<sqlx::Error> for StoreError {
    /// Keeps class and code of a driver's error. Its text is dropped where it could quote a value.
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => from_database(error.as_ref()),
            sqlx::Error::Io(error) => {
                Self::Unavailable(format!("connection failed ({})", error.kind()))
            }
            sqlx::Error::PoolTimedOut => {
                Self::Unavailable("no connection became free within 5 s".to_owned())
            }
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable("the connection pool is closed".to_owned())
            }
            sqlx::Error::Tls(_) => Self::Unavailable("the TLS handshake failed".to_owned()),
            sqlx::Error::Protocol(_) => {
                Self::Unavailable("the connection broke off in mid-answer".to_owned())
            }
            sqlx::Error::Configuration(_) => {
                Self::Refused("its address or options are not understood".to_owned())
            }
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::Refused(format!("column {index} has an unexpected type"))
            }
            sqlx::Error::ColumnNotFound(name) => {
                Self::Refused(format!("column `{name}` is missing"))
            }
            _ => Self::Refused("unexpected answer of the driver".to_owned()),
        }
    }
}

fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default().into_owned();
    match code.as_str() {
        // SQLite's result codes: https://www.sqlite.org/rescode.html
        "5" | "6" | "261" | "517" => {
            StoreError::Unavailable("the database file is locked".to_owned())
        }
        // Postgres names what it refuses a connection for, and no values.
        _ if is_connection_class(&code) => StoreError::Unavailable(error.message().to_owned()),
        "57014" => StoreError::Unavailable("a statement took longer than 5 s".to_owned()),
        _ => StoreError::Refused(format!("error code {code}")),
    }
}

/// Returns true for the SQLSTATE classes that speak of connections, sign-in, resources or a server that stops.
fn is_connection_class(code: &str) -> bool {
    code.len() == 5
        && (matches!(&code[..2], "08" | "28" | "53" | "3D")
            || code.starts_with("57P")
            || code == "40001")
}
