//! Links as rows.

use model::link::LinkSpec;
use sqlx::{Row, any::AnyRow};

use super::{KIND, Link, missing};
use crate::{
    StoreError,
    database::Transaction,
    json::{self, Place},
};

/// Checks that both clusters exist; the change's lock keeps them until it ends.
pub(super) async fn check_clusters(
    transaction: &mut Transaction,
    spec: &LinkSpec,
) -> Result<(), StoreError> {
    for name in [&spec.source, &spec.destination] {
        let row = sqlx::query("SELECT id FROM clusters WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(&mut **transaction)
            .await?;
        if row.is_none() {
            return Err(StoreError::NotFound {
                kind: "cluster",
                name: name.to_string(),
            });
        }
    }
    Ok(())
}

/// Reads one link inside a transaction.
pub(crate) async fn fetch(transaction: &mut Transaction, name: &str) -> Result<Link, StoreError> {
    let row = sqlx::query(
        "SELECT id, spec, phase, control_topic_id, revision, started_at_ms, created_at_ms, updated_at_ms \
         FROM links WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(&mut **transaction)
    .await?;
    link(&row.ok_or_else(|| missing(name))?)
}

/// Reads every link that was ever started, by name; each may be unreadable by itself.
pub(crate) async fn started(
    transaction: &mut Transaction,
) -> Result<Vec<Result<Link, StoreError>>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, spec, phase, control_topic_id, revision, started_at_ms, created_at_ms, updated_at_ms \
         FROM links WHERE phase <> 'draft' ORDER BY name",
    )
    .fetch_all(&mut **transaction)
    .await?;
    Ok(rows.iter().map(link).collect())
}

pub(super) async fn insert(transaction: &mut Transaction, link: &Link) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO links \
         (id, name, source, destination, spec, phase, revision, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (name) DO NOTHING",
    )
    .bind(&link.id)
    .bind(link.spec.name.as_str())
    .bind(link.spec.source.as_str())
    .bind(link.spec.destination.as_str())
    .bind(json::write(&link.spec))
    .bind(json::word(&link.phase))
    .bind(link.revision)
    .bind(link.created_at_ms)
    .execute(&mut **transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Exists {
            kind: KIND,
            name: link.spec.name.to_string(),
        });
    }
    Ok(())
}

pub(super) async fn save(transaction: &mut Transaction, link: &Link) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE links SET source = $2, destination = $3, spec = $4, phase = $5, revision = $6, \
         started_at_ms = $7, updated_at_ms = $8 WHERE id = $1",
    )
    .bind(&link.id)
    .bind(link.spec.source.as_str())
    .bind(link.spec.destination.as_str())
    .bind(json::write(&link.spec))
    .bind(json::word(&link.phase))
    .bind(link.revision)
    .bind(link.started_at_ms)
    .bind(link.updated_at_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

pub(super) fn link(row: &AnyRow) -> Result<Link, StoreError> {
    let id: String = row.try_get("id")?;
    let place = |column| Place {
        table: "links",
        id: &id,
        column,
    };
    Ok(Link {
        spec: json::read(row.try_get("spec")?, place("spec"))?,
        phase: json::from_word(row.try_get("phase")?, place("phase"))?,
        control_topic_id: row.try_get("control_topic_id")?,
        revision: row.try_get("revision")?,
        started_at_ms: row.try_get("started_at_ms")?,
        created_at_ms: row.try_get("created_at_ms")?,
        updated_at_ms: row.try_get("updated_at_ms")?,
        id,
    })
}
