//! History of findings.

use model::finding::{Finding, FindingState};
use sqlx::{Row, any::AnyRow};

use crate::{
    Page, PageQuery, Store, StoreError,
    json::{self, Place},
    page::moment,
};

/// How many findings a link has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindingCounts {
    pub all: u32,
    /// Those of partitions that are held.
    pub held: u32,
}

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
            let before = query.before_moment()?;
            let items = self.older(link_id, Part::All, before, query.rows()).await?;
            Ok(Page::cut(items, query, |item: &Finding| {
                moment(item.found_at_ms, &item.id)
            }))
        })
        .await
    }

    /// Lists the findings of a link: those that are held, newest first, then all others, newest first.
    pub async fn findings_held_first(
        &self,
        link_id: &str,
        query: &PageQuery,
    ) -> Result<Page<Finding>, StoreError> {
        self.within(async {
            let newest = (i64::MAX, "");
            let (part, before) = match &query.after {
                None => (Part::Held, newest),
                Some(cursor) => part_and_moment(cursor)?,
            };
            let mut items = Vec::new();
            if part == Part::Held {
                items = self.older(link_id, part, before, query.rows()).await?;
            }
            let left = query.rows() - items.len() as i64;
            if left > 0 {
                let before = if part == Part::Held { newest } else { before };
                items.extend(self.older(link_id, Part::Others, before, left).await?);
            }
            Ok(Page::cut(items, query, |item: &Finding| {
                let part = Part::of(&item.state).word();
                format!("{part}_{}", moment(item.found_at_ms, &item.id))
            }))
        })
        .await
    }

    /// Counts the findings of a link.
    pub async fn count_findings(&self, link_id: &str) -> Result<FindingCounts, StoreError> {
        self.within(async {
            let rows = sqlx::query(
                "SELECT state, count(*) AS found FROM findings WHERE link_id = $1 GROUP BY state",
            )
            .bind(link_id)
            .fetch_all(&self.pool)
            .await?;
            let mut counts = FindingCounts::default();
            for row in &rows {
                let state: &str = row.try_get("state")?;
                let found = u32::try_from(row.try_get::<i64, _>("found")?).unwrap_or(u32::MAX);
                counts.all = counts.all.saturating_add(found);
                if state == state_word(&FindingState::Held) {
                    counts.held = found;
                }
            }
            Ok(counts)
        })
        .await
    }

    /// Reads up to `rows` findings of one part of a link's, newest first, that are older than `before`.
    async fn older(
        &self,
        link_id: &str,
        part: Part,
        (found_at_ms, id): (i64, &str),
        rows: i64,
    ) -> Result<Vec<Finding>, StoreError> {
        let rows = sqlx::query(part.older())
            .bind(link_id)
            .bind(found_at_ms)
            .bind(id)
            .bind(rows)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(finding).collect()
    }
}

/// Which findings of a link are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    All,
    Held,
    Others,
}

/// The text that reads what is older than a moment.
macro_rules! older {
    ($which:literal) => {
        concat!(
            "SELECT id, body, found_at_ms FROM findings WHERE link_id = $1 ",
            $which,
            "AND (found_at_ms < $2 OR (found_at_ms = $2 AND id < $3)) \
             ORDER BY found_at_ms DESC, id DESC LIMIT $4"
        )
    };
}

impl Part {
    fn older(self) -> &'static str {
        match self {
            Self::All => older!(""),
            Self::Held => older!("AND state = 'held' "),
            Self::Others => older!("AND state <> 'held' "),
        }
    }

    fn of(state: &FindingState) -> Self {
        match state {
            FindingState::Held => Self::Held,
            FindingState::Recorded | FindingState::Decided { .. } => Self::Others,
        }
    }

    /// Returns the word in cursors.
    fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Held => "held",
            Self::Others => "others",
        }
    }
}

/// Reads a cursor of the list that begins with those that are held.
fn part_and_moment(cursor: &str) -> Result<(Part, (i64, &str)), StoreError> {
    let (word, rest) = cursor.split_once('_').ok_or(StoreError::Cursor)?;
    let part = [Part::Held, Part::Others]
        .into_iter()
        .find(|part| part.word() == word);
    let (at_ms, id) = rest.split_once('_').ok_or(StoreError::Cursor)?;
    let at_ms = at_ms.parse().map_err(|_| StoreError::Cursor)?;
    Ok((part.ok_or(StoreError::Cursor)?, (at_ms, id)))
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
