//! Bringing the tables up to this version: `migrations/NNNN_<purpose>.sql`, in order, append-only.
//!
//! All missing migrations run in one transaction, so one that is interrupted leaves nothing behind. Processes that
//! start together wait for each other. A database of a later version is refused.

use sqlx::{Executor, Row};

use crate::{
    Store, StoreError,
    database::{Dialect, Transaction},
};

/// Position in the list plus one is the version.
const MIGRATIONS: &[(&str, &str)] = &[
    ("wake", include_str!("../migrations/0001_wake.sql")),
    (
        "installation",
        include_str!("../migrations/0002_installation.sql"),
    ),
    ("clusters", include_str!("../migrations/0003_clusters.sql")),
    ("links", include_str!("../migrations/0004_links.sql")),
    (
        "decisions",
        include_str!("../migrations/0005_decisions.sql"),
    ),
    ("findings", include_str!("../migrations/0006_findings.sql")),
    ("events", include_str!("../migrations/0007_events.sql")),
    ("tokens", include_str!("../migrations/0008_tokens.sql")),
    ("users", include_str!("../migrations/0009_users.sql")),
    ("sessions", include_str!("../migrations/0010_sessions.sql")),
    (
        "setup_tokens",
        include_str!("../migrations/0011_setup_tokens.sql"),
    ),
    ("drafts", include_str!("../migrations/0012_drafts.sql")),
    (
        "token_owners",
        include_str!("../migrations/0013_token_owners.sql"),
    ),
    (
        "findings_by_state",
        include_str!("../migrations/0014_findings_by_state.sql"),
    ),
    (
        "cluster_keys",
        include_str!("../migrations/0015_cluster_keys.sql"),
    ),
];

/// Runs what is missing.
pub(crate) async fn run(store: &Store) -> Result<(), StoreError> {
    run_list(store, MIGRATIONS).await
}

async fn run_list(
    store: &Store,
    migrations: &[(&'static str, &'static str)],
) -> Result<(), StoreError> {
    let mut transaction = store.write().await?;
    if store.dialect() == Dialect::Postgres {
        // Number of our own choice; held until the transaction ends.
        transaction
            .execute("SELECT pg_advisory_xact_lock(7162539104)")
            .await?;
    }
    let database = version(&mut transaction).await?;
    let program = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if database > program {
        return Err(StoreError::Newer { database, program });
    }
    for (version, (name, script)) in (1_i64..).zip(migrations) {
        if version <= database {
            continue;
        }
        sqlx::raw_sql(*script).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)")
            .bind(version)
            .bind(*name)
            .execute(&mut *transaction)
            .await?;
        tracing::info!(version, name, "database brought to a new version");
    }
    transaction.commit().await?;
    Ok(())
}

/// Returns the database's version, 0 for an empty one.
async fn version(transaction: &mut Transaction) -> Result<i64, StoreError> {
    transaction
        .execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (\
             version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)",
        )
        .await?;
    let row = sqlx::query("SELECT coalesce(max(version), 0) AS version FROM schema_migrations")
        .fetch_one(&mut **transaction)
        .await?;
    Ok(row.try_get("version")?)
}

#[cfg(test)]
mod tests;
