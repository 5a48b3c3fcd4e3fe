//! The store itself: opening, time-outs and the kinds of transaction.

use std::{
    fs::OpenOptions,
    future::Future,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Executor,
    any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers},
};

use crate::{DatabaseUrl, Key, StoreError, clusters, migrate, wake};

/// Longest that one call may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Who does something, and when.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// Name for the audit log, such as `token ci`; `causeway` for the product itself.
    pub actor: &'a str,
    /// Milliseconds since the epoch, UTC.
    pub now_ms: i64,
}

/// What the caller takes the current revision for (`If-Match`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever it is.
    Any,
    /// Exactly this one, else [`StoreError::Conflict`].
    Revision(i64),
}

impl Expect {
    pub(crate) fn check(
        self,
        kind: &'static str,
        name: &str,
        current: i64,
    ) -> Result<(), StoreError> {
        match self {
            Self::Revision(expected) if expected != current => Err(StoreError::Conflict {
                kind,
                name: name.to_owned(),
                current,
            }),
            _ => Ok(()),
        }
    }
}

pub(crate) type Transaction = sqlx::Transaction<'static, Any>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// The control database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: AnyPool,
    pub(crate) key: Arc<Key>,
    dialect: Dialect,
    /// The SQLite file, for messages.
    file: Option<PathBuf>,
}

impl Store {
    /// Opens the database, makes a missing SQLite file (mode 0600, its folder must exist), brings the tables up to this
    /// version and checks that `key` sealed the secrets in it.
    pub async fn open(url: &DatabaseUrl, key: Key) -> Result<Self, StoreError> {
        install_default_drivers();
        let (options, dialect, file) = match url {
            DatabaseUrl::Sqlite(path) => (prepare_file(path)?, Dialect::Sqlite, Some(path.clone())),
            DatabaseUrl::Postgres(url) => (parse(url)?, Dialect::Postgres, None),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(if dialect == Dialect::Sqlite { 4 } else { 10 })
            .acquire_timeout(TIMEOUT)
            .after_connect(move |connection, _| Box::pin(settle(connection, dialect)))
            .connect_lazy_with(options.clone());
        let store = Self {
            pool,
            key: Arc::new(key),
            dialect,
            file,
        };
        let prepared = store.within(async {
            probe(&options, dialect).await?;
            migrate::run(&store).await?;
            clusters::check_key(&store).await
        });
        prepared.await.map_err(|error| match error {
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("{why} (`{url}`)")),
            other => other,
        })?;
        Ok(store)
    }

    /// Asks the database for an answer, for readiness checks.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.wake_revision().await.map(|_| ())
    }

    /// Closes all connections after their open statements.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Gives `work` the time-out of every call.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(TIMEOUT, work).await {
            Ok(Err(StoreError::Refused(reason))) => Err(self.refused(reason)),
            Ok(result) => result,
            Err(_) => Err(StoreError::Unavailable("no answer within 5 s".to_owned())),
        }
    }

    /// Tells a file that cannot be written from other refusals.
    fn refused(&self, reason: String) -> StoreError {
        let Some(path) = self.file.clone() else {
            return StoreError::Refused(reason);
        };
        // SQLite's primary result code is the low byte of the extended one.
        let code = reason
            .strip_prefix("error code ")
            .and_then(|code| code.parse::<u32>().ok());
        let words = match code.map(|code| code & 0xff) {
            Some(8) => "it or its folder is read-only for this user",
            Some(10) => "the disk reports an input or output error",
            Some(13) => "the disk is full",
            Some(14) => "it or the files beside it cannot be opened",
            Some(26) => "it is not a SQLite database",
            Some(11) => "its content is damaged, restore it from a backup",
            _ => return StoreError::Refused(reason),
        };
        StoreError::Unwritable {
            path,
            reason: words.to_owned(),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Begins a transaction that writes. SQLite takes the write lock at once: a lock taken later, after a read, fails
    /// without waiting.
    pub(crate) async fn write(&self) -> Result<Transaction, StoreError> {
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        };
        Ok(self.pool.begin_with(begin).await?)
    }

    /// Begins a change of intent. The wake row is locked first, so changes of intent follow one another.
    pub(crate) async fn change(&self) -> Result<Transaction, StoreError> {
        let mut transaction = self.write().await?;
        wake::bump(&mut transaction).await?;
        Ok(transaction)
    }

    /// Begins a transaction whose reads all see one moment.
    pub(crate) async fn snapshot(&self) -> Result<Transaction, StoreError> {
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(self.pool.begin_with(begin).await?)
    }
}

/// Makes a missing file readable for its owner alone (SQLite gives its side files the same mode), and finds out before
/// SQLite does whether it can be written: the system's reason is clearer.
fn prepare_file(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    let unwritable = |reason: String| StoreError::Unwritable {
        path: path.to_owned(),
        reason,
    };
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| unwritable(error.to_string()))?;
    // An address would drop `.` and `..`, which differ from the file system's where links are involved.
    let whole = path
        .canonicalize()
        .map_err(|error| unwritable(error.to_string()))?;
    let whole = whole
        .to_str()
        .ok_or_else(|| unwritable("its path is not UTF-8".to_owned()))?;
    parse(&format!("sqlite://{}?mode=rw", percent_encoded(whole)))
}

fn percent_encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    path.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn parse(url: &str) -> Result<AnyConnectOptions, StoreError> {
    Ok(url.parse::<AnyConnectOptions>()?)
}

/// Connects once without the pool, which would hide the reason of a failure behind its own retries.
async fn probe(options: &AnyConnectOptions, dialect: Dialect) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect_with(options).await?;
    settle(&mut connection, dialect).await?;
    Ok(connection.close().await?)
}

/// Sets up a new connection.
async fn settle(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), sqlx::Error> {
    let statements: &[&'static str] = match dialect {
        Dialect::Sqlite => &[
            "PRAGMA busy_timeout = 5000",
            "PRAGMA journal_mode = WAL",
            // Intent that was confirmed survives a power cut.
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
        ],
        Dialect::Postgres => &[
            "SET statement_timeout = 5000",
            "SET idle_in_transaction_session_timeout = 15000",
        ],
    };
    for statement in statements {
        connection.execute(*statement).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
