//! History of findings.

use model::finding::{Finding, FindingState};
use sqlx::{Row, any::AnyRow};

use crate::{
    Page, PageQuery, Store, StoreError,
    json::{self, Place},
    page::moment,
};

impl Store {
    /// Records a finding, or its new state when its id is known; the time of the first report stays.
    pub async fn save_finding(&self, link_id: &str, finding: &Finding) -> Result<(), StoreError> {
        self.within(async {
            let mut transaction = self.write().await?;
            sqlx::query(
                "INSERT INTO findings \
                 (link_id, id, kind, topic, partition_number, state, body, found_at_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (link_id, id) DO UPDATE SET kind = excluded.kind, topic = excluded.topic, \
                 partition_number = excluded.partition_number, state = excluded.state, \
                 body = excluded.body",
            )
            .bind(link_id)
            .bind(&finding.id)
            .bind(json::word(&finding.kind))
            .bind(&finding.topic)
            .bind(i64::from(finding.partition))
            .bind(state_word(&finding.state))
            .bind(json::write(finding))
            .bind(finding.found_at_ms)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Returns one finding of a link. Errors: `NotFound`.
    pub async fn finding(&self, link_id: &str, id: &str) -> Result<Finding, StoreError> {
        self.within(async {
            let row = sqlx::query(
                "SELECT id, body, found_at_ms FROM findings WHERE link_id = $1 AND id = $2",
            )
            .bind(link_id)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
            let missing = || StoreError::NotFound {
                kind: "finding",
                name: id.to_owned(),
            };
            finding(&row.ok_or_else(missing)?)
        })
        .await
    }

    /// Lists the findings of a link, newest first.
    pub async fn findings(
        &self,
        link_id: &str,
        query: &PageQuery,
    ) -> Result<Page<Finding>, StoreError> {
        self.within(async {
            let (found_at_ms, id) = query.before_moment()?;
            let rows = sqlx::query(
                "SELECT id, body, found_at_ms FROM findings WHERE link_id = $1 \
                 AND (found_at_ms < $2 OR (found_at_ms = $2 AND id < $3)) \
                 ORDER BY found_at_ms DESC, id DESC LIMIT $4",
            )
            .bind(link_id)
            .bind(found_at_ms)
            .bind(id)
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            let items = rows.iter().map(finding).collect::<Result<_, _>>()?;
            Ok(Page::cut(items, query, |item: &Finding| {
                moment(item.found_at_ms, &item.id)
            }))
        })
        .await
    }
}

fn state_word(state: &FindingState) -> &'static str {
    match state {
        FindingState::Recorded => "recorded",
        FindingState::Held => "held",
        FindingState::Decided { .. } => "decided",
    }
}

fn finding(row: &AnyRow) -> Result<Finding, StoreError> {
    let id: String = row.try_get("id")?;
    let place = Place {
        table: "findings",
        id: &id,
        column: "body",
    };
    let finding: Finding = json::read(row.try_get("body")?, place)?;
    Ok(Finding {
        found_at_ms: row.try_get("found_at_ms")?,
        ..finding
    })
}

#[cfg(test)]
mod tests;
