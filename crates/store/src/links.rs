//! Links: intent and phase.

use model::link::{LinkSpec, LinkView, Phase, Verb};
use serde_json::json;
use sqlx::Row;

use crate::{
    By, Expect, NewEvent, Page, PageQuery, Store, StoreError, Subject, events, json, new_id,
};

mod row;

use row::{check_clusters, insert, link, save};
pub(crate) use row::{fetch, started};

const KIND: &str = "link";

/// A stored link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub id: String,
    pub spec: LinkSpec,
    pub phase: Phase,
    /// Topic id of the link's control topic, once it was made.
    pub control_topic_id: Option<String>,
    /// Grows with every change of `spec` or `phase`.
    pub revision: i64,
    /// When the link was first started.
    pub started_at_ms: Option<i64>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

impl Link {
    /// Returns what the API shows.
    pub fn view(&self) -> LinkView {
        LinkView {
            id: self.id.clone(),
            spec: self.spec.clone(),
            phase: self.phase,
            revision: self.revision,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
        }
    }
}

impl Store {
    /// Stores a new link as a draft. Errors: `Exists`, `NotFound` (a cluster).
    pub async fn create_link(&self, spec: &LinkSpec, by: By<'_>) -> Result<Link, StoreError> {
        self.within(async {
            let link = Link {
                id: new_id(by.now_ms),
                spec: spec.clone(),
                phase: Phase::Draft,
                control_topic_id: None,
                revision: 1,
                started_at_ms: None,
                created_at_ms: by.now_ms,
                updated_at_ms: by.now_ms,
            };
            let mut transaction = self.change().await?;
            check_clusters(&mut transaction, spec).await?;
            insert(&mut transaction, &link).await?;
            let event = NewEvent {
                after: Some(json!(link.view())),
                ..told(&link, "link.created", "was created")
            };
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(link)
        })
        .await
    }

    /// Returns a link. Errors: `NotFound`.
    pub async fn link(&self, name: &str) -> Result<Link, StoreError> {
        self.within(async {
            let mut transaction = self.snapshot().await?;
            fetch(&mut transaction, name).await
        })
        .await
    }

    /// Lists links by name.
    pub async fn links(&self, query: &PageQuery) -> Result<Page<Link>, StoreError> {
        self.within(async {
            let rows = sqlx::query(
                "SELECT id, spec, phase, control_topic_id, revision, started_at_ms, created_at_ms, \
                 updated_at_ms FROM links WHERE name > $1 ORDER BY name LIMIT $2",
            )
            .bind(query.after_name())
            .bind(query.rows())
            .fetch_all(&self.pool)
            .await?;
            let items = rows.iter().map(link).collect::<Result<_, _>>()?;
            Ok(Page::cut(items, query, |link: &Link| {
                link.spec.name.to_string()
            }))
        })
        .await
    }

    /// Lists all links that have the cluster as source or destination, by name.
    pub async fn links_of_cluster(&self, cluster: &str) -> Result<Vec<Link>, StoreError> {
        self.within(async {
            let rows = sqlx::query(
                "SELECT id, spec, phase, control_topic_id, revision, started_at_ms, created_at_ms, \
                 updated_at_ms FROM links WHERE source = $1 OR destination = $1 ORDER BY name",
            )
            .bind(cluster)
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(link).collect()
        })
        .await
    }

    /// Changes what a link copies and how; a change that changes nothing keeps the revision. Errors: `NotFound`,
    /// `Conflict`, `Immutable` (the name always; clusters and slots from the first start on).
    pub async fn update_link(
        &self,
        name: &str,
        spec: &LinkSpec,
        expect: Expect,
        by: By<'_>,
    ) -> Result<Link, StoreError> {
        self.within(async {
            let mut transaction = self.change().await?;
            let before = fetch(&mut transaction, name).await?;
            expect.check(KIND, name, before.revision)?;
            check_immutable(&before, spec)?;
            if *spec == before.spec {
                return Ok(before);
            }
            check_clusters(&mut transaction, spec).await?;
            let after = Link {
                spec: spec.clone(),
                ..next(&before, by.now_ms)
            };
            save(&mut transaction, &after).await?;
            let event = NewEvent {
                before: Some(json!(before.view())),
                after: Some(json!(after.view())),
                ..told(&after, "link.changed", "was changed")
            };
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(after)
        })
        .await
    }

