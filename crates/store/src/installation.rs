//! Who this installation is.

use sqlx::Row;

use crate::{Store, StoreError, new_id};

impl Store {
    /// Returns the installation's UUID, made at the first call. Processes that ask together get the same one.
    pub async fn installation_id(&self, now_ms: i64) -> Result<String, StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            sqlx::query(
                "INSERT INTO installation (id, uuid, created_at_ms) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING",
            )
            .bind(new_id(now_ms))
            .bind(now_ms)
            .execute(&mut *transaction)
            .await?;
            let row = sqlx::query("SELECT uuid FROM installation WHERE id = 1")
                .fetch_one(&mut *transaction)
                .await?;
            let uuid = row.try_get("uuid")?;
            transaction.commit().await?;
            Ok(uuid)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
