//! Clusters as rows, their passwords sealed.

use model::{
    Name,
    cluster::{ClusterSpec, ClusterView, Sasl, SaslMechanism, Tls},
};
use serde::{Deserialize, Serialize};
use sqlx::{Row, any::AnyRow};

use super::{Cluster, KIND};
use crate::{
    Key, Store, StoreError,
    database::Transaction,
    json::{self, Place},
};

/// The column `spec`.
#[derive(Serialize, Deserialize)]
struct StoredSpec {
    title: String,
    bootstrap: Vec<String>,
    tls: Tls,
    sasl: Option<StoredSasl>,
}

#[derive(Serialize, Deserialize)]
struct StoredSasl {
    mechanism: SaslMechanism,
    username: String,
}

/// Returns the names of the links that use a cluster.
pub(super) async fn users(
    transaction: &mut Transaction,
    name: &str,
) -> Result<Vec<String>, StoreError> {
    let rows =
        sqlx::query("SELECT name FROM links WHERE source = $1 OR destination = $1 ORDER BY name")
            .bind(name)
            .fetch_all(&mut **transaction)
            .await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

/// Reads one cluster inside a transaction.
pub(crate) async fn fetch(
    transaction: &mut Transaction,
    name: &str,
    key: &Key,
) -> Result<Cluster, StoreError> {
    cluster(&fetch_row(transaction, name).await?, key)
}

pub(super) async fn fetch_row(
    transaction: &mut Transaction,
    name: &str,
) -> Result<AnyRow, StoreError> {
    let row = sqlx::query(
        "SELECT id, name, spec, password, cluster_id, revision, created_at_ms, updated_at_ms \
         FROM clusters WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(&mut **transaction)
    .await?;
    row.ok_or_else(|| StoreError::NotFound {
        kind: KIND,
        name: name.to_owned(),
    })
}

/// Checks at opening that the key is the one that sealed the secrets.
pub(crate) async fn check_key(store: &Store) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT id, password FROM clusters WHERE password IS NOT NULL LIMIT 1")
        .fetch_optional(&store.pool)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (id, sealed): (String, String) = (row.try_get("id")?, row.try_get("password")?);
    Ok(store.key.check(&sealed, password_place(&id))?)
}

pub(super) async fn insert(
    transaction: &mut Transaction,
    cluster: &Cluster,
    key: &Key,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO clusters (id, name, spec, password, revision, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING",
    )
    .bind(&cluster.id)
    .bind(cluster.spec.name.as_str())
    .bind(stored_spec(&cluster.spec))
    .bind(sealed_password(cluster, key)?)
    .bind(cluster.revision)
    .bind(cluster.created_at_ms)
    .execute(&mut **transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Exists {
            kind: KIND,
            name: cluster.spec.name.to_string(),
        });
    }
    Ok(())
}

pub(super) async fn save(
    transaction: &mut Transaction,
    cluster: &Cluster,
    key: &Key,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE clusters SET spec = $2, password = $3, revision = $4, updated_at_ms = $5 WHERE id = $1",
    )
    .bind(&cluster.id)
    .bind(stored_spec(&cluster.spec))
    .bind(sealed_password(cluster, key)?)
    .bind(cluster.revision)
    .bind(cluster.updated_at_ms)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn password_place(id: &str) -> Place<'_> {
    Place {
        table: "clusters",
        id,
        column: "password",
    }
}

fn sealed_password(cluster: &Cluster, key: &Key) -> Result<Option<String>, StoreError> {
    let place = password_place(&cluster.id);
    Ok(cluster
        .password()
        .map(|password| key.seal(password, place))
        .transpose()?)
}

fn stored_spec(spec: &ClusterSpec) -> String {
    json::write(&StoredSpec {
        title: spec.title.clone(),
        bootstrap: spec.bootstrap.clone(),
        tls: spec.tls.clone(),
        sasl: spec.sasl.as_ref().map(|sasl| StoredSasl {
            mechanism: sasl.mechanism,
            username: sasl.username.clone(),
        }),
    })
}

pub(super) fn cluster(row: &AnyRow, key: &Key) -> Result<Cluster, StoreError> {
    let (mut cluster, sealed) = unopened(row)?;
    if let (Some(sasl), Some(sealed)) = (&mut cluster.spec.sasl, sealed) {
        sasl.password = Some(key.open(&sealed, password_place(&cluster.id))?);
    }
    Ok(cluster)
}

/// Reads what is shown of a cluster; its password stays sealed.
pub(super) fn view(row: &AnyRow) -> Result<ClusterView, StoreError> {
    let (cluster, sealed) = unopened(row)?;
    let mut view = cluster.view();
    if let Some(sasl) = &mut view.sasl {
        sasl.has_password = sealed.is_some();
    }
    Ok(view)
}

/// Reads a cluster without its password, and the sealed password.
fn unopened(row: &AnyRow) -> Result<(Cluster, Option<String>), StoreError> {
    let id: String = row.try_get("id")?;
    let place = |column| Place {
        table: "clusters",
        id: &id,
        column,
    };
    let name: String = row.try_get("name")?;
    let name = Name::try_from(name).map_err(|_| place("name").corrupt("not a legal name"))?;
    let stored: StoredSpec = json::read(row.try_get("spec")?, place("spec"))?;
    let spec = ClusterSpec {
        name,
        title: stored.title,
        bootstrap: stored.bootstrap,
        tls: stored.tls,
        sasl: stored.sasl.map(|sasl| Sasl {
            mechanism: sasl.mechanism,
            username: sasl.username,
            password: None,
        }),
    };
    let cluster = Cluster {
        spec,
        cluster_id: row.try_get("cluster_id")?,
        revision: row.try_get("revision")?,
        created_at_ms: row.try_get("created_at_ms")?,
        updated_at_ms: row.try_get("updated_at_ms")?,
        id,
    };
    Ok((cluster, row.try_get("password")?))
}