    /// Makes every move between phases. A verb whose end is reached already changes nothing. Errors: `NotFound`,
    /// `Conflict`, `VerbRefused`.
    pub async fn apply_verb(
        &self,
        name: &str,
        verb: Verb,
        expect: Expect,
        by: By<'_>,
    ) -> Result<Link, StoreError> {
        self.within(async {
            let mut transaction = self.change().await?;
            let before = fetch(&mut transaction, name).await?;
            expect.check(KIND, name, before.revision)?;
            let phase = before
                .phase
                .after(verb)
                .ok_or_else(|| StoreError::VerbRefused {
                    link: name.to_owned(),
                    phase: before.phase,
                    verb,
                })?;
            if phase == before.phase {
                return Ok(before);
            }
            let mut after = Link {
                phase,
                ..next(&before, by.now_ms)
            };
            if phase == Phase::Running {
                after.started_at_ms.get_or_insert(by.now_ms);
            }
            save(&mut transaction, &after).await?;
            events::append(&mut transaction, &phase_event(&before, &after), by).await?;
            transaction.commit().await?;
            Ok(after)
        })
        .await
    }

    /// Deletes a link with its decisions; findings and events stay as history. Errors: `NotFound`, `Conflict`,
    /// `NotStopped`.
    pub async fn delete_link(
        &self,
        name: &str,
        expect: Expect,
        by: By<'_>,
    ) -> Result<(), StoreError> {
        self.within(async {
            let mut transaction = self.change().await?;
            let before = fetch(&mut transaction, name).await?;
            expect.check(KIND, name, before.revision)?;
            if !before.phase.may_delete() {
                return Err(StoreError::NotStopped {
                    link: name.to_owned(),
                    phase: before.phase,
                });
            }
            sqlx::query("DELETE FROM links WHERE id = $1")
                .bind(&before.id)
                .execute(&mut *transaction)
                .await?;
            let event = NewEvent {
                before: Some(json!(before.view())),
                ..told(&before, "link.deleted", "was deleted")
            };
            events::append(&mut transaction, &event, by).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// Returns the topic id of the link's control topic, `None` until it was made. Errors: `NotFound`.
    pub async fn control_topic_id(&self, link_id: &str) -> Result<Option<String>, StoreError> {
        self.within(async {
            let row = sqlx::query("SELECT control_topic_id FROM links WHERE id = $1")
                .bind(link_id)
                .fetch_optional(&self.pool)
                .await?;
            Ok(row
                .ok_or_else(|| missing(link_id))?
                .try_get("control_topic_id")?)
        })
        .await
    }

    /// Stores the topic id of the link's control topic and returns the one that stands: the first one stays. Wakes the
    /// other processes; the link's revision does not change. Errors: `NotFound`.
    pub async fn set_control_topic_id(
        &self,
        link_id: &str,
        topic_id: &str,
    ) -> Result<String, StoreError> {
        self.within(async {
            let mut transaction = self.change().await?;
            let done = sqlx::query(
                "UPDATE links SET control_topic_id = $2 WHERE id = $1 AND control_topic_id IS NULL",
            )
            .bind(link_id)
            .bind(topic_id)
            .execute(&mut *transaction)
            .await?;
            let row = sqlx::query("SELECT control_topic_id FROM links WHERE id = $1")
                .bind(link_id)
                .fetch_optional(&mut *transaction)
                .await?;
            let stands = row
                .ok_or_else(|| missing(link_id))?
                .try_get("control_topic_id")?;
            // Nothing set: nothing to wake for, and dropping the transaction takes the bump back.
            if done.rows_affected() > 0 {
                transaction.commit().await?;
            }
            Ok(stands)
        })
        .await
    }
}

fn missing(name: &str) -> StoreError {
    StoreError::NotFound {
        kind: KIND,
        name: name.to_owned(),
    }
}

fn next(before: &Link, now_ms: i64) -> Link {
    Link {
        revision: before.revision + 1,
        updated_at_ms: now_ms,
        ..before.clone()
    }
}

fn told(link: &Link, kind: &str, verb: &str) -> NewEvent {
    let text = format!("Link {} {verb}.", link.spec.name);
    NewEvent::new(Subject::Link(link.id.clone()), kind, text)
}

fn phase_event(before: &Link, after: &Link) -> NewEvent {
    let phase = json::word(&after.phase);
    NewEvent {
        before: Some(json!({ "phase": before.phase })),
        after: Some(json!({ "phase": after.phase })),
        ..told(
            after,
            &format!("link.{phase}"),
            &format!("was set to {phase}"),
        )
    }
}

fn check_immutable(before: &Link, spec: &LinkSpec) -> Result<(), StoreError> {
    let old = &before.spec;
    let fixed = before.started_at_ms.is_some();
    let (field, when) = if old.name != spec.name {
        ("name", "")
    } else if fixed && old.source != spec.source {
        ("source", " after its first start")
    } else if fixed && old.destination != spec.destination {
        ("destination", " after its first start")
    } else if fixed && old.slots != spec.slots {
        ("slots", " after its first start")
    } else if fixed && old.guarantee != spec.guarantee {
        ("guarantee", " after its first start")
    } else {
        return Ok(());
    };
    Err(StoreError::Immutable {
        kind: KIND,
        name: old.name.to_string(),
        field,
        when,
    })
}

#[cfg(test)]
mod tests;
