//! One-time tokens for the making of the first user, known by their hashes alone.
//!
//! [`Store::create_first_user`] spends them; while a user exists none is good and none can be made.

use crate::{Store, StoreError, tokens::hex, wake};

impl Store {
    /// Stores a setup token by its SHA-256; those made before stay good. Errors: `AlreadySetUp`.
    pub async fn create_setup_token(
        &self,
        sha256: &[u8; 32],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            // Else a token could be stored beside the making of the first user, and outlive it.
            wake::lock(&mut transaction).await?;
            let done = sqlx::query(
                "INSERT INTO setup_tokens (hash, created_at_ms) \
                 SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM users)",
            )
            .bind(hex(sha256))
            .bind(now_ms)
            .execute(&mut *transaction)
            .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::AlreadySetUp);
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Checks that this setup token is good now. Errors: `AlreadySetUp`, `SetupToken`.
    pub async fn check_setup_token(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        if self.has_users().await? {
            return Err(StoreError::AlreadySetUp);
        }
        self.within(async {
            let row = sqlx::query("SELECT hash FROM setup_tokens WHERE hash = $1")
                .bind(hex(sha256))
                .fetch_optional(&self.pool)
                .await?;
            row.map(|_| ()).ok_or(StoreError::SetupToken)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
