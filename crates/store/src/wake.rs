//! The number that tells worker processes that somebody wants something new.

use sqlx::Row;

use crate::{Store, StoreError, database::Transaction};

impl Store {
    /// Returns the number that grows with every change of clusters, links and decisions. It is bumped in the same
    /// transaction, so whoever reads a number and then intent has at least that number's intent.
    pub async fn wake_revision(&self) -> Result<i64, StoreError> {
        self.within(async {
            let row = sqlx::query("SELECT revision FROM wake WHERE id = 1")
                .fetch_one(&self.pool)
                .await?;
            Ok(row.try_get("revision")?)
        })
        .await
    }
}

pub(crate) async fn bump(transaction: &mut Transaction) -> Result<(), StoreError> {
    sqlx::query("UPDATE wake SET revision = revision + 1 WHERE id = 1")
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Locks the row without changing the number, for what must happen once and is no intent of workers.
pub(crate) async fn lock(transaction: &mut Transaction) -> Result<(), StoreError> {
    sqlx::query("UPDATE wake SET revision = revision WHERE id = 1")
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Reads the number inside a snapshot.
pub(crate) async fn read(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT revision FROM wake WHERE id = 1")
        .fetch_one(&mut **transaction)
        .await?;
    Ok(row.try_get("revision")?)
}

#[cfg(test)]
mod tests;
