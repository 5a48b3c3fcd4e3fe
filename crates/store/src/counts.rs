//! How many links and clusters there are.

use sqlx::Row;

use crate::{Store, StoreError};

/// Numbers of what operators made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub links: i64,
    pub clusters: i64,
}

impl Store {
    /// Returns how many links and clusters there are, by one query.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.within(async {
            let row = sqlx::query(
                "SELECT (SELECT COUNT(*) FROM links) AS links, (SELECT COUNT(*) FROM clusters) AS clusters",
            )
            .fetch_one(&self.pool)
            .await?;
            Ok(Counts {
                links: row.try_get("links")?,
                clusters: row.try_get("clusters")?,
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;
    use crate::testing::{ANN, Db, cluster_spec, link_spec, on_both};

    on_both!(links_and_clusters_are_counted);

    async fn links_and_clusters_are_counted(db: &Db) {
        let store = db.open().await;
        let none = Counts {
            links: 0,
            clusters: 0,
        };
        assert_eq!(store.counts().await.unwrap(), none);
        for name in ["east", "west"] {
            store
                .create_cluster(&cluster_spec(name), ANN)
                .await
                .unwrap();
        }
        store.create_link(&link_spec("a"), ANN).await.unwrap();
        let some = Counts {
            links: 1,
            clusters: 2,
        };
        assert_eq!(store.counts().await.unwrap(), some);
    }
}
