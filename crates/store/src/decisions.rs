//! What operators chose on findings.

use model::finding::Choice;
use serde_json::json;
use sqlx::{Row, any::AnyRow};

use crate::{
    By, NewEvent, Store, StoreError, Subject,
    database::Transaction,
    events,
    json::{self, Place},
};

/// An operator's choice on one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub link_id: String,
    pub finding_id: String,
    pub choice: Choice,
    /// Who chose.
    pub by: String,
    pub at_ms: i64,
}

impl Store {
    /// Stores a choice on a finding; the newest one counts. The same choice again changes nothing, except that a retry
    /// asks for one more try. Whether the choice fits the finding is the caller's to check. Errors: `NotFound`.
    pub async fn decide(
        &self,
        link_id: &str,
        finding_id: &str,
        choice: Choice,
        by: By<'_>,
    ) -> Result<Decision, StoreError> {
        self.within(async {
            let decision = Decision {
                link_id: link_id.to_owned(),
                finding_id: finding_id.to_owned(),
                choice,
                by: by.actor.to_owned(),
                at_ms: by.now_ms,
            };
            let mut transaction = self.change().await?;
            check_link(&mut transaction, link_id).await?;
            let before = fetch(&mut transaction, link_id, finding_id).await?;
            if let Some(before) = before.filter(|b| b.choice == choice && choice != Choice::Retry) {
                return Ok(before);
            }
            save(&mut transaction, &decision).await?;
            let text = format!(
                "The choice on a held partition was `{}`.",
                json::word(&choice)
            );
            let event = NewEvent {
                after: Some(json!({ "finding": finding_id, "choice": choice })),
                ..NewEvent::new(Subject::Link(link_id.to_owned()), "link.decided", text)
            };
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(decision)
        })
        .await
    }

    /// Lists the choices of a link, oldest first.
    pub async fn decisions(&self, link_id: &str) -> Result<Vec<Decision>, StoreError> {
        self.within(async {
            let mut transaction = self.snapshot().await?;
            of_link(&mut transaction, link_id).await
        })
        .await
    }
}

async fn check_link(transaction: &mut Transaction, link_id: &str) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT id FROM links WHERE id = $1")
        .bind(link_id)
        .fetch_optional(&mut **transaction)
        .await?;
    match row {
        Some(_) => Ok(()),
        None => Err(StoreError::NotFound {
            kind: "link",
            name: link_id.to_owned(),
        }),
    }
}

async fn fetch(
    transaction: &mut Transaction,
    link_id: &str,
    finding_id: &str,
) -> Result<Option<Decision>, StoreError> {
    let row = sqlx::query(
        "SELECT link_id, finding_id, choice, actor, at_ms FROM decisions \
         WHERE link_id = $1 AND finding_id = $2",
    )
    .bind(link_id)
    .bind(finding_id)
    .fetch_optional(&mut **transaction)
    .await?;
    row.as_ref().map(decision).transpose()
}

/// Reads the choices of one link inside a transaction, oldest first.
pub(crate) async fn of_link(
    transaction: &mut Transaction,
    link_id: &str,
) -> Result<Vec<Decision>, StoreError> {
    let rows = sqlx::query(
        "SELECT link_id, finding_id, choice, actor, at_ms FROM decisions \
         WHERE link_id = $1 ORDER BY at_ms, finding_id",
    )
    .bind(link_id)
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter().map(decision).collect()
}

async fn save(transaction: &mut Transaction, decision: &Decision) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO decisions (link_id, finding_id, choice, actor, at_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (link_id, finding_id) \
         DO UPDATE SET choice = excluded.choice, actor = excluded.actor, at_ms = excluded.at_ms",
    )
    .bind(&decision.link_id)
    .bind(&decision.finding_id)
    .bind(json::word(&decision.choice))
    .bind(&decision.by)
    .bind(decision.at_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn decision(row: &AnyRow) -> Result<Decision, StoreError> {
    let finding_id: String = row.try_get("finding_id")?;
    let place = Place {
        table: "decisions",
        id: &finding_id,
        column: "choice",
    };
    Ok(Decision {
        link_id: row.try_get("link_id")?,
        choice: json::from_word(row.try_get("choice")?, place)?,
        by: row.try_get("actor")?,
        at_ms: row.try_get("at_ms")?,
        finding_id,
    })
}

#[cfg(test)]
mod tests;
